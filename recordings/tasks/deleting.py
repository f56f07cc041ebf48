"""Deleting the clip of one task: it goes, the task stays and says who deleted it."""

from __future__ import annotations

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from recordings.extracts.logbook import note
from recordings.extracts.models import StepKind
from recordings.tasks.models import RecordingTask
from recordings.tasks.selectors import STORED

log = structlog.get_logger(__name__)

PROTECTED = gettext_noop("This recording is protected. Lift the protection first.")


class ClipProtectedError(Exception):
    """The clip is not deleted, with a sentence in English (`edgesite.told`)."""


def delete_clip(task: RecordingTask, *, author: str) -> bool:
    """It can be neither seen nor fetched any more; its object goes with the next look of retention.

    False when there is none that is stored (any more). Raises ClipProtectedError.
    """
    now = timezone.now()
    standing = RecordingTask.objects.filter(pk=task.pk, state__in=STORED, removed_at=None)
    with transaction.atomic():
        deleted = standing.filter(protected=False).update(removed_at=now, deleted_at=now, deleted_by=author[:150])
        if deleted:
            note(task, StepKind.DELETED, author=author, now=now)
    task.refresh_from_db()
    if deleted:
        log.info("clip deleted", task=task.task_id, camera=task.camera_id, author=author)
    elif task.protected and standing.exists():
        raise ClipProtectedError(PROTECTED)
    return bool(deleted)
