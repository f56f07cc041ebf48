"""An integrator, the hub and a box on one real Redis, with a real camera, a real receiver and real files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import cv2
import httpx
import numpy as np
import pytest
from django.test import override_settings
from django.utils import timezone

from cameras.models import DeviceStatus
from detection.hub.store import tell_early
from detection.snapshots import NOT_STORED
from edgesite import redis_keys
from edgesite.redis_clients import connect, get_texts
from recordings.core import orders as words
from recordings.orders.links import linked
from recordings.orders.models import SnapshotOrder
from recordings.orders.worker import Orders
from tests.integration.test_commands import Line, live
from tests.rows import make_all
from tests.servers.http import HttpReceiver, Says
from tests.servers.redis import RedisServer
from tests.servers.rtsp import RtspServer
from tests.servers.s3 import S3Server, store_in_bucket
from tests.servers.stack import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

STREAM, GROUP = redis_keys.SNAP_STREAM, redis_keys.SNAP_GROUP


class Office:
    """The box's side in threads (`Line`), the hub's two workers stepped by turns in this thread."""

    def __init__(self, line: Line) -> None:
        self.line, self.redis = line, line.redis
        self.orders = Orders(connect(line.server.url()), tell_early)

    def ask(self, **fields: str) -> str:
        return str(self.redis.xadd(STREAM, {"camera_code": "vid1"} | fields))  # type: ignore[arg-type]

    def step(self) -> None:
        self.orders.step()
        self.line.ingest.step()

    def until(self, probe: Callable[[], Any], *, seconds: float = 10, what: str) -> Any:
        def stepped() -> Any:
            self.step()
            return probe()

        return wait_until(stepped, seconds=seconds, what=what)

    def pending(self) -> int:
        return int(cast(Any, self.redis.xpending(STREAM, GROUP))["pending"])

    def answer(self, request_id: str) -> dict[str, Any]:
        key = redis_keys.snap_result(request_id)
        answer: dict[str, Any] = json.loads(self.until(lambda: self.redis.get(key), what=f"answer to {request_id}"))
        return answer


@pytest.fixture
def office(redis_server: RedisServer, tmp_path: Path, settings: Any) -> Iterator[Office]:
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "edgesite.storage.DurableFileStorage", "OPTIONS": {"location": str(tmp_path / "media")}}
    }
    settings.S3_BUCKET = ""
    with override_settings(CLOUD_REDIS_URL=redis_server.url(), PUBLIC_URL="https://hub.example.org"):
        connect(redis_server.url()).flushall()
        DeviceStatus.objects.create(
            device=make_all(),
            reported_at=timezone.now() + timedelta(minutes=5),
            health={"cameras": {"vid1": "live"}},
        )
        line = Line(redis_server, tmp_path)
        yield Office(line)
        line.close()


def get_all(office: Office, keys: list[str]) -> list[str]:
    """All of them, or none."""
    found = get_texts(office.redis, keys)
    return [text for text in found if text] if all(found) else []


def picture(url: str, folder: Path) -> tuple[int, int]:
    """Width and height of what the signed URL stands for."""
    found = linked(url.rpartition("/")[2])
    assert found is not None
    decoded = cv2.imdecode(np.frombuffer((folder / "media" / found.key).read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded.shape[1], decoded.shape[0]


def test_pictures_and_errors_reach_the_integrator(
    office: Office, street_clip: Path, tmp_path: Path, settings: Any
) -> None:
    (tmp_path / "media").mkdir(exist_ok=True)
    (tmp_path / "media" / "frozen").write_text("a file where a folder should be")
    with RtspServer(street_clip) as camera, HttpReceiver() as receiver, HttpReceiver(lambda _: Says(503)) as refusing:
        live(office.line.read("vid1", camera.url()))
        settings.SNAPSHOT_CALLBACK_HOSTS = [f"127.0.0.1:{receiver.port}", f"127.0.0.1:{refusing.port}"]
        office.ask(request_id="before", cos_path="shop/before.jpg")  # there is no group yet
        began = time.monotonic()
        first = office.answer("before")
        assert time.monotonic() - began < 5.0
        assert first["status"] == "ok", first
        assert picture(first["url"], tmp_path) == (768, 576)
        assert 0 < int(office.redis.ttl(redis_keys.snap_result("before"))) <= 60
        office.ask(request_id="called", cos_path="shop/called.jpg", callback_url=f"http://127.0.0.1:{receiver.port}")
        office.until(lambda: receiver.received, seconds=10, what="callback")
        told = json.loads(receiver.received[0].body)
        assert (told["request_id"], told["camera_code"], told["status"]) == ("called", "vid1", "ok")
        assert picture(told["url"], tmp_path) == (768, 576)
        office.ask(request_id="no", cos_path="shop/no.jpg", callback_url=f"http://127.0.0.1:{refusing.port}")
        assert office.answer("no")["status"] == "ok"
        for request_id, fields, message in (
            ("lacks", {}, f"{words.LACKS}: cos_path"),
            ("code", {"camera_code": "nope", "cos_path": "x.jpg"}, words.UNKNOWN_CAMERA),
            ("disk", {"cos_path": "frozen/x.jpg"}, NOT_STORED),
        ):
            began = time.monotonic()
            office.ask(request_id=request_id, **fields)
            assert office.answer(request_id)["message"] == message
            assert time.monotonic() - began < 5.0
    office.ask(request_id="")
    office.until(lambda: office.redis.xlen(redis_keys.SNAP_DEAD), seconds=5, what="dead letter")
    assert not office.redis.exists(redis_keys.snap_result("called"))
    office.until(lambda: not office.redis.xlen(STREAM), seconds=5, what="an empty stream")
    assert office.pending() == 0


def test_a_hub_that_is_killed_leaves_its_work_to_the_next(office: Office, street_clip: Path) -> None:
    with RtspServer(street_clip) as camera:
        live(office.line.read("vid1", camera.url()))
        office.ask(request_id="mine", cos_path="shop/mine.jpg")
        office.orders.step()  # the box is asked; nobody is told
        assert office.pending() == 1
        office.orders = Orders(connect(office.line.server.url()), tell_early)
        assert office.answer("mine")["status"] == "ok"
        # Another one read an entry and ended; it is claimed when it has been idle for long enough.
        entry = office.ask(request_id="theirs", cos_path="shop/theirs.jpg")
        office.redis.xreadgroup(GROUP, "another", {STREAM: ">"}, count=1)
        office.redis.xclaim(STREAM, GROUP, "another", 0, [entry], idle=8000)
        office.orders = Orders(connect(office.line.server.url()), tell_early)
        assert office.answer("theirs")["status"] == "ok"
        office.redis.flushall()
        office.ask(request_id="after", cos_path="shop/after.jpg")
        assert office.answer("after")["status"] == "ok"
    assert SnapshotOrder.objects.count() == 3


@pytest.mark.timeout(180)
def test_with_a_bucket_an_answer_survives_whoever_ends_before_it_is_stored(
    office: Office, street_clip: Path, settings: Any
) -> None:
    with S3Server() as s3, RtspServer(street_clip) as camera:
        store_in_bucket(settings, s3.env()["S3_ENDPOINT_URL"])
        live(office.line.read("vid1", camera.url()))
        office.ask(request_id="whole", cos_path="shop/whole.jpg")
        whole = office.answer("whole")
        assert whole["status"] == "ok", whole
        assert httpx.get(whole["url"]).raise_for_status().content.startswith(b"\xff\xd8")
        office.until(lambda: not office.pending(), seconds=5, what="what was told is stored")
        office.ask(request_id="told", cos_path="shop/told.jpg")
        office.orders.step()
        told = str(redis_keys.snap_result("told"))
        wait_until(lambda: office.line.ingest.step() and office.redis.get(told), seconds=5, what="answer")
        assert not SnapshotOrder.objects.filter(request_id="told").exists()
        first = office.redis.get(told)
        office.orders = Orders(connect(office.line.server.url()), tell_early)  # the hub ended here
        office.until(lambda: not office.pending(), seconds=5, what="what was told is stored")
        office.ask(request_id="early", cos_path="shop/early.jpg")
        office.orders.step()
        # And here, while the box takes the picture.
        office.orders = Orders(connect(office.line.server.url()), tell_early)
        wait_until(office.line.ingest.step, seconds=5, what="an answer that nobody awaits")
        assert office.redis.get(redis_keys.snap_result("early")) is None
        assert office.answer("early")["status"] == "ok"
        office.until(lambda: not office.pending(), seconds=5, what="it is stored")
    assert office.redis.get(told) == first
    assert set(SnapshotOrder.objects.values_list("request_id", "state")) == {
        (name, "ready") for name in ("whole", "told", "early")
    }


def test_a_hundred_at_once_are_all_answered_in_time(office: Office, street_clip: Path) -> None:
    with RtspServer(street_clip) as camera:
        live(office.line.read("vid1", camera.url()))
        began = time.monotonic()
        for number in range(100):
            office.ask(request_id=f"n{number}", cos_path=f"many/{number}.jpg")
        keys = [redis_keys.snap_result(f"n{number}") for number in range(100)]
        texts = office.until(lambda: get_all(office, keys), seconds=15, what="100 answers")
        took = time.monotonic() - began
    told = [json.loads(text) for text in texts]
    assert took < 7.0
    assert sum(one["status"] == "ok" for one in told) >= 10  # the rest of a machine that is busy is told so
