"""What a device answers to the command `probe`. Pure. No URL and no credential is part of it."""

from __future__ import annotations

import base64
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _plain(text: str) -> str:
    if any(ord(c) < 0x20 or ord(c) == 0x7F or 0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise ValueError("holds a control character")
    return text


Short = Annotated[str, Field(max_length=64), AfterValidator(_plain)]
Id = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_plain)]
Positive = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


LARGEST_PICTURE = 36_000  # bytes: in Base64 it leaves room for the rest of an answer (detection/core/events.py)
JPEG_BEGINS = b"\xff\xd8\xff"


def _jpeg(text: str) -> str:
    if text and not base64.b64decode(text, validate=True).startswith(JPEG_BEGINS):
        raise ValueError("is no JPEG")
    return text


Picture = Annotated[str, Field(max_length=(LARGEST_PICTURE + 2) // 3 * 4), AfterValidator(_jpeg)]
SHAPE_SLACK = 0.03  # encoders round the sizes of small pictures to multiples of 8 or 16


def same_shape(width: int, height: int, other_width: int, other_height: int) -> bool:
    """Whether two pictures' sides are in proportion; True when one of them has no size."""
    one, other = width * other_height, other_width * height
    return not (one and other) or abs(one - other) <= SHAPE_SLACK * other


class StreamFacts(BaseModel):
    """What a stream was seen to be.

    codec, profile, audio: as FFmpeg calls them; audio "" for none. width, height: pixels. fps: pictures a second, measured;
    None when too few came. gop_s: seconds between key frames; None when there was at most one while looking, for watched_s
    seconds. connect_s: seconds to the first packet. main_width, main_height: of a sub-stream's camera, pixels of its main
    stream; 0 where nobody looked, or nothing came.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    codec: Short
    profile: Short = ""
    width: Annotated[int, Field(ge=0, le=65_535)]
    height: Annotated[int, Field(ge=0, le=65_535)]
    fps: Positive | None = None
    gop_s: Positive | None = None
    audio: Short = ""
    connect_s: Positive = 0.0
    watched_s: Positive = 0.0
    main_width: Annotated[int, Field(ge=0, le=65_535)] = 0
    main_height: Annotated[int, Field(ge=0, le=65_535)] = 0


class ProbeAnswer(BaseModel):
    """camera_id: empty for a camera that is being added.

    facts: of a stream that could be opened. message: why it could not, and what to do, in English. picture: its first one,
    as JPEG in Base64; "" where none could be decoded, and from boxes of earlier versions.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    event_id: Id
    request_id: Id
    camera_id: Annotated[str, Field(max_length=128), AfterValidator(_plain)]
    status: Literal["ok", "error"]
    facts: StreamFacts | None = None
    picture: Picture = ""
    message: Annotated[str, Field(max_length=500), AfterValidator(_plain)] = ""
