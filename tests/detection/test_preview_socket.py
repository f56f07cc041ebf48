"""The editor's socket for a draft that is tried: who is let in, who gets what, and what the box is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.test import Client
from pytest_django import Settings

from cameras.asking import REVOKED, SILENT
from cameras.models import Camera, Device, DeviceStatus
from detection import preview_access, preview_socket
from detection.core.preview import Fired, Preview, pack, unpack
from detection.preview_socket import PreviewConsumer
from detection.routing import websocket_urlpatterns
from edgesite.commands import parse_command
from recordings.snapshots import DISABLED, NEVER, STOPPED
from tests.detection.live_page import make_camera, make_user
from tests.fakes import FakeRedis

pytestmark = pytest.mark.django_db

SEES = ("cameras.view_camera",)
EDITS = (*SEES, "cameras.change_roi", "cameras.change_binding")
JPEG = b"\xff\xd8\xff" + b"x" * 20
SQUARE = [[0.1, 0.1], [0.6, 0.1], [0.6, 0.6], [0.1, 0.6]]


class Cloud:
    """The cloud Redis as a socket listens to it: channels by name, and the commands that the box would get."""

    def __init__(self) -> None:
        self.redis = FakeRedis()
        self.queues: dict[str, asyncio.Queue[bytes]] = {}
        self.closed = 0

    # an asynchronous client and its subscription

    def pubsub(self) -> Cloud:
        return self

    async def subscribe(self, channel: str) -> None:
        self.queues[channel] = asyncio.Queue()

    async def get_message(self, **options: Any) -> dict[str, Any] | None:
        [queue] = self.queues.values()
        try:
            return {"data": await asyncio.wait_for(queue.get(), options["timeout"])}
        except TimeoutError:
            return None

    async def aclose(self) -> None:
        self.closed += 1

    def commands(self, device_id: str = "box-north") -> list[dict[str, Any]]:
        """The bodies that were sent since."""
        found = self.redis.streams.pop(f"device:{device_id}:commands", [])
        return [dict(parse_command(fields).body) for _, fields in found]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Cloud]:
    made = Cloud()
    monkeypatch.setattr(preview_socket, "connect_async", lambda url: made)
    monkeypatch.setattr(preview_access, "cloud_redis", lambda url: made.redis.client())
    monkeypatch.setattr(PreviewConsumer, "recheck_seconds", 0.15)
    monkeypatch.setattr(PreviewConsumer, "renew_seconds", 0.3)
    monkeypatch.setattr(PreviewConsumer, "gap_seconds", 0.02)
    yield made
    assert not PreviewConsumer._open


class Page:
    """A browser's socket. watch_id: known from the channel that it listens to."""

    def __init__(self, user: User | None, camera_id: str, cloud: Cloud) -> None:
        client = Client()
        if user is not None:
            client.force_login(user)
        cookie = client.cookies.output(header="", sep=";").strip().encode()
        application = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
        self.socket = WebsocketCommunicator(application, f"/ws/preview/{camera_id}", headers=[(b"cookie", cookie)])
        self.camera_id, self.cloud = camera_id, cloud

    async def open(self) -> dict[str, Any]:
        connected, _ = await self.socket.connect()
        assert connected
        hello: dict[str, Any] = await self.next("hello")
        while not self.cloud.queues:
            await asyncio.sleep(0.01)
        return hello

    async def next(self, kind: str, seconds: float = 2.0) -> Any:
        """The next message of a kind; `preview`: one with a picture or states, as (head, jpeg)."""
        while True:
            message = await self.socket.receive_output(timeout=seconds)
            assert message["type"] == "websocket.send", message
            if message.get("bytes") is not None:
                if kind == "preview":
                    return unpack(message["bytes"])
            elif json.loads(message["text"])["type"] == kind:
                return json.loads(message["text"])

    async def previews(self, seconds: float) -> int:
        """How many come within the time."""
        found = 0
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self.next("preview", seconds=seconds * 2)
                    found += 1
        except TimeoutError:
            return found

    async def closing_code(self, seconds: float = 2.0) -> int:
        while True:
            message = await self.socket.receive_output(timeout=seconds)
            if message["type"] == "websocket.close":
                return int(message["code"])

    async def say(self, **message: Any) -> None:
        await self.socket.send_to(text_data=json.dumps(message))

    async def draft(self, number: int = 1, *rois: Any, **values: Any) -> None:
        await self.say(type="draft", draft=number, rois=list(rois) or [roi()], **values)

    @property
    def watch_id(self) -> str:
        [channel] = self.cloud.queues
        return channel.rpartition(":")[2]

    async def box_shows(self, jpeg: bytes = JPEG, **values: Any) -> None:
        given = {"watch_id": self.watch_id, "camera_id": self.camera_id, "draft": 1, "age_s": 0.1} | values
        await self.box_says(pack(Preview.model_validate(given), jpeg))

    async def box_says(self, message: bytes) -> None:
        [queue] = self.cloud.queues.values()
        await queue.put(message)


