"""The words, shapes and colours of the live page, for the template and (as JSON) for its scripts: one place for both."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, gettext_noop, ngettext

from cameras.core.algorithms import registry

# A state is shape + word + tone, never colour alone.
Mark = tuple[str, str, str]

STATES: dict[str, Mark] = {
    "live": ("good", "dot", gettext_noop("live")),
    "connecting": ("busy", "half", gettext_noop("connecting")),
    "lost": ("bad", "triangle", gettext_noop("lost")),
    "offline": ("off", "ring", gettext_noop("offline")),
    "disabled": ("off", "ring", gettext_noop("disabled")),
    "off": ("off", "ring", gettext_noop("not analysed")),
    "unknown": ("warn", "half", gettext_noop("waiting for the box")),
}
SEVERITIES: dict[str, Mark] = {
    "info": ("busy", "ring", gettext_noop("info")),
    "warning": ("warn", "triangle", gettext_noop("warning")),
    "critical": ("bad", "diamond", gettext_noop("critical")),
}
ALERT_STATES: dict[str, str] = {
    "acknowledged": gettext_noop("acknowledged"),
    "resolved": gettext_noop("resolved"),
}
CONNECTION: dict[str, Mark] = {
    "live": ("good", "dot", gettext_noop("live")),
    "connecting": ("busy", "half", gettext_noop("connecting")),
    "away": ("warn", "triangle", gettext_noop("reconnecting since {time}")),
    "ended": ("bad", "triangle", gettext_noop("ended")),
}

# States in which the picture is a memory.
DEAD_STATES = frozenset({"lost", "offline", "disabled", "off"})

# Reasons that boxes and the hub give in English; any other is shown as it comes.
REASONS = (
    gettext_noop("the box has never reported"),
    gettext_noop("the box is silent"),
    gettext_noop("the box does not run this camera yet"),
    gettext_noop("timed out: the camera does not answer"),
    gettext_noop("wrong user name or password (401)"),
    gettext_noop("the camera forbids this stream (403)"),
    gettext_noop("the camera has no stream at this path (404)"),
    gettext_noop("the camera reports an error of its own (5xx)"),
    gettext_noop("the camera refuses the request (4xx)"),
    gettext_noop("connection refused"),
    gettext_noop("the camera broke off the connection"),
    gettext_noop("no such file or device"),
    gettext_noop("no permission to open it"),
    gettext_noop("the stream ended"),
    gettext_noop("the camera ended the stream"),
    gettext_noop("the camera asks for a password (401)"),
    gettext_noop("the camera points to another address; give that address itself"),
    gettext_noop("what answers there does not speak RTSP"),
    gettext_noop("no video stream"),
    gettext_noop("the file is not a video that can be played"),
    gettext_noop("the video's codec is not known here"),
    gettext_noop("the file holds no picture that can be decoded"),
    gettext_noop("the file does not say how long it is; turn it into an MP4"),
    gettext_noop("an error inside this program; its log says more"),
    gettext_noop("the analysis process is starting"),
    gettext_noop("no analysis process has room for this camera"),
    gettext_noop("the connection stands, but no picture comes"),
    # What stands before the colon where the address or the file is named too.
    gettext_noop("no such file"),
    gettext_noop("name not found"),
    gettext_noop("timed out"),
    gettext_noop("cannot be reached"),
    gettext_noop("cannot be read"),
)

TEXTS: dict[str, str] = {
    "just_now": gettext_noop("just now"),
    "seconds_ago": gettext_noop("{n} s ago"),
    "minutes_ago": gettext_noop("{n} min ago"),
    "hours_ago": gettext_noop("{n} h ago"),
    "days_ago": gettext_noop("{n} d ago"),
    "since": gettext_noop("since {time}"),
    "seconds": gettext_noop("{n} s"),
    "minutes": gettext_noop("{n} min"),
    "hours": gettext_noop("{n} h"),
    "times": gettext_noop("{n} times, last {time}"),
    "ended": gettext_noop("ended {time}"),
    "ended_after": gettext_noop("ended {time}, after {length}"),
    "rule": gettext_noop("{what}, {roi}: {how}"),
    "rule_seconds": gettext_noop("{value} of {target} s"),
    "rule_count": gettext_noop("{value} of {target}"),
    "rule_alerting": gettext_noop("alert goes on"),
    "rule_cooling": gettext_noop("cooling down {n} s"),
    "rule_asleep": gettext_noop("outside schedule"),
    "last_picture": gettext_noop("last picture {time}"),
    "disabled": gettext_noop("switched off in its settings"),
    "off": gettext_noop("detection is stopped"),
    "fps": gettext_noop("fps"),
    "ms": gettext_noop("ms"),
    "dropped": gettext_noop("dropped"),
    "watch_awake": gettext_noop("awake"),
    "watch_awake_why": gettext_noop("Something moves or somebody is there: every picture is decoded"),
    "watch_idle": gettext_noop("asleep"),
    "watch_idle_why": gettext_noop(
        "Nothing moves: a picture is looked at every few seconds, and what stands out in between wakes the camera"
    ),
    "watch_coarse": gettext_noop("asleep, coarse"),
    "watch_coarse_why": gettext_noop(
        "Nothing moves, but the picture is noisy, and the box has too much to do to decode it all the time: it is looked at "
        "every few seconds, and what is shorter may be missed"
    ),
    "watch_watching": gettext_noop("asleep, compared"),
    "watch_watching_why": gettext_noop(
        "Nothing moves, but the picture is noisy: it is decoded all the time and compared several times a second"
    ),
    "watch_learning": gettext_noop("asleep, learning"),
    "watch_learning_why": gettext_noop(
        "For some seconds it is being learned what this stream looks like while nothing moves; small movements may be missed"
    ),
    "view_covered": gettext_noop("view covered"),
    "view_frozen": gettext_noop("picture frozen"),
    "no_picture_yet": gettext_noop("No picture yet"),
    "picture_coming": gettext_noop("Picture is on its way"),
    "picture_none": gettext_noop("No picture"),
    "picture_failed": gettext_noop("No picture: {reason}"),
    "picture_gone": gettext_noop("The picture cannot be loaded"),
    "camera_picture": gettext_noop("Newest picture of {camera}"),
    "alert_picture": gettext_noop("{what}, {roi}, {camera}"),
    "summary": gettext_noop("cameras live: {live} of {total}"),
    "signed_out": gettext_noop("You are logged out, so this page no longer receives anything."),
    "forbidden": gettext_noop("Your account may no longer see cameras. Ask an administrator."),
    "hub_down": gettext_noop(
        "The hub's worker (run_hub) gives no sign of life: numbers, states and new alerts do not arrive. Boxes go on and "
        "deliver their alerts when it is back."
    ),
    "redis_down": gettext_noop(
        "The hub cannot reach its Redis: numbers, pictures and new alerts do not arrive. Boxes go on and deliver their "
        "alerts when it is back."
    ),
    "away": gettext_noop("The server has not answered since {time}. What you see is from then; trying again."),
    "log_in": gettext_noop("Log in"),
}


def _marks(table: dict[str, Mark]) -> dict[str, dict[str, str]]:
    return {key: {"tone": tone, "shape": shape, "word": gettext(word)} for key, (tone, shape, word) in table.items()}


def vocabulary() -> dict[str, Any]:
    """Everything the scripts say, in the language of the current request; JSON values."""
    return {
        "states": _marks(STATES),
        "severities": _marks(SEVERITIES),
        "connection": _marks(CONNECTION),
        "alert_states": {key: gettext(word) for key, word in ALERT_STATES.items()},
        "dead": sorted(DEAD_STATES),
        "seconds_rules": [algorithm.code for algorithm in registry.all() if algorithm.unit == "s"],
        "reasons": {reason: gettext(reason) for reason in REASONS},
        "algorithms": {algorithm.code: gettext(algorithm.label) for algorithm in registry.all()},
        "texts": {key: gettext(text) for key, text in TEXTS.items()},
        "person": ngettext("person", "persons", 1),
        "persons": ngettext("person", "persons", 2),
    }


def lasting(seconds: float) -> str:
    """A duration in words: `40 s`, `12 min`, `3 h`."""
    unit, length = next((u for u in (("hours", 3600), ("minutes", 60)) if seconds >= u[1]), ("seconds", 1))
    return gettext(TEXTS[unit]).replace("{n}", str(int(seconds // length)))


def repeated(occurrences: int, last_at: float | None, *, zone: str, now: float) -> str:
    """`3 times, last 12:03`, with the date when it was on another day; empty for what happened once."""
    if occurrences < 2 or last_at is None:
        return ""
    return gettext(TEXTS["times"]).replace("{n}", str(occurrences)).replace("{time}", _clock(last_at, zone, now))


def _clock(moment: float, zone: str, now: float) -> str:
    at, today = (datetime.fromtimestamp(each, ZoneInfo(zone)) for each in (moment, now))
    return f"{at:%H:%M}" if at.date() == today.date() else f"{at:%Y-%m-%d %H:%M}"


def ended(ended_at: float | None, duration_s: float | None, *, zone: str, now: float) -> str:
    """`ended 14:02, after 3 min`, with the date when it was on another day; empty while the alert goes on."""
    if ended_at is None:
        return ""
    time = _clock(ended_at, zone, now)
    if duration_s is None:
        return gettext(TEXTS["ended"]).replace("{time}", time)
    return gettext(TEXTS["ended_after"]).replace("{time}", time).replace("{length}", lasting(duration_s))


def relative(seconds: float) -> str:
    """An age in words: `just now`, `40 s ago`, `12 min ago`, `3 h ago`, `4 d ago`."""
    for unit, length in (("days_ago", 86_400), ("hours_ago", 3600), ("minutes_ago", 60), ("seconds_ago", 1)):
        if seconds >= max(length, 5):
            return gettext(TEXTS[unit]).replace("{n}", str(int(seconds // length)))
    return gettext(TEXTS["just_now"])
