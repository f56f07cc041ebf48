"""Liveness and readiness for supervisors and load balancers."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from redis.exceptions import RedisError

from edgesite import redis_keys
from edgesite.redis_clients import connect, describe


def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")
    except DatabaseError:
        return "The database cannot be used; is it reachable and migrated?"
    return ""


def _redis(url: str) -> str:
    client = connect(url)
    try:
        client.ping()
    except RedisError as error:
        return describe(error)
    finally:
        client.close()
    return ""


def _run_hub() -> str:
    client = connect(settings.CHANNEL_REDIS_URL)
    try:
        return "" if client.exists(redis_keys.HUB_HEARTBEAT) else "run_hub gives no sign of life; is it running?"
    except RedisError as error:
        return describe(error)
    finally:
        client.close()


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "cloud_redis": lambda: _redis(settings.CLOUD_REDIS_URL),
    "channel_redis": lambda: _redis(settings.CHANNEL_REDIS_URL),
    "run_hub": _run_hub,
}


# What somebody should look into although the hub itself does its work, so that no balancer takes it out.
WARNINGS: dict[str, Callable[[], str]] = {}


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when everything the hub needs works, else 503 with a reason for each part that does not. Warnings change nothing."""
    reasons = {name: reason for name, check in CHECKS.items() if (reason := check())}
    warnings = {} if reasons else {name: text for name, check in WARNINGS.items() if (text := check())}
    answer = {"ready": not reasons, "reasons": reasons} | ({"warnings": warnings} if warnings else {})
    return JsonResponse(answer, status=503 if reasons else 200)
