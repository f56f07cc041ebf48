"""What is asked before ffmpeg starts: the camera what it has, a file how long it is. In a thread, as it may take seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import av
import structlog

from cameras.streams.errors import IngestError, explain
from cameras.streams.files import loop_length
from cameras.streams.rtsp_check import checked_rtsp
from cameras.streams.stop import EitherStop
from cameras.streams.target import Target, parse_target
from recordings.core.ffmpeg import FILE_FORMATS, Call, Tool, file_call, rtsp_call, webcam_call

log = structlog.get_logger(__name__)

HOLD_S = 4.0  # the question's connection stays that long, until ffmpeg has its own (see `checked_rtsp`)
APART_S = 0.3  # between the two, for a camera that serves one at a time

MakeCall = Callable[[Tool, str], Call]


class Opening:
    """Asks in a thread of its own. `error` or `call` is set when `done`; `release` lets the question's connection go.

    hold: whether that connection stays until then. sound: whether the call is to keep it.
    """

    def __init__(
        self, url: str, *, transport: str, stop: threading.Event, hold: bool = True, sound: bool = False
    ) -> None:
        self.error: IngestError | None = None
        self.call: MakeCall | None = None
        self._url, self._transport, self._hold, self._sound = url, transport, hold, sound
        self._stop = EitherStop(stop)
        self._answered = threading.Event()
        self._thread = threading.Thread(target=self._run, name="opening", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return self._answered.is_set()

    def release(self) -> None:
        """ffmpeg has its connection, or nobody wants to know any more."""
        self._stop.set()

    def _run(self) -> None:
        try:
            self._ask(parse_target(self._url))
        except IngestError as error:
            self.error = error
        except Exception as error:
            # Not `log.exception`: a message inside the traceback could hold the URL with its password.
            log.error("camera could not be asked", error=type(error).__name__)
            self.error = IngestError("cannot be opened", retryable=True)
        finally:
            self._answered.set()

    def _ask(self, target: Target) -> None:
        if target.kind == "file":
            length = _length(target.location)
            self.call = lambda tool, pattern: file_call(
                tool, target.location, position=time.time() % length, pattern=pattern, sound=self._sound
            )
        elif target.kind == "webcam":
            if not Path(target.location).exists():
                raise IngestError("no such file or device", retryable=True)
            self.call = lambda tool, pattern: webcam_call(tool, target.location, pattern=pattern)
        else:
            with checked_rtsp(target, stop=self._stop):
                self.call = lambda tool, pattern: rtsp_call(
                    tool, target.location, transport=self._transport, pattern=pattern, sound=self._sound
                )
                if self._hold:
                    self._answered.set()
                    self._stop.wait(HOLD_S)
            self._stop.wait(APART_S)


def _length(path: str) -> float:
    """Seconds that one round of the file takes. Raises IngestError."""
    if not Path(path).is_file():
        raise IngestError(f"no such file: {path}", retryable=True)
    options = {"protocol_whitelist": "file", "format_whitelist": FILE_FORMATS}
    try:
        with av.open(f"file:{path}", "r", options=options) as container:
            if not container.streams.video:
                raise IngestError("no video stream", retryable=True)
            return loop_length(container, container.streams.video[0])
    except av.FFmpegError as error:
        raise explain(error) from None
