"""Where a box's files go: into the hub's own files (one machine), an object storage, or over HTTP to the hub."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from django.conf import settings

from edgesite import storage
from edgesite.hub_upload import HubUpload
from edgesite.storage import StorageError

Put = Callable[[bytes], None]


class Destination(Protocol):
    """`send` returns when exactly this content was read back, or the hub said that it was. Raises StorageError."""

    def send(self, key: str, file: Path, *, sha256: str, size: int) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ObjectStorage:
    """The storage of Django's settings: a bucket, or this machine's files. stop: ends an upload, which goes on later.

    What is sent is final: nobody writes into it any more.
    """

    stop: threading.Event = field(default_factory=threading.Event)

    def send(self, key: str, file: Path, *, sha256: str, size: int) -> None:
        if storage.is_stored(key, sha256=sha256, size=size, stop=self.stop):
            storage.forget_parts(file)
            return  # an earlier try ended just after it
        try:
            storage.put_file(key, file, sha256=sha256, size=size, stop=self.stop, final=True)
        except OSError as error:
            raise StorageError(f"{file} cannot be read: {error.strerror}", retryable=False) from error
        if not storage.is_stored(key, sha256=sha256, size=size, stop=self.stop):
            raise StorageError(storage.CHANGED, retryable=True)

    def close(self) -> None:
        """Nothing is kept open."""


def destination(stop: threading.Event | None = None) -> Destination | None:
    """As the settings say; None where this machine's own files are the storage, and nothing has to travel."""
    stop = stop or threading.Event()
    if settings.S3_BUCKET:
        return ObjectStorage(stop)
    if settings.DEVICE_TOKEN and settings.PUBLIC_URL:
        return HubUpload(settings.PUBLIC_URL, settings.DEVICE_TOKEN, stop)
    return None


def begin_put(key: str) -> Put:
    """What is answered stores a small object where the hub finds it, at once. Both raise StorageError."""
    if settings.S3_BUCKET or not (settings.DEVICE_TOKEN and settings.PUBLIC_URL):
        return storage.begin_put(key)
    return partial(_give_hub, key)


def _give_hub(key: str, content: bytes) -> None:
    upload = HubUpload(settings.PUBLIC_URL, settings.DEVICE_TOKEN, timeout_s=3.0)
    try:
        upload.put(key, content, sha256=hashlib.sha256(content).hexdigest())
    finally:
        upload.close()
