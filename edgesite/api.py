"""The API's root (DESIGN 5.6): OpenAPI at /api/docs, every call authenticated."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja.errors import HttpError, ValidationError

from cameras.api import router as cameras_router
from detection.alert_life.api import router as alert_router
from detection.api import router as detection_router
from edgesite.api_auth import SessionAuth, TokenAuth, signed_in
from edgesite.api_schema import DocumentedApi
from recordings.api import router as media_router
from recordings.orders.api import router as orders_router
from recordings.tasks.api import router as recordings_router
from recordings.uploads.api import router as uploads_router

api = DocumentedApi(
    title="edgesite",
    version="1",
    description="Devices and their configuration, cameras, live numbers, alerts and their evidence. "
    "Machines send `Authorization: Bearer TOKEN`.",
    auth=[TokenAuth(), SessionAuth()],
    docs_url="/docs",
    docs_decorator=signed_in,
)
api.add_router("", cameras_router)
api.add_router("", detection_router)
api.add_router("", alert_router)
api.add_router("", media_router)
api.add_router("", orders_router)
api.add_router("", uploads_router)
api.add_router("/recordings", recordings_router)


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """422 with what is wrong where, without repeating the input."""
    detail = [{"loc": e.get("loc"), "msg": e.get("msg")} for e in error.errors]
    return api.create_response(request, {"detail": detail}, status=422)


@api.exception_handler(HttpError)
def refused(request: HttpRequest, error: HttpError) -> HttpResponse:
    """As it was raised; a body that is no JSON, 400 of the framework, is 422 as every other body that cannot be used."""
    status = 422 if error.status_code == 400 else error.status_code
    return api.create_response(request, {"detail": str(error)}, status=status)