def roi(roi_id: str = "gate", **values: Any) -> dict[str, Any]:
    rule: dict[str, Any] = {"bind_id": None, "algo_code": "intrusion", "params": {}}
    return {"roi_id": roi_id, "roi_type": "polygon", "coordinates": SQUARE, "binds": [rule]} | values


def run(
    user: User | None, cloud: Cloud, scenario: Callable[[Page], Awaitable[None]], camera_id: str = "north-1"
) -> None:
    async def guarded() -> None:
        page = (
            Page(user, camera_id, cloud) if user is None else await database_sync_to_async(Page)(user, camera_id, cloud)
        )
        try:
            await scenario(page)
        finally:
            await page.socket.disconnect()

    async_to_sync(guarded)()


def a_camera(camera_id: str = "north-1", site: str = "North", *, commands: Any = ("watch",), **health: Any) -> Camera:
    """A camera whose box has just reported."""
    camera = make_camera(camera_id, site)
    known = {"cameras": {camera_id: "live"}, "commands": list(commands)} | health
    DeviceStatus.objects.create(
        device=camera.device,
        reported_at=datetime.now(UTC),
        health=known,
        epoch="",
        state="applied",
        sha256="",
        reason="",
    )
    return camera


@pytest.mark.parametrize(
    ("permissions", "camera_id", "code"),
    [(None, "north-1", 4401), ((), "north-1", 4403), (SEES, "south-1", 4403), (SEES, "no-such", 4403)],
)
def test_who_may_not_see_the_camera_is_refused(
    cloud: Cloud, permissions: tuple[str, ...] | None, camera_id: str, code: int
) -> None:
    """A camera of another site and one that does not exist look alike."""
    a_camera()
    a_camera("south-1", "South")
    user = None if permissions is None else make_user(*permissions, sites=["North"])

    async def scenario(page: Page) -> None:
        assert await page.socket.connect() == (True, None)
        assert await page.closing_code() == code
        assert cloud.queues == {}

    run(user, cloud, scenario, camera_id)


def test_the_box_is_told_of_a_draft_and_shows_it(cloud: Cloud) -> None:
    a_camera()

    async def scenario(page: Page) -> None:
        assert (await page.open())["problem"] == ""
        await page.draft(7, roi(), roi("bad", coordinates=[[0, 0]]))
        checked = await page.next("checked")
        assert (checked["draft"], [(p["roi_id"], p["field"]) for p in checked["problems"]]) == (
            7,
            [("bad", "coordinates")],
        )
        await asyncio.sleep(0.1)
        [command] = cloud.commands()
        assert (command["camera_id"], command["watch_id"], command["draft"]) == ("north-1", page.watch_id, 7)
        assert [bind["bind_id"] for bind in command["content"]["binds"]] == ["gate#0"]
        await page.box_shows(draft=7, camera="live", width=64, height=48)
        head, jpeg = await page.next("preview")
        assert (head.draft, head.camera, jpeg) == (7, "live", JPEG)

    run(make_user(*EDITS), cloud, scenario)
    assert cloud.closed == 1


def test_who_may_change_nothing_sees_what_is_stored(cloud: Cloud) -> None:
    camera = a_camera()
    camera.rois.create(roi_id="stored", coordinates=SQUARE).bindings.create(bind_id="b", algo_code="loitering")

    async def scenario(page: Page) -> None:
        await page.open()
        await page.draft(1, roi("mine"))
        await page.next("checked")
        await asyncio.sleep(0.1)
        [command] = cloud.commands()
        assert [bind["bind_id"] for bind in command["content"]["binds"]] == ["stored#0"]

    run(make_user(*SEES), cloud, scenario)


