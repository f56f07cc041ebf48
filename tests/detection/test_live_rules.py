"""What rules tell, from the pipeline to the live page: numbers, how far each is, when an alert ended."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from channels.db import database_sync_to_async
from django.test import Client
from pytest_django import Settings

from cameras.core.schedule import ScheduleEntry
from detection import live, live_texts
from detection.analyser import CameraSlot
from detection.broadcast import Broadcast
from detection.core.statistics import BINDINGS_BYTES, MOST_NUMBERS, StatsWindow, with_rules
from detection.core.view import Lens, Trouble
from detection.hub.stats import parse_stats
from detection.ingest.streams import Streams
from detection.pipeline import CameraPipeline
from detection.plan import Plan
from tests.detection.live_page import NOWHERE, SEES, Page, make_alert, make_camera, make_user, run
from tests.detection.rule_scenes import INSIDE, NAMES, binding, tracks
from tests.fakes import Clock

CLOSED = ScheduleEntry(schedule_id="never")


def pipeline_after(seconds: float, *bindings: Any) -> CameraPipeline:
    """A person stands inside all the time."""
    pipeline = CameraPipeline(NAMES)
    pipeline.use(Plan("vid1", bindings, roi_names=((bindings[0].roi_id, "Door"),)))
    for tenth in range(round(seconds * 10) + 1):
        pipeline.step(tracks({1: INSIDE}).detections, media_time=tenth / 10, generation=0)
    return pipeline


def message(pipeline: CameraPipeline, *, age_s: float = 0.0, view: Trouble = "") -> dict[str, Any]:
    """The statistics message of a camera whose newest frame has that age, as the hub takes it."""
    counters = SimpleNamespace(decoded=10, dropped=0, wakes=0, missed=0, shed=0)
    reader = SimpleNamespace(counters=lambda: counters, watch=False, streams=Streams("webcam:0"))
    slot = SimpleNamespace(
        reader=reader,
        stats=StatsWindow(),
        pipeline=pipeline,
        newest=SimpleNamespace(timestamp=1000.0 - age_s),
        view=Lens(trouble=view),
    )
    broadcast = Broadcast(
        device_id="box-1", client=cast(Any, None), analyser=cast(Any, None), clock=Clock(1000.0), monotonic=Clock(5.0)
    )
    found = parse_stats(broadcast._message("vid1", cast(CameraSlot, slot), 5.0))
    assert found is not None
    return cast("dict[str, Any]", found["data"])


def test_the_message_says_how_far_each_binding_is() -> None:
    dwelling = binding("intrusion", dwell_s=10.0)
    asleep = replace(dwelling, bind_id="night", schedule=CLOSED)
    data = message(pipeline_after(4, dwelling, asleep))
    told = data["bindings"][dwelling.bind_id]
    assert (told["algo_code"], told["roi"], told["active"], told["target"]) == ("intrusion", "Door", True, 10.0)
    assert told["value"] == pytest.approx(4.0, abs=1.1)  # told once a second
    assert data["bindings"]["night"] == {"algo_code": "intrusion", "roi": "Door", "active": False}
    assert (data["fps"], data["hairnets"], data["handwash"]) == (0.0, 0, 0)


def test_the_message_says_whether_the_view_is_free() -> None:
    pipeline = pipeline_after(1, binding("intrusion"))
    told: list[tuple[Trouble, float]] = [("", 1), ("covered", 1), ("frozen", 9), ("covered", 11)]
    assert [message(pipeline, age_s=age_s, view=view)["view"] for view, age_s in told] == [
        "clear", "covered", "frozen", "unknown",
    ]  # fmt: skip


def test_without_a_fresh_picture_nothing_is_said_of_bindings_but_counts_stay() -> None:
    pipeline = pipeline_after(2, binding("line_crossing"))
    data = message(pipeline, age_s=11)
    assert data["bindings"] == {}
    assert (data["crossings_a_to_b"], data["crossings_b_to_a"]) == (0, 0)
    assert len(message(pipeline, age_s=9)["bindings"]) == 1


def test_numbers_of_rules_fill_theirs_and_replace_no_other() -> None:
    data = {"fps": 5.0, "hairnets": 0, "handwash": 0}
    given = {"hairnets": 2.0, "fps": 99.0, "speed": 1.23456, "bad": math.nan, "worse": math.inf}
    assert with_rules(data, given, {}) == {
        "fps": 5.0, "hairnets": 2, "handwash": 0, "speed": 1.235, "bindings": {},
    }  # fmt: skip


def test_the_message_stays_small_whatever_the_rules_say() -> None:
    numbers = {f"n{number}": 1.0 for number in range(1000)} | {"hairnets": 3.0}
    bindings = {f"b{number}": {"value": 1.0, "roi": "Ü" * 100} for number in range(300)}
    data = with_rules(StatsWindow().snapshot(0.0), numbers, bindings)
    assert data["hairnets"] == 3
    assert list(data["bindings"]) == list(bindings)[: len(data["bindings"])]
    assert data["bindings_left_out"] == 300 - len(data["bindings"])
    assert len(json.dumps(data["bindings"])) <= BINDINGS_BYTES
    assert len([name for name in data if name.startswith("n")]) <= MOST_NUMBERS
    assert parse_stats(json.dumps({"type": "stats", "camera_id": "c", "timestamp": 1, "data": data})) is not None


# The page


@pytest.mark.parametrize(
    ("ended", "duration_s", "words"),
    [
        (None, None, ""),
        (datetime(2026, 11, 22, 9, 30, tzinfo=UTC), 187.0, "ended 17:30, after 3 min"),
        (datetime(2026, 11, 22, 9, 30, tzinfo=UTC), 7200.0, "ended 17:30, after 2 h"),
        (datetime(2026, 11, 21, 9, 30, tzinfo=UTC), 12.9, "ended 2026-11-21 17:30, after 12 s"),
        (datetime(2026, 11, 22, 9, 30, tzinfo=UTC), None, "ended 17:30"),
    ],
)
def test_the_end_in_words(ended: datetime | None, duration_s: float | None, words: str) -> None:
    at = ended.timestamp() if ended else None
    now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC).timestamp()
    assert live_texts.ended(at, duration_s, zone="Asia/Shanghai", now=now) == words


@pytest.mark.django_db
def test_the_page_comes_with_the_end(settings: Settings) -> None:
    settings.CLOUD_REDIS_URL = settings.CHANNEL_REDIS_URL = NOWHERE
    camera, client = make_camera("north-1"), Client()
    client.force_login(make_user(*SEES))
    at = datetime(2026, 1, 2, 8, 0, tzinfo=UTC)
    make_alert(camera, timestamp=at, ended_at=at + timedelta(minutes=5))
    assert '<p class="alert-end">ended 2026-01-02 08:05, after 5 min</p>' in client.get("/live/").content.decode()
    live.redis_client.cache_clear()


@pytest.mark.django_db
def test_the_socket_sends_the_alert_again_when_it_has_ended(settings: Settings) -> None:
    settings.CLOUD_REDIS_URL = settings.CHANNEL_REDIS_URL = NOWHERE
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    camera = make_camera("north-1")
    alert = make_alert(camera)

    async def scenario(page: Page) -> None:
        hello = await page.open()
        assert hello["alerts"][0]["ended_at"] is None
        at = alert.timestamp + timedelta(seconds=30)
        await database_sync_to_async(type(alert).objects.filter(pk=alert.pk).update)(ended_at=at, end_data={"n": 1})
        await page.hint("alerts", newest=alert.pk, changed=[alert.event_id])
        told = await page.next("event")
        assert (told["event_id"], told["duration_s"], told["end_data"]) == (alert.event_id, 30.0, {"n": 1})

    run(make_user(*SEES), scenario)
    live.redis_client.cache_clear()
