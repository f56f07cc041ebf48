"""Sound in segments and clips, with a real ffmpeg."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from recordings.core.ffmpeg import Tool, file_call
from recordings.core.segments import Segment
from recordings.recorder.clips import make_clip
from tests.servers.clips import make_clip as make_video

pytestmark = pytest.mark.integration

TOOL = Tool("ffmpeg")
SECONDS = 6


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    """Video with sound as most cameras send it: G.711."""
    silent, made = make_video(tmp_path / "silent.mp4", frames=SECONDS * 4, fps=4, gop=4), tmp_path / "camera.mov"
    with av.open(str(silent)) as given, av.open(str(made), "w") as target:
        video = target.add_stream_from_template(given.streams.video[0])
        sound = target.add_stream("pcm_mulaw", rate=8000, layout="mono")
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None:
                packet.stream = video
                target.mux(packet)
        wave = (np.sin(np.arange(8000 * SECONDS) / 8) * 9000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave[None, :], format="s16", layout="mono")
        frame.rate = 8000
        for coded in [*sound.encode(frame), *sound.encode(None)]:
            target.mux(coded)
    return made


def streams(path: Path) -> dict[str, float]:
    """By codec, the seconds that can be decoded of it."""
    found = {}
    with av.open(str(path)) as container:
        for stream in container.streams:
            container.seek(0)
            last = [packet.pts for packet in container.demux(stream) if packet.pts is not None and packet.decode()][-1]
            found[stream.codec_context.name] = float(last * (stream.time_base or 0))
    return found


def record(camera: Path, folder: Path, run: str, *, sound: bool) -> None:
    call = file_call(TOOL, str(camera), position=0.0, pattern=str(folder / f"{run}%d.mp4"), sound=sound)
    once = [a for a in call.argv if a not in ("-re", "-stream_loop", "-1")]  # as fast as it can, to its end
    subprocess.run(once, check=True, capture_output=True, timeout=30)


@pytest.mark.parametrize(("sound", "codecs"), [(True, {"h264", "aac"}), (False, {"h264"})])
def test_sound_is_kept_when_there_is_any_and_it_is_wanted(
    camera: Path, tmp_path: Path, sound: bool, codecs: set[str]
) -> None:
    folder = tmp_path / "segments"
    folder.mkdir()
    record(camera, folder, "", sound=sound)
    pieces = sorted(folder.glob("*.mp4"))
    assert len(pieces) == 2
    assert all(set(streams(p)) == codecs for p in pieces)
    segments = [Segment("vid1", p.name, "r", 4.0 * n, 4.0 * n + (4, 2)[n], 1) for n, p in enumerate(pieces)]
    target = tmp_path / "clips" / "clip.mp4"
    make_clip(segments, folder=folder, target=target, end=6.0, tool=TOOL, stop=threading.Event())
    lasting = streams(target)
    assert set(lasting) == codecs
    assert all(5.5 < seconds < 6.2 for seconds in lasting.values()), lasting


def heard(path: Path) -> tuple[float, float] | None:
    """The first and the last second of sound that is none of silence; None where there is no track."""
    with av.open(str(path)) as made:
        if not made.streams.audio:
            return None
        at = [f.time or 0.0 for f in made.decode(audio=0) if np.abs(f.to_ndarray()).max() > 0.05]
    return at[0], at[-1]


def pictures(path: Path) -> list[NDArray[Any]]:
    with av.open(str(path)) as made:
        return [frame.to_ndarray(format="gray").astype(int) for frame in made.decode(video=0)]


@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
@pytest.mark.parametrize(
    ("names", "lasts"),
    [(["mute0", "loud0", "loud1"], (4.0, 10.0)), (["loud0", "mute1"], (0.0, 4.0)), (["mute0", "mute1"], None)],
    ids=["later", "first", "never"],
)
def test_a_clip_holds_all_of_its_pieces_wherever_sound_begins_or_the_codec_changes(
    camera: Path, tmp_path: Path, names: list[str], lasts: tuple[float, float] | None, codec: str
) -> None:
    folder = tmp_path / "segments"
    folder.mkdir()
    record(camera, folder, "mute", sound=False)
    record(camera, folder, "loud", sound=True)
    if codec != "h264":  # what no browser plays is encoded
        first = folder / f"{names[0]}.mp4"
        first.rename(tmp_path / "h264.mp4")
        again = ["ffmpeg", "-i", str(tmp_path / "h264.mp4"), "-frames:v", "16", "-c:v", codec, "-c:a", "copy"]
        subprocess.run([*again, str(first)], check=True, capture_output=True, timeout=30)
    segments, at = list[Segment](), 0.0
    for name in names:
        length = (4.0, 2.0)[int(name[-1])]
        segments.append(Segment("vid1", f"{name}.mp4", name[:4], at, at + length, 1))
        at += length
    target = tmp_path / "clips" / "clip.mp4"
    clip = make_clip(segments, folder=folder, target=target, end=at, tool=TOOL, stop=threading.Event())
    shown = pictures(target)
    assert len(shown) == at * 4
    for n, segment in ((0, segments[0]), (-1, segments[-1])):  # ffmpeg repeats the last picture that it understands
        assert np.abs(shown[n] - pictures(folder / segment.path)[n]).mean() < 14  # one picture beside
    assert clip.seconds == pytest.approx(at, abs=0.3)
    assert heard(target) == (None if lasts is None else pytest.approx(lasts, abs=0.3))


def test_a_camera_without_sound_is_recorded_all_the_same(tmp_path: Path) -> None:
    silent = make_video(tmp_path / "silent.mp4", frames=SECONDS * 4, fps=4, gop=4)
    record(silent, tmp_path, "", sound=True)
    assert set(streams(tmp_path / "0.mp4")) == {"h264"}
