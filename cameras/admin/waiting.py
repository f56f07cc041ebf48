"""What of a box's alerts and pictures waits for the hub, in words, from its report. A box may report anything: nothing is
taken for granted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cameras.admin.chips import chip

MOST_CAMERAS = 5


def waiting_lines(health: object) -> list[str]:
    """Sentences; none where the box does not report it."""
    known = health if isinstance(health, dict) else {}
    waiting, captures = as_dict(known.get("waiting")), as_dict(known.get("captures"))
    if not waiting:
        return []
    rows, dead = as_count(waiting.get("rows")), as_count(waiting.get("dead_letters"))
    lines = [_("nothing waits")]
    if rows:
        lines = [ngettext("%(n)s event waits for the hub", "%(n)s events wait for the hub", rows) % {"n": rows}]
        if (since := _moment(waiting.get("oldest_at"))) is not None:
            lines[0] += ", " + _("the oldest for %(time)s") % {"time": timesince(since)}
        cameras = [(str(code)[:64], as_count(n)) for code, n in as_dict(waiting.get("cameras")).items()]
        lines += [f"{code}: {n}" for code, n in sorted(cameras, key=lambda c: -c[1])[:MOST_CAMERAS]]
    if upload := as_count(captures.get("upload")):
        lines.append(
            ngettext("%(n)s picture waits for its upload", "%(n)s pictures wait for their upload", upload)
            % {"n": upload}
        )
    if dead:
        text = ngettext(
            "%(n)s event was refused by the hub; manage.py outbox on the box shows it",
            "%(n)s events were refused by the hub; manage.py outbox on the box shows them",
            dead,
        )
        lines.append(text % {"n": dead})
    return lines


def waiting_list(health: object) -> SafeString | str:
    lines = waiting_lines(health)
    return format_html_join("", "<div>{}</div>", ((line,) for line in lines)) if lines else "–"


def capture_lines(health: object) -> list[str]:
    """How many pictures of alerts the box saved, could not save and still has to save; none where it does not report it.

    What it could not save comes first: it is what somebody has to look into.
    """
    captures = as_dict(as_dict(health).get("captures"))
    if not captures:
        return []
    saved, failed, queued, missed = (
        as_count(captures.get(name)) for name in ("saved", "failed", "queued", "full_missed")
    )
    lines = []
    if failed:
        lines.append(ngettext("%(n)s could not be saved", "%(n)s could not be saved", failed) % {"n": failed})
    lines.append(ngettext("%(n)s picture saved", "%(n)s pictures saved", saved) % {"n": saved})
    if queued:
        lines.append(ngettext("%(n)s is being saved", "%(n)s are being saved", queued) % {"n": queued})
    if missed:
        text = ngettext(
            "%(n)s full picture did not come in time", "%(n)s full pictures did not come in time", missed
        )  # fmt: skip
        lines.append(text % {"n": missed})
    return lines


def capture_list(health: object) -> SafeString | str:
    """Pictures that could not be saved are a chip."""
    failed = as_count(as_dict(as_dict(health).get("captures")).get("failed"))
    lines = [chip("warn", line) if failed and not n else line for n, line in enumerate(capture_lines(health))]
    return format_html_join("", "<div>{}</div>", ((line,) for line in lines)) or "–"


def as_dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(value), UTC)  # type: ignore[arg-type]  # whatever a box sent
    except (TypeError, ValueError, OverflowError, OSError):
        return None
