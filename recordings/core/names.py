"""Names of stored objects. Pure: the same input always gives the same key, and no input leaves its folder."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

UNSAFE = re.compile(r"[^\w.-]+")  # \w keeps the letters of every script
LONGEST_BYTES = 100
FULL, FULL_ID = "_full", ".full"


def safe_name(text: str) -> str:
    """The text as one file-name part: no separators, no control characters, no leading dot, at most 100 bytes."""
    cleaned = UNSAFE.sub("-", text).strip(".-") or "unnamed"
    return cleaned.encode()[:LONGEST_BYTES].decode(errors="ignore")


def capture_key(*, camera_id: str, event_id: str, timestamp: float, time_zone: str) -> str:
    """`captures/YYYYMMDD/{camera}_{event}.jpg`; timestamp in Unix seconds, the date in the site's time zone."""
    day = datetime.fromtimestamp(timestamp, UTC).astimezone(ZoneInfo(time_zone)).strftime("%Y%m%d")
    return f"captures/{day}/{safe_name(camera_id)}_{safe_name(event_id)}.jpg"


def full_key(key: str) -> str:
    """Where the full picture of an alert stands whose picture stands under `key`; empty for an alert without one."""
    return f"{key.removesuffix('.jpg')}{FULL}.jpg" if key else ""


def capture_of(key: str) -> str:
    """The key of the picture that belongs to a full one; any other key as it is."""
    return f"{key.removesuffix(f'{FULL}.jpg')}.jpg" if key.endswith(f"{FULL}.jpg") else key


def full_id(event_id: str) -> str:
    """By which evidence is told of that is the full picture of that alert."""
    return event_id + FULL_ID


def alert_of(event_id: str) -> str:
    """The alert of the evidence of that ID."""
    return event_id.removesuffix(FULL_ID)


def clip_name(*, camera_id: str, task_name: str, started: float, time_zone: str) -> str:
    """`{camera}_{task}_{YYYY-mm-dd_HH-MM-SS}.mp4`; started in Unix seconds, shown in the site's time zone."""
    moment = datetime.fromtimestamp(started, UTC).astimezone(ZoneInfo(time_zone))
    return f"{safe_name(camera_id)}_{safe_name(task_name)}_{moment:%Y-%m-%d_%H-%M-%S}.mp4"


def clip_key(*, camera_id: str, name: str, started: float, time_zone: str, event: bool = False) -> str:
    """`recordings/{camera}/{YYYYMMDD}/{name}`, of an alert below `events`.

    Nothing of one camera ever stands in the folder of another.
    """
    moment = datetime.fromtimestamp(started, UTC).astimezone(ZoneInfo(time_zone))
    return f"{clip_folder(camera_id, event=event)}/{moment:%Y%m%d}/{name}"


def clip_folder(camera_id: str, *, event: bool = False) -> str:
    """Where every clip of the camera stands; event: those of its alerts."""
    return f"{'events' if event else 'recordings'}/{unique_name(camera_id)}"


def unique_name(text: str) -> str:
    """As `safe_name`, and never the same for two texts: one that had to be changed carries a piece of its hash."""
    name = safe_name(text)
    return name if name == text else f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
