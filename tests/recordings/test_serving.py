"""Objects over HTTP: whole, in part, beyond the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import HttpResponseBase, StreamingHttpResponse
from hypothesis import given
from hypothesis import strategies as st

from edgesite.storage import StorageError, open_object, put
from recordings import serving
from recordings.serving import parse_range, serve_object

CONTENT = bytes(range(256)) * 4
SIZE = len(CONTENT)
KEY = "captures/20261122/vid1_e1.jpg"


@pytest.fixture(autouse=True)
def _media(tmp_path: Path, settings: Any) -> None:
    options = {"location": str(tmp_path), "file_permissions_mode": 0o640}
    default = {"BACKEND": "edgesite.storage.DurableFileStorage", "OPTIONS": options}
    settings.STORAGES = settings.STORAGES | {"default": default}
    put(KEY, CONTENT)
    put("captures/empty.bin", b"")


@pytest.fixture(autouse=True)
def _no_database() -> Iterator[None]:
    """A closed answer tidies database connections up, which these tests have none of."""
    request_finished.disconnect(close_old_connections)
    yield
    request_finished.connect(close_old_connections)


def body(response: HttpResponseBase) -> bytes:
    """What a client receives; the answer is closed afterwards, as the server does."""
    assert isinstance(response, StreamingHttpResponse)

    async def collect() -> bytes:
        return b"".join([chunk async for chunk in response])

    content = asyncio.run(collect())
    response.close()
    return content


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=100-", 100, 1023),
        ("bytes=1000-5000", 1000, 1023),
        ("bytes=1023-1023", 1023, 1023),
        ("bytes=-1", 1023, 1023),
        ("bytes=-100", 924, 1023),
        ("bytes=-5000", 0, 1023),
        (" Bytes=0-9 ", 0, 9),
    ],
)
def test_a_part(header: str, first: int, last: int) -> None:
    response = serve_object(KEY, range_header=header)
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert response["Content-Length"] == str(last - first + 1)
    assert body(response) == CONTENT[first : last + 1]


@pytest.mark.parametrize(
    "header",
    ["", "bytes=-", "bytes=a-b", "bytes=0-1,5-6", "items=0-1", "bytes 0-1", "bytes=--1", "bytes=1-2-3", "bytes=٣-"],
)
def test_what_is_no_range_gets_the_whole(header: str) -> None:
    response = serve_object(KEY, range_header=header)
    assert response.status_code == 200
    assert "Content-Range" not in response
    assert response["Content-Length"] == str(SIZE)
    assert response["Accept-Ranges"] == "bytes"
    assert response["Content-Type"] == "image/jpeg"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "private" in response["Cache-Control"]
    assert body(response) == CONTENT


@pytest.mark.parametrize("header", ["bytes=1024-", "bytes=5000-6000", "bytes=-0", "bytes=5-2", f"bytes={'9' * 5000}-"])
def test_beyond_the_end(header: str) -> None:
    response = serve_object(KEY, range_header=header)
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{SIZE}"
    response.close()


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=-5"])
def test_an_empty_object_has_no_part(header: str) -> None:
    response = serve_object("captures/empty.bin", range_header=header)
    assert response.status_code == 416
    response.close()
    whole = serve_object("captures/empty.bin")
    assert (whole.status_code, whole["Content-Length"], body(whole)) == (200, "0", b"")


@given(st.integers(0, 2000) | st.just(""), st.integers(0, 2000) | st.just(""), st.integers(0, 1500))
def test_a_part_lies_within_the_object(first: int | str, last: int | str, size: int) -> None:
    try:
        part = parse_range(f"bytes={first}-{last}", size)
    except ValueError:
        return
    if part is None:
        assert first == last == ""
    else:
        assert 0 <= part[0] <= part[1] < size


@given(st.text(max_size=30), st.integers(0, 99))
def test_any_header_is_a_part_the_whole_or_a_refusal(header: str, size: int) -> None:
    try:
        part = parse_range(header, size)
    except ValueError:
        return
    assert part is None or 0 <= part[0] <= part[1] < size


def test_it_is_read_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "CHUNK", 100)
    response = serve_object(KEY, range_header="bytes=10-")
    assert body(response) == CONTENT[10:]


def test_the_file_is_closed_also_when_nobody_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    real = open_object

    def watched(key: str) -> Any:
        opened.append(real(key))
        return opened[-1]

    monkeypatch.setattr("recordings.serving.open_object", watched)
    serve_object(KEY).close()
    serve_object(KEY, range_header="bytes=9999-").close()
    body(serve_object(KEY))
    assert [file.closed for file, _ in opened] == [True, True, True]


def test_what_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        serve_object("captures/none.jpg")
    with pytest.raises(StorageError):
        serve_object("../secret_key")
