"""Uploads in parts: nothing is sent twice that the server has, nothing is left there that nobody goes on with."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError

from edgesite.multipart import MOST_PARTS, Multipart, part_size
from edgesite.storage import StorageError
from edgesite.upload_record import SUFFIX
from tests.fakes import FakeS3

KEY = "recordings/vid1/20261122/a.mp4"
CONTENT = bytes(range(256)) * 5  # of parts of 512 bytes: two and a half
MB = 1024 * 1024


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeS3:
    monkeypatch.setattr("edgesite.multipart.part_size", lambda size: 512)
    return FakeS3()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp4"
    path.write_bytes(CONTENT)
    return path


def parts_of(server: FakeS3) -> Multipart:
    return Multipart(cast(Any, server), "bucket")


def send(server: FakeS3, file: Path, *, key: str = KEY, stop: threading.Event | None = None) -> None:
    content = file.read_bytes()
    parts_of(server).send(
        key, file, sha256=hashlib.sha256(content).hexdigest(), size=len(content), about={"ContentType": "video/mp4"},
        stop=stop or threading.Event(),
    )  # fmt: skip


def failing(operation: str, error: Exception, *, at: int = 1) -> Callable[[str, dict[str, Any]], None]:
    """The so manieth call of that operation, and every later one, fails."""
    seen = 0

    def before(asked: str, given: dict[str, Any]) -> None:
        nonlocal seen
        seen += asked == operation
        if asked == operation and seen >= at:
            raise error

    return before


def away() -> Exception:
    return EndpointConnectionError(endpoint_url="http://127.0.0.1")


def record(file: Path) -> Path:
    return file.with_name(file.name + SUFFIX)


def test_parts_are_eight_megabytes_and_never_too_many() -> None:
    assert part_size(8 * MB) == part_size(64 * 1024 * MB) == 8 * MB
    for size in (80_000 * MB, 80_001 * MB, 5 * MB * MB):
        assert -(-size // part_size(size)) <= MOST_PARTS
        assert part_size(size) % MB == 0


def test_a_file_arrives_in_parts_and_nothing_of_them_stays(server: FakeS3, file: Path) -> None:
    send(server, file)
    assert server.objects == {KEY: CONTENT}
    assert server.calls == ["create", "part", "part", "part", "complete", "list uploads"]
    assert not record(file).exists()


def test_it_goes_on_with_the_next_part(server: FakeS3, file: Path) -> None:
    server.before = failing("part", away(), at=3)
    with pytest.raises(StorageError) as caught:
        send(server, file)
    assert caught.value.retryable
    server.before, server.calls = lambda operation, given: None, []
    send(server, file)
    assert server.calls == ["list parts", "part", "complete", "list uploads"]
    assert (server.objects, server.uploads) == ({KEY: CONTENT}, {})


@pytest.mark.parametrize("code", ["AccessDenied", "NotImplemented"])
def test_where_parts_cannot_be_listed_what_was_noted_counts(server: FakeS3, file: Path, code: str) -> None:
    server.before = failing("part", away(), at=3)
    with pytest.raises(StorageError):
        send(server, file)
    server.before, server.calls = failing("list parts", server.error(code, 403)), []
    send(server, file)
    assert server.calls.count("part") == 1
    assert server.objects == {KEY: CONTENT}


def test_parts_that_the_server_lost_are_sent_again(server: FakeS3, file: Path) -> None:
    server.before = failing("complete", away())
    with pytest.raises(StorageError):
        send(server, file)
    [upload] = server.uploads.values()
    del upload["parts"][2]
    server.before, server.calls = lambda operation, given: None, []
    send(server, file)
    assert server.calls.count("part") == 2  # and what follows the lost one
    assert server.objects == {KEY: CONTENT}


def test_an_upload_that_the_server_forgot_is_begun_anew(server: FakeS3, file: Path) -> None:
    server.before = failing("part", away(), at=2)
    with pytest.raises(StorageError):
        send(server, file)
    server.uploads.clear()
    server.before, server.calls = lambda operation, given: None, []
    send(server, file)
    assert server.calls.count("create") == 1
    assert server.objects == {KEY: CONTENT}


def test_what_the_server_does_not_put_together_is_aborted_and_begun_anew(server: FakeS3, file: Path) -> None:
    server.before = failing("complete", server.error("InvalidPart"))
    with pytest.raises(StorageError, match="InvalidPart"):
        send(server, file)
    assert server.uploads == {}
    assert not record(file).exists()
    server.before = lambda operation, given: None
    send(server, file)
    assert server.objects == {KEY: CONTENT}


def test_a_part_that_was_spoiled_on_the_way_is_refused_and_sent_again(server: FakeS3, file: Path) -> None:
    def spoil(operation: str, given: dict[str, Any]) -> None:
        if operation == "part" and given["PartNumber"] == 2:
            content = given["Body"].getvalue()
            given["Body"].seek(0)
            given["Body"].write(bytes([content[0] ^ 1]))
            given["Body"].seek(0)

    server.before = spoil
    with pytest.raises(StorageError, match="BadDigest"):
        send(server, file)
    server.before, server.calls = lambda operation, given: None, []
    send(server, file)
    assert server.calls.count("part") == 2
    assert server.objects == {KEY: CONTENT}


def test_another_content_is_another_upload(server: FakeS3, file: Path) -> None:
    server.before = failing("part", away(), at=3)
    with pytest.raises(StorageError):
        send(server, file)
    server.before = lambda operation, given: None
    file.write_bytes(CONTENT[::-1])
    send(server, file)
    assert (server.objects, server.uploads) == ({KEY: CONTENT[::-1]}, {})


def test_what_a_kill_left_before_anything_was_noted_is_aborted(server: FakeS3, file: Path) -> None:
    server.create_multipart_upload(Key=KEY)
    server.create_multipart_upload(Key=KEY + ".another")
    send(server, file)
    assert [u["Key"] for u in server.uploads.values()] == [KEY + ".another"]


@pytest.mark.parametrize("kept", range(1, 60, 7))
def test_a_note_that_a_kill_cut_off_is_no_lie(server: FakeS3, file: Path, kept: int) -> None:
    server.before = failing("complete", away())
    with pytest.raises(StorageError):
        send(server, file)
    noted = record(file).read_bytes()
    record(file).write_bytes(noted[:-kept])
    server.before = lambda operation, given: None
    send(server, file)
    assert (server.objects, server.uploads) == ({KEY: CONTENT}, {})


def test_a_disk_that_is_full_keeps_nothing_from_being_uploaded(
    server: FakeS3, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edgesite.upload_record.os.fsync", full)
    send(server, file)
    assert server.objects == {KEY: CONTENT}


def test_the_end_of_the_program_ends_it_between_and_within_parts(server: FakeS3, file: Path) -> None:
    stop = threading.Event()

    def before(operation: str, given: dict[str, Any]) -> None:
        if operation == "part" and given["PartNumber"] == 2:
            stop.set()

    server.before = before
    with pytest.raises(InterruptedError):  # which botocore wraps
        send(server, file, stop=stop)
    with pytest.raises(StorageError, match="ends"):
        send(server, file, stop=stop)
    assert server.calls.count("part") == 2
    send(server, file)
    assert (server.calls.count("part"), server.objects) == (4, {KEY: CONTENT})


def test_a_file_that_is_given_up_leaves_nothing(server: FakeS3, file: Path) -> None:
    server.before = failing("part", away(), at=2)
    with pytest.raises(StorageError):
        send(server, file)
    server.before = lambda operation, given: None
    parts_of(server).forget(file)
    parts_of(server).forget(file)
    assert server.uploads == {}
    assert not record(file).exists()


def test_only_uploads_of_ours_to_which_nobody_adds_anything_are_stale(server: FakeS3) -> None:
    old, young = server.now - timedelta(hours=25), server.now - timedelta(hours=23)

    def left(key: str, begun: Any, *, part: Any = None) -> None:
        parts = {1: {"ETag": "x", "content": b"", "LastModified": part}} if part else {}
        server.uploads[key] = {"Key": key, "Initiated": begun, "parts": parts}

    left("recordings/vid1/stale", old)
    left("recordings/vid1/stale-with-a-part", old, part=old)
    left("recordings/vid1/young", young)
    left("recordings/vid1/slow", old, part=young)
    left("recordings-of-others/stale", old)
    left("stale", old)
    assert parts_of(server).abort_stale(["recordings", "extracts"]) == 2
    assert sorted(server.uploads) == [
        "recordings-of-others/stale",
        "recordings/vid1/slow",
        "recordings/vid1/young",
        "stale",
    ]
    assert server.calls.count("list uploads") == 2


def test_a_bucket_that_may_not_be_listed_says_so(server: FakeS3) -> None:
    server.before = failing("list uploads", server.error("AccessDenied", 403))
    with pytest.raises(StorageError, match="AccessDenied"):
        parts_of(server).abort_stale(["recordings"])
    assert server.calls == ["list uploads"]
