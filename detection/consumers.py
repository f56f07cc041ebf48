"""The live page's socket: full state at connect, then alerts, numbers and states as they come (DESIGN 5.5).

The hub's messages over the channel layer are hints that may get lost: what they announce is read from the database, as far
as this person may see it at that moment, and the next tick of numbers heals a lost one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import structlog
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.db import DatabaseError
from redis.exceptions import RedisError

from detection import live
from edgesite.redis_clients import describe

log = structlog.get_logger(__name__)

GROUP = "live"
REJOIN_SECONDS = 3600.0  # the layer's groups forget their members after a day
# daphne sends no standard code but 1000; a page connects again after any that is not 4401 or 4403.
TRY_AGAIN_LATER = 4503
INTERNAL_ERROR = 4500
MOST_CHANGED = 1000  # of more changed alerts than this the page gets the whole state instead

REDIS_SECONDS = 1.5
JOIN_SECONDS = 2.0
# The hub sends to the group twice a second. When it lives and nothing comes, this socket's way through the layer is broken
# (seen after a restart of Redis), and a new one is not.
SILENCE_SECONDS = 10.0


async def _ask_redis(read: Callable[..., Any], *args: Any, otherwise: Any) -> Any:
    """`read(*args)`, away from the one thread that database reads share, and `otherwise` when it takes too long: a Redis
    that hangs holds up nobody's alerts."""
    try:
        return await asyncio.wait_for(sync_to_async(read, thread_sensitive=False)(*args), REDIS_SECONDS)
    except TimeoutError:
        return otherwise


class LiveConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """Closes 4401 when nobody is logged in (any more), 4403 without permission; otherwise sends, and listens to nothing.

    recheck_seconds: rights are read again this often. access_age_seconds: nothing is sent on rights older than this,
    even when the database does not answer. read_gap_seconds: a storm of hints causes no more reads than one in this time.
    """

    recheck_seconds: ClassVar[float] = 3.0
    access_age_seconds: ClassVar[float] = 5.0
    read_gap_seconds: ClassVar[float] = 0.1
    _layer_away: ClassVar[bool] = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._access: live.Access | None = None
        self._last_id = 0
        self._heard = time.monotonic()
        self._sent: set[int] = set()
        self._look = False
        self._changed: set[str] = set()
        self._behind = False  # what is sent next is the whole state
        self._camera_hints: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        try:
            await super().__call__(scope, receive, send)
        except (RedisError, OSError) as error:
            self._note_layer(_why(error))
            with contextlib.suppress(Exception):  # the socket may be gone already
                await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
        finally:
            for task in self._tasks.values():
                task.cancel()

    async def connect(self) -> None:
        await self.accept()  # a browser learns the code of a refusal only from an open socket
        try:
            self._access = await database_sync_to_async(live.access_of)(self._session_key())
        except live.AccessDeniedError as denied:
            await self.close(denied.code)
            return
        await self._join()  # before reading, so that nothing falls between
        self._note_layer("")
        await self._send_hello(self._access)
        self._start("watch", self._watch)

    async def _join(self) -> None:
        """Raises TimeoutError (an OSError) or RedisError."""
        for last in (False, True):  # the first try may meet a connection that died with the server's last run
            try:
                await asyncio.wait_for(self.channel_layer.group_add(GROUP, self.channel_name), JOIN_SECONDS)
                break
            except (RedisError, OSError):
                if last:
                    raise
        self._heard = time.monotonic()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """What a page says is ignored."""

    # What the hub sends to the group.

    async def live_alerts(self, event: dict[str, Any]) -> None:
        self._changed.update(event.get("changed", ()))
        if len(self._changed) > MOST_CHANGED:
            self._changed.clear()
            self._behind = True
        self._look = True
        self._start("read", self._read)

    async def live_cameras(self, event: dict[str, Any]) -> None:
        self._camera_hints.update(event.get("camera_ids", ()))
        self._start("read", self._read)

    async def live_stats(self, event: dict[str, Any]) -> None:
        self._heard = time.monotonic()
        access = self._fresh_access()
        if access is not None:
            for message in event.get("stats", ()):
                if message.get("camera_id") in access.cameras:
                    await self.send_json({**message, "type": "stats"})
        if event.get("newest", 0) > self._last_id:
            self._look = True
            self._start("read", self._read)

    # Work beside the dispatching of messages: at most one task of each name.

    def _start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        running = self._tasks.get(name)
        if running is None or running.done():
            self._tasks[name] = asyncio.create_task(self._guarded(name, work))

    async def _guarded(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except (RedisError, OSError) as error:
            self._note_layer(_why(error))
            await self.close(TRY_AGAIN_LATER)
        except Exception:  # the boundary of this socket's loops; the page connects again and gets the whole state
            log.exception("live socket failed", task=name)
            await self.close(INTERNAL_ERROR)

    async def _read(self) -> None:
        """One read at a time; hints that come meanwhile cause one more."""
        while (access := self._fresh_access()) and (self._look or self._changed or self._camera_hints):
            if self._camera_hints:
                hinted, self._camera_hints = self._camera_hints & access.cameras.keys(), set()
                await self._send_cameras(await database_sync_to_async(live.read_cameras)(access.user, hinted))
            if self._look or self._changed:
                self._look, changed, self._changed = False, self._changed, set()
                found = await database_sync_to_async(live.alerts_since)(
                    access.user, last_id=self._last_id, sent=self._sent, changed=changed
                )
                if self._fresh_access() is None:
                    self._look, self._changed = True, self._changed | changed
                    return
                for message in found.messages:
                    await self.send_json(message)
                self._note_sent(found)
            await asyncio.sleep(self.read_gap_seconds)

    async def _watch(self) -> None:
        """Rights, the session and states that only time changes, again and again; and the group, which forgets."""
        joined = time.monotonic()
        while True:
            await asyncio.sleep(self.recheck_seconds)
            try:
                access = await database_sync_to_async(live.access_of)(self._session_key())
            except live.AccessDeniedError as denied:
                self._access = None
                await self.close(denied.code)
                return
            except DatabaseError as error:  # nothing is sent on old rights meanwhile
                if not self._behind:
                    log.warning("rights cannot be checked", reason=type(error).__name__)
                self._behind = True
                continue
            before, self._access = self._access, access
            if self._behind or before is None or before.scope() != access.scope():
                await self._send_hello(access)
            else:
                await self._send_cameras(_changed_cameras(before.cameras, access.cameras))
            problem = await _ask_redis(live.hub_problem, otherwise="redis_down")
            await self.send_json({"type": "pulse", "server_time": time.time(), "problem": problem})
            if not problem and time.monotonic() - self._heard > SILENCE_SECONDS:
                raise TimeoutError("the channel layer brings nothing")
            self._start("read", self._read)
            if time.monotonic() - joined > REJOIN_SECONDS:
                await self._join()
                joined = time.monotonic()

    # Sending.

    async def _send_hello(self, access: live.Access) -> None:
        """The whole state: what the page showed before does not count any more."""
        self._behind = False
        alerts: live.Alerts = await database_sync_to_async(live.newest_alerts)(access.user)
        cameras = list(access.cameras.values())
        stats, pictures, problem = await asyncio.gather(
            _ask_redis(live.stats_of, list(access.cameras), otherwise=[]),
            _ask_redis(live.pictures_of, cameras, otherwise={}),
            _ask_redis(live.hub_problem, otherwise="redis_down"),
        )
        await self.send_json(
            {
                "type": "hello",
                "cameras": cameras,
                "alerts": alerts.messages,
                "stats": stats,
                "pictures": pictures,
                "sees_alerts": access.sees_alerts,
                "problem": problem,
                "server_time": time.time(),
            }
        )
        self._note_sent(alerts)

    async def _send_cameras(self, cameras: list[dict[str, Any]]) -> None:
        for camera in cameras:
            await self.send_json({"type": "camera", **camera})

    def _note_sent(self, alerts: live.Alerts) -> None:
        self._last_id = max(self._last_id, alerts.read_to)
        self._sent = {i for i in self._sent | alerts.ids if i > self._last_id - live.OVERLAP}
        self._look = self._look or alerts.more

    def _fresh_access(self) -> live.Access | None:
        access = self._access
        if access is None or time.monotonic() - access.checked_at > self.access_age_seconds:
            return None
        return access

    def _session_key(self) -> str | None:
        key: str | None = self.scope["session"].session_key
        return key

    def _note_layer(self, problem: str) -> None:
        """One line when the sockets lose the channel layer, one when they have it again, not one for each of them."""
        away = bool(problem)
        if away != LiveConsumer._layer_away:
            LiveConsumer._layer_away = away
            if away:
                log.warning("live pages wait for the channel layer", reason=problem)
            else:
                log.info("live pages have the channel layer again")


def _why(error: Exception) -> str:
    return describe(error) if isinstance(error, RedisError) else str(error) or type(error).__name__


def _changed_cameras(before: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The cameras of which something changed that does not change all the time."""
    running = ("last_frame_at", "last_frame_age_s")

    def essence(camera: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in camera.items() if key not in running}

    return [camera for key, camera in now.items() if essence(camera) != essence(before[key])]
