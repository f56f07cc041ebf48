"""`run_hub`'s part in time-lapses: one after the other, in a thread of its own that gives way to the others.

The place in the work is the row's state. A hub that ends puts the film back; of one that is killed the next hub takes it up
after a minute. Whatever is left of a try is a file below VAR_DIR that the next one removes, or an object that it replaces.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import av
import structlog
from django.conf import settings
from django.core.files.base import File
from django.utils import timezone
from django.utils.translation import gettext_noop

from edgesite import storage
from edgesite.storage import StorageError, is_stored, open_object, sha256_of
from recordings.objects.services import answer_for
from recordings.timelapses.film import Made, make_film
from recordings.timelapses.models import REMOVED, TimeLapse
from recordings.timelapses.selectors import keys_of
from recordings.timelapses.services import claim_next, fail, finish, note_progress, put_back, recover_lost

log = structlog.get_logger(__name__)

SIGN_S = 1.0  # between two signs of life
STORE = timedelta(minutes=10)  # which storing may take without one
OLD_S = 86_400.0
AWAY_AFTER = 3  # pictures in a row that the storage does not give
LARGEST = 20 * 1024 * 1024  # bytes of a picture, as boxes may upload
NICE = 10  # the hub's other work goes first

UNREADABLE = gettext_noop("None of the snapshots could be read. They may have been deleted meanwhile.")
NOT_WRITTEN = gettext_noop("The film could not be written. Is the hub's disk full?")
NOT_ENCODED = gettext_noop("The film could not be encoded. The hub's log says more.")
STORAGE_AWAY = gettext_noop("The hub's storage does not answer. It is tried again.")


class Ended(Exception):  # noqa: N818  nothing went wrong
    """The hub ends, or the film is not this one's to make any more."""


@dataclass(slots=True)
class FilmMaker:
    """Call `step` from one thread. stop: set when the hub ends. now, monotonic: for tests."""

    stop: threading.Event
    now: Callable[[], datetime] = timezone.now
    monotonic: Callable[[], float] = time.monotonic
    _polite: bool = field(default=False)
    _sign_due: float = field(default=0.0)

    def step(self) -> bool:
        """Makes one film, if one waits; whether it did. Raises StorageError when the storage is away, django.db.Error."""
        self._give_way()
        recover_lost(now=self.now())
        film = claim_next(now=self.now())
        if film is None:
            return False
        draft = _folder(time.time()) / f"{film.film_id}.mp4"
        try:
            self._make(film, draft)
        except Ended:
            put_back(film)
        except StorageError:  # also when the hub ends, or somebody deletes the film, in the middle of storing
            ends = self.stop.is_set()
            if put_back(film, message="" if ends else STORAGE_AWAY) and not ends:
                raise
        except OSError as error:
            log.error("time-lapse not written", film=film.film_id, reason=error.strerror)
            fail(film, message=NOT_WRITTEN)
        finally:
            draft.unlink(missing_ok=True)
        return True

    def _give_way(self) -> None:
        """On Linux each thread has a priority of its own, and those that it starts have it too."""
        if not self._polite and sys.platform == "linux" and threading.current_thread() is not threading.main_thread():
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        self._polite = True

    def _make(self, film: TimeLapse, draft: Path) -> None:
        keys = keys_of(film)
        log.info("time-lapse begun", film=film.film_id, camera=film.camera_id, pictures=len(keys), attempt=film.tries)

        def go_on(done: int) -> None:
            self._sign(film, done=done, of=len(keys))

        try:
            made = make_film(_contents(keys), target=draft, fps=film.fps, preset=settings.FFMPEG_PRESET, go_on=go_on)
        except av.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            log.error("time-lapse not encoded", film=film.film_id, exc_info=error)
            fail(film, message=NOT_ENCODED)
            return
        if not made.pictures:
            fail(film, message=UNREADABLE)
            return
        self._store(film, draft, made)

    def _store(self, film: TimeLapse, draft: Path, made: Made) -> None:
        if not note_progress(film, done=1, of=1, now=self.now() + STORE):
            raise Ended
        answer_for(film.key)  # before it stands: the row may go with its camera at any moment
        with open(draft, "rb") as file:
            sha256, size = sha256_of(file), draft.stat().st_size
            storage.put(film.key, _Watched(file, self.stop))
        if not is_stored(film.key, sha256=sha256, size=size, stop=self.stop):
            raise StorageError(f"{film.key} came back different", retryable=True)
        values = {"sha256": sha256, "bytes": size, "duration": made.seconds}
        if not finish(film, now=self.now(), pictures=made.pictures, skipped=made.skipped, **values):
            if not TimeLapse.objects.filter(pk=film.pk).exclude(state__in=REMOVED).exists():
                storage.remove(film.key)  # perhaps after whoever takes it away had looked for it
            return
        log.info("time-lapse made", film=film.film_id, pictures=made.pictures, skipped=made.skipped, bytes=size)

    def _sign(self, film: TimeLapse, *, done: int, of: int) -> None:
        """Raises Ended when nothing more is to be done."""
        if self.stop.is_set():
            raise Ended
        if self.monotonic() < self._sign_due:
            return
        self._sign_due = self.monotonic() + SIGN_S
        if not note_progress(film, done=done, of=of, now=self.now()):
            raise Ended


class _Watched(File):  # type: ignore[type-arg]
    """A file whose upload ends when the hub does."""

    def __init__(self, file: Any, stop: threading.Event) -> None:
        super().__init__(file)
        self._stop = stop

    def read(self, *args: Any) -> bytes:
        if self._stop.is_set():
            raise Ended
        return self.file.read(*args)  # type: ignore[no-any-return,union-attr]


def _contents(keys: list[str]) -> Iterator[bytes | None]:
    """Each picture as it is wanted; None for one that is gone, too large, or that the storage alone does not give.

    Raises StorageError when it gives several in a row not, or none at all: then it is away.
    """
    failing, given = 0, False
    problem: StorageError | None = None
    for key in keys:
        try:
            content = _content(key)
        except StorageError as error:
            failing, problem, content = failing + error.retryable, error, None
            if failing >= AWAY_AFTER:
                raise
        else:
            failing, given = 0, True
        yield content
    if failing and not given and problem is not None:
        raise problem


def _content(key: str) -> bytes | None:
    """Raises StorageError."""
    try:
        file, size = open_object(key)
    except FileNotFoundError:
        return None
    with file:
        try:
            return file.read() if size <= LARGEST else None
        except Exception as error:  # the storages' own errors have no common base
            raise StorageError(f"{key} could not be read: {error}", retryable=True) from error


def _folder(now: float) -> Path:
    """Where films are made, without what a killed hub left long ago."""
    folder = Path(settings.VAR_DIR) / "timelapses"
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.mp4"):
        if left.stat().st_mtime < now - OLD_S:
            left.unlink(missing_ok=True)
    return folder
