"""A stored video: every picture in its order and time, whatever is wrong with the file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cameras.streams.errors import IngestError
from detection.offline_video import VideoFile
from tests.servers.clips import make_audio, make_clip, shade_number

SIGNATURE = b"\x89PNG"


def noisy(path: Path, *, stamps: list[int], rate: int = 10) -> Path:
    """Pictures that no codec makes small, one packet each, with the given time stamps in pictures' durations."""
    random = np.random.default_rng(1)
    options = {"movflags": "+faststart"} if path.suffix == ".mov" else {}
    with av.open(str(path), "w", container_options=options) as file:
        stream = file.add_stream("png", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        for stamp in stamps:
            frame = av.VideoFrame.from_ndarray(random.integers(0, 255, (48, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def restamped(path: Path, stamps: list[int]) -> Path:
    """Ten pictures a second, without groups, with other time stamps in pictures' durations."""
    make_clip(path.with_suffix(".mp4"), frames=len(stamps), gop=1)
    with av.open(str(path.with_suffix(".mp4"))) as given, av.open(str(path), "w") as file:
        stream = file.add_stream_from_template(given.streams.video[0])
        packets = [packet for packet in given.demux(video=0) if packet.size]
        for packet, stamp in zip(packets, stamps, strict=True):
            packet.stream, packet.time_base = stream, Fraction(1, 10)
            packet.pts = packet.dts = stamp
            file.mux(packet)
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts"])
def test_every_picture_once_from_zero_on(tmp_path: Path, name: str) -> None:
    with VideoFile(make_clip(tmp_path / name)) as video:
        found = [(index, shade_number(frame.picture), frame.media_time) for index, frame in video.frames("vid1")]
    assert [index for index, _, _ in found] == [number for _, number, _ in found] == list(range(20))
    assert [time for _, _, time in found] == pytest.approx([i / 10 for i in range(20)], abs=1e-3)
    assert (video.cut_short, video.damaged) == ("", 0)


def test_timestamps_count_from_the_given_moment(tmp_path: Path) -> None:
    with VideoFile(make_clip(tmp_path / "a.mp4")) as video:
        frames = [frame for _, frame in video.frames("vid1", began_at=1000.0)]
    assert [frame.timestamp for frame in frames[:3]] == pytest.approx([1000.0, 1000.1, 1000.2])
    assert {frame.generation for frame in frames} == {0}


def test_uneven_stamps_are_the_time(tmp_path: Path) -> None:
    with VideoFile(noisy(tmp_path / "a.mov", stamps=[0, 1, 2, 30, 31])) as video:
        found = [(frame.media_time, frame.generation) for _, frame in video.frames("vid1")]
    assert [time for time, _ in found] == pytest.approx([0, 0.1, 0.2, 3.0, 3.1], abs=2e-3)
    assert {generation for _, generation in found} == {0}


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        ([0, 1, 1, 2, 3, 4], [0, 1, 1.5, 2, 3, 4]),
        ([0, 1, 1, 1, 2, 3, 4], [0, 1, 1.5, 2, 2.5, 3, 4]),
        ([0] * 8, [0, 0.5, 1, 1.5, 2, 3, 4, 5]),
    ],
)
def test_pictures_with_the_same_stamp_are_one_scene_and_time_is_found_again(
    tmp_path: Path, stamps: list[int], times: list[float]
) -> None:
    with VideoFile(restamped(tmp_path / "a.mkv", stamps)) as video:
        found = [(frame.media_time, frame.generation) for _, frame in video.frames("vid1")]
    assert [time for time, _ in found] == pytest.approx([0.1 * time for time in times], abs=2e-3)
    assert {generation for _, generation in found} == {0}


def test_two_recordings_in_one_file_go_on_and_start_tracks_anew(tmp_path: Path) -> None:
    """Transport streams may be put together with `cat`; the second one's stamps start again."""
    part = make_clip(tmp_path / "a.ts").read_bytes()
    (tmp_path / "both.ts").write_bytes(part + part)
    with VideoFile(tmp_path / "both.ts") as video:
        frames = [frame for _, frame in video.frames("vid1")]
    times = [frame.media_time for frame in frames]
    assert len(frames) == 40
    assert np.diff(times) == pytest.approx(np.full(39, 0.1), abs=1e-3)
    assert [frame.generation for frame in frames] == [0] * 20 + [1] * 20


def with_sound(path: Path, *, seconds: float) -> Path:
    """Two seconds of `noisy` pictures and sound that lasts longer, mixed as recorders do; no codec makes either small."""
    random = np.random.default_rng(2)
    with av.open(str(path), "w") as file:
        pictures, sound = file.add_stream("mjpeg", rate=10), file.add_stream("mp3", rate=44100)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuvj420p"
        sound.layout = "mono"
        for number in range(round(10 * seconds)):
            if number < 20:
                frame = av.VideoFrame.from_ndarray(random.integers(0, 255, (48, 64, 3), np.uint8), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 10)
                file.mux(pictures.encode(frame))
            noise = av.AudioFrame.from_ndarray(random.uniform(-1, 1, (1, 4410)).astype(np.float32), "fltp", "mono")
            noise.sample_rate, noise.pts, noise.time_base = 44100, 4410 * number, Fraction(1, 44100)
            file.mux(sound.encode(noise))
        file.mux([*pictures.encode(None), *sound.encode(None)])
    return path


@pytest.mark.parametrize("name", ["a.mkv", "a.wmv", "a.mov", "a.avi"])
def test_sound_that_lasts_longer_does_not_make_a_file_one_that_was_cut_off(tmp_path: Path, name: str) -> None:
    file = with_sound(tmp_path / name, seconds=4)
    with VideoFile(file) as video:
        assert len(list(video.frames("vid1"))) == 20
    assert (video.cut_short, video.damaged) == ("", 0)


def test_a_file_with_sound_that_was_cut_off_is_told(tmp_path: Path) -> None:
    file = with_sound(tmp_path / "a.mkv", seconds=4)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 3])
    with VideoFile(file) as video:
        assert list(video.frames("vid1"))
    assert "the file breaks off" in video.cut_short


