"""The difference between two documents, as sentences that an operator can check (`dwell_s` 3 → 10). Pure.

A sentence is an English template with values, so that whoever shows it can translate the template and those of its values
that are a `Word`. Values of `rtsp_url` and `sub_url` are never part of it: they may hold a password.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cameras.core.reasons import Word
from cameras.core.recording import settings_of
from cameras.core.schedule import DAYS
from cameras.core.schedule_text import CLOSED, days_text, holiday_text, hours_of

SECRET = {"rtsp_url": ": stream URL changed", "sub_url": ": sub-stream changed"}
NEAR = 0.005  # half a percent of the picture: nobody sees it

# What a kind of row is called, how it is identified and what its name for people is.
KINDS = {
    "cameras": ("Camera", "camera_id", "camera_name"),
    "rois": ("ROI", "roi_id", "roi_name"),
    "binds": ("Binding", "bind_id", "algo_code"),
    "schedules": ("Schedule", "schedule_id", "name"),
}


# What the document's keys are called by people; those of algorithms' parameters keep their code names.
FIELDS = {
    "name": "name", "camera_name": "name", "roi_name": "name", "time_zone": "time zone", "location": "location",
    "analyse": "analyse", "max_fps": "analyses per second", "camera_id": "camera", "roi_id": "ROI", "roi_type": "shape",
    "priority": "priority", "algo_code": "algorithm", "severity": "severity", "schedule_id": "schedule",
    "publish_on_save": "publish on save", "device": "device", "color": "colour",
    "mask": "privacy mask",
    "snap_every": "minutes between snapshots", "snap_schedule": "snapshot schedule",
    "snap_days": "days snapshots are kept",
}  # fmt: skip
RECORDING = {
    "always": "recorded all the time", "schedule_id": "recording schedule", "pre_s": "seconds before an alert",
    "post_s": "seconds after an alert", "sound": "sound", "keep_days": "days kept",
    "keep_gib": "gigabytes kept", "least_days": "days guaranteed",
}  # fmt: skip
CHOICES = ("roi_type", "severity")  # their values are words
EMPTY, DEFAULT, YES, NO = Word("empty"), Word("default"), Word("yes"), Word("no")


@dataclass(frozen=True, slots=True)
class Change:
    """One sentence: `template % values`. sign: `+` added, `-` removed, `~` changed."""

    sign: str
    template: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template % self.values


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """What leads from one content to the other; empty when they mean the same. Contents are those of `compile_content`."""
    changes = list(_site(old.get("site", {}), new.get("site", {})))
    for kind in KINDS:
        changes += _rows(kind, old.get(kind, []), new.get(kind, []), new)
    return changes


def _site(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            yield Change("~", "Site: %(key)s %(old)s → %(new)s", values_of(key, old.get(key), new.get(key)))


def _rows(kind: str, old: Sequence[Any], new: Sequence[Any], document: Mapping[str, Any]) -> Iterator[Change]:
    word, identifier, _ = KINDS[kind]
    before = {row[identifier]: row for row in old}
    after = {row[identifier]: row for row in new}
    for code in sorted({*before, *after}):
        name = name_of(kind, after.get(code) or before[code], document)
        if code not in before:
            yield Change("+", word + " %(name)s added", {"name": name})
        elif code not in after:
            yield Change("-", word + " %(name)s removed", {"name": name})
        else:
            yield from _row(word, name, before[code], after[code])


def name_of(kind: str, row: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """A row's name for people. kind: of `KINDS`."""
    _, identifier, label = KINDS[kind]
    if kind == "binds":
        rois = {r["roi_id"]: r for r in document.get("rois", [])}
        roi = rois.get(row["roi_id"], {})
        return f"{row['algo_code']} · {roi.get('roi_name') or row['roi_id']}"
    return str(row.get(label) or row[identifier])


