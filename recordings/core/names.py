"""Names of stored objects. Pure: the same input always gives the same key, and no input leaves its folder."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

UNSAFE = re.compile(r"[^\w.-]+")  # \w keeps the letters of every script
LONGEST_BYTES = 100


def safe_name(text: str) -> str:
    """The text as one file-name part: no separators, no control characters, no leading dot, at most 100 bytes."""
    cleaned = UNSAFE.sub("-", text).strip(".-") or "unnamed"
    return cleaned.encode()[:LONGEST_BYTES].decode(errors="ignore")


def capture_key(*, camera_id: str, event_id: str, timestamp: float, time_zone: str) -> str:
    """`captures/YYYYMMDD/{camera}_{event}.jpg`; timestamp in Unix seconds, the date in the site's time zone."""
    day = datetime.fromtimestamp(timestamp, UTC).astimezone(ZoneInfo(time_zone)).strftime("%Y%m%d")
    return f"captures/{day}/{safe_name(camera_id)}_{safe_name(event_id)}.jpg"
