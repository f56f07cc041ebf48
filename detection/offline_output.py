"""Where an analysis goes, and how far it is: a file that is there whole or not at all, and a line of progress."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from detection.offline import Analysed

BAR = 30
TELL_WATCHED_S, TELL_LOGGED_S = 0.2, 10.0


class OutputError(Exception):
    """The result cannot be written; the message says where and why."""


class WholeFile:
    """A text file that appears under its name when it is finished: until then it has another name beside it.

    Use it as a context manager; an exception inside leaves nothing behind, and an older file of that name as it was.
    Raises OutputError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        if path.exists() and not path.is_file():
            raise OutputError(f"{path} is not a file that could be replaced")
        try:
            self._file = self._part.open("w", encoding="utf-8")
        except OSError as error:
            raise self._trouble(error) from error

    def __enter__(self) -> WholeFile:
        return self

    def write(self, line: str) -> None:
        """One line, without its end."""
        try:
            self._file.write(line + "\n")
        except OSError as error:
            raise self._trouble(error) from error

    def __exit__(self, kind: object, *rest: object) -> None:
        try:
            with self._file:
                if kind is None:
                    self._file.flush()
                    os.fsync(self._file.fileno())
            if kind is None:
                os.replace(self._part, self.path)
        except OSError as error:
            if kind is None:
                raise self._trouble(error) from error
        finally:
            with contextlib.suppress(OSError):
                self._part.unlink(missing_ok=True)

    def _trouble(self, error: OSError) -> OutputError:
        return OutputError(f"{self.path} cannot be written: {error.strerror}")


class Stream(Protocol):
    """As much of a command's `stderr` as progress needs."""

    def isatty(self) -> bool: ...

    def write(self, msg: str = "", style_func: None = None, ending: str | None = None) -> None: ...

    def flush(self) -> None: ...


class Progress:
    """A bar for a person at a terminal, a line now and then for a log. now: any steady clock, in seconds."""

    def __init__(self, stream: Stream, length_s: float | None, *, now: float) -> None:
        self._stream, self._length_s = stream, length_s
        self._watched = stream.isatty()
        self._began = self._told = now
        self._frames = self._events = 0
        self._at = 0.0

    def step(self, analysed: Analysed, *, now: float) -> None:
        """One more frame is done."""
        self._frames, self._events = self._frames + 1, self._events + len(analysed.events)
        self._at = analysed.frame.media_time
        if now - self._told >= (TELL_WATCHED_S if self._watched else TELL_LOGGED_S):
            self._told = now
            self._tell(now, "")

    def end(self, *, now: float) -> None:
        """The last line, which stays."""
        self._tell(now, "\n")

    def _tell(self, now: float, ending: str) -> None:
        rate = self._frames / max(now - self._began, 1e-3)
        text = f"{self._at:.1f} s, {self._frames} frames, {self._events} events, {rate:.0f} frames/s"
        if self._length_s:
            share = min(self._at / self._length_s, 1.0)
            bar = f"[{'#' * round(BAR * share):{BAR}}] " if self._watched else ""
            text = f"{bar}{share:4.0%} of {self._length_s:.1f} s: {text}"
        self._stream.write(f"\r\x1b[K{text}" if self._watched else text, ending=ending if self._watched else "\n")
        self._stream.flush()


@contextlib.contextmanager
def stop_asked() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM between two frames, so that nothing half-written stays; afterwards they mean what they did."""
    stop = threading.Event()
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, lambda number, frame: stop.set()) for kind in kinds]
    try:
        yield stop
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
