"""Writes of what boxes tell about evidence. Idempotent: the same event again changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog

from edgesite.core.chain import Link
from recordings.core.losses import LossEvent
from recordings.evidence.models import Evidence, Loss

log = structlog.get_logger(__name__)


def record_evidence(
    *, device_id: str, event_id: str, key: str, sha256: str, size: int, link: Link | None, lost: bool,
    taken_at: datetime | None = None,
) -> bool:  # fmt: skip
    """A picture with its place in the box's chain; False when it is known. event_id: the alert's. taken_at: when it is of
    another moment than the alert."""
    place = {} if link is None else {
        "chain": link.chain, "number": link.number, "previous": link.previous, "link": link.value,
    }  # fmt: skip
    _, created = Evidence.objects.get_or_create(
        event_id=event_id,
        sha256=sha256,
        defaults={"device_id": device_id, "key": key, "size": size, "lost": lost, "taken_at": taken_at, **place},
    )
    return created


def let_go(*, key: str, now: datetime) -> bool:
    """The object goes whatever its age, and is not missed: retention takes away what the caller does not. False when no
    stored picture has that key. Its place in the chain stays."""
    known = Evidence.objects.filter(key=key, lost=False)
    known.filter(removed_at=None).update(removed_at=now)
    return known.exists()


def taken_away(*, key: str) -> None:
    """The object of one that was let go is not there any more."""
    Evidence.objects.filter(key=key, removed_at__isnull=False).update(gone=True)


def take_loss(event: LossEvent, *, device_id: str) -> bool:
    """What a box had to give up; False when it is known."""
    _, created = Loss.objects.get_or_create(
        event_id=event.event_id,
        defaults={
            "device_id": device_id,
            "since": datetime.fromtimestamp(event.since, UTC),
            "until": datetime.fromtimestamp(event.until, UTC),
            "counts": event.counts,
            "chain": event.chain,
            "links": [list(link) for link in event.links],
        },
    )
    if created:
        log.warning("a device gave up what it could not keep", device=device_id, **event.counts)
    return created
