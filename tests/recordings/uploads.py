"""A hub that takes uploads, without a server: the real WSGI application behind httpx, and files in a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import httpx
from django.core.wsgi import get_wsgi_application

from cameras.models import Device
from edgesite.hub_upload import HubUpload

TOKEN = "esd_test-token-of-box-1"


class Flaky(httpx.BaseTransport):
    """Passes requests on to the hub; `fail` are the numbers of requests that are lost, `lose` of those whose answer is, `spoil`
    of those of which one bit is another when they arrive."""

    def __init__(
        self, *, fail: set[int] | None = None, lose: set[int] | None = None, spoil: set[int] | None = None
    ) -> None:
        self.spoil = spoil or set()
        self.inner = httpx.WSGITransport(app=get_wsgi_application())
        self.fail, self.lose = fail or set(), lose or set()
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        number = len(self.requests)
        self.requests.append(request)
        if number in self.fail:
            raise httpx.ConnectError("the network is away")
        if number in self.spoil:
            body = request.read()
            request = httpx.Request(
                request.method, request.url, headers=request.headers, content=body[:-1] + bytes([body[-1] ^ 1])
            )
        response = self.inner.handle_request(request)
        if number in self.lose:
            response.read()
            response.close()
            raise httpx.ReadError("the answer was lost")
        return response

    def sent(self) -> list[str]:
        """`Content-Range` of every part."""
        return [r.headers["Content-Range"] for r in self.requests if r.method == "PUT"]


def give_token(device: Device, token: str = TOKEN) -> None:
    """As `provision_device` does, without an epoch."""
    Device.objects.filter(pk=device.pk).update(token_hash=hashlib.sha256(token.encode()).hexdigest())


def uploader(transport: httpx.BaseTransport | None = None, *, token: str = TOKEN) -> HubUpload:
    return HubUpload("http://localhost", token, transport=transport or Flaky())


def use_files(settings: Any, folder: Path) -> Path:
    """Media and uploads of this test's own; the folder of the media."""
    settings.VAR_DIR = folder
    options = {"location": str(folder / "media"), "file_permissions_mode": 0o640}
    default = {"BACKEND": "edgesite.storage.DurableFileStorage", "OPTIONS": options}
    settings.STORAGES = settings.STORAGES | {"default": default}
    return folder / "media"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
