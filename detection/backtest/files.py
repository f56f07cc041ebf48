"""A back-test's files in the storage: `backtests/{name}/video` and one picture for each frame that raised an alert."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import default_storage

from edgesite.storage import check_key, folders_in, open_object, put, remove_folder

ROOT = "backtests"
PICTURE = re.compile(rf"{ROOT}/([0-9a-f-]{{36}})/\d{{8}}\.jpg")


def folder_of(name: str) -> str:
    return f"{ROOT}/{name}"


def store_video(name: str, content: File[Any]) -> str:
    """Stores an upload, in chunks; its key. The name that a person gave the file is no part of it. Raises StorageError."""
    key = f"{folder_of(name)}/video"
    put(key, content)
    return key


def store_picture(name: str, frame: int, jpeg: bytes) -> str:
    """Stores a frame's picture, in place of one of an earlier try; its key. Raises StorageError."""
    key = f"{folder_of(name)}/{frame:08d}.jpg"
    put(key, jpeg)
    return key


def name_in(key: str) -> str | None:
    """The name of the back-test that the picture belongs to; None for any other key."""
    found = PICTURE.fullmatch(key)
    return found[1] if found else None


@contextlib.contextmanager
def local_file(key: str, tick: Callable[[], None]) -> Iterator[Path]:
    """The object as a file on this machine: itself, or a copy for as long as it is needed.

    tick: called now and then while it is copied, which may take minutes. Raises StorageError, FileNotFoundError.
    """
    with contextlib.suppress(NotImplementedError):
        own = Path(default_storage.path(check_key(key)))
        if not own.is_file():
            raise FileNotFoundError(key)
        yield own
        return
    with tempfile.NamedTemporaryFile(prefix="edgesite-video-") as copy:
        file, _size = open_object(key)
        with file:
            while block := file.read(1 << 20):
                copy.write(block)
                tick()
        copy.flush()
        yield Path(copy.name)


def remove_files(name: str, *, keep: str = "") -> None:
    """Removes what lies in a back-test's folder, but for the object `keep`. Raises StorageError."""
    remove_folder(folder_of(name), keep=keep)


def stored_names(*, before: datetime) -> list[str]:
    """Every folder made before that moment: its name, a UUIDv7, tells when. Raises StorageError."""
    return [name for name in folders_in(ROOT) if (made := _made_at(name)) is not None and made < before]


def _made_at(name: str) -> datetime | None:
    """RFC 9562: the first 48 bits are milliseconds of Unix time."""
    try:
        number = UUID(name)
    except ValueError:
        return None
    return datetime.fromtimestamp((number.int >> 80) / 1000, UTC) if number.version == 7 else None
