"""Segments as files: measured, mended after a kill, made durable under their final name."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import av
import structlog

from edgesite.files import sync_file, sync_folder
from recordings.core.mp4 import whole_length

log = structlog.get_logger(__name__)


def make_folder(folder: Path) -> None:
    """With its parents, durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def drop_if_empty(folder: Path) -> None:
    """Makes durable what was removed from the folder; an empty one goes itself. Only for the thread that fills it (`settle`).

    Raises OSError.
    """
    try:
        folder.rmdir()
    except FileNotFoundError:  # perhaps a kill came behind it
        if folder.parent.is_dir():
            sync_folder(folder.parent)
    except OSError:  # something is in it
        sync_folder(folder)
    else:
        sync_folder(folder.parent)


def settle(part: Path, final: Path) -> int:
    """Gives a finished file its name: content first, then the name, then both folders. Its size. Raises OSError."""
    size = sync_file(part)
    make_folder(final.parent)
    part.rename(final)
    sync_folder(final.parent)
    sync_folder(part.parent)
    return size


def mend(path: Path) -> bool:
    """Cuts off what a kill left half written; whether anything whole is there. Raises OSError."""
    with open(path, "r+b") as file:
        size = os.fstat(file.fileno()).st_size

        def read(offset: int, count: int) -> bytes:
            return os.pread(file.fileno(), count, offset)

        whole = whole_length(read, size)
        if 0 < whole < size:
            file.truncate(whole)
            os.fsync(file.fileno())
    return whole > 0


def measure(path: Path) -> float:
    """Seconds of video in the file, read packet by packet; 0 for a file that holds none."""
    first, last = float("inf"), float("-inf")
    with (
        contextlib.suppress(av.FFmpegError),
        av.open(str(path), "r", options={"protocol_whitelist": "file"}) as container,
    ):
        if not container.streams.video:
            return 0.0
        for packet in container.demux(container.streams.video[0]):
            if packet.pts is not None and packet.time_base is not None:
                first = min(first, float(packet.pts * packet.time_base))
                last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return max(0.0, last - first) if last > first else 0.0
