"""An entry of the audit in words: translated names of fields, old and new values, never a secret."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.admin.utils import quote
from django.db import models
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cameras.admin.chips import ago
from cameras.audit_log import BETWEEN, CODES, KINDS, POINTERS, Names, Scope, newest
from cameras.core.schedule_text import format_text
from cameras.models import Binding

NOTHING = "–"
SHOWN_POINTS = 8


def described(scope: Scope, entries: Iterable[Any], paths: dict[type[models.Model], str]) -> list[dict[str, Any]]:
    """Entries for a template. paths: how each kind of row is reached from its site."""
    entries = list(entries)
    names = Names(scope)
    for entry in entries:
        for field, old, new in _values(entry):
            if field.is_relation:
                keys = [*(old or []), *(new or [])] if field.many_to_many else [old, new]
                names.want(field, keys)
        pointed = _pointer(entry)
        if pointed is not None:
            names.want(pointed, [getattr(entry, pointed.attname)])
    names.ask(paths)
    return [_described(scope, names, entry) for entry in entries]


def _described(scope: Scope, names: Names, entry: Any) -> dict[str, Any]:
    model = entry.instance_type
    here, moved = scope.sees(entry.history_site), entry.history_left is not None
    lines = [] if entry.history_type == "-" else list(_lines(names, entry))
    label, code = _label(names, entry), str(getattr(entry, CODES[model]))
    if moved and not here:
        lines, label = [{"text": _("moved to another site")}], code
    elif moved and not scope.sees(entry.history_left):
        lines = [{"text": _("moved here from another site")}]
    pk = getattr(entry, model._meta.pk.attname)
    return {
        "at": entry.history_date,
        "author": entry.history_author,
        "sign": entry.history_type.replace("-", "−"),
        "action": ACTIONS[entry.history_type],
        "kind": capfirst(model._meta.verbose_name),
        "label": label,
        "code": "" if code == label or CODES[model] == "id" else code,
        "url": reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_history", args=[quote(pk)]),
        "reason": entry.history_change_reason or "",
        "lines": lines,
    }


ACTIONS = {"+": gettext_lazy("added"), "~": gettext_lazy("changed"), "-": gettext_lazy("deleted")}


def in_short(scope: Scope, *, count: int) -> list[dict[str, Any]]:
    """The newest entries that the person may see, a line each: what, what was done with it, who and when."""
    return [_in_short(scope, row) for row in newest(scope, count=count)]


def _in_short(scope: Scope, row: dict[str, Any]) -> dict[str, Any]:
    options = KINDS[row["row_kind"]]._meta
    # Of a row that went to another site nobody here is told what it is called there.
    known = row["history_left"] is None or scope.sees(row["history_site"])
    label = str(row["row_label"] or "").removesuffix(BETWEEN) if known else ""  # of a binding whose ROI is gone, too
    return {
        "at": row["history_date"],
        "ago": ago(row["history_date"]),
        "author": row["history_author"],
        "action": ACTIONS[row["history_type"]],
        "kind": capfirst(options.verbose_name),
        "label": label or str(row["row_code"]),
        "url": reverse(f"admin:{options.app_label}_{options.model_name}_history", args=[quote(row["row_pk"])]),
    }


def _pointer(entry: Any) -> Any:
    """The foreign key that a row is known by, where it has no name of its own."""
    pointer = POINTERS.get(entry.instance_type)
    return entry.instance_type._meta.get_field(pointer) if pointer else None


def _label(names: Names, entry: Any) -> str:
    pointer = _pointer(entry)
    if pointer is None:
        return str(entry.name or getattr(entry, CODES[entry.instance_type]))
    pointed = names.text(pointer, getattr(entry, pointer.attname))
    return f"{entry.algo_code}{BETWEEN}{pointed}" if entry.instance_type is Binding else pointed


def _values(entry: Any) -> Iterator[tuple[Any, Any, Any]]:
    """`(field, old, new)` of what changed; for a new row what it was made with, beyond the defaults."""
    model = entry.instance_type
    if entry.history_type == "~":
        for name, change in entry.history_changes.items():
            yield model._meta.get_field(name), *(change or (None, None))
    elif entry.history_type == "+":
        for field in entry.tracked_fields:
            value = getattr(entry, field.attname)
            known = field.primary_key or field.name in (CODES[model], "name", "epoch")
            if not known and value not in (None, "", [], {}) and value != field.get_default():
                yield field, None, value


def _lines(names: Names, entry: Any) -> Iterator[dict[str, str]]:
    for field, old, new in _values(entry):
        label = capfirst(str(field.verbose_name))
        if entry.history_type == "~" and entry.history_changes[field.name] is None:
            yield {"label": label, "text": _("changed (its value is not kept here)")}
        elif isinstance(old or new, dict):
            before, after = old or {}, new or {}
            for key in sorted({*before, *after}):
                if before.get(key) != after.get(key) or (key in before) != (key in after):
                    given = _json(before[key]) if key in before else _("default")
                    wanted = _json(after[key]) if key in after else _("default")
                    yield _line(f"{label} · {key}", given if entry.history_type == "~" else "", wanted)
        else:
            shown = "" if entry.history_type == "+" else _text(names, field, old)
            yield _line(label, shown, _text(names, field, new))


def _line(label: str, old: str, new: str) -> dict[str, str]:
    return {"label": label, "old": old, "new": new}


def _text(names: Names, field: Any, value: Any) -> str:
    """A value for people. `field` says what kind of value it is."""
    text = NOTHING
    if value in (None, "", []):
        pass
    elif field.many_to_many:
        text = ", ".join(sorted(names.text(field, key) for key in value))
    elif field.is_relation:
        text = names.text(field, value)
    elif isinstance(value, bool):
        text = _("yes") if value else _("no")
    elif field.name == "coordinates":
        text = _points(value)
    elif field.name in ("weekly", "holidays"):
        text = "; ".join(format_text(**({"weekly": [], "holidays": []} | {field.name: value})).splitlines())
    elif isinstance(field, models.DateTimeField):
        at = parse_datetime(value) if isinstance(value, str) else value
        text = date_format(localtime(at), "DATETIME_FORMAT") if at else NOTHING
    else:
        text = str(dict(field.flatchoices).get(value) or _json(value))
    return text


def _json(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _points(points: Any) -> str:
    shown = " ".join(f"({x:.3g}, {y:.3g})" for x, y in points[:SHOWN_POINTS])
    more = len(points) - SHOWN_POINTS
    return f"{shown} {_('and %(count)s more') % {'count': more}}" if more > 0 else shown
