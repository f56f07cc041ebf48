"""What a box says of the model that detects there, in words, from its report, of which nothing is taken for granted."""

from __future__ import annotations

from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from cameras.admin.chips import chip
from cameras.admin.waiting import as_count, as_dict
from edgesite.told import told

LONGEST = 600  # of what a model's error says to do
MOST_GROUPS = 5
# What the box says, named here for translation.
NONE = gettext_noop("the model cannot be used")
TEXTS = (
    gettext_noop("another model lies on the disk, which the detector takes when it is restarted"),
    gettext_noop("the model on the disk cannot be used, the detector goes on with the one it has"),
    gettext_noop("the analysis process is restarted because it ran another model"),
)


def model_lines(health: object) -> list[str]:
    """Sentences, what is wrong first (its sentence, then what it is about); none where the box reports no detector."""
    known = as_dict(health)
    inference, groups = as_dict(known.get("inference")), as_dict(as_dict(known.get("executor")).get("groups"))
    notice = _text(inference, "notice")
    lines = [told(part) for part in notice.partition(": ")[::2] if part]
    troubled = [(str(name)[:64], _text(as_dict(group), "reason")) for name, group in groups.items()]
    alone = len(troubled) == 1
    reasons = [(name, told(reason)) for name, reason in troubled if reason and reason not in notice]
    lines += [reason if alone else f"{name}: {reason}" for name, reason in reasons[:MOST_GROUPS]]
    if model := _text(inference, "model"):
        place = " ".join(part for part in (_text(inference, "provider"), _text(inference, "device")) if part)
        values = {"model": model, "weights": _text(inference, "weights") or "–", "place": place or "–"}
        line = _("%(model)s runs with %(weights)s weights on %(place)s") % values
        sessions, batch = as_count(inference.get("sessions")), as_count(inference.get("batch"))
        if sessions:
            line += ", " + ngettext("%(n)s session", "%(n)s sessions", sessions) % {"n": sessions}
        if batch > 1:
            line += ", " + ngettext("%(n)s picture at once", "%(n)s pictures at once", batch) % {"n": batch}
        lines.append(line)
    return lines


def model_list(health: object) -> SafeString | str:
    """What a person should know of the model on the disk is a chip."""
    lines: list[SafeString | str] = [*model_lines(health)]
    if lines and (notice := _text(as_dict(as_dict(health).get("inference")), "notice").removeprefix(": ")):
        lines[0] = chip("bad" if notice.startswith(NONE) else "warn", str(lines[0]))
    return format_html_join("", "<div>{}</div>", ((line,) for line in lines)) or "–"


def _text(known: dict[str, object], key: str) -> str:
    value = known.get(key)
    return value[:LONGEST] if isinstance(value, str) else ""
