"""The real ffmpeg ends a list of files at the first packet that is spoiled; a clip goes on behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from recordings.core.ffmpeg import Tool
from recordings.core.segments import Segment, holes
from recordings.recorder.clips import make_clip
from tests.integration.recordings import stamps
from tests.recordings.pieces import make_fragmented, spoil_fragments

pytestmark = pytest.mark.integration

T = 1_795_334_400.0


def cut_off(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: content.rindex(b"mdat") + 20])


def spoiled(file: Path) -> None:
    spoil_fragments(file, 1, 2, 3)


@pytest.mark.parametrize(
    ("damage", "gaps", "pictures"),
    [(spoiled, [(2.5, 4.0)], 45), (cut_off, [], 55)],  # half a second is no more than the clocks' jitter
    ids=["spoiled", "cut off"],
)
def test_what_lies_behind_damage_is_in_the_clip(
    tmp_path: Path, damage: Callable[[Path], None], gaps: list[tuple[float, float]], pictures: int
) -> None:
    segments = [Segment("vid1", f"{n}.mp4", "r", T + 2 * n, T + 2 * n + 2, 1) for n in range(3)]
    for segment in segments:
        make_fragmented(tmp_path / segment.path)
    damage(tmp_path / "1.mp4")
    target = tmp_path / "clips" / "clip.mp4"
    clip = make_clip(segments, folder=tmp_path, target=target, end=T + 6, tool=Tool("ffmpeg"), stop=threading.Event())
    seen = stamps(target.read_bytes())
    assert len(seen) == pictures
    assert (round(seen[-1], 1), round(clip.seconds, 1)) == (5.9, 6.0)
    told = [(round(a - T, 2), round(b - T, 2)) for a, b in holes(clip.of(segments), start=T, end=T + 6)]
    assert told == gaps
    assert [file.name for file in target.parent.iterdir()] == ["clip.mp4"]
