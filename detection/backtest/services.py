"""Writes: making, cancelling and deleting a back-test, and the steps of its life. Each claim is one conditional update."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.core.files.base import File
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from cameras.core.algorithms import registry
from cameras.core.compiler import compile_content
from cameras.core.document import content_hash
from cameras.core.rollout import Sentence
from cameras.core.strict_json import DocumentError
from cameras.models import Camera
from cameras.rollouts.texts import stored
from cameras.selectors import device_rows
from cameras.services import latest_version
from cameras.versions import content_of_version
from detection.backtest import files
from detection.backtest.engine import plan_of
from detection.backtest.models import BackTest, BackTestState
from detection.core.comparison import camera_part
from edgesite.fields import DecryptionError
from edgesite.ids import uuid7
from edgesite.storage import StorageError

log = structlog.get_logger(__name__)

MOST_WAITING = 20  # on the hub
MOST_KEPT = 100  # of a camera
TRIES = 3  # one, and two more after an unexpected end
LOST_AFTER = timedelta(seconds=60)  # without a sign of life; a running one gives one every second

TOO_MANY_WAITING = gettext_noop("%(count)s back-tests are waiting already; start this one when some of them are done")
TOO_MANY_KEPT = gettext_noop("this camera has %(count)s back-tests; delete some of them first")
UNUSABLE = gettext_noop("the configuration cannot be used: %(why)s")
NO_BINDING = gettext_noop("neither the draft nor the published configuration has an enabled binding to try")
VIDEO_GONE = gettext_noop("the video is no longer stored")
VIDEO_UNSTORED = gettext_noop("the video could not be stored; is the hub's disk full?")
ENDED = gettext_noop("the analysis ended unexpectedly %(count)s times; the hub's log says more")


class BackTestError(Exception):
    """It cannot be done; `sentence` says why, for people."""

    def __init__(self, template: str, **values: Any) -> None:
        self.sentence = Sentence(template, values)
        super().__init__(str(self.sentence))


def create_backtest(
    *,
    camera: Camera,
    author: str,
    fps: float,
    bind_id: str = "",
    began_at: datetime | None = None,
    upload: File[Any] | None = None,
    video_name: str = "",
    video_s: float | None = None,
    like: BackTest | None = None,
) -> BackTest:
    """Queues one with the configurations as they are at this moment.

    upload: the checked video with `video_name` and `video_s`; or `like`: a test of the camera whose video is used again.
    Raises BackTestError.
    """
    contents, version = _contents(camera, bind_id, with_schedules=began_at is not None)
    _refuse_too_many(camera)
    test = BackTest(
        name=uuid7(), camera=camera, bind_id=bind_id, fps=fps, began_at=began_at, author=author,
        video_name=video_name[:200], video_s=video_s, contents=contents, published_version=version,
        draft_sha256=content_hash(contents["draft"]),
    )  # fmt: skip
    if upload is not None:
        try:
            test.video_key = files.store_video(test.name, upload)
        except StorageError as error:
            log.warning("a back-test's video could not be stored", camera=camera.pk, reason=str(error))
            raise BackTestError(VIDEO_UNSTORED) from error
    with transaction.atomic():
        if like is not None:
            # Locked, so that nobody deletes the video's last user at the same time.
            given = BackTest.objects.select_for_update().filter(pk=like.pk, camera=camera).first()
            if given is None:
                raise BackTestError(VIDEO_GONE)
            test.video_key, test.video_name, test.video_s = given.video_key, given.video_name, given.video_s
        test.save(force_insert=True)
    log.info("back-test queued", id=test.pk, camera=camera.pk, author=author, published=version)
    return test


def _contents(camera: Camera, bind_id: str, *, with_schedules: bool) -> tuple[dict[str, Any], int]:
    """Both sides, checked, and the published version's number. Raises BackTestError."""
    version = latest_version(camera.device)
    try:
        published = camera_part(content_of_version(version), camera.pk, bind_id=bind_id) if version else None
        draft = camera_part(compile_content(device_rows(camera.device)), camera.pk, bind_id=bind_id)
        contents = {"draft": draft, "published": published}
        plans = [
            plan_of(part, camera_id=camera.pk, registry=registry, with_schedules=with_schedules)
            for part in contents.values()
            if part
        ]
    except (DocumentError, DecryptionError, ValueError) as error:
        raise BackTestError(UNUSABLE, why=str(error)) from error
    if not any(plan.bindings for plan in plans):
        raise BackTestError(NO_BINDING)
    return contents, version.version if version and published else 0


def _refuse_too_many(camera: Camera) -> None:
    waiting = BackTest.objects.filter(state=BackTestState.QUEUED).count()
    if waiting >= MOST_WAITING:
        raise BackTestError(TOO_MANY_WAITING, count=waiting)
    kept = BackTest.objects.filter(camera=camera).count()
    if kept >= MOST_KEPT:
        raise BackTestError(TOO_MANY_KEPT, count=kept)


