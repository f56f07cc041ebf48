"""Small files that others read at any moment, what makes files durable, and the room that is left for them."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

RESERVE = 64 * 1024 * 1024  # bytes of a disk
SMALL = 10  # of a small one the tenth part


def write_atomically(path: Path, text: str, *, mode: int = 0o600) -> None:
    """A reader sees the old text or the new one, never a part. Nothing is synced to the disk. Raises OSError."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def sync_folder(folder: Path) -> None:
    """Makes the names in the folder durable. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> int:
    """Makes the content durable; its size in bytes. Raises OSError."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size


def free_and_reserve(folder: Path) -> tuple[int, int]:
    """Bytes free on the folder's disk, and how many of them are not for pictures and films. Raises OSError."""
    usage = shutil.disk_usage(folder)
    return usage.free, min(RESERVE, usage.total // SMALL)
