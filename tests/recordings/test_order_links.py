"""URLs of ordered snapshots, and whose uploads are taken for them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.db import connection
from django.test import Client
from django.utils import timezone

from cameras.models import Device
from edgesite import storage
from edgesite.hub_upload import NotExpectedError
from edgesite.storage import StorageError
from recordings.core import orders as words
from recordings.extracts.models import ExtractStep
from recordings.models import SnapshotRequest
from recordings.orders import links
from recordings.uploads.grants import grant_for
from tests.cameras.pages import browser, text
from tests.recordings.orders import JPEG, KEY, Desk, failed
from tests.recordings.uploads import give_token, sha256, uploader
from tests.rows import make_camera, make_device, make_site

pytestmark = pytest.mark.django_db


def test_a_bucket_signs_for_an_hour(desk: Desk, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.S3_BUCKET, settings.PUBLIC_URL = "shop", ""
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {"bucket_name": "shop", "endpoint_url": "http://s3.example.org", "region_name": "eu-1",
                        "access_key": "a", "secret_key": "b", "addressing_style": "path"},
        }
    }  # fmt: skip
    desk.ask()
    desk.step()
    desk.box_answers(store=False)
    desk.run()
    url = desk.result()["url"]
    assert url.startswith(f"http://s3.example.org/shop/{KEY}?")
    assert "3600" in url or "Expires=" in url

    def no(key: str, *, seconds: int) -> str:
        raise StorageError("no keys", retryable=False)

    monkeypatch.setattr(storage, "presigned_url", no)
    desk.ask(request_id="r2")
    desk.step()
    desk.box_answers("r2", store=False)
    desk.run()
    assert desk.result("r2") == failed(words.NOT_SIGNED, request_id="r2")


def test_a_link_is_for_its_picture_and_for_an_hour(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.ask()
    desk.step()
    desk.box_answers()
    desk.run()
    path = desk.result()["url"].removeprefix("https://hub.example.org")
    token = path.rpartition("/")[2]
    assert Client().get(path[:-1] + ("A" if path[-1] != "A" else "B")).status_code == 404
    assert Client().get("/api/snapshots/signed/" + signing.TimestampSigner().sign("x")).status_code == 404
    assert links.linked(token) is not None
    later = time.time() + 3601
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: later)
        assert links.linked(token) is None
    make_camera("vid2", device=Device.objects.get(pk="box-1"))
    other = SnapshotRequest.objects.get()
    other.pk, other.request_id, other.camera_id = None, "other", "vid2"
    other.save()
    assert links.linked(token) is None  # another camera's picture stands there now


def test_a_box_uploads_only_what_it_was_asked_for_while_it_may(desk: Desk) -> None:
    mine, other = Device.objects.get(pk="box-1"), make_device("box-2", site=make_site("Yard"))
    assert grant_for(mine, KEY) is None
    desk.ask()
    desk.step()
    grant = grant_for(mine, KEY)
    assert grant is not None
    assert grant.most == 20 * 1024 * 1024
    assert grant_for(other, KEY) is None
    assert grant_for(mine, "shop/7/other.jpg") is None
    SnapshotRequest.objects.update(key="backtests/x.jpg")
    assert grant_for(mine, "backtests/x.jpg") is None
    SnapshotRequest.objects.update(key=KEY, deadline=timezone.now() - timedelta(seconds=1))
    assert grant_for(mine, KEY) is None


def test_answers_and_links_are_encrypted_in_the_database(desk: Desk) -> None:

    desk.ask()
    desk.step()
    desk.box_answers()
    desk.run()
    with connection.cursor() as cursor:
        cursor.execute("SELECT url FROM recordings_snapshotorder")
        assert cursor.fetchone()[0].startswith("gAAAA")


def test_a_box_without_bucket_uploads_it_to_the_hub(desk: Desk) -> None:
    give_token(Device.objects.get(pk="box-1"))
    desk.ask()
    with pytest.raises(NotExpectedError):
        uploader().put(KEY, JPEG, sha256=sha256(JPEG))
    desk.step()
    uploader().put(KEY, JPEG, sha256=sha256(JPEG))
    desk.box_answers(store=False)
    desk.run()
    assert desk.result()["status"] == "ok"
    with pytest.raises(NotExpectedError):  # what was answered changes no more
        uploader().put(KEY, b"other", sha256=sha256(b"other"))


def test_each_fetch_by_a_signed_link_is_in_the_log_once_an_hour(desk: Desk) -> None:
    desk.ask()
    desk.step()
    desk.box_answers()
    desk.run()
    path = desk.result()["url"].removeprefix("https://hub.example.org")
    assert Client().get(path[:-1] + ("A" if path[-1] != "A" else "B")).status_code == 404
    assert not ExtractStep.objects.exists()
    for _ in range(2):
        Client().get(path).close()
    [step] = ExtractStep.objects.all()
    request = SnapshotRequest.objects.get()
    assert (step.kind, step.author, step.extract_id) == ("viewed", "signed link", request.request_id)
    assert step.camera_id == "vid1"
    assert "signed link" in text(browser("admin").get("/admin/recordings/extract/log/"))