def test_the_watch_is_renewed_as_long_as_the_page_gives_signs_of_life(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_camera()
    monkeypatch.setattr(PreviewConsumer, "silence_seconds", 0.8)

    async def scenario(page: Page) -> None:
        await page.open()
        await page.draft()
        await asyncio.sleep(0.6)
        await page.say(type="renew")
        await asyncio.sleep(0.6)
        first, *renewals = cloud.commands()
        assert first["content"] is not None
        assert len(renewals) >= 2
        assert {command["content"] for command in renewals} == {None}
        await asyncio.sleep(0.8)
        cloud.commands()
        await asyncio.sleep(0.7)
        assert cloud.commands() == []

    run(make_user(*EDITS), cloud, scenario)


def test_a_box_that_does_not_know_the_watch_gets_all_of_it_again(cloud: Cloud) -> None:
    a_camera()

    async def scenario(page: Page) -> None:
        await page.open()
        await page.draft()
        await page.next("checked")
        await asyncio.sleep(0.1)
        assert cloud.commands()[0]["content"] is not None
        await page.box_shows(b"", answer="unknown")
        await asyncio.sleep(0.1)
        assert cloud.commands()[0]["content"] is not None
        await page.box_shows(b"", answer="refused", problem="The box's own words")
        assert (await page.next("refused"))["problem"] == "The box's own words"

    run(make_user(*EDITS), cloud, scenario)


def withdraw_permission(user: User) -> None:
    user.user_permissions.clear()


def take_the_site(user: User) -> None:
    user.site_access.sites.clear()


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def log_out(user: User) -> None:
    Session.objects.all().delete()


@pytest.mark.parametrize(
    ("act", "code"), [(withdraw_permission, 4403), (take_the_site, 4403), (deactivate, 4401), (log_out, 4401)]
)
def test_withdrawn_access_ends_the_socket(cloud: Cloud, act: Callable[[User], None], code: int) -> None:
    a_camera()
    user = make_user(*EDITS, sites=["North"])

    async def scenario(page: Page) -> None:
        await page.open()
        await page.box_shows()
        await page.next("preview")
        await database_sync_to_async(act)(user)
        assert await page.closing_code() == code
        await page.box_shows()
        assert await page.socket.receive_nothing(timeout=0.3)

    run(user, cloud, scenario)


def test_nothing_is_sent_on_rights_that_could_not_be_checked(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    a_camera()
    monkeypatch.setattr(PreviewConsumer, "access_age_seconds", 0.3)

    def no_database(*args: Any) -> Any:
        raise DatabaseError

    async def scenario(page: Page) -> None:
        await page.open()
        with monkeypatch.context() as broken:
            broken.setattr(preview_socket, "access_to", no_database)
            await asyncio.sleep(0.6)
            await page.box_shows()
            assert await page.previews(0.3) == 0
        await asyncio.sleep(0.3)
        await page.box_shows()
        await page.next("preview")

    run(make_user(*EDITS), cloud, scenario)


@pytest.mark.parametrize(
    "message",
    [b"", b"nonsense", pack(Preview(watch_id="0" * 36, camera_id="north-1", draft=1), JPEG)],
)
def test_what_is_not_of_this_watch_is_dropped(cloud: Cloud, message: bytes) -> None:
    a_camera()

    async def scenario(page: Page) -> None:
        await page.open()
        await page.box_says(message)
        await page.box_shows(camera_id="south-1")
        await page.box_shows(draft=9)
        head, _ = await page.next("preview")
        assert head.draft == 9

    run(make_user(*EDITS), cloud, scenario)


def test_a_slow_page_gets_fewer_pictures_but_hears_what_fired(cloud: Cloud) -> None:
    a_camera()

    async def scenario(page: Page) -> None:
        await page.open()
        for _ in range(5):
            await page.box_shows()
        assert await page.previews(0.3) == 2
        await page.box_shows(fired=[Fired(bind_id="gate#0", phase="started", at=1.0)])
        head, jpeg = await page.next("preview")
        assert (len(head.fired), jpeg) == (1, b"")
        for _ in range(3):
            await page.say(type="seen")
        await asyncio.sleep(0.05)
        await page.box_shows()
        await page.next("preview")

    run(make_user(*EDITS), cloud, scenario)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda c: Device.objects.update(revoked_at=datetime.now(UTC)), REVOKED),
        (lambda c: Camera.objects.update(enabled=False), DISABLED),
        (lambda c: Camera.objects.update(analyse=False), STOPPED),
        (lambda c: DeviceStatus.objects.all().delete(), NEVER),
        (lambda c: DeviceStatus.objects.update(reported_at=datetime(2020, 1, 1, tzinfo=UTC)), SILENT),
        (lambda c: DeviceStatus.objects.update(health={"commands": ["probe"]}), preview_access.OLD),
        (lambda c: DeviceStatus.objects.update(health={}), preview_access.OLD),
        (lambda c: DeviceStatus.objects.update(health={"commands": 7}), preview_access.OLD),
    ],
)
def test_why_the_box_shows_nothing_is_said_and_nothing_is_asked(
    cloud: Cloud, change: Callable[[Camera], object], problem: str
) -> None:
    change(a_camera())

    async def scenario(page: Page) -> None:
        assert (await page.open())["problem"] == problem
        await page.draft()
        assert (await page.next("pulse"))["problem"] == problem
        assert cloud.commands() == []

    run(make_user(*EDITS), cloud, scenario)


