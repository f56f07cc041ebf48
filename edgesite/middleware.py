"""What every answer of the API has in common."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase


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
