"""Parts of files in the bucket with which nobody goes on: a bucket lists them nowhere, and has them paid."""

from __future__ import annotations

import structlog

from edgesite import storage
from edgesite.storage import StorageError
from recordings.alert_clips.selectors import FOLDER as CLIPS
from recordings.core.extracts import FOLDER as EXTRACTS
from recordings.core.films import FOLDER as FILMS
from recordings.tasks.selectors import FOLDER as TASKS

log = structlog.get_logger(__name__)

LOOK_SECONDS = 6 * 3600.0
FOLDERS = (TASKS, CLIPS, EXTRACTS, FILMS)  # where large files go


def step() -> bool:
    """Aborts them, below the product's own folders only; False: the next look is due later, whatever this one found.

    A bucket whose key may not list them keeps them until its own rules take them away.
    """
    try:
        aborted = storage.abort_stale(FOLDERS)
    except StorageError as error:
        log.warning("unfinished uploads stay", reason=str(error))
        return False
    if aborted:
        log.info("unfinished uploads aborted", uploads=aborted)
    return False
