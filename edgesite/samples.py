"""The sample clip: a street with pedestrians, fetched once, for the demo and for tests. It is never committed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import structlog
from av.video.frame import PictureType

log = structlog.get_logger(__name__)

PACKAGE = "opencv-doc"
MEMBER = "usr/share/doc/opencv-doc/examples/data/vtest.avi"
SOURCE_SHA256 = "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf"
CLIP_NAME = "street.mp4"
FRAMES_PER_SECOND = 10
GROUP_OF_PICTURES = 20  # two seconds: the encoder's default would make a viewer wait 25 s for the first picture
FETCH_TIMEOUT_S = 900.0
ADVICE = "Name another video instead, for example CAMERA=/path/to/video.mp4 or CAMERA=rtsp://host/path."


class SampleError(Exception):
    """The clip cannot be made here. The message says why, and what to do instead."""


def street_clip(cache: Path) -> Path:
    """The clip as H.264 yuv420p MP4 (768×576, 10 frames/s, 79.5 s, a key frame every 2 s, no audio) inside `cache`.

    The first call downloads Debian's package opencv-doc (96 MB; ordinary users need no rights for it), checks the
    source's SHA-256 and encodes it; later calls return at once. Two first calls at once do not harm each other.
    Raises SampleError when neither the cache nor apt nor the network has it.
    """
    cache = cache.absolute()  # apt-get runs in a folder of its own
    clip = cache / CLIP_NAME
    if clip.is_file():
        return clip
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".making-") as folder:
            work = Path(folder)
            source = _source(work)
            log.info("encoding the sample clip", to=str(clip))
            encode_h264(source, work / CLIP_NAME)
            os.replace(work / CLIP_NAME, clip)
    except OSError as error:
        raise SampleError(f"The sample clip cannot be written below {cache}: {error.strerror}. {ADVICE}") from error
    return clip


def _source(work: Path) -> Path:
    installed = Path("/") / MEMBER
    if installed.is_file() and _sha256(installed) == SOURCE_SHA256:
        return installed
    extracted = work / "source.avi"
    _extract(_download(work), extracted)
    found = _sha256(extracted)
    if found != SOURCE_SHA256:
        raise SampleError(f"{MEMBER} of {PACKAGE} is not the known file (SHA-256 {found}). {ADVICE}")
    return extracted


def _download(work: Path) -> Path:
    """Fetches the package into `work`, first with the system's package lists, then with lists of its own."""
    log.info("fetching the sample clip", package=PACKAGE, megabytes=96)
    if not _run(["apt-get", "download", PACKAGE], cwd=work):
        own = _own_apt(work)
        _run(["apt-get", *own, "update"], cwd=work)
        _run(["apt-get", *own, "download", PACKAGE], cwd=work)
    packages = sorted(work.glob(f"{PACKAGE}_*.deb"))
    if not packages:
        raise SampleError(f"The sample clip needs Debian's package {PACKAGE}, and apt-get could not fetch it. {ADVICE}")
    return packages[-1]


def _own_apt(work: Path) -> list[str]:
    """Options that make apt-get keep its lists and cache inside `work`: no rights needed, nothing changed."""
    lists, cache = work / "lists", work / "cache"
    for folder in (lists / "partial", cache / "archives" / "partial"):
        folder.mkdir(parents=True)
    return ["-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={cache}", "-o", "Debug::NoLocking=1"]


def _run(command: Sequence[str], *, cwd: Path) -> bool:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False)
    except FileNotFoundError:
        raise SampleError(
            f"The sample clip comes from a Debian package and {command[0]} is missing. {ADVICE}"
        ) from None
    except subprocess.TimeoutExpired:
        return False
    if done.returncode:
        log.debug("apt-get failed", command=" ".join(command), stderr=done.stderr[-500:])
    return done.returncode == 0


def _extract(package: Path, target: Path) -> None:
    """Copies the one member out of the package; the other 100 MB are read past and never written."""
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    try:
        unpacker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise SampleError(f"The sample clip comes from a Debian package and dpkg-deb is missing. {ADVICE}") from None
    with unpacker:
        try:
            _copy_member(unpacker, target)
        except tarfile.TarError as error:
            raise SampleError(f"The package {package.name} cannot be read: {error}. {ADVICE}") from error
        finally:
            unpacker.kill()


def _copy_member(unpacker: subprocess.Popen[bytes], target: Path) -> None:
    assert unpacker.stdout is not None  # noqa: S101  # it was opened with a pipe
    with tarfile.open(fileobj=unpacker.stdout, mode="r|") as archive:
        for member in archive:
            if member.name.removeprefix("./") == MEMBER and (content := archive.extractfile(member)):
                with target.open("wb") as out:
                    while block := content.read(1 << 20):
                        out.write(block)
                return
    raise SampleError(f"The package {PACKAGE} no longer holds {MEMBER}. {ADVICE}")


def encode_h264(source: Path, target: Path) -> None:
    """Turns any video into H.264 yuv420p MP4 at 10 frames/s, one key frame each 2 s, no B-frames, index in front.

    Frames are taken as they come: the source must have the same rate. Raises SampleError.
    """
    if "libx264" not in av.codecs_available:
        raise SampleError(f"This installation of PyAV has no H.264 encoder (libx264). {ADVICE}")
    try:
        _transcode(source, target)
    except av.FFmpegError as error:
        raise SampleError(f"The sample clip cannot be encoded: {error.strerror}. {ADVICE}") from error


def _transcode(source: Path, target: Path) -> None:
    with (
        av.open(str(source), options={"protocol_whitelist": "file"}) as given,
        av.open(str(target), "w", format="mp4", container_options={"movflags": "+faststart"}) as made,
    ):
        picture = given.streams.video[0]
        stream = made.add_stream("libx264", rate=FRAMES_PER_SECOND)
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "20", "bf": "0", "sc_threshold": "0"}
        stream.codec_context.gop_size = GROUP_OF_PICTURES
        for number, frame in enumerate(given.decode(picture)):
            frame = frame.reformat(format="yuv420p")  # noqa: PLW2901  # the pixel format is all that changes
            frame.pict_type = PictureType.NONE  # else the source's key frames would become key frames here too
            frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
