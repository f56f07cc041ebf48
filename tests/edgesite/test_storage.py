"""Objects as files: whole or not there, under exactly their key, never outside their folder."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from hypothesis import given
from hypothesis import strategies as st

from edgesite import storage
from edgesite.destination import ObjectStorage
from edgesite.storage import DurableFileStorage, StorageError, check_key, exists, open_object, put


@pytest.fixture
def media(tmp_path: Path, settings: Any) -> Path:
    folder = tmp_path / "media"
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "edgesite.storage.DurableFileStorage",
            "OPTIONS": {"location": str(folder), "file_permissions_mode": 0o640},
        }
    }
    return folder


def read(key: str) -> bytes:
    file, size = open_object(key)
    with file:
        content = file.read()
    assert size == len(content)
    return content


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_what_is_put_is_read_under_exactly_its_key(media: Path) -> None:
    put("captures/20261122/vid1_a.jpg", b"one")
    assert read("captures/20261122/vid1_a.jpg") == b"one"
    assert files(media) == ["captures/20261122/vid1_a.jpg"]
    assert exists("captures/20261122/vid1_a.jpg")
    assert not exists("captures/20261122/vid1_b.jpg")
    assert stat.S_IMODE((media / "captures/20261122/vid1_a.jpg").stat().st_mode) == 0o640


def test_putting_again_replaces_the_object(media: Path) -> None:
    put("a/b.jpg", b"one" * 1000)
    put("a/b.jpg", b"two")
    assert read("a/b.jpg") == b"two"
    assert files(media) == ["a/b.jpg"]


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a/.", "a\\b", "a\nb", "a\x00b", "x" * 501, "漢" * 342],
)
def test_what_is_no_key_is_refused_for_good(media: Path, key: str) -> None:
    for act in (lambda: put(key, b"x"), lambda: open_object(key), lambda: exists(key)):
        with pytest.raises(StorageError) as caught:
            act()
        assert not caught.value.retryable
    assert not media.exists()


@given(st.text(max_size=30))
def test_a_key_that_passes_stays_in_its_folder(key: str) -> None:
    try:
        check_key(key)
    except StorageError:
        return
    assert Path(os.path.normpath(f"/media/{key}")).is_relative_to("/media")
    assert os.path.normpath(f"/media/{key}") == f"/media/{key}"


def test_what_is_not_there_is_not_found(media: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_object("a/b.jpg")


def test_a_write_that_fails_leaves_the_old_object_and_no_rest(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a/b.jpg", b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edgesite.storage.os.fsync", full)
    with pytest.raises(StorageError, match="No space left") as caught:
        put("a/b.jpg", b"new")
    assert caught.value.retryable
    assert read("a/b.jpg") == b"old"
    assert files(media) == ["a/b.jpg"]


def test_what_a_kill_left_of_a_large_file_goes_when_it_is_stored_again(
    media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "LARGE", 3)

    def killed(*args: Any, **values: Any) -> None:
        raise OSError("killed")

    for key in ("clips/a.mp4", "clips/b.mp4"):
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", killed)
            patch.setattr(Path, "unlink", lambda *args, **values: None)
            with pytest.raises(StorageError):
                put(key, b"film")
    left = sorted((media / "clips").iterdir())
    assert len(left) == 2
    put("clips/a.mp4", b"film")
    rest = sorted(p.name for p in (media / "clips").iterdir())
    assert len(rest) == 2
    assert "a.mp4" in rest  # the other one is somebody else's
    put("clips/b.mp4", b"film")
    assert sorted(p.name for p in (media / "clips").iterdir()) == ["a.mp4", "b.mp4"]


def test_file_and_folder_are_on_disk_before_the_save_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_fsync(descriptor)

    def replace(source: str, target: Path) -> None:
        order.append("rename")
        real_replace(source, target)

    monkeypatch.setattr("edgesite.storage.os.fsync", fsync)
    monkeypatch.setattr("edgesite.storage.os.replace", replace)
    DurableFileStorage(location=str(tmp_path)).save("x.jpg", ContentFile(b"x"))
    assert order == ["file", "rename", "folder"]


@pytest.fixture(autouse=True)
def _unchanged_umask() -> Iterator[None]:
    before = os.umask(0o077)  # a strict umask does not take the group's right to read
    yield
    os.umask(before)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file that no copy is made of, wherever that is possible."""
    file = tmp_path / "clip.mp4"
    file.write_bytes(os.urandom(storage.LARGE))
    return file


def send(key: str, file: Path) -> None:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    ObjectStorage().send(key, file, sha256=digest, size=file.stat().st_size)


def test_a_large_file_of_this_machine_is_stored_without_a_copy(media: Path, large: Path) -> None:
    content, key = large.read_bytes(), "recordings/vid1/a.mp4"
    send(key, large)
    stored = media / key
    assert stored.samefile(large)
    assert stat.S_IMODE(stored.stat().st_mode) == 0o640
    storage.put_file(key, large, sha256="", size=storage.LARGE, final=True)  # again: two names of one file
    assert files(media) == [key]
    send(key, large)  # a kill came before the file here went
    os.link(large, stored.with_name(f"{DurableFileStorage._draft_of(stored, clean=True)}x"))  # and one in between
    storage.remove(key)
    send(key, large)
    large.unlink()
    assert files(media) == [key]
    assert read(key) == content


def test_it_replaces_what_stands_there_and_whoever_reads_that_reads_on(media: Path, large: Path) -> None:
    put("a/b.mp4", b"before")
    file, _ = open_object("a/b.mp4")
    with file:
        send("a/b.mp4", large)
        assert file.read() == b"before"
    assert read("a/b.mp4") == large.read_bytes()
    assert files(media) == ["a/b.mp4"]


def test_putting_over_a_file_that_was_taken_leaves_that_one_alone(media: Path, large: Path) -> None:
    content = large.read_bytes()
    send("a/b.mp4", large)
    put("a/b.mp4", b"other")
    assert (read("a/b.mp4"), large.read_bytes()) == (b"other", content)


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EPERM, errno.EMLINK])
def test_where_its_disk_cannot_do_that_it_is_copied(
    media: Path, large: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*args: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    send("a/b.mp4", large)
    assert read("a/b.mp4") == large.read_bytes()
    assert not (media / "a/b.mp4").samefile(large)


def test_a_disk_that_fails_meanwhile_leaves_the_file_and_nothing_else(
    media: Path, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    content = large.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(StorageError, match="Input/output") as caught:
            send("a/b.mp4", large)
    assert caught.value.retryable
    assert (large.read_bytes(), files(media)) == (content, [])
    with pytest.raises(StorageError) as caught:
        ObjectStorage().send("a/b.mp4", large.with_name("none"), sha256="", size=storage.LARGE)
    assert not caught.value.retryable


def test_what_may_still_be_written_into_is_copied(media: Path, large: Path) -> None:
    storage.put_file("a/b.mp4", large, sha256="", size=storage.LARGE)
    assert not (media / "a/b.mp4").samefile(large)
