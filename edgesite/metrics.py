"""`/metrics` for Prometheus. Each app registers a collector, since what is measured lies in apps above this one.

There is no open endpoint: a token, or the session of somebody of the staff; numbers are limited to the caller's sites.
Formats: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from django.db import Error as DatabaseProblem
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder

from edgesite.tokens import user_of_token

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    Collector = Callable[[User], Iterable[Metric]]

PERMISSION = "cameras.view_device"  # every role has it

_collectors: dict[str, Collector] = {}


def register(name: str, collector: Collector) -> None:
    """The collector yields families of what this person may see, in a number of queries that does not grow with the rows.

    It may raise django.db.Error; a Redis that is away is its own business.
    """
    _collectors[name] = collector


def number(value: Any) -> float | None:
    """A finite number as it is, anything else that a box may have sent as None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


class _Seen:
    """What one person sees at one moment, as `prometheus_client` asks for it."""

    def __init__(self, user: User) -> None:
        self.user = user

    def collect(self) -> Iterator[Metric]:
        for collector in _collectors.values():
            yield from collector(self.user)


def _caller(request: HttpRequest) -> User | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme:
        return user_of_token(token.strip()) if scheme.lower() == "bearer" else None
    user = cast("User", request.user)
    return user if user.is_authenticated and user.is_active and user.is_staff else None


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Everything that the caller may see. 401 without a token or a session of the staff, 403 without a role."""
    user = _caller(request)
    if user is None:
        text = "Send an API token: Authorization: Bearer TOKEN.\n"
        return HttpResponse(text, status=401, content_type="text/plain", headers={"WWW-Authenticate": "Bearer"})
    if not user.has_perm(PERMISSION):
        return HttpResponse("Your role does not allow this.\n", status=403, content_type="text/plain")
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    try:
        body = encode(_Seen(user))
    except DatabaseProblem:
        return HttpResponse("The database cannot be used; see /readyz.\n", status=503, content_type="text/plain")
    return HttpResponse(body, content_type=content_type, headers={"Cache-Control": "no-store"})
