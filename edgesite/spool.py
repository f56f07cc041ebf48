"""Files of a box that are on their way to the hub's storage: whole or not there, below one folder, named by storage keys."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Collection
from pathlib import Path

from django.core.files.base import ContentFile

from edgesite.storage import DurableFileStorage, StorageError, check_key

YOUNG_S = 3600.0  # a file that has no row yet may be about to get one


class Spool:
    """Every method raises StorageError: for a key that is none, and for a disk that does not do what it should."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = DurableFileStorage(location=str(folder), file_permissions_mode=0o640)

    def path(self, key: str) -> Path:
        return self.folder / check_key(key)

    def put(self, key: str, content: bytes) -> None:
        """Durable when it returns: temporary name, fsync, rename."""
        check_key(key)
        try:
            self._files.save(key, ContentFile(content))
        except OSError as error:
            raise StorageError(f"{key} could not be kept: {error.strerror}", retryable=True) from error

    def digest(self, key: str) -> tuple[str, int] | None:
        """SHA-256 (hexadecimal) and size of a file; None when there is none."""
        try:
            with self.path(key).open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                return sha256, file.tell()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{key} could not be read: {error.strerror}", retryable=True) from error

    def remove(self, key: str) -> None:
        """Also its folder, when that is empty. A file that is not there is no error."""
        path = self.path(key)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{key} could not be removed: {error.strerror}", retryable=True) from error
        with contextlib.suppress(OSError):
            path.parent.rmdir()

    def clear_up(self, known: Collection[str]) -> int:
        """Removes files that nothing refers to, and temporary ones of processes that were killed; how many."""
        gone = 0
        for file in self.folder.rglob("*"):
            key = file.relative_to(self.folder).as_posix()
            with contextlib.suppress(OSError):
                if file.is_file() and key not in known and time.time() - file.stat().st_mtime > YOUNG_S:
                    file.unlink()
                    gone += 1
        return gone
