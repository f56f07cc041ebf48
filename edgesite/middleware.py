"""What every answer of the API has in common, and the answer when stored secrets cannot be read."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext

from edgesite.fields import DecryptionError

log = structlog.get_logger(__name__)


class ApiErrors:
    """Errors below /api/ are JSON objects with `detail` (DESIGN 5.6), also those that Django itself answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        kind = response.headers.get("Content-Type", "")
        if response.status_code < 400 or not request.path.startswith("/api/") or kind.startswith("application/json"):
            return response
        answer = JsonResponse({"detail": response.reason_phrase}, status=response.status_code)
        for name in ("Allow", "Content-Range"):
            if name in response.headers:
                answer.headers[name] = response.headers[name]
        return answer


class LostKey:
    """A page or an answer that needs a secret which no key opens says so, with 503, instead of failing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DecryptionError):
            return None
        log.error("a stored secret cannot be decrypted", path=request.path)
        if request.path.startswith("/api/"):
            return JsonResponse({"detail": str(exception)}, status=503)
        return render(request, "503.html", {"problem": gettext(str(exception))}, status=503)
