"""Stored pixels through the hub: the same session or token, permission checked, ranges answered."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from ninja import Router
from ninja.errors import HttpError

from edgesite.storage import StorageError
from recordings.access import may_see
from recordings.serving import serve_object

router = Router()


@router.get("/media/{path:key}", tags=["media"], include_in_schema=True)
def media(request: HttpRequest, key: str) -> HttpResponseBase:
    """The object under this storage key, when an alert or recording that the caller may see refers to it; else 404."""
    if not may_see(request.user, key):
        raise HttpError(404, "There is no such picture or recording, or it is not yours to see.")
    try:
        return serve_object(key, range_header=request.headers.get("Range", ""))
    except FileNotFoundError:
        raise HttpError(404, "It is no longer stored.") from None
    except StorageError as error:
        raise HttpError(503 if error.retryable else 404, "The storage cannot give it now.") from None
