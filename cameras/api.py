"""Devices and their configuration over HTTP (DESIGN 5.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from ninja import Body, Query, Router, Schema
from ninja.errors import HttpError, ValidationError
from pydantic import ConfigDict, Field, StrictInt

from cameras.core.compiler import compile_content
from cameras.core.document import canonical, is_hash_of
from cameras.core.strict_json import DocumentError
from cameras.issued import ConfigVersion
from cameras.models import Device, DeviceStatus
from cameras.restoring import VersionError
from cameras.selectors import device_rows, visible_devices
from cameras.services import issue_version
from cameras.states import sync_state, with_newest_version
from cameras.versions import roll_back
from edgesite.api_auth import permitted, require
from edgesite.core.cursor import decode_number, decode_place, encode_place
from edgesite.fields import DecryptionError

router = Router()

PUBLISH = "cameras.change_camera"  # the admin's buttons ask for the same; a test compares
LARGEST_VERSION = 2**63 - 1


class Reported(Schema):
    """What the box said last. at: Unix seconds by the box's clock, null when it sent no date."""

    observed: int
    applied: int
    confirmed: int
    state: str
    reason: str
    at: float | None


class DeviceOut(Schema):
    """A device, what it should run and what it runs. last_seen: Unix seconds by the hub's clock.

    in_sync: `in_sync`, `pending`, `refused`, `reverted`, `offline`, `never`, `drifted`, `not_published` or `redis_ahead`.
    pending: whether the rows differ from the newest version; null unless asked for, or when they cannot be read.
    """

    device_id: str
    name: str
    site: str
    epoch: str
    last_version: int
    reported: Reported | None
    in_sync: str
    last_seen: float | None
    pending: bool | None


class DeviceList(Schema):
    items: list[DeviceOut]
    next: str | None = None


class VersionOut(Schema):
    """A version of the device's present epoch. issued_at: Unix seconds."""

    version: int
    rollback_of: int | None
    sha256: str
    author: str
    reason: str
    issued_at: float


class VersionList(Schema):
    items: list[VersionOut]
    next: str | None = None


class PageQuery(Schema):
    """`after` is the `next` of the page before."""

    after: str | None = None
    limit: int = Field(100, ge=1, le=500)


class DeviceQuery(PageQuery):
    pending: bool = Field(False, description="`1` also compares each device's rows with its newest version.")


class PublishIn(Schema):
    """reason: one line for the history."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field("", max_length=500, pattern=r"^[^\x00-\x1f]*$")


class RollbackIn(PublishIn):
    version: StrictInt = Field(ge=1, le=LARGEST_VERSION)


class Issued(Schema):
    """version: the newest now. changed: false when the rows already were what the newest version says."""

    version: int
    changed: bool = True


class Problem(Schema):
    detail: Any


Place = TypeVar("Place", str, int)


def _place(decode: Callable[[str, str], Place], kind: str, cursor: str) -> Place:
    try:
        return decode(kind, cursor)
    except ValueError:
        raise HttpError(422, "`after` is not a cursor of this list.") from None


def _published(request: HttpRequest, device_id: str) -> Device:
    """The device that is to be published to."""
    device = _device(request, device_id, PUBLISH)
    if device.revoked_at is not None:
        raise HttpError(409, "The device was shut out; provision it to let it in again.")
    return device


def _device(request: HttpRequest, device_id: str, permission: str) -> Device:
    device = visible_devices(require(request, permission)).filter(pk=device_id).first()
    if device is None:
        raise HttpError(404, "There is no such device.")
    return device


def _versions(device: Device) -> QuerySet[ConfigVersion]:
    return ConfigVersion.objects.filter(device=device, epoch=device.epoch).defer("document").order_by("-version")


def _reported(status: DeviceStatus | None) -> dict[str, Any] | None:
    if status is None or status.reported_at is None:
        return None
    try:
        moment = parse_datetime(status.device_at)
    except ValueError:
        moment = None
    at = moment.timestamp() if moment is not None and moment.tzinfo is not None else None
    return {
        "observed": status.observed,
        "applied": status.applied,
        "confirmed": status.confirmed,
        "state": status.state,
        "reason": status.reason,
        "at": at,
    }


def _is_pending(device: Device) -> bool | None:
    sha256, author = getattr(device, "newest_sha256", None), getattr(device, "newest_author", None)
    if sha256 is None:
        return True
    try:
        return not is_hash_of(sha256, canonical(compile_content(device_rows(device))), author=author or "")
    except DecryptionError:
        return None


def device_message(device: Device, *, pending: bool) -> dict[str, Any]:
    """The device as the API gives it; it comes from `with_newest_version`."""
    status: DeviceStatus | None = getattr(device, "status", None)
    newest: str = getattr(device, "newest_sha256", None) or ""
    seen = status.reported_at if status else None
    return {
        "device_id": device.pk,
        "name": str(device),
        "site": device.site.name,
        "epoch": device.epoch,
        "last_version": device.last_version,
        "reported": _reported(status),
        "in_sync": sync_state(device, sha256=newest),
        "last_seen": seen.timestamp() if seen else None,
        "pending": _is_pending(device) if pending else None,
    }


@router.get("/devices", response={200: DeviceList, 422: Problem}, tags=["devices"])
def list_devices(request: HttpRequest, query: Query[DeviceQuery]) -> dict[str, Any]:
    """Every device that the caller may see, by its ID: the configuration that it should run and the one that it runs."""
    devices = visible_devices(require(request, "cameras.view_device")).order_by("pk")
    if query.after is not None:
        devices = devices.filter(pk__gt=_place(decode_place, "d", query.after))
    page = list(with_newest_version(devices)[: query.limit + 1])
    more, page = len(page) > query.limit, page[: query.limit]
    items = [device_message(d, pending=query.pending) for d in page]
    return {"items": items, "next": encode_place("d", page[-1].pk) if more else None}


@router.get("/devices/{device_id}/versions", response={200: VersionList, 404: Problem, 422: Problem}, tags=["devices"])
def list_versions(request: HttpRequest, device_id: str, query: Query[PageQuery]) -> dict[str, Any]:
    """The device's config versions of its present epoch, newest first."""
    versions = _versions(_device(request, device_id, "cameras.view_configversion"))
    if query.after is not None:
        versions = versions.filter(version__lt=_place(decode_number, "v", query.after))
    page = list(versions[: query.limit + 1])
    more, page = len(page) > query.limit, page[: query.limit]
    items = [
        {
            "version": v.version,
            "rollback_of": v.rollback_of,
            "sha256": v.sha256,
            "author": v.author,
            "reason": v.reason,
            "issued_at": v.issued_at.timestamp(),
        }
        for v in page
    ]
    return {"items": items, "next": encode_place("v", str(page[-1].version)) if more else None}


