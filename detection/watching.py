"""The command `watch`: shows a camera to somebody who sets up its rules, and what the rules of the draft would do.

Nothing of it is stored, and nothing but the asker's own channel hears of it. A watch lasts for the seconds that it was asked
for, and ends sooner when nobody listens to its channel any more. See docs/architecture.md, “Seeing a draft live”.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.utils.translation import gettext_noop
from pydantic import ValidationError
from redis.exceptions import RedisError

from cameras.core.algorithms import Registry, registry
from cameras.core.document import Document, parse_content
from cameras.core.strict_json import DocumentError
from detection.core.detections import Detections
from detection.core.preview import MOST_STATES, Preview, WatchIn, pack
from detection.core.rules.registry import check_rules
from detection.core.view import Trouble
from detection.ingest.frame import Frame
from detection.ingest.reader import CameraReader
from detection.plan import Plan, make_plan
from detection.snapshots import why_not_run
from detection.watch import Draft, SecondLook, Watch
from edgesite import redis_keys
from edgesite.commands import Command
from edgesite.redis_clients import Client, describe

log = structlog.get_logger(__name__)

KIND = "watch"
MOST = 4  # watches at once, of one process
BEAT_S = 1.0  # so often something is told, also without a picture
UNHEARD_S = 3.0
WAIT_S = 0.2
EARLY_S = 0.02  # of a picture's time: frames do not come to the millisecond
QUALITY = 70

BUSY = gettext_noop("Too many people look at cameras of this box at once. Try again in some seconds.")
TOO_MANY = gettext_noop("The draft has too many rules to be shown at once")
NOT_USABLE = gettext_noop("The draft cannot be used")


@dataclass(slots=True, eq=False)
class Watches:
    """Of one process. A lane's thread calls `obey`, the analyser's threads `of` and `look`, one thread `step`.

    class_names: the model's, empty in a process that analyses nothing. readers: of the cameras that it runs. whole_box,
    elsewhere: as in `Snapshots`.
    """

    device_id: str
    client: Client
    readers: Callable[[], Mapping[str, CameraReader]]
    document: Callable[[], Document | None]
    class_names: tuple[str, ...] = ()
    whole_box: bool = True
    elsewhere: Callable[[str], bool] = lambda camera_id: False
    registry: Registry = field(default_factory=lambda: registry)
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    _by_id: dict[str, Watch] = field(default_factory=dict)
    _by_camera: dict[str, tuple[Watch, ...]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _news: threading.Event = field(default_factory=threading.Event)

    # The command

    def mine(self, command: Command) -> bool:
        camera_id = command.body.get("camera_id")
        if not isinstance(camera_id, str):
            return self.whole_box
        return camera_id in self.readers() or (self.whole_box and not self.elsewhere(camera_id))

    def obey(self, command: Command, left_s: float) -> None:
        """Begins, changes or renews a watch, or tells why not."""
        try:
            asked = WatchIn.model_validate(dict(command.body))
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            log.warning("watch ignored", place=".".join(map(str, problem["loc"])), reason=problem["msg"])
            return
        if asked.camera_id not in self.readers():
            self._answer(asked, "refused", why_not_run(self.document(), asked.camera_id))
            return
        with self._lock:
            answer = self._renewed(asked) if asked.content is None else self._drafted(asked, asked.content)
        if answer is not None:
            self._answer(asked, *answer)

    def refuse(self, command: Command) -> None:
        """The page asks again by itself."""

    def _renewed(self, asked: WatchIn) -> tuple[str, str] | None:
        watch = self._by_id.get(asked.watch_id)
        if watch is None or watch.draft.number != asked.draft or watch.camera_id != asked.camera_id:
            return "unknown", ""
        watch.until = self.monotonic() + asked.seconds
        return None

    def _drafted(self, asked: WatchIn, content: dict[str, Any]) -> tuple[str, str] | None:
        until, watch = self.monotonic() + asked.seconds, self._by_id.get(asked.watch_id)
        if watch is not None and watch.camera_id == asked.camera_id:
            if asked.draft >= watch.draft.number:  # commands may overtake each other
                watch.draft = self._draft(asked, content)
            watch.until = until
            return None
        if len(self._by_id) >= MOST:
            return "refused", BUSY
        watch = Watch(asked.watch_id, self.class_names, self._draft(asked, content), until, asked.width, asked.rate)
        self._keep({**self._by_id, asked.watch_id: watch})
        log.info("watch begins", camera=asked.camera_id, rules=len(watch.draft.plan.bindings))
        return None

    def _draft(self, asked: WatchIn, content: dict[str, Any]) -> Draft:
        """A draft that cannot be used has no rules, and says why."""
        try:
            return Draft(asked.draft, self._plan(asked.camera_id, content))
        except (DocumentError, ValueError, TypeError) as error:
            return Draft(asked.draft, Plan(asked.camera_id), f"{NOT_USABLE}: {error}"[:500])

    def _plan(self, camera_id: str, content: dict[str, Any]) -> Plan:
        """Read like a config document, with this one camera. Raises DocumentError and ValueError."""
        parts: dict[str, Any] = {key: content[key] for key in ("site", "rois", "binds", "schedules") if key in content}
        camera = {"camera_id": camera_id, "rtsp_url": "webcam:0"}  # nothing here opens it
        plan = make_plan(parse_content({**parts, "cameras": [camera]}, self.registry), camera_id, self.registry)
        if len(plan.bindings) > MOST_STATES:
            raise ValueError(f"{TOO_MANY} ({MOST_STATES})")
        check_rules(plan.bindings)
        return plan

    def _keep(self, watches: dict[str, Watch]) -> None:
        by_camera: dict[str, tuple[Watch, ...]] = {}
        for watch in watches.values():
            by_camera[watch.camera_id] = (*by_camera.get(watch.camera_id, ()), watch)
        self._by_id, self._by_camera = watches, by_camera

    # The analyser

    def of(self, camera_id: str) -> tuple[Watch, ...]:
        """Who watches the camera."""
        return self._by_camera.get(camera_id, ())

    def look(
        self,
        watches: tuple[Watch, ...],
        frame: Frame,
        detections: Detections,
        *,
        trouble: Trouble,
        second_look: SecondLook,
    ) -> None:
        """A frame of a camera that is watched. Never raises."""
        for watch in watches:
            watch.take_in(frame, detections, trouble=trouble, second_look=second_look)
        self._news.set()

    # The sender

    def step(self) -> bool:
        """Tells what is due; waits shortly for something to tell. Raises RedisError: what could not be sent is lost."""
        self._news.wait(WAIT_S)
        self._news.clear()
        now, readers = self.monotonic(), self.readers()
        self._end(now)
        pictures: dict[tuple[Frame, int], bytes] = {}
        for watch in list(self._by_id.values()):
            reader = readers.get(watch.camera_id)
            if reader is not None:
                reader.keep_awake()
            pause = now - watch.sent_at
            if pause >= BEAT_S or (watch.newest is not None and pause >= 1 / watch.rate - EARLY_S):
                self._send(watch, reader, pictures, now)
        return True

    def _end(self, now: float) -> None:
        over = {
            watch.watch_id: "the lease is over" if now >= watch.until else "nobody listens"
            for watch in self._by_id.values()
            if now >= watch.until or (watch.unheard_since is not None and now - watch.unheard_since >= UNHEARD_S)
        }
        if not over:
            return
        with self._lock:
            for watch_id, reason in over.items():
                log.info("watch ends", camera=self._by_id[watch_id].camera_id, reason=reason)
            self._keep({i: watch for i, watch in self._by_id.items() if i not in over})

    def _send(
        self, watch: Watch, reader: CameraReader | None, pictures: dict[tuple[Frame, int], bytes], now: float
    ) -> None:
        look, watch.sent_at = watch.take(), now
        preview, jpeg = watch.message(look, self.clock()), b""
        if look is not None:
            key = look.frame, watch.width  # by identity; while it is a key no other frame can take its place
            if key not in pictures:
                pictures[key] = look.frame.jpeg(quality=QUALITY, max_width=watch.width, max_height=watch.width)
            jpeg = pictures[key]
        if reader is not None:
            state = reader.state
            preview = preview.model_copy(update={"camera": state.word, "reason": state.reason[:500]})
        heard = self._publish(preview, jpeg)
        watch.unheard_since = None if heard else now if watch.unheard_since is None else watch.unheard_since

    def _answer(self, asked: WatchIn, answer: str, problem: str) -> None:
        told = {"watch_id": asked.watch_id, "camera_id": asked.camera_id, "draft": asked.draft}
        try:
            self._publish(Preview.model_validate({**told, "answer": answer, "problem": problem}))
        except RedisError as error:
            log.warning("watch not answered", camera=asked.camera_id, reason=describe(error))

    def _publish(self, preview: Preview, jpeg: bytes = b"") -> int:
        """To how many it went. Raises RedisError."""
        channel = redis_keys.preview_channel(self.device_id, preview.watch_id)
        return int(self.client.publish(channel, pack(preview, jpeg)))
