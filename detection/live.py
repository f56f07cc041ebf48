"""What one person's live page may show, and what it shows. Read again and again, because rights can be withdrawn."""

from __future__ import annotations

import functools
import re
import time
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, load_backend
from django.utils.crypto import constant_time_compare
from redis.exceptions import RedisError

from cameras.selectors import visible_cameras
from detection.models import Alert
from detection.places import told_alerts
from detection.selectors import camera_message, cameras_for, newest_stats, visible_alerts
from edgesite import redis_keys
from edgesite.redis_clients import Client, connect

if TYPE_CHECKING:
    from django.contrib.auth.models import User

NEWEST_ALERTS = 50
CATCH_UP = 200
# Rows become visible in the order of their commits, not of their numbers: this many numbers back are looked at again.
OVERLAP = 50

LOGGED_OUT = 4401
FORBIDDEN = 4403


class AccessDeniedError(Exception):
    """The person may not see the live page (any more). code: 4401 not logged in, 4403 not allowed."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


@dataclass(frozen=True, slots=True)
class Access:
    """What was true at `checked_at` (steady clock, seconds). cameras: `camera_message` by id, in the page's order."""

    user: User
    cameras: dict[str, dict[str, Any]]
    sees_alerts: bool
    checked_at: float

    def scope(self) -> tuple[object, ...]:
        """Equal for two moments in which the same things may be seen."""
        return (self.sees_alerts, *self.cameras)


@functools.lru_cache(maxsize=4)
def redis_client(url: str, *, decode: bool = True) -> Client:
    """The process's client for that server; safe to share between threads."""
    return connect(url, decode=decode)


def user_of_session(session_key: str | None) -> User | None:
    """The active person whose session this is, as the database says now; None when logged out, expired or deactivated.

    Unlike `django.contrib.auth.get_user` it never writes: a socket cannot give the browser a new session cookie.
    """
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    path = session.get(BACKEND_SESSION_KEY)
    if path not in settings.AUTHENTICATION_BACKENDS or SESSION_KEY not in session:
        return None
    user: Any = load_backend(path).get_user(session[SESSION_KEY])
    if user is None or not user.is_active:
        return None
    given = session.get(HASH_SESSION_KEY) or ""
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return user if any(constant_time_compare(given, known) for known in hashes) else None


def access_of(session_key: str | None) -> Access:
    """What the session's owner may see now. Raises AccessDeniedError."""
    started = time.monotonic()
    user = user_of_session(session_key)
    if user is None:
        raise AccessDeniedError(LOGGED_OUT)
    if not user.has_perm("cameras.view_camera"):
        raise AccessDeniedError(FORBIDDEN)
    return Access(
        user=user,
        cameras={c["camera_id"]: c for c in cameras_in_order(user)},
        sees_alerts=user.has_perm("detection.view_alert"),
        checked_at=started,
    )


def cameras_in_order(user: User) -> list[dict[str, Any]]:
    """Every camera that the person may see, by site and name, with “Line 2” before “Line 10”."""

    def place(camera: dict[str, Any]) -> tuple[Any, ...]:
        words = re.split(r"(\d+)", camera["name"].casefold())
        return camera["site"], [(int(w), "") if w.isdecimal() else (-1, w) for w in words], camera["camera_id"]

    return sorted(cameras_for(user), key=place)


def read_cameras(user: User, camera_ids: set[str]) -> list[dict[str, Any]]:
    """The state of those of the cameras that the person still may see, from the database."""
    return [camera_message(c) for c in visible_cameras(user).filter(pk__in=camera_ids)]


@dataclass(frozen=True, slots=True)
class Alerts:
    """messages: `told_alerts` of each. ids: their numbers. read_to: everything up to this number has been looked at.
    more: the bound was reached and there may be further ones."""

    messages: list[dict[str, Any]]
    ids: set[int]
    read_to: int
    more: bool = False


def _newest_id() -> int:
    return Alert.objects.order_by("-id").values_list("id", flat=True).first() or 0


def newest_alerts(user: User) -> Alerts:
    """The newest 50 that the person may see, newest first."""
    newest = _newest_id()  # before the rows: what is stored in between is looked at again rather than never
    rows = list(visible_alerts(user).filter(part_of=None)[:NEWEST_ALERTS])
    return Alerts(told_alerts(rows), {row.pk for row in rows}, newest)


def alerts_since(user: User, *, last_id: int, sent: set[int], changed: set[str]) -> Alerts:
    """Alerts beyond `last_id`, in order, late ones just before it that are not in `sent`, and first of all those with
    the event ids `changed` that were sent before. A repeat is told as a change of its alert."""
    newest = _newest_id()
    visible = visible_alerts(user).order_by("id")
    rows = list(visible.filter(id__gt=last_id - OVERLAP).exclude(id__in=sent)[: CATCH_UP + 1])
    more, rows = len(rows) > CATCH_UP, rows[:CATCH_UP]
    known = changed - {row.event_id for row in rows}
    again = list(visible.filter(event_id__in=known, id__lte=last_id)[:CATCH_UP]) if known else []
    read_to = rows[-1].pk if more else max(newest, last_id)
    return Alerts(told_alerts(_firsts(again + rows)), {row.pk for row in rows}, read_to, more)


def _firsts(alerts: list[Alert]) -> list[Alert]:
    """In place of a repeat the alert that it is part of, as that is now; each once."""
    wanted = list(dict.fromkeys(a.part_of_id or a.event_id for a in alerts))
    known = {a.event_id: a for a in alerts}
    repeated = {a.part_of_id for a in alerts if a.part_of_id is not None}
    known |= {a.event_id: a for a in Alert.objects.filter(event_id__in=repeated)} if repeated else {}
    return [known[event_id] for event_id in wanted if event_id in known]


def stats_of(camera_ids: list[str]) -> list[dict[str, Any]]:
    """The newest numbers of these cameras. None at all when the hub's Redis is away: they are fire-and-forget."""
    try:
        return list(newest_stats(redis_client(settings.CHANNEL_REDIS_URL), camera_ids).values())
    except RedisError:
        return []


def pictures_of(cameras: list[dict[str, Any]]) -> dict[str, float]:
    """When the newest still of each camera that has one was taken (Unix seconds). Empty when Redis is away."""
    try:
        with redis_client(settings.CLOUD_REDIS_URL).pipeline(transaction=False) as pipe:
            for camera in cameras:
                pipe.hget(redis_keys.still(camera["device_id"], camera["camera_id"]), "at")
            answers = pipe.execute()
    except RedisError:
        return {}
    return {c["camera_id"]: at for c, raw in zip(cameras, answers, strict=True) if (at := _number(raw)) is not None}


def _number(raw: Any) -> float | None:
    try:
        return float(raw)
    except (TypeError, ValueError):
        return None


def hub_problem() -> str:
    """`""`, or why the page gets nothing new: `hub_down` (run_hub is not running) or `redis_down`."""
    try:
        alive = redis_client(settings.CHANNEL_REDIS_URL).exists(redis_keys.HUB_HEARTBEAT)
    except RedisError:
        return "redis_down"
    return "" if alive else "hub_down"
