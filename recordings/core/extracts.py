"""Extracts: stretches of a camera's recording that are cut on demand, as hub and box speak of them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from recordings.core.hiding import Hide
from recordings.core.names import safe_name, unique_name
from recordings.core.tasks import MOST_HOLES, Moment, plain

FOLDER = "extracts"  # of the storage
LONGEST_S = 7200.0
State = Literal["waiting", "cutting", "storing", "ready", "failed"]  # what a box tells
Purpose = Literal["play", "export"]
UNDER_WAY = ("waiting", "cutting", "storing")
CUT_SHARE = 80  # per cent of the work; the rest is storing


def _key(key: str) -> str:
    if not key.startswith(f"{FOLDER}/") or any(part in ("", ".", "..") for part in key.split("/")):
        raise ValueError(f"is not a key below {FOLDER}/")
    return plain(key)


Text64 = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(plain)]
CameraId = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(plain)]


class ExtractOrder(BaseModel):
    """The body of the command `cut`, and of `cut_hidden`. begin, end: Unix seconds. key: where the extract is to stand.

    hide: what must not be seen of it. It comes with a command of its own, which a box that cannot do it does not know: one
    that took `cut` for it would leave out the key that it does not know, and show everything.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    extract_id: Text64
    camera_id: CameraId
    begin: Moment
    end: Moment
    purpose: Purpose
    key: Annotated[str, Field(max_length=500), AfterValidator(_key)]
    hide: Hide | None = None

    @property
    def hidden(self) -> str:
        """Names what is hidden; "" for nothing."""
        return self.hide.digest() if self.hide else ""


class ExtractReport(BaseModel):
    """What a box tells of an extract, as the body of an event of kind `extract`.

    started_at: Unix seconds of the first picture, which may be some before the wanted beginning. progress: per cent.
    message: in English, see `edgesite.told`. duration: seconds of video. gaps: as (start, end) in Unix seconds.
    hidden: what is hidden in it, as the order's `hidden`.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    event_id: Text64
    extract_id: Text64
    camera_id: CameraId
    state: State
    progress: int = Field(default=0, ge=0, le=100)
    message: Annotated[str, Field(max_length=500), AfterValidator(plain)] = ""
    started_at: Moment | None = None
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    hidden: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    bytes: int = Field(default=0, ge=0, le=2**62)
    duration: float = Field(default=0.0, ge=0, le=10**8, allow_inf_nan=False)
    gaps: Annotated[list[tuple[Moment, Moment]], Field(max_length=MOST_HOLES)] = Field(default_factory=list)

    def body(self) -> dict[str, Any]:
        """As it is sent."""
        return self.model_dump(mode="json", exclude={"event_id"})


def extract_folder(camera_id: str) -> str:
    """Where every extract of the camera stands."""
    return f"{FOLDER}/{unique_name(camera_id)}"


def extract_name(*, camera_id: str, begin: float, end: float, time_zone: str) -> str:
    """`{camera}_{YYYY-mm-dd_HH-MM-SS}_{HH-MM-SS}.mp4`: from and to, Unix seconds, in the site's time zone."""
    zone = ZoneInfo(time_zone)
    first, last = (datetime.fromtimestamp(at, UTC).astimezone(zone) for at in (begin, end))
    return f"{safe_name(camera_id)}_{first:%Y-%m-%d_%H-%M-%S}_{last:%H-%M-%S}.mp4"


def extract_key(*, camera_id: str, extract_id: str, begin: float) -> str:
    """`extracts/{camera}/{YYYYMMDD}/{id}.mp4`, the day in UTC."""
    return f"{extract_folder(camera_id)}/{datetime.fromtimestamp(begin, UTC):%Y%m%d}/{safe_name(extract_id)}.mp4"
