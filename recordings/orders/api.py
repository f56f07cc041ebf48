"""Snapshots between installations over HTTP: pictures behind signed URLs, and answers that others post here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from ninja import Router, Schema
from ninja.errors import HttpError
from pydantic import ConfigDict, Field, model_validator

from cameras.selectors import sites_are_limited
from edgesite.api_auth import permitted, require
from edgesite.api_schema import GIVES_AN_OBJECT
from edgesite.storage import StorageError
from recordings.core.orders import LONGEST_CODE, LONGEST_FIELD, LONGEST_ID
from recordings.extracts.logbook import note_link_used
from recordings.orders import received
from recordings.orders.links import linked
from recordings.orders.models import ReceivedAnswer
from recordings.serving import serve_object

router = Router()

OPERATE = "cameras.change_camera"
PLAIN = r"^[^\x00-\x1f\x7f]*$"


class SnapshotAnswerIn(Schema):
    """As DESIGN 5.3 has it: `url` with the status `ok`, `message` with `error`."""

    model_config = ConfigDict(extra="ignore")
    request_id: Annotated[str, Field(min_length=1, max_length=LONGEST_ID, pattern=PLAIN)]
    camera_code: Annotated[str, Field(max_length=LONGEST_CODE, pattern=PLAIN)]
    status: Literal["ok", "error"]
    url: Annotated[str, Field(max_length=LONGEST_FIELD, pattern=r"^(https?://[^\x00-\x20\x7f]+)?$")] = ""
    message: Annotated[str, Field(max_length=500, pattern=PLAIN)] = ""

    @model_validator(mode="after")
    def _whole(self) -> SnapshotAnswerIn:
        if bool(self.url) != (self.status == "ok") or bool(self.message) != (self.status == "error"):
            raise ValueError("a picture has a url and no message, an error a message and no url")
        return self


class ReceivedOut(Schema):
    """received_at: Unix seconds. Of url and message the one that there is."""

    request_id: str
    camera_code: str
    status: Literal["ok", "error"]
    url: str | None
    message: str | None
    received_at: float


class Problem(Schema):
    detail: Any


@router.post(
    "/ai/roi/snap/callback",
    response={204: None, 409: Problem},
    tags=["snapshots"],
    auth=permitted(OPERATE),
)
def receive_answer(request: HttpRequest, answer: SnapshotAnswerIn) -> HttpResponse:
    """Keeps the answer to a snapshot that was asked for at another installation, for a day. The same again changes nothing,
    another one under the same `request_id` is a 409."""
    try:
        received.take_answer(answer.model_dump(), author=require(request, OPERATE).get_username())
    except received.ConflictError:
        raise HttpError(409, "Another answer stands under this request_id.") from None
    return HttpResponse(status=204)


@router.get(
    "/ai/roi/snap/answers/{request_id}",
    response={200: ReceivedOut, 404: Problem},
    tags=["snapshots"],
    auth=permitted(OPERATE),
)
def received_answer(request: HttpRequest, request_id: str) -> dict[str, Any]:
    """What another installation answered. Its cameras belong to no site here: not for who may see some sites only."""
    row = ReceivedAnswer.objects.filter(request_id=request_id).first()
    if row is None or sites_are_limited(require(request, OPERATE)):
        raise HttpError(404, "There is no such answer.")
    return {
        "request_id": row.request_id,
        "camera_code": row.camera_code,
        "status": row.status,
        "url": row.url or None,
        "message": row.message or None,
        "received_at": row.received_at.timestamp(),
    }


@router.get(
    "/snapshots/signed/{token}",
    tags=["snapshots"],
    auth=None,
    url_name="signed_snapshot",
    openapi_extra=GIVES_AN_OBJECT,
)
def signed_snapshot(request: HttpRequest, token: str) -> HttpResponseBase:
    """The picture that a signed URL was made for, within an hour. The URL is the permission."""
    found = linked(token)
    if found is None:
        raise HttpError(404, "This URL is not, or no longer, good for a picture.")
    note_link_used(found, now=timezone.now())
    try:
        response = serve_object(found.key, range_header=request.headers.get("Range", ""))
    except FileNotFoundError:
        raise HttpError(404, "It is no longer stored.") from None
    except StorageError as error:
        raise HttpError(503 if error.retryable else 404, "The storage cannot give it now.") from None
    response["Content-Type"] = "image/jpeg"  # whatever the name says that somebody chose
    return response