ACT_ANSWERS: dict[int, type[Schema]] = {200: Issued, 404: Problem, 409: Problem, 422: Problem}


def _no_document(error: DocumentError) -> ValidationError:
    """422: the rows, not the request, make no valid document; `loc` is the path in the document."""
    return ValidationError([{"loc": ["document", error.path], "msg": error.reason}])


def _check_published(device: Device) -> None:
    """409 when what was issued cannot replace what Redis holds."""
    device.refresh_from_db(fields=["redis_ahead", "last_version"])
    if device.redis_ahead:
        text = "Version {} is not published: Redis holds a newer configuration than this hub. Begin a new epoch."
        raise HttpError(409, text.format(device.last_version))


@router.post(
    "/devices/{device_id}/publish", response=ACT_ANSWERS, exclude_unset=True, tags=["devices"], auth=permitted(PUBLISH)
)
def publish(request: HttpRequest, device_id: str, body: Body[PublishIn | None] = None) -> dict[str, Any]:
    """Issues what the rows say as a new version and publishes it; nothing is issued when nothing changed.

    Without a body the reason is empty. 409 when Redis holds a newer configuration, so that nothing is published.
    """
    device = _published(request, device_id)
    author = request.user.get_username()
    try:
        version = issue_version(device_id=device.pk, author=author, reason=body.reason.strip() if body else "")
    except DocumentError as error:
        raise _no_document(error) from None
    except DecryptionError as error:
        raise HttpError(503, str(error)) from None
    _check_published(device)
    if version is None:
        newest = _versions(device).values_list("version", flat=True).first()
        return {"version": newest, "changed": False}
    return {"version": version.version}


@router.post(
    "/devices/{device_id}/rollback", response=ACT_ANSWERS, exclude_unset=True, tags=["devices"], auth=permitted(PUBLISH)
)
def rollback(request: HttpRequest, device_id: str, body: RollbackIn) -> dict[str, Any]:
    """Writes the content of an earlier version back into the rows and publishes it as a new version."""
    device = _published(request, device_id)
    if not _versions(device).filter(version=body.version).exists():
        raise HttpError(404, "There is no such version in the device's present epoch.")
    author = request.user.get_username()
    try:
        version = roll_back(device_id=device.pk, version=body.version, author=author, reason=body.reason.strip())
    except VersionError as error:
        raise HttpError(409, f"{error}.") from None
    except DocumentError as error:
        raise _no_document(error) from None
    except DecryptionError as error:
        raise HttpError(503, str(error)) from None
    _check_published(device)
    return {"version": version.version}
