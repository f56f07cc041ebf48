"""The editor's socket for seeing a draft live: asks the camera's box to watch, and passes on what it shows.

What a box shows goes through nobody else: the socket listens itself to the one channel that this watch has. While a page
gives signs of life the watch is renewed; a page that is slow gets fewer pictures, never old ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import structlog
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError
from django.utils import translation
from redis.exceptions import RedisError

from cameras.core.regions import RegionsError
from detection.core.preview import Preview, PreviewError, pack, unpack
from detection.live import AccessDeniedError
from detection.preview_access import Access, access_to, draft_for, problem_texts, send_watch
from edgesite import redis_keys
from edgesite.redis_clients import connect_async, describe
from edgesite.told import told

log = structlog.get_logger(__name__)

TRY_AGAIN_LATER, INTERNAL_ERROR, TOO_MUCH, NO_PLACE = 4503, 4500, 4400, 4429
LARGEST = 512 * 1024
MOST_SOCKETS, MOST_EACH = 40, 4  # of one process: in all, and of one person
UNSEEN = 2  # messages that a page may have on the way


class PreviewConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """Closes 4401 when nobody is logged in (any more), 4403 without permission for the camera, or without the camera; 4429
    when too many are open, 4503 while Redis is away or when another box has the camera now.

    The page sends `{"type": "draft", "draft": n, "rois": […], "language": "en"}`, `renew`, and `seen` for each message with
    a picture or states. It gets `hello`, `checked` (what of the draft is left out), `refused`, `pulse` (why the box shows
    nothing), as JSON, and what `detection.core.preview.pack` makes. See the class attributes for its seconds.

    recheck_seconds: rights are read again this often. access_age_seconds: nothing is sent on rights older than this.
    renew_seconds: so often the box is asked to go on. silence_seconds: so long a page may say nothing.
    """

    channel_layer_alias = "none"  # nothing comes through the hub's layer

    recheck_seconds: ClassVar[float] = 3.0
    access_age_seconds: ClassVar[float] = 5.0
    renew_seconds: ClassVar[float] = 4.0
    silence_seconds: ClassVar[float] = 10.0
    gap_seconds: ClassVar[float] = 0.2
    _open: ClassVar[Counter[int]] = Counter()  # slots taken, by person

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._access: Access | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._watch_id = str(uuid.uuid4())
        self._heard = time.monotonic()
        self._rois: Any = None
        self._draft, self._number, self._language = -1, -1, "en"
        self._content: dict[str, Any] | None = None
        self._news, self._listening = asyncio.Event(), asyncio.Event()
        self._unseen = 0
        self._person: int | None = None  # who has the slot of this socket
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._give_back()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def connect(self) -> None:
        await self.accept()  # a browser learns the code of a refusal only from an open socket
        try:
            access = await self._allowed()
        except AccessDeniedError as denied:
            await self.close(denied.code)
            return
        if not self._take_slot(access.user.pk):
            await self.close(NO_PLACE)
            return
        self._access = access
        await self._tell({"type": "hello", "problem": self._problem()})
        for work in (self._listen, self._ask, self._watch):
            self._tasks.append(asyncio.create_task(self._guarded(work)))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """What the page says; anything that is not understood closes the socket."""
        message = _read(text_data)
        if message is None:
            await self.close(TOO_MUCH)
            return
        self._heard = time.monotonic()
        if message["type"] == "seen":
            self._unseen = max(self._unseen - 1, 0)
        elif message["type"] == "draft":
            self._draft, self._rois = message["draft"], message.get("rois")
            self._language = str(message.get("language", ""))[:10]
            self._news.set()

    # Work beside the dispatching of messages

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except AccessDeniedError as denied:
            self._access = None
            await self.close(denied.code)
        except (RedisError, OSError) as error:
            log.warning("a preview socket waits for Redis", reason=_why(error))
            await self.close(TRY_AGAIN_LATER)
        except Exception:  # the boundary of this socket's loops; the page connects again
            log.exception("preview socket failed")
            await self.close(INTERNAL_ERROR)

    async def _watch(self) -> None:
        """Rights, and what keeps the box from showing anything, again and again."""
        while True:
            await asyncio.sleep(self.recheck_seconds)
            try:
                access = await self._allowed()
            except DatabaseError as error:  # nothing is sent on old rights meanwhile
                log.warning("rights cannot be checked", reason=type(error).__name__)
                continue
            before, self._access = self._access, access
            if before is not None and before.camera.device_id != access.camera.device_id:
                await self.close(TRY_AGAIN_LATER)  # another box has the camera now, on another channel
                return
            await self._tell({"type": "pulse", "problem": self._problem()})

    async def _ask(self) -> None:
        """Tells the box of each draft, newest wins, and renews the watch while the page lives."""
        await self._listening.wait()  # what the box answers at once must not be missed
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self.renew_seconds)
            changed = self._news.is_set()
            self._news.clear()
            access = self._fresh_access()
            if access is None or self._draft < 0 or time.monotonic() - self._heard > self.silence_seconds:
                continue
            if changed and self._number != self._draft:
                await self._compile(access)
            if self._number >= 0 and not access.problem:
                await self._send_watch(access, whole=changed)
            await asyncio.sleep(self.gap_seconds)

    async def _compile(self, access: Access) -> None:
        number = self._draft
        try:
            part = await database_sync_to_async(draft_for)(access, self._rois)
        except RegionsError as error:
            self._number, self._content = number, {"rois": [], "binds": []}  # the picture is shown all the same
            await self._refuse(number, error)
            return
        self._number, self._content = number, part.content
        with self._spoken():
            texts = problem_texts(part.problems)
        await self._tell({"type": "checked", "draft": number, "problems": texts})

    async def _send_watch(self, access: Access, *, whole: bool) -> None:
        send = sync_to_async(send_watch, thread_sensitive=False)
        try:
            content = self._content if whole else None
            await send(access.camera, watch_id=self._watch_id, draft=self._number, content=content)
        except RegionsError as error:
            await self._refuse(self._number, error)

    async def _refuse(self, number: int, error: RegionsError) -> None:
        with self._spoken():
            text = "; ".join(dict.fromkeys(problem["message"] for problem in problem_texts(error.problems)))
        await self._tell({"type": "refused", "draft": number, "problem": text})

    async def _listen(self) -> None:
        """What the box shows. Raises RedisError."""
        access = self._access
        if access is None:
            return
        client = connect_async(settings.CLOUD_REDIS_URL)
        try:
            channel = redis_keys.preview_channel(access.camera.device_id, self._watch_id)
            pubsub = client.pubsub()
            await pubsub.subscribe(channel)
            self._listening.set()
            while True:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=1.0)
                if message is not None:
                    await self._pass_on(message["data"])
        finally:
            await client.aclose()

    async def _pass_on(self, data: bytes) -> None:
        access = self._fresh_access()
        try:
            preview, jpeg = unpack(data)
        except PreviewError as error:
            log.warning("preview ignored", reason=str(error))
            return
        if access is None or (preview.watch_id, preview.camera_id) != (self._watch_id, access.camera.pk):
            return
        if preview.answer == "unknown":
            self._news.set()  # the box has just started, or another of its processes has the camera now: all of it again
        elif preview.answer == "refused":
            with self._spoken():
                text = told(preview.problem)
            await self._tell({"type": "refused", "draft": preview.draft, "problem": text})
        else:
            await self._show(preview, jpeg)

    async def _show(self, preview: Preview, jpeg: bytes) -> None:
        """Read and written anew: nothing passes that was not checked. What has fired is shown to slow pages too."""
        if self._unseen >= UNSEEN:
            if not preview.fired:
                return
            jpeg = b""
        with self._spoken():
            words = {"problem": told(preview.problem), "reason": told(preview.reason)}
        self._unseen += 1
        await self.send(bytes_data=pack(preview.model_copy(update=words), jpeg))

    # Small things

    def _take_slot(self, person: int) -> bool:
        """Only of who may see the camera: nobody else can keep people out, and no person all others."""
        if PreviewConsumer._open.total() >= MOST_SOCKETS or PreviewConsumer._open[person] >= MOST_EACH:
            return False
        PreviewConsumer._open[person] += 1
        self._person = person
        return True

    def _give_back(self) -> None:
        if self._person is None:
            return
        PreviewConsumer._open[self._person] -= 1
        PreviewConsumer._open += Counter()  # forgets whoever has none

    async def _allowed(self) -> Access:
        session = self.scope["session"].session_key
        access: Access = await database_sync_to_async(access_to)(
            session, self.scope["url_route"]["kwargs"]["camera_id"]
        )
        return access

    def _fresh_access(self) -> Access | None:
        access = self._access
        if access is None or time.monotonic() - access.checked_at > self.access_age_seconds:
            return None
        return access

    def _problem(self) -> str:
        with self._spoken():
            return told(self._access.problem) if self._access else ""

    def _spoken(self) -> contextlib.AbstractContextManager[object]:
        """The page's language."""
        known = {code for code, _ in settings.LANGUAGES}
        return translation.override(self._language if self._language in known else settings.LANGUAGE_CODE)

    async def _tell(self, message: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(message))


def _read(text: str | None) -> dict[str, Any] | None:
    """A message of a page, or None."""
    if text is None or len(text) > LARGEST:
        return None
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("type") not in ("draft", "renew", "seen"):
        return None
    number = message.get("draft", 0)
    is_number = isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**31
    return message if is_number and (message["type"] != "draft" or "draft" in message) else None


def _why(error: Exception) -> str:
    return describe(error) if isinstance(error, RedisError) else str(error) or type(error).__name__
