"""Damage inside a segment: what can be seen of it without decoding is told, and what is only unusual is not."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from recordings.core.damage import Packet, parts, unreadable
from recordings.core.segments import Segment
from recordings.recorder.reading import Formats, content_of, pictures_a_second, rescue
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
    content = content_of(segment, folder=file.parent, formats=Formats())
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


def make_video(path: Path, codec: str, pixels: str, *, size: tuple[int, int] = (64, 48), sound: bool = False) -> str:
    """Ten pictures; the pixel format that a decoder says of it."""
    width, height = size
    with av.open(str(path), "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov"}) as container:
        audio: Any = container.add_stream("aac", rate=8000) if sound else None
        video: Any = container.add_stream(codec, rate=10)
        video.width, video.height, video.pix_fmt = width, height, pixels
        video.time_base = Fraction(1, 10)
        for number in range(10):
            picture = av.VideoFrame.from_ndarray(np.full((height, width, 3), 20 * number, np.uint8), format="rgb24")
            picture.pts = number
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        if audio is not None:
            container.mux(audio.encode(None))
    with av.open(str(path)) as container:
        return str(container.streams.video[0].codec_context.pix_fmt)


VIDEOS = {
    "plain": ("libx264", "yuv420p"), "same": ("libx264", "yuv420p"), "other": ("libx264", "yuv422p"),
    "hevc": ("libx265", "yuv420p"), "motion": ("mjpeg", "yuvj422p"),
}  # fmt: skip


def test_pixel_formats_are_those_of_a_decoder_and_each_header_is_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {name: make_video(tmp_path / name, *kind) for name, kind in VIDEOS.items()}
    said["sound"] = make_video(tmp_path / "sound", "libx264", "yuv420p", sound=True)
    opened: list[str] = []
    real = av.open

    def noted(file: str, *args: Any, **values: Any) -> Any:
        if not values.get("stream_options"):
            opened.append(Path(file).name)
        return real(file, *args, **values)

    monkeypatch.setattr(av, "open", noted)
    formats = Formats()
    for name, pixels in said.items():
        content = content_of(Segment("vid1", name, "r", T, T + 1, 1), folder=tmp_path, formats=formats)
        assert content is not None
        assert (content.kind.pixels, content.kind.width, content.kind.height) == (pixels, 64, 48)
    assert len(set(said.values())) == 3
    assert opened == ["plain", "other", "hevc", "motion"]


@pytest.mark.parametrize("content", [b"", b"x" * 5000, b"\x00\x00\x01\xba" * 2000, b"GIF89a" + bytes(5000)])
def test_what_is_no_video_holds_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    assert left(tmp_path / "a.mp4") is None


def stamps(file: Path) -> list[float]:
    with av.open(str(file)) as container:
        return [float(picture.time) for picture in container.decode(video=0) if picture.time is not None]


@pytest.mark.parametrize(
    ("how", "lost"), [("spoiled", (0.5, 1.0)), ("one picture", (0.7, 1.0)), ("cut off", (1.0, 2.0))]
)
def test_what_is_rescued_of_a_damaged_file_is_whole_and_keeps_its_times(
    file: Path, tmp_path: Path, how: str, lost: tuple[float, float]
) -> None:
    if how == "spoiled":
        spoil_fragments(file, 1)
    elif how == "one picture":
        with av.open(str(file)) as container:
            at = [packet.pos or 0 for packet in container.demux(video=0)][7]
        content = file.read_bytes()
        file.write_bytes(content[:at] + bytes(4) + content[at + 4 :])
    else:
        at, _ = [box for box in top_boxes(file) if box[1] == b"mdat"][2]
        file.write_bytes(file.read_bytes()[: at + 12])
    assert rescue(file, tmp_path / "b.mp4")
    segments = [Segment("vid1", f"{name}.mp4", "r", T, T + 2, 1) for name in "ab"]
    damaged, mended = (content_of(s, folder=tmp_path, formats=Formats()) for s in segments)
    assert damaged is not None
    assert mended is not None
    assert (damaged.whole, mended.whole, mended.kind) == (False, True, damaged.kind)
    assert stamps(tmp_path / "b.mp4") == [n / 10 for n in range(20) if not lost[0] <= n / 10 < lost[1]]


def test_how_many_pictures_a_second_a_file_has(file: Path, tmp_path: Path) -> None:
    assert pictures_a_second(file) == 10
    (tmp_path / "b.mp4").write_bytes(b"x" * 5000)
    assert (pictures_a_second(tmp_path / "b.mp4"), pictures_a_second(tmp_path / "none.mp4")) == (0, 0)
