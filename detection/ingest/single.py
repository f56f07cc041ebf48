"""One picture of a stream that is opened for it: a connection costs a second or so, and nothing while nobody asks."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

import av

from cameras.streams.errors import IngestError
from cameras.streams.stop import EitherStop
from detection.ingest.glance import Shown
from detection.ingest.source import open_source


def first_picture(
    url: str, *, timeout: float, transport: str = "tcp", clock: Callable[[], float] = time.time
) -> Shown | None:
    """The first picture that can be decoded; None when none comes within `timeout` seconds, whatever the reason is.

    A connection that is not made by then is given up by a thread of its own.
    """
    found: SimpleQueue[Shown | None] = SimpleQueue()
    stop = EitherStop(None)

    def look() -> None:
        shown = None
        with contextlib.suppress(IngestError, av.FFmpegError):
            source = open_source(url, stop=stop, on_damage=lambda: None, transport=transport)
            with contextlib.closing(source):
                for decoded in source.pictures():
                    shown = Shown(decoded.picture, clock())
                    break
        found.put(shown)

    threading.Thread(target=look, name="single picture", daemon=True).start()
    try:
        return found.get(timeout=max(0.0, timeout))
    except Empty:
        return None
    finally:
        stop.set()
