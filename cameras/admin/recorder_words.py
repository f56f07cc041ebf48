"""What a box's recorder says of itself, in words, from the box's report, of which nothing is taken for granted."""

from __future__ import annotations

from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from cameras.admin.waiting import as_count, as_dict
from edgesite.told import told

MOST_CAMERAS = 5
# What `recordings.recorder` says, named here for translation.
TEXTS = (
    gettext_noop("most segments look too old: nothing is deleted by age; is the clock right?"),
    gettext_noop("the disk is full and everything on it is still needed"),
)


def recorder_lines(health: object) -> list[str]:
    """Sentences, what is wrong first; none where the box does not report it."""
    if not isinstance(health, dict) or "recording" not in health:
        return []
    known = as_dict(health["recording"])
    if not known:
        return [_("No recorder runs on the box, so nothing is recorded: start manage.py run_recorder.")]
    lines = [] if known.get("ffmpeg") else [_("There is no ffmpeg on the box, so nothing is recorded: install it.")]
    lines += [told(text[:300]) for text in (known.get("alarm"), known.get("trouble")) if isinstance(text, str) and text]
    for code, count in list(as_dict(known.get("missing")).items())[:MOST_CAMERAS]:
        values = {"camera": str(code)[:64], "n": as_count(count)}
        lines.append(_("%(camera)s: %(n)s segments are missing on the disk; nothing is forgotten") % values)
    cameras = {str(code)[:64]: as_dict(state) for code, state in as_dict(known.get("cameras")).items()}
    lost = [
        f"{code}: {told(str(c.get('reason', ''))[:300])}" for code, c in cameras.items() if c.get("state") == "lost"
    ]
    lines += lost[:MOST_CAMERAS]
    recorded = sum(c.get("state") == "recording" for c in cameras.values())
    lines.append(ngettext("%(n)s camera is recorded", "%(n)s cameras are recorded", recorded) % {"n": recorded})
    kept = as_count(known.get("segments"))
    values = {"n": kept, "size": filesizeformat(as_count(known.get("bytes")))}
    return [*lines, ngettext("%(n)s segment kept, %(size)s", "%(n)s segments kept, %(size)s", kept) % values]


def recorder_list(health: object) -> SafeString | str:
    return format_html_join("", "<div>{}</div>", ((line,) for line in recorder_lines(health))) or "–"
