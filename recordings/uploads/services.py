"""Takes a device's file in parts, and stores it when it is whole and what was announced.

What has come so far stands in `VAR_DIR/uploads`, one file an object: it outlives a kill of either side, and the next try
goes on at its end. Nothing counts as stored before it was read back from the storage.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import structlog
from django.conf import settings

from cameras.models import Device
from edgesite import storage
from edgesite.storage import StorageError, check_key
from recordings.core.names import safe_name
from recordings.uploads.grants import Grant, grant_for

log = structlog.get_logger(__name__)

RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})", re.ASCII)
SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
LARGEST_PART = 1024 * 1024
SPARE = 512 * 1024 * 1024  # bytes that uploads leave free on the hub's disk
STALE_S = 24 * 3600.0


class UploadError(Exception):
    """An upload, or a part of it, is not taken. status: as in HTTP. offset: where the next part belongs, when that is known."""

    def __init__(self, status: int, text: str, *, offset: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Announced:
    """What a box says it uploads: size in bytes, SHA-256 in hexadecimal. Raises UploadError for what cannot be."""

    key: str
    size: int
    sha256: str

    def __post_init__(self) -> None:
        if not SHA256.fullmatch(self.sha256):
            raise UploadError(400, "The SHA-256 must be 64 small hexadecimal digits.")
        if self.size < 1:
            raise UploadError(400, "The size must be a number of bytes.")


@dataclass(frozen=True, slots=True)
class Progress:
    """offset: bytes that the hub has. stored: all of it stands in the storage, read back and compared."""

    offset: int
    stored: bool


def progress_of(*, device: Device, announced: Announced) -> Progress:
    """How far an upload is; stores one that is whole and was not, as after a kill. Raises UploadError, StorageError."""
    grant = _granted(device, announced)
    if _stands(device, grant, announced):
        return Progress(announced.size, True)
    path = _part_file(device, announced)
    try:
        have = path.stat().st_size
    except FileNotFoundError:
        return Progress(0, False)
    if have < announced.size:
        return Progress(have, False)
    with _locked(path) as file:
        return _finished(file, path, device, announced)


def take_part(*, device: Device, announced: Announced, first: int, content: bytes) -> Progress:
    """The bytes from `first` on. Raises UploadError, StorageError."""
    grant = _granted(device, announced)
    if not content or len(content) > LARGEST_PART or first + len(content) > announced.size:
        raise UploadError(413, f"A part has 1 to {LARGEST_PART} bytes and ends with the object.")
    if _stands(device, grant, announced):
        return Progress(announced.size, True)
    path = _part_file(device, announced)
    if first == 0:
        _begin(path, announced)
    with _locked(path) as file:
        have = os.fstat(file.fileno()).st_size
        if have >= announced.size:  # an earlier try ended between its last part and the storage
            return _finished(file, path, device, announced)
        if have != first:
            raise UploadError(409, "The part does not follow what is here.", offset=have)
        file.seek(have)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        have += len(content)
        if have < announced.size:
            return Progress(have, False)
        return _finished(file, path, device, announced)


def parse_range(header: str) -> tuple[int, int, int]:
    """First byte, number of bytes and size of the whole, from `Content-Range`. Raises UploadError."""
    match = RANGE.fullmatch(header.strip())
    if match is None:
        raise UploadError(400, "Content-Range must be `bytes FIRST-LAST/SIZE`.")
    first, last, size = (int(part) for part in match.groups())
    if last < first or last >= size:
        raise UploadError(400, "Content-Range says what cannot be.")
    return first, last - first + 1, size


def clear_up(*, now: float) -> int:
    """Removes uploads that nobody went on with for a day, and what is noted of others for so long; how many."""
    gone = 0
    for file in _folder().glob("*/*"):
        with contextlib.suppress(OSError):
            if now - file.stat().st_mtime > STALE_S:
                file.unlink()
                gone += 1
    return gone


def _granted(device: Device, announced: Announced) -> Grant:
    try:
        check_key(announced.key)
    except StorageError:
        raise UploadError(400, "The key must be a relative path without “..”.") from None
    grant = grant_for(device, announced.key)
    if grant is None:
        raise UploadError(404, "The hub expects no such object from this device, or not yet.")
    if announced.size > grant.most:
        raise UploadError(413, f"An object here has at most {grant.most} bytes.")
    return grant


def _stands(device: Device, grant: Grant, announced: Announced) -> bool:
    """Whether it is stored already. Raises UploadError when something else is, and must stay."""
    if _note(device, announced).is_file() and storage.size_of(announced.key) == announced.size:
        return True
    if storage.is_stored(announced.key, sha256=announced.sha256, size=announced.size):
        return True
    if not grant.replaces and storage.exists(announced.key):
        raise UploadError(409, "Another object stands under this key, and evidence is not replaced.")
    return False


def _folder() -> Path:
    return Path(settings.VAR_DIR) / "uploads"


def _part_file(device: Device, announced: Announced) -> Path:
    """One for each object and content; its name says nothing that could lead out of the folder."""
    name = hashlib.sha256(announced.key.encode()).hexdigest()[:32]
    return _folder() / safe_name(device.pk) / f"{name}-{announced.sha256}-{announced.size}.part"


def _note(device: Device, announced: Announced) -> Path:
    """Stands for a day once a large object was stored and read back: a box that did not wait for that asks again, and
    should not have to wait for as long again."""
    return _part_file(device, announced).with_suffix(".stored")


def _begin(path: Path, announced: Announced) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(path.parent).free < announced.size + SPARE:
        raise UploadError(503, "The hub's disk is full.")
    prefix = path.name.partition("-")[0]
    for other in path.parent.glob(f"{prefix}-*.part"):
        if other != path:  # the box has another content now
            other.unlink(missing_ok=True)
    path.touch()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[IO[bytes]]:
    """The file, for this request alone; two that upload the same object at once must not mix their parts."""
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        raise UploadError(409, "The hub has no part of it.", offset=0) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UploadError(503, "This object is being uploaded just now.") from None
        yield file


def _finished(file: IO[bytes], path: Path, device: Device, announced: Announced) -> Progress:
    """Stores what is whole. Raises UploadError when it is not what was announced, StorageError."""
    file.seek(0)
    if storage.sha256_of(file) != announced.sha256:
        path.unlink(missing_ok=True)
        raise UploadError(422, "The SHA-256 is not the announced one; begin again.", offset=0)
    storage.put_file(announced.key, path, sha256=announced.sha256, size=announced.size)
    if not storage.is_stored(announced.key, sha256=announced.sha256, size=announced.size):
        storage.remove(announced.key)  # else it would stand in the way of the next try
        raise StorageError(f"{announced.key} was stored and reads back as something else", retryable=True)
    if announced.size >= storage.LARGE:
        _note(device, announced).touch()
    path.unlink(missing_ok=True)
    log.info("upload stored", device=device.pk, key=announced.key, bytes=announced.size)
    return Progress(announced.size, True)
