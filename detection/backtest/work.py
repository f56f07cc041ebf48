"""One back-test from its video to its result, in a process of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_noop

from cameras.core.algorithms import registry
from cameras.core.rollout import Sentence
from cameras.core.strict_json import DocumentError
from cameras.rollouts.texts import stored
from cameras.streams.errors import IngestError
from detection.backtest import engine, files
from detection.backtest.models import BackTest
from detection.backtest.services import UNUSABLE, VIDEO_GONE, fail, finish, note_progress
from detection.inference.detector import Detector
from detection.inference.errors import ModelError
from detection.inference.pool import load_detectors
from detection.model_choice import detection_model
from detection.offline_video import VideoFile
from edgesite.storage import StorageError

log = structlog.get_logger(__name__)

TELL_S = 1.0
NO_VIDEO = gettext_noop("the video cannot be analysed: %(why)s")
NO_MODEL = gettext_noop("the model cannot be used: %(why)s")
NO_STORAGE = gettext_noop("the storage cannot be used: %(why)s")
CUT_SHORT = gettext_noop("%(why)s; the rest was analysed")
CANNOT: dict[type[Exception], str] = {
    IngestError: NO_VIDEO,
    ModelError: NO_MODEL,
    DocumentError: UNUSABLE,
    StorageError: NO_STORAGE,
}
NO_SECOND_MODEL = gettext_noop(
    "the hub has no usable model “%(model)s” for a closer look, so bindings that need it raised nothing here"
)
DAMAGED = gettext_noop("%(count)s packets of the video could not be decoded")


class SupersededError(Exception):
    """Somebody cancelled or deleted it, or a later try has it."""


class Pulse:
    """Tells every second that the process lives and how far it is, and hears whether it is still wanted."""

    def __init__(
        self,
        test_id: int,
        attempt: int,
        stop: threading.Event,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._test_id, self._attempt, self._stop = test_id, attempt, stop
        self._clock, self._monotonic = clock, monotonic
        self._told = monotonic()

    def beat(self, progress: float = 0.0) -> None:
        """progress: 0..1. Raises SupersededError."""
        if self._stop.is_set():
            raise SupersededError
        if self._monotonic() - self._told < TELL_S:
            return
        self._told = self._monotonic()
        if not note_progress(self._test_id, attempt=self._attempt, progress=progress, now=self._clock()):
            raise SupersededError


def _load() -> list[Detector]:
    return load_detectors(detection_model(), provider=settings.ORT_PROVIDER)


def _load_on_cpu() -> list[Detector]:
    return load_detectors(detection_model(), provider="cpu")


def work(
    test: BackTest,
    *,
    attempt: int,
    stop: threading.Event,
    load: Callable[[], Sequence[Detector]] = _load,
    clock: Callable[[], datetime] = timezone.now,
    monotonic: Callable[[], float] = time.monotonic,
) -> bool:
    """Does a claimed one and stores what came of it, also that it cannot be done. False: it was no longer wanted.

    Any other exception means that it may be tried again.
    """
    pulse = Pulse(test.pk, attempt, stop, clock=clock, monotonic=monotonic)
    try:
        with files.local_file(test.video_key, pulse.beat) as path:
            try:
                result = _analyse(test, path, load=load, pulse=pulse, monotonic=monotonic)
            except IngestError as error:  # people know the video by another name
                reason = error.reason.replace(str(path), test.video_name)
                raise IngestError(reason, retryable=error.retryable) from error
    except SupersededError:
        return False
    except FileNotFoundError:
        return fail(test.pk, attempt=attempt, why=Sentence(VIDEO_GONE), now=clock())
    except tuple(CANNOT) as error:
        why = Sentence(next(t for kind, t in CANNOT.items() if isinstance(error, kind)), {"why": str(error)})
        return fail(test.pk, attempt=attempt, why=why, now=clock())
    done = finish(test.pk, attempt=attempt, result=result, now=clock())
    if done:
        log.info("back-test done", id=test.pk, **result["figures"])
    return done


def _analyse(
    test: BackTest,
    path: Path,
    *,
    load: Callable[[], Sequence[Detector]],
    pulse: Pulse,
    monotonic: Callable[[], float],
) -> dict[str, Any]:
    plans = {
        side: engine.plan_of(
            part, camera_id=test.camera_id, registry=registry, with_schedules=test.began_at is not None
        )
        for side, part in test.contents.items()
        if part
    }
    with VideoFile(path) as video:
        detectors = load()
        began = monotonic()
        result, lacking = engine.run(
            video,
            detectors=detectors,
            plans=plans,
            fps=test.fps,
            began_at=test.began_at.timestamp() if test.began_at else 0.0,
            store=lambda frame, jpeg: files.store_picture(test.name, frame, jpeg),
            tell=lambda media_s: pulse.beat(media_s / video.length_s if video.length_s else 0.0),
            on_cpu=_load_on_cpu,
        )
        wall_s = max(monotonic() - began, 1e-3)
        result["figures"] |= {"wall_s": round(wall_s, 3), "speed": round(result["figures"]["media_s"] / wall_s, 3)}
        result["notes"] = _notes(video, lacking)
    return result


def _notes(video: VideoFile, lacking: Sequence[str]) -> list[dict[str, Any]]:
    notes = [stored(Sentence(NO_SECOND_MODEL, {"model": name})) for name in lacking]
    if video.cut_short:
        notes.append(stored(Sentence(CUT_SHORT, {"why": video.cut_short})))
    if video.damaged:
        notes.append(stored(Sentence(DAMAGED, {"count": video.damaged})))
    return notes
