"""Asks a camera's box to open its stream, and keeps what it answers.

How a URL gets there: a saved camera's stays on the hub, the command names the camera and the box takes the URL of the document
that it runs. A URL that was typed and not saved yet travels in the command, encrypted with FIELD_ENCRYPTION_KEY, which every
process of an installation has. The stream can be read by the hub and this one device only, but its entries outlive the test,
in Redis and in the copies of its data on disk, where a plain password must not lie.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop
from redis.exceptions import RedisError

from cameras.core.probe import ProbeAnswer
from cameras.models import Camera
from cameras.probing.models import CameraProbe, ProbeState
from cameras.services import cloud_redis
from cameras.states import camera_state
from edgesite.commands import send_command
from edgesite.fields import encrypt
from edgesite.ids import uuid7
from edgesite.redis_clients import describe

log = structlog.get_logger(__name__)

KIND = "probe"
ANSWER_SECONDS = 20.0
BOX_SECONDS = 19.0
KEPT = timedelta(days=1)
MOST_WAITING = 5

SILENT = gettext_noop(
    "The camera's box is silent. Look whether it has power and network, and whether run_detector runs."
)
REVOKED = gettext_noop("The camera's box was shut out. Provision it to let it in again.")
LATE = gettext_noop("The camera's box did not answer in time. Try again; when that does not help, look at its log.")
NO_REDIS = gettext_noop("The box cannot be asked")
TOO_MANY = gettext_noop("This camera is being tested already. Wait for the answer.")
UNKNOWN = gettext_noop("There is no such test. Begin a new one.")


def request_probe(*, camera: Camera, author: str, url: str = "") -> CameraProbe:
    """Asks the camera's box to open `url` (empty: what its configuration says). What goes wrong is the answer."""
    now = timezone.now()
    CameraProbe.objects.filter(requested_at__lt=now - KEPT).delete()
    problem = _problem(camera)
    probe = CameraProbe.objects.create(
        request_id=uuid7(),
        camera=camera,
        device=camera.device,
        requested_by=author[:150],
        requested_at=now,
        deadline=now + timedelta(seconds=ANSWER_SECONDS),
        state=ProbeState.ERROR if problem else ProbeState.WAITING,
        message=problem,
    )
    log.info("connection test asked for", camera=camera.pk, request_id=probe.request_id, author=author, problem=problem)
    if not problem:
        transaction.on_commit(partial(_send, probe, url))
    probe.refresh_from_db()
    return probe


def _problem(camera: Camera) -> str:
    if camera.device.revoked_at is not None:
        return REVOKED
    if camera_state(camera).reason in ("the box is silent", "the box has never reported"):
        return SILENT
    waiting = CameraProbe.objects.filter(camera=camera, state=ProbeState.WAITING, deadline__gt=timezone.now())
    return TOO_MANY if waiting.count() >= MOST_WAITING else ""


def _send(probe: CameraProbe, url: str) -> None:
    body = {"camera_id": probe.camera_id} | ({"url": encrypt(url)} if url else {})
    try:
        send_command(
            cloud_redis(settings.CLOUD_REDIS_URL),
            device_id=probe.device_id,
            request_id=probe.request_id,
            kind=KIND,
            seconds=BOX_SECONDS,
            body=body,
        )
    except RedisError as error:
        _settle(probe.request_id, state=ProbeState.ERROR, message=f"{NO_REDIS}: {describe(error)}")


def _settle(request_id: str, **values: object) -> bool:
    return bool(CameraProbe.objects.filter(request_id=request_id, state=ProbeState.WAITING).update(**values))


def take_probe_answer(answer: ProbeAnswer, *, device_id: str) -> bool:
    """What a box found; whether it was news."""
    probe = CameraProbe.objects.filter(request_id=answer.request_id, device=device_id).first()
    if probe is None or probe.camera_id != answer.camera_id:
        log.warning("answer to no request", device=device_id, request_id=answer.request_id)
        return False
    if answer.status == "error" or answer.facts is None:
        return _settle(probe.request_id, state=ProbeState.ERROR, message=answer.message)
    return _settle(probe.request_id, state=ProbeState.READY, facts=answer.facts.model_dump(mode="json"))


def outcome(probe: CameraProbe) -> CameraProbe:
    """The test as it is now: one that waited past its deadline has failed, for good."""
    if probe.state == ProbeState.WAITING and timezone.now() > probe.deadline:
        _settle(probe.request_id, state=ProbeState.ERROR, message=LATE)
        probe.refresh_from_db()
    return probe
