"""Object storage: files below MEDIA_ROOT, or any S3 through django-storages. Keys are relative and stay in their folder."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, Protocol, runtime_checkable

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.utils.translation import gettext_noop

from edgesite.files import free_and_reserve, sync_file, sync_folder

LARGE = 8 * 1024 * 1024  # bytes of a file from which on it goes into a bucket in parts
CHANGED = gettext_noop("what is stored is not what was sent")
KEY = re.compile(r"[^\x00-\x1f\x7f\\]{1,500}")


class StorageError(Exception):
    """An object could not be stored or read. `retryable` says whether trying again can help."""

    def __init__(self, text: str, *, retryable: bool) -> None:
        super().__init__(text)
        self.retryable = retryable


def check_key(key: str) -> str:
    """A relative key without empty, `.` or `..` parts. Raises StorageError."""
    is_long = len(key.encode(errors="surrogatepass")) > 1024  # bytes, which is the most that S3 takes
    if is_long or not KEY.fullmatch(key) or any(part in ("", ".", "..") for part in key.split("/")):
        raise StorageError(f"{key!r} is not a storage key", retryable=False)
    return key


class DurableFileStorage(FileSystemStorage):
    """Files that are whole or not there: temporary name, fsync, rename, fsync of the folder.

    None takes the last room of its disk: a database that shares it could write nothing more, not even what to let go.
    What a kill left of a large one goes before it is written again; who still writes it does so once more.
    """

    def take(self, name: str, file: Path) -> bool:
        """Puts a large file of this machine under the name as it is: it is not copied, and needs no room. Nobody may write
        into it any more. False where its disk cannot do that. Raises OSError.
        """
        target = Path(self.path(name))
        draft = target.with_name(f"{self._draft_of(target, clean=True)}taken")
        try:
            os.link(file, draft)
        except OSError:  # another disk, one without hard links, another user's file: a copy works, or says why not
            return False
        try:
            os.chmod(draft, self.file_permissions_mode or 0o640)
            sync_file(draft)
            os.replace(draft, target)
        finally:
            draft.unlink(missing_ok=True)  # also when it was there already: of two names of one file both stay
        sync_folder(target.parent)
        return True

    @staticmethod
    def _draft_of(target: Path, *, clean: bool) -> str:
        """What the temporary names beside it begin with. clean: what is there of them goes, which takes a look through the
        folder, too dear for each picture.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = f".upload-{hashlib.sha256(target.name.encode()).hexdigest()[:16]}-"
        for left in target.parent.glob(f"{draft}*") if clean else ():
            left.unlink(missing_ok=True)
        return draft

    def _save(self, name: str, content: File[bytes]) -> str:
        target = Path(self.path(name))
        draft = self._draft_of(target, clean=content.size >= LARGE)
        free, reserve = free_and_reserve(target.parent)
        if free - content.size < reserve:
            raise OSError(errno.ENOSPC, "The disk is nearly full")
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=draft)
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
        sync_folder(target.parent)
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name  # a key names one object; writing it again replaces it whole


def put(key: str, content: bytes | File[Any]) -> None:
    """Stores the bytes, or a file from its beginning and in chunks, under exactly this key, durably. Raises StorageError."""
    check_key(key)
    file = ContentFile(content) if isinstance(content, bytes) else content
    try:
        file.seek(0)
        default_storage.save(key, file)
    except Exception as error:  # the storages' own errors have no common base
        raise StorageError(f"{key} could not be stored: {error}", retryable=True) from error


@runtime_checkable
class SignsAhead(Protocol):
    """A storage of which the way to an object can be opened before the object is there."""

    def sign_ahead(self, key: str) -> Callable[[bytes], bool] | None:
        """What stores it within a minute; False: the ordinary way may. Raises StorageError where that would wait in vain."""


def begin_put(key: str) -> Callable[[bytes], None]:
    """As `put`, by what is answered: what takes time and needs no content is done before. Both raise StorageError."""
    backend = storages["default"]
    try:
        store = backend.sign_ahead(check_key(key)) if isinstance(backend, SignsAhead) else None
    except StorageError:
        raise
    except Exception:  # the storages' own errors have no common base; the ordinary way says what is wrong
        store = None

    def finish(content: bytes) -> None:
        if store is None or not store(content):
            put(key, content)

    return finish


@runtime_checkable
class InParts(Protocol):
    """A storage that takes large files in parts, and goes on where an earlier try ended. Raises StorageError, OSError."""

    def put_parts(self, key: str, file: Path, *, sha256: str, size: int, stop: threading.Event) -> None: ...

    def forget_parts(self, file: Path) -> None: ...

    def abort_stale(self, folders: Iterable[str]) -> int: ...


