"""Acting on alerts over HTTP (DESIGN 5.6): the same services as the admin's pages, with exact answers for what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from ninja.errors import HttpError

from detection.alert_life import services
from detection.alert_life.errors import (
    AlertLifeError,
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    UnknownAlertError,
)
from detection.api import AlertOut, Problem
from detection.models import Alert
from detection.places import told_alerts

router = Router()

STATUS: dict[type[AlertLifeError], int] = {
    NotAllowedError: 403, UnknownAlertError: 404, ConflictError: 409, InvalidInputError: 422,
}  # fmt: skip
ANSWERS = {200: AlertOut, 403: Problem, 404: Problem, 409: Problem, 422: Problem}


class NoteIn(Schema):
    """note: up to 2000 characters, without control characters but line ends and tabs."""

    note: str = ""


class ResolveIn(NoteIn):
    """verdict: was the alert right? Empty when nobody can say. reason: why, up to 500 characters."""

    verdict: Literal["", "true", "false"] = ""
    reason: str = ""


class AssignIn(NoteIn):
    """assignee: the user name of somebody who may act on the alert; empty for nobody."""

    assignee: str


def _answer(act: Callable[[], Alert]) -> dict[str, Any]:
    try:
        alert = act()
    except AlertLifeError as error:
        raise HttpError(STATUS[type(error)], str(error)) from None
    return told_alerts([alert])[0]


@router.post("/alerts/{event_id}/ack", response=ANSWERS, tags=["alerts"])
def acknowledge_alert(request: HttpRequest, event_id: str, body: NoteIn | None = None) -> dict[str, Any]:
    """`open → acknowledged`. 409 says who was faster."""
    given = body or NoteIn()
    return _answer(
        lambda: services.acknowledge(event_id=event_id, user=request.user, now=timezone.now(), note=given.note)
    )


@router.post("/alerts/{event_id}/resolve", response=ANSWERS, tags=["alerts"])
def resolve_alert(request: HttpRequest, event_id: str, body: ResolveIn | None = None) -> dict[str, Any]:
    """`acknowledged → resolved`, with a verdict. 409: it is open, or who was faster."""
    given = body or ResolveIn()
    return _answer(
        lambda: services.resolve(event_id=event_id, user=request.user, now=timezone.now(), **given.model_dump())
    )


@router.post("/alerts/{event_id}/assign", response=ANSWERS, tags=["alerts"])
def assign_alert(request: HttpRequest, event_id: str, body: AssignIn) -> dict[str, Any]:
    """Gives an alert that is not resolved to a person."""
    return _answer(
        lambda: services.assign(event_id=event_id, user=request.user, now=timezone.now(), **body.model_dump())
    )


@router.post("/alerts/{event_id}/note", response=ANSWERS, tags=["alerts"])
def note_alert(request: HttpRequest, event_id: str, body: NoteIn) -> dict[str, Any]:
    """A remark, in any state."""
    return _answer(lambda: services.add_note(event_id=event_id, user=request.user, now=timezone.now(), note=body.note))
