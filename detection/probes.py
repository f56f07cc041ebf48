"""The command `probe`: opens a camera's stream and tells the hub what it is, with a picture, or why nothing comes.

The URL is that of the configuration which the box runs, or one that the hub sent encrypted; it never leaves the box, and no
message holds it.
"""

from __future__ import annotations

import base64
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import av
import structlog
from django.utils.translation import gettext_noop
from redis.exceptions import RedisError

from cameras.core.document import Document
from cameras.core.probe import LARGEST_PICTURE, StreamFacts
from cameras.streams.errors import IngestError
from detection.ingest.frame import Frame
from detection.ingest.probe import WATCH_S, probe, size_of
from detection.snapshots import BUSY
from edgesite.commands import Command, send_answer
from edgesite.fields import DecryptionError, decrypt
from edgesite.redis_clients import Client, describe
from recordings.taking_up import NO_CAMERA

log = structlog.get_logger(__name__)

KIND = "probe"
MAIN_S = 5.0  # what is left of it at least, when a second stream is opened to see its size
OPEN_S = 11.0  # what opening may take: a name, a connection, two questions, FFmpeg's own

OTHER_KEY = gettext_noop(
    "The box has another FIELD_ENCRYPTION_KEY than the hub. Save the camera, publish, and test then."
)
FAILED = gettext_noop("The test failed inside the box. Its log says more.")
NOTHING = gettext_noop("Nothing comes from the camera")
PICTURE = 640, 480  # pixels that it fits in: to see which camera it is, and whether it is sharp
QUALITIES = (80, 60, 40, 20)


@dataclass(slots=True)
class Probes:
    """Of one box: any of its processes that is not confined to some cameras can do it."""

    device_id: str
    client: Client
    document: Callable[[], Document | None]
    stop: threading.Event
    transport: str = "tcp"

    def mine(self, command: Command) -> bool:
        return True

    def obey(self, command: Command, left_s: float) -> None:
        """Looks and tells; a look that is under way when the worker ends is given up."""
        look = threading.Thread(target=self._look, args=(command, left_s), name="connection test", daemon=True)
        look.start()
        while look.is_alive() and not self.stop.is_set():
            look.join(0.1)

    def _look(self, command: Command, left_s: float) -> None:
        camera_id = str(command.body.get("camera_id", ""))[:128]
        try:
            url, problem = self._url(command, camera_id)
            told = self._error(problem) if problem else self._found(url, left_s, main=self._main(command))
        except IngestError as error:
            told = self._error(f"{NOTHING}: {error.reason}")
        except Exception as error:
            # Not `log.exception`: a message inside the traceback could hold the URL with its password.
            log.error("connection test failed", camera=camera_id, error=type(error).__name__)
            told = self._error(FAILED)
        self._tell(command, camera_id, told)

    def refuse(self, command: Command) -> None:
        self._tell(command, str(command.body.get("camera_id", ""))[:128], self._error(BUSY))

    def _found(self, url: str, left_s: float, *, main: str) -> dict[str, Any]:
        """main: of a sub-stream, the stream whose picture has the shape that this one's should have; else empty."""
        began = time.monotonic()
        pictures: list[av.VideoFrame] = []
        facts: StreamFacts = probe(
            url,
            stop=self.stop,
            transport=self.transport,
            seconds=min(WATCH_S, max(0.5, left_s - OPEN_S)),
            picture=pictures.append,
        )
        if main and left_s - (time.monotonic() - began) > MAIN_S:
            with contextlib.suppress(IngestError):  # whoever asked about the other one is told nothing of this
                width, height = size_of(main, stop=self.stop, transport=self.transport)
                facts = facts.model_copy(update={"main_width": width, "main_height": height})
        picture = _small_jpeg(pictures[0]) if pictures else ""
        return {"status": "ok", "facts": facts.model_dump(mode="json"), "picture": picture, "message": ""}

    def _url(self, command: Command, camera_id: str) -> tuple[str, str]:
        """The URL, or why there is none."""
        sealed = command.body.get("url")
        if isinstance(sealed, str):
            try:
                return decrypt(sealed), ""
            except (DecryptionError, ValueError):
                return "", OTHER_KEY
        document = self.document()
        for camera in document.content.cameras if document else ():
            if camera.camera_id == camera_id:
                return camera.rtsp_url, ""
        return "", NO_CAMERA

    @staticmethod
    def _main(command: Command) -> str:
        """Of a sub-stream that is tested; `_url` has said already what is wrong with the key."""
        sealed = command.body.get("main")
        return decrypt(sealed) if isinstance(sealed, str) else ""

    @staticmethod
    def _error(message: str) -> dict[str, Any]:
        return {"status": "error", "facts": None, "message": message[:500]}

    def _tell(self, command: Command, camera_id: str, told: dict[str, Any]) -> None:
        body = {"request_id": command.request_id, "camera_id": camera_id, **told}
        try:
            send_answer(self.client, device_id=self.device_id, kind=KIND, body=body)
        except RedisError as error:
            log.warning("connection test not reported", request_id=command.request_id, reason=describe(error))
            return
        log.info("connection tested", camera=camera_id, request_id=command.request_id, problem=told["message"])


def _small_jpeg(picture: av.VideoFrame) -> str:
    """The picture as JPEG in Base64, small enough for an answer; "" when it is not."""
    frame = Frame("", picture, 0.0, 0.0, 0)
    for quality in QUALITIES:
        try:
            jpeg = frame.jpeg(quality=quality, max_width=PICTURE[0], max_height=PICTURE[1])
        except (ValueError, av.FFmpegError):  # a pixel format that nothing here reads: the facts are told all the same
            return ""
        if len(jpeg) <= LARGEST_PICTURE:
            return base64.b64encode(jpeg).decode("ascii")
    return ""
