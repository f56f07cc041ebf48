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
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from cameras.asking import REVOKED, SILENT, ask, asked_for, settle
from cameras.choices import RequestState
from cameras.core.probe import ProbeAnswer
from cameras.models import Camera
from cameras.probing.models import CameraProbe
from cameras.states import camera_state
from edgesite.fields import encrypt
from edgesite.ids import uuid7

log = structlog.get_logger(__name__)

KIND = "probe"
ANSWER_SECONDS = 20.0
BOX_SECONDS = 19.0
KEPT = timedelta(days=1)
MOST_WAITING = 5

TOO_MANY = gettext_noop("This camera is being tested already. Wait for the answer.")
UNKNOWN = gettext_noop("There is no such test. Begin a new one.")


def request_probe(*, camera: Camera, author: str, url: str = "", main: str = "") -> CameraProbe:
    """Asks the camera's box to open `url` (empty: what its configuration says). What goes wrong is the answer.

    main: where `url` is a sub-stream, the stream whose picture's shape it should have.

    A camera that is being added is in no row: it has its device, and a `url` must be given.
    """
    now = timezone.now()
    CameraProbe.objects.filter(requested_at__lt=now - KEPT).delete()
    problem = _problem(camera)
    probe = CameraProbe.objects.create(
        request_id=uuid7(),
        camera=None if camera._state.adding else camera,
        device=camera.device,
        requested_by=author[:150],
        requested_at=now,
        deadline=now + timedelta(seconds=ANSWER_SECONDS),
        state=RequestState.ERROR if problem else RequestState.WAITING,
        message=problem,
    )
    log.info(
        "connection test asked for", camera=probe.camera_id, request_id=probe.request_id, author=author, problem=problem
    )
    if not problem:
        transaction.on_commit(partial(_send, probe, url=url, main=main))
    probe.refresh_from_db()
    return probe


def _problem(camera: Camera) -> str:
    if camera.device.revoked_at is not None:
        return REVOKED
    if camera_state(camera).reason in ("the box is silent", "the box has never reported"):
        return SILENT
    saved = None if camera._state.adding else camera.pk
    waiting = CameraProbe.objects.filter(
        camera=saved, device=camera.device, state=RequestState.WAITING, deadline__gt=timezone.now()
    )
    return TOO_MANY if waiting.count() >= MOST_WAITING else ""


def _send(probe: CameraProbe, **urls: str) -> None:
    sealed = {name: encrypt(url) for name, url in urls.items() if url}
    ask(probe, kind=KIND, seconds=BOX_SECONDS, body=sealed)


def take_probe_answer(answer: ProbeAnswer, *, device_id: str) -> bool:
    """What a box found; whether it was news."""
    probe = asked_for(CameraProbe, answer, device_id=device_id)
    if probe is None:
        return False
    if answer.status == "error" or answer.facts is None:
        return settle(probe, state=RequestState.ERROR, message=answer.message)
    return settle(probe, state=RequestState.READY, facts=answer.facts.model_dump(mode="json"), picture=answer.picture)
