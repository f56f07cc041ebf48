"""Recording tasks: their states, what a box reports of one, what the API answers. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

State = Literal["starting", "recording", "stopping", "uploading", "uploaded", "completed", "failed"]
STATES: tuple[State, ...] = ("starting", "recording", "stopping", "uploading", "uploaded", "completed", "failed")
RUNNING = ("starting", "recording", "stopping")  # of one camera only one task at a time is so
FINAL = ("uploaded", "completed", "failed")
NO_FFMPEG = "no_ffmpeg"  # the one error that has a code
PLAIN = r"^[^\x00-\x1f\x7f]*$"  # `plain` as a pattern: JSON holds no half of a surrogate pair
MOST_HOLES = 200  # of a clip, that are told
MOST_REVISIONS = 2**31 - 1

Moment = Annotated[float, Field(ge=0, lt=253_402_214_400, allow_inf_nan=False)]


def rank(state: str) -> int:
    """How far a task is; it never goes back."""
    return len(STATES) if state in FINAL else STATES.index(state)


def plain(text: str) -> str:
    """A text that any database and page can hold. Raises ValueError."""
    if any(ord(c) < 0x20 or ord(c) == 0x7F or 0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise ValueError("holds a control character")
    return text


def one_line(text: str) -> str:
    """Any text as one that a report can hold."""
    return "".join(c if c.isprintable() else " " for c in text)[:500]


def _relative(key: str) -> str:
    if key and (
        not key.startswith(("recordings/", "events/")) or any(part in ("", ".", "..") for part in key.split("/"))
    ):
        raise ValueError("is not a key of a clip")
    return plain(key)


class RecordingReport(BaseModel):
    """What a box tells of a task, as the body of an event of kind `recording`.

    revision: rises with every report of a task. Times: Unix seconds. gaps: what is missing between the two, as (start, end).
    error: in English, see `edgesite.told`. duration: seconds of video in the clip.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    event_id: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(plain)]
    task_id: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(plain)]
    camera_id: Annotated[str, Field(min_length=1, max_length=128), AfterValidator(plain)]
    state: State
    revision: int = Field(ge=1, le=MOST_REVISIONS)
    started_at: Moment | None = None
    stopped_at: Moment | None = None
    stop_reason: Annotated[str, Field(max_length=100), AfterValidator(plain)] = ""
    error: Annotated[str, Field(max_length=500), AfterValidator(plain)] = ""
    error_code: Annotated[str, Field(max_length=40), AfterValidator(plain)] = ""
    storage_type: Literal["", "local", "s3"] = ""
    local_file: Annotated[str, Field(max_length=1000), AfterValidator(plain)] = ""
    local_file_deleted: bool = False
    bucket: Annotated[str, Field(max_length=100), AfterValidator(plain)] = ""
    object_name: Annotated[str, Field(max_length=500), AfterValidator(_relative)] = ""
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    bytes: int = Field(default=0, ge=0, le=2**62)
    duration: float = Field(default=0.0, ge=0, le=10**8, allow_inf_nan=False)
    gaps: Annotated[list[tuple[Moment, Moment]], Field(max_length=MOST_HOLES)] = Field(default_factory=list)

    def body(self) -> dict[str, Any]:
        """As it is sent."""
        return self.model_dump(mode="json", exclude={"event_id"})


class AlertClipReport(RecordingReport):
    """The same of the recording of an alert, as the body of an event of kind `alert_clip`. alert_id: its event_id."""

    alert_id: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(plain)]


class TaskOrder(BaseModel):
    """The body of the command `record`. seconds: the longest that it may record. reason: why it is stopped."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    task_id: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(plain)]
    camera_id: Annotated[str, Field(min_length=1, max_length=128), AfterValidator(plain)]
    action: Literal["start", "stop"]
    task_name: Annotated[str, Field(max_length=200), AfterValidator(plain)] = ""
    seconds: float = Field(default=3600.0, gt=0, le=86_400, allow_inf_nan=False)
    reason: Annotated[str, Field(max_length=100), AfterValidator(plain)] = ""


ANSWERED = (
    "status", "camera_id", "task_name", "start_time", "storage_type", "local_file", "bucket", "object_name", "download_url",
    "stop_reason", "error", "local_file_deleted", "running_task",
)  # fmt: skip


def answer(**values: Any) -> dict[str, Any]:
    """What the API says of a task: of these fields those that are set."""
    return {name: values[name] for name in ANSWERED if values.get(name) not in (None, "", False)}


Camera = Literal["ok", "gone", "disabled", "unknown"]  # what the configuration says; unknown: there is none yet
GONE, DISABLED, LONGEST = "camera_removed", "camera_disabled", "max_duration"  # why a task stopped by itself
ASKED = "requested"
OVER = "alert_over"


def event_end(at: float, *, post_s: float, lasts: bool) -> float | None:
    """When the recording of an alert is over that began at `at` (Unix seconds); None while its end is not known."""
    return None if lasts else at + post_s


def next_state(
    state: str,
    *,
    camera: Camera,
    recording: bool,
    now: float,
    asked_at: float,
    started_at: float | None,
    seconds: float,
) -> tuple[State, str] | None:
    """What becomes of a task that runs, and why; None: it stays as it is. Times: Unix seconds.

    A task that never saw a picture fails when its time is over. recording: whether the camera's pictures reach the disk.
    """
    if state not in ("starting", "recording"):
        return None
    over: State = "failed" if started_at is None else "stopping"
    if camera in ("gone", "disabled"):
        return over, GONE if camera == "gone" else DISABLED
    if now >= (asked_at if started_at is None else started_at) + seconds:
        return over, LONGEST
    if state == "starting" and recording:
        return "recording", ""
    return None
