"""Object storage: files below MEDIA_ROOT, or any S3 through django-storages. Keys are relative and stay in their folder."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import IO

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, default_storage

KEY = re.compile(r"[^\x00-\x1f\x7f\\]{1,500}")


class StorageError(Exception):
    """An object could not be stored or read. `retryable` says whether trying again can help."""

    def __init__(self, text: str, *, retryable: bool) -> None:
        super().__init__(text)
        self.retryable = retryable


def check_key(key: str) -> str:
    """A relative key without empty, `.` or `..` parts. Raises StorageError."""
    if not KEY.fullmatch(key) or any(part in ("", ".", "..") for part in key.split("/")):
        raise StorageError(f"{key!r} is not a storage key", retryable=False)
    return key


class DurableFileStorage(FileSystemStorage):
    """Files that are whole or not there: temporary name, fsync, rename, fsync of the folder."""

    def _save(self, name: str, content: File[bytes]) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".upload-")
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, self.file_permissions_mode or 0o640)
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name  # a key names one object; writing it again replaces it whole


def put(key: str, content: bytes) -> None:
    """Stores the bytes under exactly this key, durably. Raises StorageError."""
    check_key(key)
    try:
        default_storage.save(key, ContentFile(content))
    except Exception as error:  # the storages' own errors have no common base
        raise StorageError(f"{key} could not be stored: {error}", retryable=True) from error


def exists(key: str) -> bool:
    """Whether an object stands under this key. Raises StorageError."""
    try:
        return bool(default_storage.exists(check_key(key)))
    except StorageError:
        raise
    except Exception as error:  # as above
        raise StorageError(f"{key} could not be looked up: {error}", retryable=True) from error


def open_object(key: str) -> tuple[IO[bytes], int]:
    """`(file, size in bytes)`; the caller closes the file. Raises StorageError, FileNotFoundError."""
    check_key(key)
    try:
        if not default_storage.exists(key):
            raise FileNotFoundError(key)
        file = default_storage.open(key, "rb")
        return file, int(file.size)
    except FileNotFoundError:
        raise
    except Exception as error:  # as above
        raise StorageError(f"{key} could not be read: {error}", retryable=True) from error
