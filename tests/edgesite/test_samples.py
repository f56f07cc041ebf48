import hashlib
import os
import stat
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import pytest

from edgesite import samples
from tests.servers.clips import make_clip, shade_number

APT = """#!/bin/sh
# Like apt-get without package lists: only a download with lists of its own works, after an update of them.
case "$*" in
  *Dir::State::lists=*update*) touch "$PWD/updated" ;;
  *Dir::State::lists=*download*) test -e "$PWD/updated" && cp "{package}" . ;;
  *) echo "E: Unable to locate package" >&2; exit 100 ;;
esac
"""


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small clip inside a real .deb, behind an apt-get that has it; yields the clip."""
    clip = make_clip(tmp_path / "source.mp4", frames=25)
    root = tmp_path / "root"
    member = root / samples.MEMBER
    member.parent.mkdir(parents=True)
    member.write_bytes(clip.read_bytes())
    (root / "DEBIAN").mkdir()
    control = (
        f"Package: {samples.PACKAGE}\nVersion: 1\nArchitecture: all\nMaintainer: t <t@example.org>\nDescription: t\n"
    )
    (root / "DEBIAN" / "control").write_text(control)
    package = tmp_path / f"{samples.PACKAGE}_1_all.deb"
    subprocess.run(["dpkg-deb", "-Zgzip", "-b", str(root), str(package)], check=True, capture_output=True)
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "apt-get").write_text(APT.format(package=package))
    (commands / "apt-get").chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setattr(samples, "SOURCE_SHA256", hashlib.sha256(clip.read_bytes()).hexdigest())
    return clip


def test_the_clip_is_made_once_with_package_lists_of_its_own(
    packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"

    clip = samples.street_clip(cache)

    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.codec_context.pix_fmt, stream.average_rate) == ("yuv420p", Fraction(10))
        pictures = list(container.decode(stream))
    assert [shade_number(picture) for picture in pictures] == list(range(25))
    assert [picture.key_frame for picture in pictures] == [number in (0, 20) for number in range(25)]
    assert os.listdir(cache) == [samples.CLIP_NAME]
    packaged.unlink()
    monkeypatch.setenv("PATH", "")
    assert samples.street_clip(cache) == clip


def test_another_file_under_the_same_name_is_refused(
    packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "SOURCE_SHA256", "0" * 64)

    with pytest.raises(samples.SampleError, match=r"is not the known file .*CAMERA="):
        samples.street_clip(tmp_path / "cache")

    assert os.listdir(tmp_path / "cache") == []


def test_a_package_without_the_file_is_refused(packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "MEMBER", "usr/share/other.avi")

    with pytest.raises(samples.SampleError, match=r"no longer holds usr/share/other\.avi"):
        samples.street_clip(tmp_path / "cache")


def test_without_apt_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(samples, "MEMBER", "not/installed.avi")

    with pytest.raises(samples.SampleError, match=r"apt-get is missing.*CAMERA=/path"):
        samples.street_clip(tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")

    with pytest.raises(samples.SampleError, match=r"cannot be written below .*cache"):
        samples.street_clip(tmp_path / "cache" / "below")


@pytest.mark.integration
def test_the_street_clip_is_what_the_tests_rely_on(street_clip: Path) -> None:
    with av.open(str(street_clip)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate, stream.frames) == (768, 576, Fraction(10), 795)
        keys = [float(packet.pts * packet.time_base) for packet in container.demux(stream) if packet.is_keyframe]  # type: ignore[operator]
    assert keys == pytest.approx([2.0 * number for number in range(40)])
