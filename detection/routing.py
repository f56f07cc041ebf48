from __future__ import annotations

from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.urls import path, re_path

from detection.consumers import LiveConsumer
from detection.preview_socket import PreviewConsumer

UNKNOWN = 4404


class NoSuchSocket(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Any other path: closed with a code of ours instead of an error in the log."""

    async def connect(self) -> None:
        await self.close(code=UNKNOWN)

    async def receive(self, *args: Any, **kwargs: Any) -> None:
        return


websocket_urlpatterns = [
    path("ws/live", LiveConsumer.as_asgi()),
    path("ws/preview/<str:camera_id>", PreviewConsumer.as_asgi()),
    re_path("", NoSuchSocket.as_asgi()),
]
