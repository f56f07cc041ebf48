"""What devices send to the hub: the bodies of the device's events (DESIGN 5.3, 5.5). Pure."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from cameras.core.probe import ProbeAnswer
from detection.core.coverage_event import CoverageEvent
from detection.core.rules.base import RuleEvent
from recordings.core.extracts import ExtractReport
from recordings.core.losses import LossEvent
from recordings.core.snapshots import SnapshotAnswer
from recordings.core.spans import RecordedHour
from recordings.core.tasks import AlertClipReport, RecordingReport

LARGEST_BODY = 64 * 1024
DEEPEST = 32


class EventError(ValueError):
    """The hub's final refusal of an event, with the reason."""


def _plain(text: str) -> str:
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in text):
        raise ValueError("holds a control character")
    return text


def _relative(key: str) -> str:
    if key and (not key.startswith("captures/") or any(part in ("", ".", "..") for part in key.split("/"))):
        raise ValueError("is not a key below captures/")
    return _plain(key)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _storable(data: dict[str, Any]) -> dict[str, Any]:
    """Nothing that a database's JSON column or a page refuses: depth, numbers such as 1e999, half a character."""
    level: list[Any] = [data]
    for _ in range(DEEPEST):
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
        ]
    if level:
        raise ValueError(f"is nested more than {DEEPEST} deep")
    json.dumps(data, allow_nan=False, ensure_ascii=False).encode()
    return data


EventId = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_plain)]
Name = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_plain)]
Key = Annotated[str, Field(max_length=500), AfterValidator(_relative)]


class AlertEvent(BaseModel):
    """An alert as a rule raised it (DESIGN 5.5); timestamp in Unix seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["event"]
    event_id: EventId
    device_id: Name
    camera_id: Name
    roi_id: Name
    bind_id: Name
    algo_code: Name
    phase: Literal["started", "updated", "ended"]
    severity: Literal["info", "warning", "critical"]
    timestamp: float = Field(ge=0, lt=253_402_214_400, allow_inf_nan=False)  # every time zone can show it
    data: Annotated[dict[str, Any], AfterValidator(_storable)] = Field(default_factory=dict)
    capture: Key = ""


class PlaceInChain(BaseModel):
    """A picture's place in its box's chain of evidence (`edgesite.core.chain`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chain: str = Field(pattern=r"^[0-9a-f-]{1,64}$")
    n: int = Field(ge=1, lt=2**53)
    previous: str = Field(pattern=r"^([0-9a-f]{64})?$")
    link: str = Field(pattern=r"^[0-9a-f]{64}$")


class EvidenceEvent(BaseModel):
    """The picture of an alert is stored under its key, or is lost for a reason.

    link: its place in the chain, also of one that was lost on its way; older boxes tell none. taken_at: of which moment it
    is where that is not its alert's, Unix seconds; older boxes tell none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["evidence"]
    event_id: EventId
    alert_id: EventId
    key: Key
    status: Literal["stored", "lost"]
    sha256: str = Field(default="", max_length=64)
    bytes: int = Field(default=0, ge=0)
    reason: Annotated[str, Field(max_length=500)] = ""
    link: PlaceInChain | None = None
    taken_at: float | None = Field(default=None, ge=0, lt=253_402_214_400, allow_inf_nan=False)


class TrialEvent(BaseModel):
    """A test alert, on the way of every alert. request_id: of the hub's command."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["trial"]
    event_id: EventId
    device_id: Name
    request_id: EventId
    timestamp: float = Field(ge=0, lt=253_402_214_400, allow_inf_nan=False)


def alert_body(
    event: RuleEvent, *, event_id: str, device_id: str, camera_id: str, timestamp: float, capture: str | None
) -> dict[str, Any]:
    """A rule's event as the message of DESIGN 5.5. timestamp: Unix seconds. capture: None where no picture is kept."""
    return {
        "type": "event",
        "event_id": event_id,
        "device_id": device_id,
        "camera_id": camera_id,
        "roi_id": event.roi_id,
        "bind_id": event.bind_id,
        "algo_code": event.algo_code,
        "phase": event.phase,
        "severity": event.severity,
        "timestamp": round(timestamp, 3),
        "data": event.data,
        "capture": capture,
    }


Event = (
    AlertEvent
    | EvidenceEvent
    | LossEvent
    | TrialEvent
    | CoverageEvent
    | SnapshotAnswer
    | ProbeAnswer
    | AlertClipReport
    | RecordingReport
    | RecordedHour
    | ExtractReport
)
KINDS: dict[str, type[Event]] = {
    "alert": AlertEvent, "evidence": EvidenceEvent, "loss": LossEvent, "snapshot": SnapshotAnswer, "probe": ProbeAnswer,
    "trial": TrialEvent, "coverage": CoverageEvent, "recording": RecordingReport, "recorded_hour": RecordedHour,
    "alert_clip": AlertClipReport, "extract": ExtractReport,
}  # fmt: skip


def parse_event(fields: dict[str, str], *, device_id: str) -> Event:
    """One entry of `device:{id}:events`. Raises EventError with the reason of the refusal."""
    kind = fields.get("kind", "")
    model = KINDS.get(kind)
    if model is None:
        raise EventError(f"kind {kind[:40]!r} is unknown")
    body = fields.get("body", "")
    if len(body) > LARGEST_BODY:
        raise EventError(f"body is larger than {LARGEST_BODY} characters")
    try:
        given = json.loads(body, parse_constant=_no_constant)
        event = model.model_validate({**_implied(kind, fields), **given})
    except (ValueError, TypeError, RecursionError) as error:
        raise EventError(_reason(error)) from None
    if event.event_id != fields.get("event_id"):
        raise EventError("event_id of the body and of the entry differ")
    if isinstance(event, AlertEvent | TrialEvent) and event.device_id != device_id:
        raise EventError("device_id is not that of the stream")
    return event


ANSWERS = ("snapshot", "probe", "recording", "recorded_hour", "alert_clip", "extract")


def _implied(kind: str, fields: dict[str, str]) -> dict[str, str]:
    """What a body need not say: its kind does, or its entry."""
    if kind in ANSWERS:
        return {"event_id": fields.get("event_id", "")}
    return {"type": "evidence"} if kind == "evidence" else {}


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(str(p) for p in first['loc'])}: {first['msg']}"
    return "body is not a JSON object"
