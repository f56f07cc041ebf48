"""The bucket as a storage: small objects by one request, URLs by one client; `test_multipart` has the large ones."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import EndpointConnectionError
from django.core.files.base import ContentFile
from storages.backends.s3 import S3Storage

from edgesite import storage
from edgesite.bucket import TRIES, BucketStorage
from tests.fakes import FakeS3

KEY = "shop/7/now.jpg"


@pytest.fixture
def bucket() -> BucketStorage:
    return BucketStorage(
        bucket_name="shop", endpoint_url="http://s3.example.org", region_name="eu-1", access_key="a", secret_key="b",
        addressing_style="path", file_overwrite=True,
    )  # fmt: skip


@pytest.fixture
def server(bucket: BucketStorage) -> FakeS3:
    server = FakeS3()
    bucket.__dict__["client"] = server
    return server


def test_a_small_object_is_one_request_and_no_thread(bucket: BucketStorage, server: FakeS3) -> None:
    given: list[dict[str, Any]] = []
    server.before = lambda operation, values: given.append(values | {"threads": threading.active_count()})
    threads = threading.active_count()
    content = ContentFile(b"\xff\xd8jpeg")
    content.seek(3)
    assert bucket.save(KEY, content) == KEY
    assert (server.calls, server.objects) == (["put"], {KEY: b"\xff\xd8jpeg"})
    assert given[0] | {"Body": b""} == {
        "Bucket": "shop", "Key": KEY, "Body": b"", "ContentType": "image/jpeg", "threads": threads,
    }  # fmt: skip


def test_a_connection_that_breaks_is_tried_again_and_a_refusal_is_not(bucket: BucketStorage, server: FakeS3) -> None:
    problems: list[Exception] = [EndpointConnectionError(endpoint_url="x"), FakeS3.error("SlowDown", 503)]

    def before(operation: str, given: dict[str, Any]) -> None:
        if problems:
            raise problems.pop(0)

    server.before = before
    bucket.save(KEY, ContentFile(b"1"))
    assert server.calls == ["put"] * 3
    problems += [FakeS3.error("SlowDown", 503)] * TRIES
    with pytest.raises(type(problems[0])):
        bucket.save(KEY, ContentFile(b"2"))
    server.calls = []
    problems[:] = [FakeS3.error("AccessDenied", 403)]
    with pytest.raises(type(problems[0])):
        bucket.save(KEY, ContentFile(b"3"))
    assert server.calls == ["put"]
    assert server.objects == {KEY: b"1"}


def test_a_large_object_goes_as_before(bucket: BucketStorage, server: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "LARGE", 4)
    monkeypatch.setattr(S3Storage, "_save", lambda self, name, content: f"{name} of {content.size}")
    assert bucket._save(KEY, ContentFile(b"1234")) == f"{KEY} of 4"
    assert bucket._save(KEY, ContentFile(b"123")) == KEY
    assert server.calls == ["put"]


def test_urls_are_those_of_the_library_signed_by_the_one_client(bucket: BucketStorage) -> None:
    ours, theirs = bucket.url(KEY, expire=3600), S3Storage.url(bucket, KEY, expire=3600)
    made, meant = urlsplit(ours), urlsplit(theirs)
    assert (made.scheme, made.netloc, made.path) == ("http", "s3.example.org", f"/shop/{KEY}")
    assert made[:3] == meant[:3]
    assert set(parse_qs(made.query)) == set(parse_qs(meant.query))
    asked = bucket.url(KEY, parameters={"ResponseContentType": "text/plain"}, expire=60)
    assert "response-content-type=text" in asked
