"""The live page's socket: what comes over it, and what happens to what gets lost on the way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from channels.db import database_sync_to_async
from pytest_django import Settings

from cameras.models import Camera
from detection import live
from detection.consumers import LiveConsumer
from detection.models import Alert
from tests.detection.live_page import NOWHERE, SEES, Page, make_alert, make_camera, make_user, run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quick(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.CLOUD_REDIS_URL = settings.CHANNEL_REDIS_URL = NOWHERE
    monkeypatch.setattr(LiveConsumer, "recheck_seconds", 0.15)
    yield
    live.redis_client.cache_clear()


def test_hello_holds_the_whole_state_newest_alerts_first() -> None:
    camera = make_camera("north-1")
    alerts = [make_alert(camera) for _ in range(60)]

    async def scenario(page: Page) -> None:
        hello = await page.open()
        assert hello["type"] == "hello"
        assert [c["camera_id"] for c in hello["cameras"]] == ["north-1"]
        assert [a["event_id"] for a in hello["alerts"]] == [a.event_id for a in reversed(alerts)][:50]
        assert hello["alerts"][0]["camera_name"] == "Camera north-1"
        assert abs(hello["server_time"] - time.time()) < 5
        assert hello["problem"] == "redis_down"  # nothing listens at the address of these tests

    run(make_user(*SEES), scenario)


def test_an_alert_comes_once_and_again_when_its_picture_is_there() -> None:
    camera = make_camera("north-1")

    async def scenario(page: Page) -> None:
        await page.open()
        alert = await database_sync_to_async(make_alert)(camera, capture="captures/a.jpg")
        for _ in range(5):
            await page.hint("alerts", newest=alert.pk, changed=[])
        first = await page.gather("event", seconds=0.4)
        assert [(m["event_id"], m["capture_url"]) for m in first] == [(alert.event_id, None)]
        await database_sync_to_async(Alert.objects.filter(pk=alert.pk).update)(capture_ready=True)
        await page.hint("alerts", newest=alert.pk, changed=[alert.event_id])
        second = await page.gather("event", seconds=0.4)
        assert [(m["event_id"], m["capture_url"]) for m in second] == [(alert.event_id, "/api/media/captures/a.jpg")]

    run(make_user(*SEES), scenario)


def test_a_lost_hint_is_healed_by_the_next_numbers() -> None:
    camera = make_camera("north-1")

    async def scenario(page: Page) -> None:
        await page.open()
        alert = await database_sync_to_async(make_alert)(camera)
        await page.hint("stats", stats=[], newest=alert.pk)
        assert (await page.next("event"))["event_id"] == alert.event_id
        await page.hint("stats", stats=[], newest=alert.pk)
        assert await page.gather("event", seconds=0.3) == []

    run(make_user(*SEES), scenario)


def test_an_alert_that_became_visible_late_is_not_skipped() -> None:
    """Two writers: the row with the smaller number is committed after the larger one was sent."""
    camera = make_camera("north-1")
    late = make_alert(camera)
    number, event_id = late.pk, late.event_id
    late.delete()

    async def scenario(page: Page) -> None:
        await page.open()
        early = await database_sync_to_async(make_alert)(camera, id=number + 1)
        await page.hint("alerts", newest=early.pk, changed=[early.event_id])
        assert (await page.next("event"))["event_id"] == early.event_id
        await database_sync_to_async(make_alert)(camera, id=number, event_id=event_id)
        await page.hint("alerts", newest=early.pk, changed=[event_id])
        assert [m["event_id"] for m in await page.gather("event", seconds=0.4)] == [event_id]

    run(make_user(*SEES), scenario)


def test_a_burst_of_hints_causes_few_reads_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = make_camera("north-1")
    reads: list[int] = []
    read = live.alerts_since

    def counted(*args: Any, **kwargs: Any) -> live.Alerts:
        reads.append(1)
        return read(*args, **kwargs)

    monkeypatch.setattr(live, "alerts_since", counted)

    async def scenario(page: Page) -> None:
        await page.open()
        alerts = [await database_sync_to_async(make_alert)(camera) for _ in range(450)]
        for alert in alerts[-90:]:
            await page.hint("alerts", newest=alert.pk, changed=[])
        got = await page.gather("event", seconds=2)
        assert [m["event_id"] for m in got] == [a.event_id for a in alerts]
        assert (
            3 <= len(reads) <= 12
        )  # 450 in portions of 200, and one for all hints that come within a tenth of a second

    run(make_user(*SEES), scenario)


def test_a_state_that_changes_without_a_hint_is_noticed() -> None:
    make_camera("north-1")

    async def scenario(page: Page) -> None:
        hello = await page.open()
        assert hello["cameras"][0]["state"] == "offline"
        await database_sync_to_async(Camera.objects.filter(pk="north-1").update)(enabled=False)
        assert (await page.next("camera"))["state"] == "disabled"

    run(make_user(*SEES), scenario)
