"""The bucket as a storage: small objects by one request, URLs by one client; `test_multipart` has the large ones."""

from __future__ import annotations

import base64
import hashlib
import threading
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from django.core.files.base import ContentFile
from storages.backends.s3 import S3Storage
from structlog.testing import capture_logs

from edgesite import settings as product
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


@pytest.mark.parametrize(
    ("region", "name", "host", "path"),
    [
        ("us-east-1", "shop", "shop.s3.amazonaws.com", f"/{KEY}"),
        (None, "shop", "shop.s3.amazonaws.com", f"/{KEY}"),
        ("eu-central-1", "shop", "shop.s3.eu-central-1.amazonaws.com", f"/{KEY}"),
        ("af-south-1", "shop", "shop.s3.af-south-1.amazonaws.com", f"/{KEY}"),
        ("af-south-1", "a.shop", "s3.af-south-1.amazonaws.com", f"/a.shop/{KEY}"),  # no certificate is for two dots
    ],
)
def test_links_are_signed_as_all_buckets_accept(region: str | None, name: str, host: str, path: str) -> None:
    """Buckets that are younger than June 2020 refuse what botocore signs by itself in the oldest regions; those of regions
    younger than March 2019 what it signs for a host without the region.
    """
    given: dict[str, Any] = {
        **dict[str, Any](product._objects)["OPTIONS"],
        "bucket_name": name,
        "access_key": "a",
        "secret_key": "b",
        "region_name": region,
    }
    made = BucketStorage(**given)
    for link in (
        made.url(KEY, expire=3600),
        made.client.generate_presigned_url("put_object", Params={"Bucket": name, "Key": KEY}),
    ):
        at = urlsplit(link)
        asked = parse_qs(at.query)
        assert (at.netloc, at.path) == (host, path)
        assert asked["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
        assert asked["X-Amz-Expires"] == ["3600"]
        assert asked["X-Amz-Credential"][0].split("/")[2] == (region or "us-east-1")


class Wire:
    """What the client sends with."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.answer: int | Exception = 200

    def send(self, request: Any) -> Any:
        self.sent.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return SimpleNamespace(status_code=self.answer)


@pytest.fixture
def wire(bucket: BucketStorage, server: FakeS3, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """Of the bucket, which is the storage; what goes past it goes to the server."""
    del bucket.__dict__["client"]
    wire, signs = Wire(), bucket.client.generate_presigned_url
    bucket.__dict__["client"] = server
    monkeypatch.setattr(server, "generate_presigned_url", signs, raising=False)
    monkeypatch.setattr(server, "_endpoint", SimpleNamespace(http_session=wire), raising=False)
    monkeypatch.setattr(storage, "storages", {"default": bucket})
    monkeypatch.setattr(storage, "default_storage", bucket)
    return wire


def test_an_object_that_was_signed_ahead_is_one_request_with_its_checksum(server: FakeS3, wire: Wire) -> None:
    put = storage.begin_put(KEY)
    assert wire.sent == []
    put(b"\xff\xd8jpeg")
    [sent] = wire.sent
    at = urlsplit(sent.url)
    assert (sent.method, at.netloc, at.path, sent.body) == ("PUT", "s3.example.org", f"/shop/{KEY}", b"\xff\xd8jpeg")
    assert sent.headers["Content-Type"] == "image/jpeg"
    assert base64.b64decode(sent.headers["Content-MD5"]) == hashlib.md5(b"\xff\xd8jpeg").digest()
    assert "Signature" in at.query
    assert server.calls == []


@pytest.mark.parametrize("answer", [403, 400, 307, EndpointConnectionError(endpoint_url="x")])
def test_what_that_request_does_not_store_goes_the_ordinary_way(
    server: FakeS3, wire: Wire, answer: int | Exception
) -> None:
    wire.answer = answer
    with capture_logs() as logs:
        storage.begin_put(KEY)(b"1")
    assert (len(wire.sent), server.calls, server.objects) == (1, ["put"], {KEY: b"1"})
    assert [line["status"] for line in logs] == [answer] * isinstance(answer, int)


def test_a_bucket_that_has_too_much_to_do_is_asked_once_a_try(server: FakeS3, wire: Wire) -> None:
    wire.answer = 503
    with pytest.raises(storage.StorageError, match="503") as told:
        storage.begin_put(KEY)(b"1")
    assert (len(wire.sent), server.calls, told.value.retryable) == (1, [], True)


@pytest.mark.parametrize("error", [ConnectTimeoutError, ReadTimeoutError])
def test_a_bucket_that_does_not_answer_is_not_asked_at_once_again(
    server: FakeS3, wire: Wire, error: type[ConnectTimeoutError | ReadTimeoutError]
) -> None:
    """Each of the ordinary way's three tries would wait for a minute. Who reads the log is not given the permission."""
    put = storage.begin_put(KEY)
    wire.answer = error(endpoint_url="http://s3.example.org/shop?X-Amz-Signature=abc")
    with pytest.raises(storage.StorageError) as told:
        put(b"1")
    assert (len(wire.sent), server.calls, told.value.retryable) == (1, [], True)
    assert "Signature" not in str(told.value)


@pytest.mark.parametrize("given", [{"object_parameters": {"ACL": "private"}}, {"gzip": True}, {}])
def test_what_cannot_be_signed_ahead_goes_the_ordinary_way(
    bucket: BucketStorage, server: FakeS3, wire: Wire, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    for name, value in given.items():
        monkeypatch.setattr(bucket, name, value)
    if not given:  # a client that is made otherwise
        monkeypatch.delattr(server, "_endpoint")
    saved: list[str] = []
    monkeypatch.setattr(bucket, "save", lambda name, content: saved.append(name))
    storage.begin_put(KEY)(b"1")
    assert (wire.sent, server.calls, saved) == ([], [], [KEY])


def test_what_goes_wrong_ahead_is_told_when_it_is_stored(
    server: FakeS3, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise NoCredentialsError

    monkeypatch.setattr(server, "generate_presigned_url", refuse)
    server.before = refuse
    put = storage.begin_put(KEY)
    with pytest.raises(storage.StorageError, match="credentials"):
        put(b"1")
    with pytest.raises(storage.StorageError, match="not a storage key"):
        storage.begin_put("../x")