@pytest.mark.parametrize("name", ["a.mov", "a.avi"])
def test_a_file_that_was_cut_off_gives_what_is_there_and_says_so(tmp_path: Path, name: str) -> None:
    whole = noisy(tmp_path / name, stamps=list(range(20))).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with VideoFile(tmp_path / name) as video:
        found = [index for index, _ in video.frames("vid1")]
    assert 8 <= len(found) <= 11
    assert found == list(range(len(found)))
    assert "the file breaks off" in video.cut_short


def test_damage_inside_is_counted_and_passed_over(tmp_path: Path) -> None:
    file = noisy(tmp_path / "a.mov", stamps=list(range(20)))
    whole = file.read_bytes()
    half = whole.index(SIGNATURE, len(whole) // 2)
    file.write_bytes(whole[:half] + whole[half:].replace(SIGNATURE, b"none"))
    with VideoFile(file) as video:
        found = list(video.frames("vid1"))
    assert 8 <= len(found) <= 11
    assert video.damaged == 20 - len(found)


@pytest.mark.parametrize("case", ["missing", "folder", "text", "audio", "headless"])
def test_what_is_no_video_is_refused_in_words(tmp_path: Path, case: str) -> None:
    file = tmp_path / "a.mp4"
    expected = "is not a video that can be played"
    if case == "missing":
        expected = "no such file"
    elif case == "folder":
        file.mkdir()
        expected = "no such file"
    elif case == "text":
        file.write_text("ffconcat version 1.0\nfile /etc/passwd\n")
    elif case == "audio":
        make_audio(file)
        expected = "no video stream"
    else:
        file.write_bytes(make_clip(file).read_bytes()[:1500])  # the index at the end is lost
    with pytest.raises(IngestError, match=expected):
        VideoFile(file)
