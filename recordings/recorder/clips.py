"""From segments to one file that a browser plays: copied where that is possible, encoded where it must be."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Protocol

import structlog

from edgesite.child_process import Process
from edgesite.files import sync_file, sync_folder
from edgesite.storage import sha256_of
from edgesite.supervise import describe_status
from recordings.core.ffmpeg import Tool, clip_call, clip_listing, log_line
from recordings.core.segments import Segment
from recordings.recorder.files import make_folder, measure
from recordings.recorder.reading import Content, Formats, content_of, rescue

log = structlog.get_logger(__name__)

PLAYABLE = ("yuv420p", "yuvj420p")
LINES_KEPT = 5


class ClipError(Exception):
    """A clip cannot be made, with the reason. `retryable`: whether that may change (a full disk)."""

    def __init__(self, reason: str, *, retryable: bool) -> None:
        super().__init__(reason)
        self.retryable = retryable


class Stopped(Exception):  # noqa: N818  nothing went wrong
    """The recorder ends; the clip is made after the next start."""


class Ending(Protocol):
    """Says that a clip is not wanted any more; a `threading.Event` is one."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Clip:
    """A finished clip. seconds: of video in it. left_out: segments that could not be read. left: what can be played of those
    that are damaged, by their path.
    """

    file: Path
    size: int
    sha256: str
    seconds: float
    left_out: tuple[Segment, ...] = ()
    left: Mapping[str, tuple[Segment, ...]] = field(default_factory=dict)

    def of(self, pieces: Sequence[Segment]) -> list[Segment]:
        """What it holds of the pieces, in their order."""
        held = [piece for piece in pieces if piece not in self.left_out]
        return [part for piece in held for part in self.left.get(piece.path, (piece,))]


def make_clip(segments: Sequence[Segment], *, folder: Path, target: Path, end: float, tool: Tool, stop: Ending) -> Clip:
    """One MP4 of these segments under `target`, durable. folder: where they lie. end: Unix seconds at which it ends.

    Raises ClipError, OSError, and Stopped when `stop` is set meanwhile.
    """
    found = contents(segments, folder=folder, stop=stop)
    make_folder(target.parent)
    listings, draft, rescued = dict[str, bool](), target.with_suffix(".draft"), dict[str, Path]()
    try:
        for segment in (s for s in segments if s.path in found and not found[s.path].whole):
            rescued[segment.path] = target.with_suffix(f".{len(rescued)}.rescued")
            if not rescue(folder / segment.path, rescued[segment.path]):
                del found[segment.path]
        pieces = [s for s in segments if s.path in found]
        if not pieces:
            raise ClipError("no segment can be read", retryable=False)
        first = found[pieces[0].path].kind
        copied = all(c.kind == first for c in found.values()) and first.codec == "h264" and first.pixels in PLAYABLE
        for _, group in groupby(pieces, key=lambda s: found[s.path].kind.codec):  # a list of files has one codec
            files = [(str(rescued.get(s.path, folder / s.path)), s.end - s.start, found[s.path].sound) for s in group]
            name = target.with_suffix(f".{len(listings)}.txt")
            listings[str(name)] = any(sound for *_, sound in files)
            name.write_text(clip_listing(files, copied=copied), encoding="utf-8")
        seconds = sum(s.end - s.start for s in pieces) - max(0.0, pieces[-1].end - end)
        size = None if copied else (first.width, first.height)
        call = clip_call(tool, listings=listings, target=str(draft), seconds=max(0.1, seconds), size=size)
        run_tool(call.argv, stop)
        left_out, left = tuple(s for s in segments if s.path not in found), damaged(pieces, found)
        clip = finish_clip(draft, target, copied=copied, left_out=len(left_out), damaged=len(left))
        return replace(clip, left_out=left_out, left=left)
    finally:
        for file in (draft, *map(Path, listings), *rescued.values()):
            file.unlink(missing_ok=True)


def contents(segments: Sequence[Segment], *, folder: Path, stop: Ending) -> dict[str, Content]:
    """What the files hold, by path, without those of which nothing can be read. Raises Stopped."""
    found, formats = dict[str, Content](), Formats()
    for segment in segments:
        if stop.is_set():
            raise Stopped
        if (content := content_of(segment, folder=folder, formats=formats)) is not None:
            found[segment.path] = content
    return found


def damaged(segments: Sequence[Segment], found: Mapping[str, Content]) -> dict[str, tuple[Segment, ...]]:
    """What is left of those that are damaged, as a `Clip` has it."""
    return {s.path: c.left for s in segments if (c := found.get(s.path)) is not None and c.left != (s,)}


def finish_clip(draft: Path, target: Path, **what: object) -> Clip:
    """The draft, durable and under its name. what: is logged. Raises ClipError when it holds no video, OSError."""
    made = measure(draft)
    if made <= 0:
        raise ClipError("the clip holds no video", retryable=False)
    length = sync_file(draft)
    draft.rename(target)
    sync_folder(target.parent)
    log.info("clip made", file=target.name, seconds=round(made, 2), **what)
    with open(target, "rb") as file:
        return Clip(target, length, sha256_of(file), made)


def run_tool(
    argv: list[str],
    stop: Ending,
    *,
    env: Mapping[str, str] | None = None,
    heard: Callable[[str], bool] = lambda line: False,
) -> None:
    """ffmpeg, or what makes a clip instead, to its end. heard: takes a line that is no last word by saying so.

    Raises ClipError with its last words, Stopped, OSError.
    """
    said: deque[str] = deque(maxlen=LINES_KEPT)

    def take(line: bytes) -> None:
        text = line.decode(errors="replace")
        if not heard(text):
            said.append(log_line(text, ())[1])

    env = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", **(env or {})}
    process = Process.start(argv, env, stdout=take, stderr=take, now=time.monotonic())
    reader, writer = os.pipe()  # nothing wakes this wait
    try:
        while not process.ended():
            if stop.is_set():
                process.signal(signal.SIGKILL)
                raise Stopped
            Process.pump([process], reader, 0.2)
    finally:
        status = process.collect()
        os.close(reader)
        os.close(writer)
    if status:
        words = "; ".join(said)
        full = "No space left" in words
        name = Path(argv[0]).name
        raise ClipError(f"{name} {describe_status(status)}: {words}"[:400], retryable=full)
