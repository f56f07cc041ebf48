"""A browser's socket without a browser, and rows for it to show. Async scenarios run in the test's own thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import async_to_sync
from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import Permission, User
from django.test import Client

from cameras.models import Camera, Device, Site, SiteAccess
from detection.models import Alert
from detection.routing import websocket_urlpatterns
from edgesite.ids import uuid7

NOWHERE = "redis://127.0.0.1:1/0"
SEES = ("cameras.view_camera", "cameras.view_device", "detection.view_alert")


def make_camera(camera_id: str, site: str = "North") -> Camera:
    place, _ = Site.objects.get_or_create(name=site)
    device, _ = Device.objects.get_or_create(device_id=f"box-{site.lower()}", defaults={"site": place})
    return Camera.objects.create(camera_id=camera_id, device=device, name=f"Camera {camera_id}", rtsp_url="webcam:0")


def make_alert(camera: Camera, **fields: Any) -> Alert:
    given = {
        "event_id": uuid7(), "device": camera.device, "camera": camera, "roi_id": "r1", "bind_id": "b1",
        "algo_code": "intrusion", "phase": "started", "severity": "warning", "timestamp": datetime.now(UTC),
    }  # fmt: skip
    return Alert.objects.create(**given | fields)


def make_user(*permissions: str, sites: list[str] | None = None) -> User:
    """sites: the only ones that the person may see; None means all."""
    user = User.objects.create_user("viewer", password="w")
    for name in permissions:
        app, code = name.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=code))
    if sites is not None:
        access = SiteAccess.objects.create(user=user)
        access.sites.set(Site.objects.filter(name__in=sites))
    return user


class Page:
    """A browser's socket."""

    def __init__(self, user: User | None) -> None:
        client = Client()
        if user is not None:
            client.force_login(user)
        cookie = client.cookies.output(header="", sep=";").strip().encode()
        self.session_key = client.session.session_key if user else None
        application = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
        self.socket = WebsocketCommunicator(application, "/ws/live", headers=[(b"cookie", cookie)])

    async def open(self) -> dict[str, Any]:
        """Connects; the first message."""
        connected, _ = await self.socket.connect()
        assert connected
        return await self.next()

    async def next(self, kind: str = "", seconds: float = 2.0) -> dict[str, Any]:
        """The next message (of a kind)."""
        while True:
            message: dict[str, Any] = await self.socket.receive_json_from(timeout=seconds)
            if not kind or message["type"] == kind:
                return message

    async def gather(self, *kinds: str, seconds: float) -> list[dict[str, Any]]:
        """Every message of these kinds that comes within the time."""
        end, found = time.monotonic() + seconds, []
        while (left := end - time.monotonic()) > 0:
            if self.socket.output_queue.empty():
                await asyncio.sleep(min(left, 0.01))
                continue
            message = await self.next()
            if message["type"] in kinds:
                found.append(message)
        return found

    async def closing_code(self, seconds: float = 2.0) -> int:
        while True:
            message = await self.socket.receive_output(timeout=seconds)
            if message["type"] == "websocket.close":
                return int(message["code"])

    async def hint(self, kind: str, **fields: Any) -> None:
        """What the hub sends to everybody's sockets."""
        layer = get_channel_layer()
        assert layer is not None
        await layer.group_send("live", {"type": f"live.{kind}", **fields})


def run(user: User | None, scenario: Callable[[Page], Awaitable[None]]) -> None:
    """Runs it in this thread, so that database reads see this test's transaction."""

    async def guarded() -> None:
        page = Page(user) if user is None else await database_sync_to_async(Page)(user)
        try:
            await scenario(page)
        finally:
            await page.socket.disconnect()

    async_to_sync(guarded)()
