"""What a box shows of a camera that somebody watches while setting up its rules: observations, states, and a picture. Pure.

A message is the length of its head (four bytes, big-endian), the head as JSON, and a JPEG or nothing.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detection.core.rules.state import Why, Word

LARGEST_HEAD = 128 * 1024
LARGEST_JPEG = 512 * 1024
JPEG = b"\xff\xd8\xff"
MOST_SEEN, MOST_STATES, MOST_OBJECTS, MOST_FIRED = 100, 64, 40, 20
WATCH_ID = r"^[0-9a-f-]{36}$"
SHORTEST_LEASE_S, LONGEST_LEASE_S = 2.0, 30.0

Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e12, le=1e12)]
Text = Annotated[str, Field(max_length=500)]
Code = Annotated[str, Field(min_length=1, max_length=128)]


class PreviewError(ValueError):
    """A message that is none."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Seen(_Part):
    """A tracked object. box: x1, y1, x2, y2 as shares of the picture."""

    id: int
    name: Annotated[str, Field(max_length=64)]
    score: Number
    box: Annotated[tuple[Number, Number, Number, Number], Field(strict=False)]


class ObjectPart(_Part):
    """See `detection.core.rules.state.ObjectState`."""

    id: int
    word: Word
    value: Number = 0.0
    target: Number = 0.0
    left_s: Number = 0.0


class StatePart(_Part):
    """See `detection.core.rules.state.RuleState`."""

    bind_id: Code
    word: Word
    value: Number = 0.0
    target: Number = 0.0
    unit: Literal["", "s"] = "s"
    left_s: Number = 0.0
    why: Why = ""
    detail: Text = ""
    counts: dict[Annotated[str, Field(max_length=40)], int] = Field(default_factory=dict, max_length=12)
    objects: Annotated[tuple[ObjectPart, ...], Field(strict=False, max_length=MOST_OBJECTS)] = ()


class Fired(_Part):
    """What a rule of the draft would have told. at: Unix seconds by the box's clock. ago_s: before the message was sent."""

    bind_id: Code
    phase: Literal["started", "updated", "ended"]
    at: Number
    ago_s: Number = 0.0
    track_id: int | None = None


class Preview(_Part):
    """One message about a watch.

    draft: the number of the draft whose rules these states are of. answer: `ok`; `refused`: there is nothing to watch, for
    the reason in `problem`; `unknown`: the box has no such watch or draft, and needs the whole of it. problem: also why a
    draft has no rules. camera, reason: the camera's state. view: what is wrong with the picture. age_s: of the picture when
    it was sent, None without one. width, height: of the camera's pictures, in pixels.
    """

    watch_id: Annotated[str, Field(pattern=WATCH_ID)]
    camera_id: Code
    draft: Annotated[int, Field(ge=0)]
    answer: Literal["ok", "refused", "unknown"] = "ok"
    problem: Text = ""
    camera: Literal["", "connecting", "live", "lost"] = ""
    reason: Text = ""
    view: Literal["", "covered", "frozen"] = ""
    age_s: Number | None = None
    width: Annotated[int, Field(ge=0, le=100_000)] = 0
    height: Annotated[int, Field(ge=0, le=100_000)] = 0
    seen: Annotated[tuple[Seen, ...], Field(strict=False, max_length=MOST_SEEN)] = ()
    states: Annotated[tuple[StatePart, ...], Field(strict=False, max_length=MOST_STATES)] = ()
    fired: Annotated[tuple[Fired, ...], Field(strict=False, max_length=MOST_FIRED)] = ()


def pack(preview: Preview, jpeg: bytes = b"") -> bytes:
    """The message."""
    head = preview.model_dump_json().encode()
    return len(head).to_bytes(4, "big") + head + jpeg


def unpack(message: bytes) -> tuple[Preview, bytes]:
    """What `pack` was given. Raises PreviewError for anything else, or too much of it."""
    length = int.from_bytes(message[:4], "big")
    head, jpeg = message[4 : 4 + length], message[4 + length :]
    if len(message) < 4 or len(head) != length or length > LARGEST_HEAD or len(jpeg) > LARGEST_JPEG:
        raise PreviewError("a length is wrong")
    if jpeg and not jpeg.startswith(JPEG):
        raise PreviewError("the picture is no JPEG")
    try:
        return Preview.model_validate(json.loads(head)), jpeg
    except ValidationError as error:
        raise PreviewError(error.errors()[0]["msg"]) from None
    except (ValueError, RecursionError):
        raise PreviewError("the head is no JSON") from None


class WatchIn(_Part):
    """The body of the command `watch`.

    draft: its number, which rises with each change. seconds: how long the watch lasts unless it is renewed. width: of the
    pictures, in pixels. rate: pictures a second, at most. content: `site`, `rois`, `binds` and `schedules` as in the config
    document; None renews a watch whose draft the box has.
    """

    camera_id: Code
    watch_id: Annotated[str, Field(pattern=WATCH_ID)]
    draft: Annotated[int, Field(ge=0)]
    seconds: Annotated[float, Field(ge=SHORTEST_LEASE_S, le=LONGEST_LEASE_S)]
    width: Annotated[int, Field(ge=160, le=960)] = 640
    rate: Annotated[float, Field(ge=0.2, le=5)] = 5.0
    content: dict[str, Any] | None = None
