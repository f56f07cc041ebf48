"""Segments as ffmpeg leaves them, made in the test, and a box's stores to put them in."""

from __future__ import annotations

import os
from pathlib import Path

import av

from recordings.core.names import unique_name
from tests.servers.clips import make_clip

FRAGMENTED = {"movflags": "+frag_keyframe+empty_moov+default_base_moof", "frag_duration": "500000"}


def make_fragmented(path: Path, *, seconds: int = 2, size: tuple[int, int] = (64, 48)) -> Path:
    """A fragmented MP4 with a key frame every half second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = make_clip(path.with_suffix(".plain.mp4"), frames=seconds * 10, size=size)
    with av.open(str(plain)) as given, av.open(str(path), "w", format="mp4", options=FRAGMENTED) as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
    plain.unlink()
    return path


def make_part(folder: Path, *, camera_id: str, run: str, number: int, written: float, seconds: int = 2) -> Path:
    """What a killed ffmpeg left; written: Unix seconds of its last byte."""
    path = folder / unique_name(camera_id) / f"{run}_{number:06d}.part"
    make_fragmented(path, seconds=seconds)
    os.utime(path, (written, written))
    return path


def decoded(path: Path) -> int:
    """How many pictures the file holds, decoded to its end. Any damage is an error."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def top_boxes(path: Path) -> list[tuple[int, bytes]]:
    """Where the boxes of an MP4 begin, and their kinds."""
    content, at, found = path.read_bytes(), 0, list[tuple[int, bytes]]()
    while at + 8 <= len(content):
        found.append((at, content[at + 4 : at + 8]))
        at += int.from_bytes(content[at : at + 4], "big")
    return found


def spoil_fragments(path: Path, *numbers: int) -> None:
    """Zeros where the pictures of these fragments were, the first is 0: as a disk gives a block that it lost."""
    content = bytearray(path.read_bytes())
    data = [at for at, kind in top_boxes(path) if kind == b"mdat"]
    for number in numbers:
        at = data[number]
        size = int.from_bytes(content[at : at + 4], "big")
        content[at + 8 : at + size] = bytes(size - 8)
    path.write_bytes(content)