def _row(word: str, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if key == "recording":
            yield from _recording(word, name, before or {}, after or {})
        elif key == "coordinates":
            yield _shape(word, name, before or [], after or [])
        elif key == "params":
            yield from _params(word, name, before or {}, after or {})
        elif key == "enabled":
            yield Change("~", word + (" %(name)s enabled" if after else " %(name)s disabled"), {"name": name})
        elif key == "weekly":
            yield from _week(name, before or [], after or [])
        elif key == "holidays":
            yield from _holidays(name, before or [], after or [])
        elif key in SECRET:
            yield Change("~", word + " %(name)s" + SECRET[key], {"name": name})
        else:
            yield Change(
                "~", word + " %(name)s: %(key)s %(old)s → %(new)s", {"name": name, **values_of(key, before, after)}
            )


def _recording(word: str, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    before, after = dict(settings_of(old)), dict(settings_of(new))
    for key in sorted({*before, *after}):
        if before.get(key) != after.get(key):
            values = {
                "key": Word(RECORDING[key]),
                "old": _text(key, before.get(key)),
                "new": _text(key, after.get(key)),
            }
            yield Change("~", word + " %(name)s: %(key)s %(old)s → %(new)s", {"name": name, **values})


def _params(word: str, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for key in sorted({*old, *new}):
        if old.get(key) == new.get(key) and (key in old) == (key in new):
            continue
        before, after = (_json(row[key]) if key in row else DEFAULT for row in (old, new))
        values = {"name": name, "key": key, "old": before, "new": after}
        yield Change("~", word + " %(name)s: parameter %(key)s %(old)s → %(new)s", values)


def _week(name: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Change]:
    """The days whose hours changed, such as `Mon 22:00-06:00 → Mon 21:00-06:00`."""
    before, after = hours_of(old), hours_of(new)
    days = [day for day in DAYS if before[day] != after[day]]
    if days:  # not when only the order is another
        values = {"name": name, "old": "; ".join(days_text(before, days)), "new": "; ".join(days_text(after, days))}
        yield Change("~", "Schedule %(name)s: %(old)s → %(new)s", values)


def _holidays(name: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Change]:
    before = {holiday["date"]: holiday_text(holiday) for holiday in old}
    after = {holiday["date"]: holiday_text(holiday) for holiday in new}
    for day in sorted({*before, *after}):
        values = {"name": name, "date": day, "old": before.get(day, CLOSED), "new": after.get(day, CLOSED)}
        if day not in before:
            yield Change("+", "Schedule %(name)s: holiday %(date)s %(new)s added", values)
        elif day not in after:
            yield Change("-", "Schedule %(name)s: holiday %(date)s %(old)s removed", values)
        elif before[day] != after[day]:
            yield Change("~", "Schedule %(name)s: holiday %(date)s %(old)s → %(new)s", values)


def _shape(word: str, name: str, old: Sequence[Any], new: Sequence[Any]) -> Change:
    if len(old) != len(new):
        counts = {"name": name, "old": len(old), "new": len(new)}
        return Change("~", word + " %(name)s: reshaped, %(old)s → %(new)s points", counts)
    moves = [(b[0] - a[0], b[1] - a[1]) for a, b in zip(old, new, strict=True)]
    right, down = moves[0]
    if all(abs(dx - right) < NEAR and abs(dy - down) < NEAR for dx, dy in moves):
        template = word + " %(name)s: moved by %(right)+.1f %% of the width, %(down)+.1f %% of the height"
        return Change("~", template, {"name": name, "right": 100 * right, "down": 100 * down})
    moved = sum(abs(dx) >= NEAR or abs(dy) >= NEAR for dx, dy in moves)
    return Change(
        "~", word + " %(name)s: %(moved)s of %(count)s points moved", {"name": name, "moved": moved, "count": len(new)}
    )


def values_of(key: str, old: Any, new: Any) -> dict[str, Any]:
    """The values of a sentence on a field, in words for people."""
    name = Word(FIELDS[key]) if key in FIELDS else key
    return {"key": name, "old": _text(key, old), "new": _text(key, new)}


def _text(key: str, value: Any) -> str:
    if value in (None, "", [], {}):
        return EMPTY
    if isinstance(value, bool):
        return YES if value else NO
    return Word(value) if key in CHOICES and isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
