"""The command `snapshot`: the newest frame of a camera that this box reads anyway, as JPEG under the key that the hub gave.

Where the box reads the camera's sub-stream, the picture is of the main one, if that gives one in time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from django.utils.translation import gettext_noop
from redis.exceptions import RedisError

from cameras.core.document import Document
from detection.ingest.frame import Frame
from detection.ingest.reader import CameraReader
from edgesite import storage
from edgesite.commands import Command, send_answer
from edgesite.destination import Put, begin_put
from edgesite.redis_clients import Client, describe
from edgesite.storage import StorageError
from recordings.taking_up import CONNECTING, NO_CAMERA, STARTING

log = structlog.get_logger(__name__)

KIND = "snapshot"
QUALITY = 85
MAX_AGE_S = 2.0
FRESH_S = 0.3  # of it, for a picture of what is read, when the main stream gave none
STORE_S = 1.0  # of the time that is left, kept for encoding and storing
TRIES = 2

DISABLED = gettext_noop("The camera is disabled in the configuration that the box runs. Enable it and publish.")
STOPPED = gettext_noop("Detection is stopped in the configuration that the box runs. Start detection and publish.")
NO_FRAME = gettext_noop("No picture of the last 2 seconds")
SLOW = gettext_noop("the camera sends pictures too seldom, or the box has too much to do")
NOT_ENCODED = gettext_noop("The picture could not be encoded. The box's log says more.")
NOT_STORED = gettext_noop("The picture could not be stored. Look at the storage of the box: its disk, or its bucket.")
BAD_KEY = gettext_noop("The key is no relative path.")
BUSY = gettext_noop("The box has too many pictures to make at once. Try again in some seconds.")


class SnapshotError(Exception):
    """Why there is no picture, in words that say what to do."""


@dataclass(slots=True)
class Snapshots:
    """Of one process. readers: of the cameras that it runs. whole_box: whether it also answers for those that nobody runs.

    elsewhere: cameras that other processes of the box may run.
    """

    device_id: str
    client: Client
    readers: Callable[[], Mapping[str, CameraReader]]
    document: Callable[[], Document | None]
    whole_box: bool = True
    elsewhere: Callable[[str], bool] = lambda camera_id: False
    clock: Callable[[], float] = time.time
    _opener: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "snapshot-put"))

    def mine(self, command: Command) -> bool:
        camera_id = command.body.get("camera_id")
        if not isinstance(camera_id, str):
            return self.whole_box
        return camera_id in self.readers() or (self.whole_box and not self.elsewhere(camera_id))

    def obey(self, command: Command, left_s: float) -> None:
        """Makes, stores and tells, or tells why not."""
        self.prepare(command, left_s)()

    def prepare(self, command: Command, left_s: float) -> Callable[[], None]:
        """Makes the picture; what it answers stores it and tells, or tells why there is none."""
        try:
            store, told = self._made(command, left_s)
        except SnapshotError as error:
            return partial(self._tell, command, _error(str(error)))
        except Exception:  # whatever FFmpeg and OpenCV raise: the hub must not wait for nothing
            log.exception("snapshot failed", request_id=command.request_id)
            return partial(self._tell, command, _error(NOT_ENCODED))
        return partial(self._give, command, store, told)

    def refuse(self, command: Command) -> None:
        self._tell(command, _error(BUSY))

    def _give(self, command: Command, store: Callable[[], None], told: dict[str, Any]) -> None:
        try:
            store()
        except SnapshotError as error:
            told = _error(str(error))
        except Exception:  # as above
            log.exception("snapshot failed", request_id=command.request_id)
            told = _error(NOT_STORED)
        self._tell(command, told)

    def _made(self, command: Command, left_s: float) -> tuple[Callable[[], None], dict[str, Any]]:
        """What stores the picture, made ready while that is made, and what to say of it."""
        ends, key = time.monotonic() + left_s, command.body.get("key")
        try:
            checked = storage.check_key(key if isinstance(key, str) else "")
        except StorageError:
            raise SnapshotError(BAD_KEY) from None
        frame = self._frame(str(command.body.get("camera_id", "")), left_s)
        put = self._opener.submit(begin_put, checked)
        jpeg = frame.jpeg(quality=QUALITY, max_width=frame.width, max_height=frame.height)
        return partial(_store, checked, put, jpeg, ends=ends), {
            "status": "ok", "at": round(frame.timestamp, 3), "width": frame.width, "height": frame.height, "message": "",
        }  # fmt: skip

    def _frame(self, camera_id: str, left_s: float) -> Frame:
        reader = self.readers().get(camera_id)
        if reader is None:
            raise SnapshotError(why_not_run(self.document(), camera_id))
        ends = time.monotonic() + max(0.0, left_s - STORE_S)
        frame = reader.sharp(timeout=ends - time.monotonic() - FRESH_S)
        if frame is None:
            frame = reader.fresh(max_age_s=MAX_AGE_S, timeout=max(0.0, ends - time.monotonic()))
        if frame is not None:
            return frame
        state = reader.state
        reason = {"lost": state.reason, "connecting": CONNECTING}.get(state.word) or SLOW
        raise SnapshotError(f"{NO_FRAME}: {reason}")

    def _tell(self, command: Command, told: dict[str, Any]) -> None:
        asked = {key: str(command.body.get(key, ""))[:500] for key in ("camera_id", "key")}
        body = {"request_id": command.request_id, **asked, **told}
        try:
            send_answer(self.client, device_id=self.device_id, kind=KIND, body=body)
        except RedisError as error:
            log.warning("snapshot not reported", request_id=command.request_id, reason=describe(error))
            return
        outcome = {"problem": told["message"]} if told["message"] else {"size": f"{told['width']}x{told['height']}"}
        log.info("snapshot answered", camera=asked["camera_id"], request_id=command.request_id, **outcome)


def why_not_run(document: Document | None, camera_id: str) -> str:
    """Why a camera is not run by the box that has this document, in words that say what to do."""
    camera = next((c for c in document.content.cameras if c.camera_id == camera_id), None) if document else None
    if camera is None:
        return NO_CAMERA
    if not camera.enabled:
        return DISABLED
    return STARTING if camera.analyse else STOPPED


def _error(message: str) -> dict[str, Any]:
    return {"status": "error", "at": None, "width": 0, "height": 0, "message": message[:500]}


def _store(key: str, put: Future[Put], jpeg: bytes, *, ends: float) -> None:
    """Again only while somebody waits for it: until `ends`, of the monotonic clock. Raises SnapshotError."""
    for attempt in range(1, TRIES + 1):
        try:
            (put.result() if attempt == 1 else begin_put(key))(jpeg)
        except StorageError as error:
            log.warning("snapshot not stored", key=key, reason=str(error), attempt=attempt)
            if not error.retryable or attempt == TRIES or time.monotonic() >= ends:
                raise SnapshotError(NOT_STORED) from None
        else:
            return
