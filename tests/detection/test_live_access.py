"""The live page's socket: who is let in, who gets what, and how soon a withdrawn right counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from pytest_django import Settings

from cameras.models import Site
from detection import live
from detection.consumers import LiveConsumer
from tests.detection.live_page import NOWHERE, SEES, Page, make_alert, make_camera, make_user, run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quick(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.CLOUD_REDIS_URL = settings.CHANNEL_REDIS_URL = NOWHERE
    monkeypatch.setattr(LiveConsumer, "recheck_seconds", 0.15)
    yield
    live.redis_client.cache_clear()


def test_nobody_is_refused() -> None:
    async def scenario(page: Page) -> None:
        assert await page.socket.connect() == (True, None)
        assert await page.closing_code() == 4401

    run(None, scenario)


def test_without_the_permission_the_socket_is_refused() -> None:
    make_camera("north-1")

    async def scenario(page: Page) -> None:
        assert await page.socket.connect() == (True, None)
        assert await page.closing_code() == 4403

    run(make_user("detection.view_alert"), scenario)


def test_nothing_of_another_site_is_ever_sent() -> None:
    north, south = make_camera("north-1"), make_camera("south-1", "South")
    make_alert(south)
    user = make_user(*SEES, sites=["North"])

    async def scenario(page: Page) -> None:
        hello = await page.open()
        assert [c["camera_id"] for c in hello["cameras"]] == ["north-1"]
        assert hello["alerts"] == []
        hidden = await database_sync_to_async(make_alert)(south)
        shown = await database_sync_to_async(make_alert)(north)
        both = [{"camera_id": c, "timestamp": 1.0, "data": {"fps": 1.0}} for c in ("south-1", "north-1")]
        await page.hint("alerts", newest=shown.pk, changed=[hidden.event_id, shown.event_id])
        await page.hint("stats", stats=both, newest=shown.pk)
        await page.hint("cameras", camera_ids=["south-1", "north-1"])
        got = await page.gather("event", "stats", "camera", seconds=0.5)
        assert {m["camera_id"] for m in got} == {"north-1"}
        assert sorted(m["type"] for m in got) == ["camera", "event", "stats"]

    run(user, scenario)


def withdraw_permission(user: User) -> None:
    user.user_permissions.clear()


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def log_out(user: User) -> None:
    Session.objects.all().delete()


def change_password(user: User) -> None:
    user.set_password("another")
    user.save()


@pytest.mark.parametrize(
    ("act", "code"),
    [(withdraw_permission, 4403), (deactivate, 4401), (log_out, 4401), (change_password, 4401)],
)
def test_withdrawn_access_ends_the_socket(act: Callable[[User], None], code: int) -> None:
    camera = make_camera("north-1")
    user = make_user(*SEES)

    async def scenario(page: Page) -> None:
        await page.open()
        await database_sync_to_async(act)(user)
        assert await page.closing_code() == code
        alert = await database_sync_to_async(make_alert)(camera)
        await page.hint("alerts", newest=alert.pk, changed=[])
        await page.hint("stats", stats=[{"camera_id": "north-1", "timestamp": 1.0, "data": {}}], newest=alert.pk)
        assert await page.socket.receive_nothing(timeout=0.4)

    run(user, scenario)


def test_a_site_that_is_withdrawn_leaves_the_page() -> None:
    make_camera("north-1")
    south = make_camera("south-1", "South")
    make_alert(south)
    user = make_user(*SEES, sites=["North", "South"])

    async def scenario(page: Page) -> None:
        assert len((await page.open())["alerts"]) == 1
        await database_sync_to_async(user.site_access.sites.set)(Site.objects.filter(name="North"))
        again = await page.next("hello")
        assert [c["camera_id"] for c in again["cameras"]] == ["north-1"]
        assert again["alerts"] == []

    run(user, scenario)


def test_nothing_is_sent_on_rights_that_could_not_be_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    make_camera("north-1")
    monkeypatch.setattr(LiveConsumer, "access_age_seconds", 0.3)
    numbers = {"stats": [{"camera_id": "north-1", "timestamp": 1.0, "data": {}}], "newest": 0}

    def no_database(session_key: str | None) -> live.Access:
        raise DatabaseError

    async def scenario(page: Page) -> None:
        await page.open()
        await page.hint("stats", **numbers)
        assert (await page.next("stats"))["camera_id"] == "north-1"
        with monkeypatch.context() as broken:
            broken.setattr(live, "access_of", no_database)
            await asyncio.sleep(0.6)
            await page.gather("stats", "pulse", seconds=0.05)
            await page.hint("stats", **numbers)
            assert await page.gather("stats", seconds=0.3) == []
        await asyncio.sleep(0.3)
        await page.hint("stats", **numbers)
        assert (await page.next("stats"))["camera_id"] == "north-1"

    run(make_user(*SEES), scenario)
