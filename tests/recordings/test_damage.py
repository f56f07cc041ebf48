"""Damage inside a segment: what can be seen of it without decoding is told, and what is only unusual is not."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from recordings.core.damage import Packet, parts, unreadable
from recordings.core.segments import Segment
from recordings.recorder.reading import content_of
from tests.recordings.pieces import make_fragmented, spoil_fragments, top_boxes

T = 1_795_334_400.0


def packets(*at: float, every: float = 0.5, keys: float = 2.0, spoiled: tuple[float, ...] = ()) -> list[Packet]:
    return [Packet(a, a + every, a % keys == 0, a not in spoiled) for a in at]


def steps(begin: float, end: float, every: float = 0.5) -> list[float]:
    return [begin + n * every for n in range(round((end - begin) / every))]


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (packets(*steps(0, 8)), []),
        (packets(*steps(0, 3), *steps(5, 8)), [(3, 5)]),
        (packets(*steps(0, 3), *steps(4, 8)), []),  # no more than the clocks' jitter
        (packets(*steps(2, 8)), [(0, 2)]),
        (packets(*steps(0, 5)), [(5, 8)]),
        (packets(*steps(0, 8), spoiled=(2.5, 3.0)), [(2.5, 4)]),
        (packets(*steps(0, 8), spoiled=(4.0,)), [(4, 6)]),  # a key frame: all of its group
        (packets(*steps(0, 8), spoiled=(6.5,)), [(6.5, 8)]),
        (packets(*steps(0, 3), *steps(5, 8), spoiled=(2.5, 5.5)), [(2.5, 6)]),
        (packets(0, 4, every=0.04, keys=4.0), []),  # a camera that sends a picture in four seconds
        (packets(0, 4, every=0.04, keys=4.0, spoiled=(0,)), [(0, 4)]),
    ],
)
def test_what_cannot_be_played(given: list[Packet], missing: list[tuple[float, float]]) -> None:
    assert unreadable(given, seconds=8.0) == missing


def test_what_is_left_of_a_segment() -> None:
    whole = Segment("vid1", "a", "r", T, T + 8, 1)
    left = [(p.start - T, p.end - T) for p in parts(whole, [(0, 1), (3, 5), (5, 6)])]
    assert left == [(1, 3), (6, 8)]
    assert parts(whole, [(0, 8)]) == []
    assert parts(whole, []) == [whole]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two seconds; a key frame and a fragment every half."""
    return make_fragmented(tmp_path / "a.mp4")


def left(file: Path) -> list[tuple[float, float]] | None:
    segment = Segment("vid1", file.name, "r", T, T + 2, 1)
    content = content_of(segment, folder=file.parent)
    return None if content is None else [(round(p.start - T, 2), round(p.end - T, 2)) for p in content.left]


def test_a_whole_file_is_itself(file: Path) -> None:
    assert left(file) == [(0, 2)]


def test_spoiled_packets_are_missing_up_to_the_next_key_frame(file: Path) -> None:
    spoil_fragments(file, 1)
    assert left(file) == [(0, 0.5), (1, 2)]


def test_a_file_that_ends_early_says_how_much_is_there(file: Path) -> None:
    at, _ = [box for box in top_boxes(file) if box[1] == b"mdat"][1]
    content = file.read_bytes()
    file.write_bytes(content[: at + 12])
    [(begin, end)] = left(file) or []
    assert (begin, end) == (0, 0.5)


def test_fragments_that_are_not_there_any_more_are_a_hole(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for at, name in top_boxes(file):
        if name == b"moof" and at > min(a for a, n in top_boxes(file) if n == b"moof"):
            content[at + 4 : at + 8] = b"free"
    file.write_bytes(content)
    assert left(file) == [(0, 0.5)]


def test_a_file_of_which_no_packet_can_be_read_holds_nothing(file: Path) -> None:
    spoil_fragments(file, 0, 1, 2, 3)
    assert left(file) is None
    file.write_bytes(struct.pack(">I4s", 8, b"ftyp"))
    assert left(file) is None
