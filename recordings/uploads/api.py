"""Uploads of boxes: `GET` says how far one is, `PUT` brings a part. Only with a device's token, only its own objects."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Query, Router, Schema
from ninja.security import HttpBearer

from cameras.models import Device
from cameras.provisioning import device_of_token
from edgesite.hub_upload import digest_of
from edgesite.storage import StorageError
from recordings.uploads.services import Announced, Progress, UploadError, parse_range, progress_of, take_part


class DeviceAuth(HttpBearer):
    """`Authorization: Bearer` with the token that `provision_device` printed."""

    def authenticate(self, request: HttpRequest, token: str) -> Device | None:
        return device_of_token(token)


router = Router(auth=DeviceAuth(), tags=["uploads of boxes"])


class ProgressOut(Schema):
    """offset: bytes that the hub has. stored: it has all, read back and compared with the announced SHA-256."""

    offset: int
    stored: bool


class Problem(Schema):
    detail: Any


class Wanted(Schema):
    """What is announced: its size in bytes and its SHA-256 in hexadecimal."""

    sha256: str
    size: int


ANSWERS: dict[Any, Any] = {200: ProgressOut, frozenset({400, 404, 409, 413, 422, 503}): Problem}


@router.get("/device/objects/{path:key}", response=ANSWERS)
def upload_progress(request: HttpRequest, key: str, wanted: Query[Wanted]) -> HttpResponse:
    """How much of this object the hub has; the next part begins there."""
    return _answered(lambda: progress_of(device=_device(request), announced=Announced(key, wanted.size, wanted.sha256)))


@router.put("/device/objects/{path:key}", response=ANSWERS)
def upload_part(request: HttpRequest, key: str) -> HttpResponse:
    """One part: `Content-Range: bytes FIRST-LAST/SIZE`, `X-Content-SHA256` of the whole, at most 1 MiB.

    409 with `offset` when the hub has more or less of it, or the part is not what `Content-Digest` (`sha-256`, may be missing)
    says: go on there.
    """

    def take() -> Progress:
        first, length, size = parse_range(request.headers.get("Content-Range", ""))
        announced = Announced(key, size, request.headers.get("X-Content-SHA256", ""))
        content = request.body
        if len(content) != length:
            raise UploadError(400, "The body is not as long as Content-Range says.")
        digest = request.headers.get("Content-Digest", "")
        if digest.startswith("sha-256=") and digest != digest_of(content):
            raise UploadError(409, "The part was spoiled on its way.", offset=first)
        return take_part(device=_device(request), announced=announced, first=first, content=content)

    return _answered(take)


def _device(request: HttpRequest) -> Device:
    device: Device = request.auth  # type: ignore[attr-defined]  # what DeviceAuth found
    return device


def _answered(act: Any) -> HttpResponse:
    try:
        progress: Progress = act()
    except UploadError as error:
        told = {"detail": str(error)} | ({} if error.offset is None else {"offset": error.offset})
        return JsonResponse(told, status=error.status)
    except StorageError as error:
        return JsonResponse({"detail": "The storage cannot take it now."}, status=503 if error.retryable else 400)
    return JsonResponse({"offset": progress.offset, "stored": progress.stored})
