"""What the timeline's script says."""

from __future__ import annotations

from django.utils.translation import gettext as _


def words() -> dict[str, str]:
    """By name; `{…}` is filled in by the script."""
    return {
        "preparing": _("Preparing {time}…"),
        "preparing_share": _("Preparing {time}… {percent} %"),
        "skipped": _("Nothing is recorded at {asked}. Playing from {time}."),
        "over": _("Nothing is recorded after {time} on this day."),
        "caught_up": _("You have caught up with the recording. It goes on as soon as more of it is there."),
        "not_played": _("The browser could not play this part of the recording."),
        "no_answer": _("The server does not answer. What you see may be old; it is refreshed when the server is back."),
        "recorded": _("Recorded {from} to {to}"),
        "sum": _("{hours} recorded, {gaps} gaps"),
        "sum_whole": _("{hours} recorded, no gap"),
        "nothing": _("Nothing is recorded on this day."),
        "marks": _("{count} alerts from {time}"),
        "left_out": _("{count} earlier alerts of this day are not shown."),
        "position": _("{time}, {state}"),
        "is_recorded": _("recorded"),
        "not_recorded": _("not recorded"),
        "export_range": _("The end must come after the beginning."),
        "next_day": _("on the next day, {date}"),
        "export_regions": _("Choose at least one region that stays visible."),
        "export_begun": _("The export is being prepared."),
        "hours": _("{hours} h {minutes} min"),
        "minutes": _("{minutes} min {seconds} s"),
        "seconds": _("{seconds} s"),
        "play": _("Play from {time}"),
    }
