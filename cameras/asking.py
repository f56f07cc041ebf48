"""What the hub asks the box of a camera, and waits for some seconds: a picture, a test of the connection.

A request is a row that leaves `waiting` once: by the box's answer, by what kept the hub from asking, or by its deadline.
`request_id`, `camera_id`, `device_id`, `deadline`, `state` and `message` (in English, see `edgesite.told`) are its fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import structlog
from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_noop
from redis.exceptions import RedisError

from cameras.choices import RequestState
from cameras.services import cloud_redis
from edgesite.commands import send_command
from edgesite.redis_clients import describe

log = structlog.get_logger(__name__)

SILENT = gettext_noop(
    "The camera's box is silent. Look whether it has power and network, and whether run_detector runs."
)
REVOKED = gettext_noop("The camera's box was shut out. Provision it to let it in again.")
LATE = gettext_noop("The camera's box did not answer in time. Try again; when that does not help, look at its log.")
NO_REDIS = gettext_noop("The box cannot be asked")

Request = TypeVar("Request", bound=models.Model)


class Answer(Protocol):
    """What a box says to a request."""

    @property
    def request_id(self) -> str: ...

    @property
    def camera_id(self) -> str: ...


def tell_box(request: Any, *, kind: str, seconds: float, body: Mapping[str, Any], now: float | None = None) -> None:
    """Tells the box what to do within so many seconds. now: by the clock of the cloud Redis, when the caller knows it.

    Raises RedisError.
    """
    send_command(
        cloud_redis(settings.CLOUD_REDIS_URL),
        device_id=request.device_id,
        request_id=request.request_id,
        kind=kind,
        seconds=seconds,
        body={"camera_id": request.camera_id or "", **body},
        now=now,
    )


def ask(request: Any, *, kind: str, seconds: float, body: Mapping[str, Any]) -> None:
    """The same. What keeps the hub from it is the answer."""
    try:
        tell_box(request, kind=kind, seconds=seconds, body=body)
    except RedisError as error:
        settle(request, state=RequestState.ERROR, message=f"{NO_REDIS}: {describe(error)}")


def settle(request: models.Model, **values: object) -> bool:
    """The one change of a waiting request; whether it was this one."""
    rows = type(request)._default_manager
    return bool(rows.filter(pk=request.pk, state=RequestState.WAITING).update(**values))


def asked_for(kind: type[Request], answer: Answer, *, device_id: str) -> Request | None:
    """The request that a box answers; None, and a log line, when nobody asked this box that of this camera."""
    asked = {"request_id": answer.request_id, "camera_id": answer.camera_id or None, "device_id": device_id}
    request = kind._default_manager.filter(**asked).first()
    if request is None:
        log.warning("answer to no request", device=device_id, request_id=answer.request_id)
    return request


def outcome(request: Request) -> Request:
    """The request as it is now: one that waited past its deadline has failed, for good."""
    row: Any = request
    if row.state == RequestState.WAITING and timezone.now() > row.deadline:
        settle(request, state=RequestState.ERROR, message=LATE)
        request.refresh_from_db()
    return request