def cancel_backtest(*, test_id: int, author: str, now: datetime) -> bool:
    """False when it had ended already. Its process notices within a second and ends."""
    rows = BackTest.objects.filter(pk=test_id, state__in=(BackTestState.QUEUED, BackTestState.RUNNING))
    done = rows.update(state=BackTestState.CANCELLED, ended_at=now) > 0
    if done:
        log.info("back-test cancelled", id=test_id, author=author)
    return done


def delete_backtest(*, test_id: int, author: str) -> None:
    """The row, its pictures, and its video unless another back-test uses that too. What cannot be removed is swept later."""
    with transaction.atomic():
        test = BackTest.objects.select_for_update().filter(pk=test_id).first()
        if test is None:
            return
        users = BackTest.objects.select_for_update().filter(video_key=test.video_key).exclude(pk=test.pk)
        video_of_another = bool(list(users.values_list("pk", flat=True)))
        test.delete()
    log.info("back-test deleted", id=test_id, author=author)
    owner = test.video_key.split("/")[1]
    try:
        files.remove_files(test.name, keep=test.video_key if video_of_another else "")
        if not video_of_another and owner != test.name and not BackTest.objects.filter(name=owner).exists():
            files.remove_files(owner)
    except StorageError as error:
        log.warning("a back-test's files stay for now", id=test_id, reason=str(error))


def sweep(*, before: datetime) -> int:
    """Removes the files of back-tests that are gone, of those made before that moment; how many. Raises StorageError."""
    used = set(BackTest.objects.values_list("name", flat=True))
    used |= {key.split("/")[1] for key in BackTest.objects.values_list("video_key", flat=True)}
    orphans = [name for name in files.stored_names(before=before) if name not in used]
    for name in orphans:
        files.remove_files(name)
    if orphans:
        log.info("files of deleted back-tests removed", folders=len(orphans))
    return len(orphans)


def claim(test_id: int, *, now: datetime) -> int | None:
    """Takes a queued one up; the number of this try, None when it is not queued any more."""
    with transaction.atomic():
        test = BackTest.objects.select_for_update().filter(pk=test_id, state=BackTestState.QUEUED).first()
        if test is None:
            return None
        test.state, test.tries, test.progress, test.seen_at = BackTestState.RUNNING, test.tries + 1, 0.0, now
        test.started_at = now
        test.save(update_fields=["state", "tries", "progress", "seen_at", "started_at"])
        return test.tries


def claim_next(*, now: datetime) -> tuple[int, int] | None:
    """`(id, try)` of the oldest queued one; None while another one runs or nothing waits."""
    if not BackTest.objects.filter(state=BackTestState.QUEUED).exists():
        return None  # without a transaction, which would take SQLite's write lock twice a second
    with transaction.atomic():
        if BackTest.objects.filter(state=BackTestState.RUNNING).exists():
            return None
        waiting = BackTest.objects.filter(state=BackTestState.QUEUED).order_by("id").values_list("id", flat=True)
        test_id = waiting.first()
        attempt = claim(test_id, now=now) if test_id is not None else None
        return (test_id, attempt) if test_id is not None and attempt is not None else None


def note_progress(test_id: int, *, attempt: int, progress: float, now: datetime) -> bool:
    """A sign of life. False: it was cancelled, deleted, or taken over by a later try, and this one must end."""
    return _mine(test_id, attempt).update(progress=min(max(progress, 0.0), 1.0), seen_at=now) > 0


def finish(test_id: int, *, attempt: int, result: dict[str, Any], now: datetime) -> bool:
    """Everything at once. False: as `note_progress`."""
    return _mine(test_id, attempt).update(
        state=BackTestState.DONE, progress=1.0, result=result, reason={}, seen_at=now, ended_at=now
    ) > 0  # fmt: skip


def fail(test_id: int, *, attempt: int, why: Sentence, now: datetime) -> bool:
    """It cannot be done, however often it is tried. False: as `note_progress`."""
    log.warning("back-test failed", id=test_id, reason=str(why))
    return _mine(test_id, attempt).update(state=BackTestState.FAILED, reason=stored(why), ended_at=now) > 0


def put_back(test_id: int, *, attempt: int) -> bool:
    """The hub stops: the try does not count."""
    return _mine(test_id, attempt).update(state=BackTestState.QUEUED, tries=attempt - 1, progress=0.0) > 0


def recover(test_id: int, *, attempt: int, now: datetime) -> None:
    """Its process is gone although it was not done: once more, or failed after the last try."""
    if attempt >= TRIES:
        fail(test_id, attempt=attempt, why=Sentence(ENDED, {"count": attempt}), now=now)
    elif _mine(test_id, attempt).update(state=BackTestState.QUEUED, progress=0.0):
        log.warning("back-test ended unexpectedly and is queued again", id=test_id, attempt=attempt)


def recover_lost(*, now: datetime) -> None:
    """Those that say they run but gave no sign of life: their hub was killed, and their process with it."""
    lost = BackTest.objects.filter(state=BackTestState.RUNNING, seen_at__lt=now - LOST_AFTER)
    for test_id, attempt in lost.values_list("id", "tries"):
        recover(test_id, attempt=attempt, now=now)


def _mine(test_id: int, attempt: int) -> QuerySet[BackTest]:
    return BackTest.objects.filter(pk=test_id, state=BackTestState.RUNNING, tries=attempt)
