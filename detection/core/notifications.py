"""What a notification rule picks, how a webhook is signed, and when a failed delivery is tried again. Pure."""

from __future__ import annotations

import hashlib
import hmac
import random
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from cameras.core.schedule import ScheduleEntry, active, next_change
from edgesite.core.backoff import Backoff

SEVERITIES = ("info", "warning", "critical")
SIGNATURE_VERSION = "v1"

RETRY_BASE_S = 5.0
RETRY_CAP_S = 900.0
LONGEST_RETRY_AFTER_S = 3600.0


@dataclass(frozen=True, slots=True)
class Happening:
    """What a rule looks at. site: primary key, None when the device is gone. camera_id: "" where it
    is not the device's, or where no rule asks. at: Unix seconds. time_zone: the site's."""

    site: int | None
    camera_id: str
    algo_code: str
    severity: str
    at: float
    time_zone: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What a rule picks; None and "" ask nothing. schedule: when the alert must have happened."""

    site: int | None = None
    camera_id: str = ""
    algo_code: str = ""
    least: str = "info"
    schedule: ScheduleEntry | None = None

    def picks(self, what: Happening) -> bool:
        """Whether the rule is about it at all, at whatever time it happened."""
        return (
            self.site in (None, what.site)
            and self.camera_id in ("", what.camera_id)
            and self.algo_code in ("", what.algo_code)
            and SEVERITIES.index(what.severity) >= SEVERITIES.index(self.least)
        )

    def opens_at(self, what: Happening) -> float | None:
        """From when on it may be told: its own time within the hours, else when they begin; None when they never do."""
        if self.schedule is None or active(self.schedule, what.time_zone, what.at):
            return what.at
        return next_change(self.schedule, what.time_zone, what.at)


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The value of a webhook's `Edgesite-Signature`: `v1=` and HMAC-SHA256 (RFC 2104) of `TIMESTAMP.BODY`, hexadecimal.

    timestamp: Unix seconds, as in `Edgesite-Timestamp`. The scheme is in docs/notifications.md.
    """
    signed = str(timestamp).encode("ascii") + b"." + body
    return f"{SIGNATURE_VERSION}={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def retry_after(value: str, *, now: float) -> float | None:
    """Seconds that a `Retry-After` header (RFC 9110: seconds or a date) asks for, within bounds; None when it asks nothing."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:9])
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)


def retry_delay(tries: int, *, asked: float | None = None, rng: random.Random | None = None) -> float:
    """Seconds until the next try after so many; at least what the receiver asked for."""
    backoff = Backoff(RETRY_BASE_S, RETRY_CAP_S, rng)
    delay = backoff.next()
    for _ in range(tries - 1):
        delay = backoff.next()
    return max(delay, asked or 0.0)
