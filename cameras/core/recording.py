"""What of a camera is recorded without anybody asking: the policy in the config document, and as columns of a row. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cameras.core.schedule import ScheduleEntry, active
from cameras.core.strict_json import DocumentError

MOST_BEFORE_S = 60
MOST_AFTER_S = 300
MOST_DAYS = 3650
MOST_GIB = 1_000_000
NO_SCHEDULE = "no schedule %(code)s in this document"
OFF, ALWAYS, SCHEDULE = "off", "always", "schedule"  # the column `record`
DEFAULTS: dict[str, Any] = {
    "record": OFF, "record_schedule": None, "record_events": False, "event_pre_s": 10, "event_post_s": 20,
    "record_sound": False, "keep_days": None, "keep_gib": None, "least_days": None,
}  # fmt: skip
COLUMNS = tuple(DEFAULTS)  # of a camera's row
ROOM = ("keep_days", "keep_gib", "least_days")  # as they are in the document, too
Reason = Literal["", "always", "schedule", "ring"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class EventPolicy(_Part):
    """Seconds that are kept before an alert begins and after it is over."""

    pre_s: int = Field(default=DEFAULTS["event_pre_s"], ge=0, le=MOST_BEFORE_S)
    post_s: int = Field(default=DEFAULTS["event_post_s"], ge=1, le=MOST_AFTER_S)


class RecordingPolicy(_Part):
    """always: recorded all the time; else by the hours of `schedule_id`, if there is one. events: around each alert.

    sound: kept when the camera sends any. keep_days: as long its recordings stay; None: as the box is told.
    keep_gib: at most so much of it stays (2**30 bytes each). least_days: what is younger goes only when the disk is full.
    """

    always: bool = False
    schedule_id: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f/]+$")] | None = None
    events: EventPolicy | None = None
    sound: bool = False
    keep_days: int | None = Field(default=None, ge=1, le=MOST_DAYS)
    keep_gib: int | None = Field(default=None, ge=1, le=MOST_GIB)
    least_days: int | None = Field(default=None, ge=1, le=MOST_DAYS)


def guarantees_too_much(*, keep_days: int | None, least_days: int | None) -> bool:
    """Whether more days are guaranteed than kept."""
    return keep_days is not None and least_days is not None and least_days > keep_days


def reason_of(policy: RecordingPolicy, schedules: Mapping[str, ScheduleEntry], *, tz: str, now: float) -> Reason:
    """Why the camera is recorded at that moment (Unix seconds); `ring`: only so that there is something before an alert."""
    if policy.always:
        return "always"
    schedule = schedules.get(policy.schedule_id) if policy.schedule_id is not None else None
    if schedule is not None and active(schedule, tz, now):
        return "schedule"
    return "ring" if policy.events is not None else ""


def check_followed(policies: Sequence[RecordingPolicy], schedules: Iterable[ScheduleEntry]) -> None:
    """That every schedule is there. policies: of the document's cameras, in their order. Raises DocumentError."""
    known = {schedule.schedule_id for schedule in schedules}
    for index, policy in enumerate(policies):
        if policy.schedule_id not in (None, *known):
            where = f"cameras[{index}].recording.schedule_id"
            raise DocumentError(where, NO_SCHEDULE, code=repr(policy.schedule_id))


def policy_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns (`COLUMNS`) of a camera's row as the document's `recording`: what is set, and nothing else."""
    policy: dict[str, Any] = {}
    if row["record"] == ALWAYS:
        policy["always"] = True
    elif row["record"] == SCHEDULE and row["record_schedule"] is not None:
        policy["schedule_id"] = row["record_schedule"]
    if row["record_events"]:
        policy["events"] = {"pre_s": row["event_pre_s"], "post_s": row["event_post_s"]}
    if row["record_sound"]:
        policy["sound"] = True
    policy |= {name: row[name] for name in ROOM if row[name] is not None}
    return policy


def columns_of(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `policy_of`; what the policy does not say has its default."""
    row = dict(DEFAULTS)
    if policy.get("always"):
        row["record"] = ALWAYS
    elif policy.get("schedule_id") is not None:
        row |= {"record": SCHEDULE, "record_schedule": policy["schedule_id"]}
    if (events := policy.get("events")) is not None:
        row |= {"record_events": True, "event_pre_s": events["pre_s"], "event_post_s": events["post_s"]}
    row |= {"record_sound": bool(policy.get("sound"))} | {name: policy.get(name) for name in ROOM}
    return row


def with_policy(row: Mapping[str, Any]) -> dict[str, Any]:
    """A camera's row with its policy in place of the columns, and without a key when nothing is set.

    So documents of cameras without a policy keep their hash, and a box that knows no policies takes them.
    """
    rest = {key: value for key, value in row.items() if key not in DEFAULTS}
    policy = policy_of(row)
    return rest | {"recording": policy} if policy else rest


def settings_of(policy: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each thing that a policy sets, under a name of its own, for the difference of two."""
    for key, value in policy.items():
        found = (value or {}).items() if key == "events" else [(key, value)]
        yield from ((name, given) for name, given in found if given is not None and given is not False)
