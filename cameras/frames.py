"""Pictures of a camera for a page to draw on. Whoever fetches them registers here, since that lies in an app above this one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from cameras.models import Camera


@dataclass(frozen=True, slots=True)
class Frame:
    """A stored picture. url: root-relative. width, height: pixels."""

    url: str
    at: datetime
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class FrameAnswer:
    """What became of a request. message: what went wrong and what to do, in words. soon: it comes right by itself."""

    state: Literal["waiting", "ready", "error"]
    frame: Frame | None = None
    message: str = ""
    soon: bool = False


class FrameSource(Protocol):
    """Where frames come from."""

    def newest(self, camera: Camera) -> Frame | None:
        """The newest picture that is stored."""

    def ask(self, camera: Camera, *, author: str) -> str:
        """Asks the camera's box for a frame of this moment; the request's identifier. What goes wrong is its answer."""

    def answer(self, camera: Camera, request_id: str) -> FrameAnswer:
        """What became of it so far. An unknown request is an error too."""


@dataclass(slots=True)
class _Place:
    source: FrameSource | None = field(default=None)


_place = _Place()


def register(source: FrameSource) -> None:
    """From now on frames come from there."""
    _place.source = source


def frames() -> FrameSource:
    """The registered source. Raises RuntimeError when no app has registered one: a defect of the installation."""
    if _place.source is None:
        raise RuntimeError("no app has registered a source of frames")
    return _place.source
