"""A picture whose place in the bucket is signed for before the picture is there, with a real S3 server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.storage import storages

from edgesite import bucket, storage
from tests.servers.s3 import BUCKET, S3Server, store_in_bucket

pytestmark = pytest.mark.integration

KEY = "shop/Küche 7/a+b & c.jpg"
PICTURE = b"\xff\xd8" + bytes(range(256)) * 900


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture
def client(s3: S3Server, settings: Any) -> Any:
    """The storage's own."""
    store_in_bucket(settings, s3.env()["S3_ENDPOINT_URL"])
    return storages["default"].client  # type: ignore[attr-defined]


@pytest.fixture
def ordinary(client: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that went the ordinary way."""
    keys: list[str] = []
    put_object = client.put_object

    def noted(**given: Any) -> Any:
        keys.append(given["Key"])
        return put_object(**given)

    monkeypatch.setattr(client, "put_object", noted)
    return keys


def test_it_is_stored_whole_by_the_request_that_was_signed_ahead(s3: S3Server, ordinary: list[str]) -> None:
    for content in (PICTURE, PICTURE[:-1], b""):  # what is there is written over
        put = storage.begin_put(KEY)
        put(content)
        found = s3.client().get_object(Bucket=BUCKET, Key=KEY)
        assert (found["Body"].read(), found["ContentType"]) == (content, "image/jpeg")
    assert ordinary == []


def test_what_was_spoiled_on_its_way_is_refused_and_stored_whole(
    s3: S3Server, client: Any, ordinary: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = client._endpoint.http_session
    send = session.send

    def spoil(request: Any) -> Any:
        if "Signature" in request.url:
            request.body = request.body[:-1] + b"?"
        return send(request)

    put = storage.begin_put("shop/spoiled.jpg")
    monkeypatch.setattr(session, "send", spoil)
    put(PICTURE)
    assert s3.client().get_object(Bucket=BUCKET, Key="shop/spoiled.jpg")["Body"].read() == PICTURE
    assert ordinary == ["shop/spoiled.jpg"]


def test_a_permission_that_ran_out_costs_nothing(
    s3: S3Server, ordinary: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "SIGNED_S", 1)
    put = storage.begin_put("shop/late.jpg")
    time.sleep(2.1)
    put(PICTURE)
    assert s3.client().head_object(Bucket=BUCKET, Key="shop/late.jpg")["ContentLength"] == len(PICTURE)
    assert ordinary == ["shop/late.jpg"]