def test_a_camera_that_goes_to_another_box_begins_anew(cloud: Cloud) -> None:
    camera = a_camera()
    other = a_camera("other", "South").device

    async def scenario(page: Page) -> None:
        await page.open()
        await database_sync_to_async(Camera.objects.filter(pk=camera.pk).update)(device=other)
        assert await page.closing_code() == 4503

    run(make_user(*EDITS), cloud, scenario)


@pytest.mark.parametrize(
    "text",
    [
        "x", "[]", "7", '{"type": 7}', '{"type": "draft"}', '{"type": "draft", "draft": -1}',
        '{"type": "draft", "draft": true}', '{"type": "draft", "draft": 1e99}', '{"type": "other"}', "[" * 9999,
        '{"type": "renew", "x": "' + "y" * preview_socket.LARGEST + '"}',
    ],
)  # fmt: skip
def test_a_page_that_talks_nonsense_is_left(cloud: Cloud, text: str) -> None:
    a_camera()

    async def scenario(page: Page) -> None:
        await page.open()
        await page.socket.send_to(text_data=text)
        assert await page.closing_code() == 4400

    run(make_user(*EDITS), cloud, scenario)


@pytest.mark.parametrize("rois", [None, 7, {"a": 1}, [7], [{"binds": [7]}]])
def test_a_draft_that_is_none_shows_the_picture_all_the_same(cloud: Cloud, rois: Any) -> None:
    a_camera()

    async def scenario(page: Page) -> None:
        await page.open()
        await page.say(type="draft", draft=1, rois=rois)
        await asyncio.sleep(0.2)
        [command] = cloud.commands()
        assert command["content"]["binds"] == []

    run(make_user(*EDITS), cloud, scenario)


def test_a_draft_that_is_too_large_is_refused_in_words(cloud: Cloud) -> None:
    a_camera()
    many = [[0.1 + 0.7 * n / 190 + 1e-9, 0.1 + 0.001 * (n % 2)] for n in range(190)] + [[0.9, 0.9], [0.1, 0.9]]

    async def scenario(page: Page) -> None:
        await page.open()
        await page.draft(1, *(roi(f"r{n}", coordinates=many) for n in range(30)))
        assert (await page.next("refused", seconds=5))["problem"] == preview_access.TOO_LARGE
        assert cloud.commands() == []

    run(make_user(*EDITS), cloud, scenario)


def test_there_are_only_so_many_sockets(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    a_camera()
    monkeypatch.setattr(preview_socket, "MOST_SOCKETS", 0)

    async def scenario(page: Page) -> None:
        assert await page.socket.connect() == (True, None)
        assert await page.closing_code() == 4429

    run(make_user(*EDITS), cloud, scenario)


def test_who_is_refused_takes_no_place(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else anybody, without a password, could keep all places taken."""
    a_camera()
    monkeypatch.setattr(preview_socket, "MOST_SOCKETS", 1)
    viewer = make_user(*EDITS)

    async def scenario(page: Page) -> None:
        strangers = [Page(None, "north-1", cloud) for _ in range(2)]
        for stranger in strangers:
            await stranger.socket.connect()
            assert await stranger.closing_code() == 4401
        await page.open()
        for stranger in strangers:
            await stranger.socket.disconnect()

    run(viewer, cloud, scenario)


def test_one_person_does_not_take_every_place(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one of a person is refused, and taken once another was closed; other people have theirs."""
    a_camera()
    monkeypatch.setattr(preview_socket, "MOST_EACH", 1)
    one, other = make_user(*EDITS), User.objects.create_superuser("other")

    async def quiet(socket: PreviewConsumer) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(PreviewConsumer, "_listen", quiet)

    async def another(user: User) -> Page:
        page: Page = await database_sync_to_async(Page)(user, "north-1", cloud)
        await page.socket.connect()
        return page

    async def scenario(page: Page) -> None:
        await page.socket.connect()
        await page.next("hello")
        second, beside = await another(one), await another(other)
        assert await asyncio.wait_for(second.closing_code(), 3) == 4429
        await beside.next("hello")
        await page.socket.disconnect()
        third = await another(one)
        await third.next("hello")
        for each in (second, beside, third):
            await each.socket.disconnect()

    run(one, cloud, scenario)
