"""URLs of snapshots for whoever ordered them: presigned by the bucket, else signed by the hub. Both end after an hour."""

from __future__ import annotations

from django.conf import settings
from django.core import signing
from django.urls import reverse

from cameras.choices import RequestState
from edgesite import storage
from recordings.core.orders import LINK_S, NOT_HERE
from recordings.models import SnapshotRequest

_signer = signing.TimestampSigner(salt="recordings.orders.links")


class NotHereError(Exception):
    """The picture is not where the hub could give it from."""


def can_link() -> bool:
    """Whether there is any way to give somebody a picture."""
    return bool(settings.S3_BUCKET or settings.PUBLIC_URL)


def link_to(request: SnapshotRequest) -> str:
    """The URL of a picture that is stored, for LINK_S seconds from now. Raises NotHereError, StorageError."""
    if settings.S3_BUCKET:
        return storage.presigned_url(request.key, seconds=LINK_S)
    if not storage.exists(request.key):
        raise NotHereError(NOT_HERE)
    path = reverse("api-1:signed_snapshot", kwargs={"token": _signer.sign(request.request_id)})
    return f"{settings.PUBLIC_URL}{path}"


def linked(token: str) -> SnapshotRequest | None:
    """The picture that a signed URL is for; None when it is not ours, is over, or another camera's stands there now."""
    try:
        request_id = _signer.unsign(token, max_age=LINK_S)
    except signing.BadSignature:
        return None
    request = SnapshotRequest.objects.filter(request_id=request_id, state=RequestState.READY).first()
    if request is None:
        return None
    newest = SnapshotRequest.objects.filter(key=request.key, state=RequestState.READY).order_by("-id").first()
    return request if newest is not None and newest.camera_id == request.camera_id else None
