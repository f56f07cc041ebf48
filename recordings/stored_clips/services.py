"""Protecting clips."""

from __future__ import annotations

import structlog

from recordings.stored_clips.models import StoredClip

log = structlog.get_logger(__name__)


def protect(clip: StoredClip, *, author: str, protected: bool) -> bool:
    """Whether it changed anything; never for a clip that was removed, or is about to be."""
    rows = type(clip)._default_manager.filter(pk=clip.pk, removed_at=None).exclude(protected=protected)
    changed = bool(rows.update(protected=protected))
    if changed:
        log.info("protection of a clip changed", clip=str(clip), protected=protected, author=author)
    clip.refresh_from_db()
    return changed