def put_file(
    key: str, path: Path, *, sha256: str, size: int, stop: threading.Event | None = None, final: bool = False
) -> None:
    """Stores a file under exactly this key; a large one in a bucket in parts, which goes on where an earlier try of the
    same content ended. stop: ends it. final: nobody will ever write into the file, so on this machine's disk a large one
    need not be copied. Raises StorageError, OSError when the file cannot be read.
    """
    backend = storages["default"]
    if size >= LARGE and isinstance(backend, InParts):
        backend.put_parts(check_key(key), path, sha256=sha256, size=size, stop=stop or threading.Event())
        return
    if final and size >= LARGE and isinstance(backend, DurableFileStorage) and _taken(backend, check_key(key), path):
        return
    with path.open("rb") as file:
        put(key, File(file, name=path.name))


def _taken(backend: DurableFileStorage, key: str, path: Path) -> bool:
    try:
        return backend.take(key, path)
    except OSError as error:
        raise StorageError(f"{key} could not be stored: {error}", retryable=True) from error


def forget_parts(path: Path) -> None:
    """What was stored of parts of a file that is no longer wanted goes."""
    backend = storages["default"]
    if isinstance(backend, InParts):
        backend.forget_parts(path)


def abort_stale(folders: Iterable[str]) -> int:
    """Takes away parts of files in these folders with which nobody went on for a day; of how many. Raises StorageError."""
    backend = storages["default"]
    return backend.abort_stale(folders) if isinstance(backend, InParts) else 0


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
        file = default_storage.open(key, "rb")
        return file, int(file.size)
    except FileNotFoundError:
        raise
    except Exception as error:  # as above
        raise StorageError(f"{key} could not be read: {error}", retryable=True) from error


def presigned_url(key: str, *, seconds: int) -> str:
    """Where anybody fetches the object from its bucket for so many seconds. Raises StorageError; only a bucket has such."""
    check_key(key)
    try:
        return str(default_storage.url(key, expire=seconds))  # type: ignore[call-arg]  # of S3Storage
    except Exception as error:  # as above
        raise StorageError(f"{key} cannot be signed for: {error}", retryable=False) from error


def size_of(key: str) -> int | None:
    """Bytes of the object; None when there is none. Raises StorageError."""
    try:
        file, size = open_object(key)
    except FileNotFoundError:
        return None
    file.close()
    return size


def is_stored(key: str, *, sha256: str, size: int, stop: threading.Event | None = None) -> bool:
    """Whether exactly this content stands under the key, read back from the storage. Raises StorageError, also when `stop`
    is set meanwhile.

    Only what this says may go at its source: a file that was uploaded, a picture that a box keeps.
    """
    try:
        file, length = open_object(key)
    except FileNotFoundError:
        return False
    with file:
        if length != size:
            return False
        try:
            return sha256_of(file, stop) == sha256
        except Exception as error:  # as above
            raise StorageError(f"{key} could not be read back: {error}", retryable=True) from error


def sha256_of(file: IO[bytes], stop: threading.Event | None = None) -> str:
    """Hexadecimal, from where the file stands to its end. Raises InterruptedError when `stop` is set."""
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
        if stop is not None and stop.is_set():
            raise InterruptedError("the program ends")
    return digest.hexdigest()


def remove(key: str) -> None:
    """Takes the object away; one that is not there is no error. Raises StorageError."""
    try:
        default_storage.delete(check_key(key))
    except StorageError:
        raise
    except Exception as error:  # as above
        raise StorageError(f"{key} could not be removed: {error}", retryable=True) from error


def folders_in(folder: str) -> list[str]:
    """The names of the folders in a folder; none where there is no such folder. Raises StorageError."""
    return _listed(folder)[0]


def remove_folder(folder: str, *, keep: str = "", stop: threading.Event | None = None) -> None:
    """Removes the objects of a folder, but for the key `keep`, and the folder when it is empty. stop: what is left stays.
    Raises StorageError.
    """
    names = _listed(folder)[1]
    try:
        for name in names:
            if stop is not None and stop.is_set():
                return
            if f"{folder}/{name}" != keep:
                default_storage.delete(f"{folder}/{name}")
        if not keep:
            with contextlib.suppress(OSError, NotImplementedError):  # a bucket has no folders
                Path(default_storage.path(folder)).rmdir()
    except Exception as error:  # as above
        raise StorageError(f"{folder} could not be removed: {error}", retryable=True) from error


def _listed(folder: str) -> tuple[list[str], list[str]]:
    try:
        return default_storage.listdir(check_key(folder))
    except FileNotFoundError:
        return [], []
    except StorageError:
        raise
    except Exception as error:  # as above
        raise StorageError(f"{folder} could not be listed: {error}", retryable=True) from error
