"""What integrators write into `edge_snap_request`, and what they are answered (DESIGN 5.3). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WITHIN_S = 5.0  # of the request: the answer
TAKE_S = 4.0  # what the picture has of it; the rest is for telling
LATE_S = 3.5  # a request as old as this is not begun
CALL_S = 1.0  # the least that a receiver has
LINK_S = 3600  # how long the URL in an answer is worth something, and so how long an answer is kept
LONGEST_ID = 128
LONGEST_CODE = 200
LONGEST_FIELD = 2000
CALLBACK_PATH = "/api/ai/roi/snap/callback"

# For programs, and so in English only.
NO_ID = "request_id is missing, too long, or holds a control character"
LACKS = "The request lacks fields"
UNKNOWN_CAMERA = "No camera has this code."
EXPIRED = "The request was read too late to be answered within 5 seconds. Make a new one."
NO_LINK = "The hub has neither an object storage nor a PUBLIC_URL, so nobody could fetch the picture."
NOT_HERE = (
    "The box stored the picture where the hub does not find it. They need one storage, or the box its DEVICE_TOKEN."
)
NOT_SIGNED = "The object storage gives no URL for the picture. Look at its keys on the hub."
FAILED = "The hub could not handle the request. Its log says more."

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class NoAnswerError(ValueError):
    """Nobody can be told what became of the entry."""


@dataclass(frozen=True, slots=True)
class Order:
    """One entry of the stream. What is missing is empty; control characters of a camera's code are question marks."""

    request_id: str
    camera_code: str = ""
    cos_path: str = ""
    callback_url: str = ""

    def lacking(self) -> str:
        """The message about fields that must be there; empty when all are."""
        names = [name for name in ("camera_code", "cos_path") if not getattr(self, name)]
        return f"{LACKS}: {', '.join(names)}" if names else ""


def parse_order(fields: Mapping[str, str]) -> Order:
    """An entry as it was read. Raises NoAnswerError when it has no request_id that can be answered."""
    request_id = fields.get("request_id", "")
    if not 1 <= len(request_id) <= LONGEST_ID or _CONTROL.search(request_id):
        raise NoAnswerError(NO_ID)
    code = _CONTROL.sub("?", fields.get("camera_code", "")[:LONGEST_CODE])
    path, url = (fields.get(name, "")[:LONGEST_FIELD] for name in ("cos_path", "callback_url"))
    return Order(request_id, code, path, url)


def age_of(entry_id: str, *, now: float) -> float:
    """Seconds since the entry was written, both in the time of the Redis that holds it; never negative."""
    milliseconds = entry_id.partition("-")[0]
    return max(0.0, now - int(milliseconds) / 1000) if milliseconds.isdecimal() else 0.0


def time_to_tell(age: float) -> float:
    """Seconds that are left for an answer; one that is late already is told as long as any."""
    return max(CALL_S, WITHIN_S - age) if age < WITHIN_S else WITHIN_S


def answer_body(*, request_id: str, camera_code: str, url: str = "", message: str = "") -> dict[str, Any]:
    """The answer as DESIGN 5.3 has it: with a URL when there is a picture, else with what went wrong."""
    head = {"request_id": request_id, "camera_code": camera_code}
    return {**head, "status": "ok", "url": url} if url else {**head, "status": "error", "message": message or FAILED}


def callback_address(base: str) -> str:
    """Where an answer is posted to. Raises ValueError for a base that something cannot be put behind."""
    if "?" in base or "#" in base:
        raise ValueError("a callback_url has no query and no fragment")
    return base.rstrip("/") + CALLBACK_PATH
