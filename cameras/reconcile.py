"""Makes what Redis holds agree with the rows, whatever announced the change or did not (invariants 2, 7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import structlog
from django.db.models import OuterRef, Subquery
from redis.exceptions import ResponseError

from cameras.issued import ConfigVersion
from cameras.models import Device
from cameras.publish import Outcome, is_wrong_kind, published_heads, shows
from cameras.selectors import row_fingerprints
from cameras.services import publish_edit, publish_version
from edgesite.fields import DecryptionError
from edgesite.redis_clients import Client

log = structlog.get_logger(__name__)

REASON = "rows changed outside the admin"


class Issued(NamedTuple):
    """The newest version of a device in its present epoch."""

    epoch: str
    version: int
    sha256: str


@dataclass(slots=True)
class Reconciler:
    """`run_hub` calls `step` now and then. Cheap when nothing changed: rows are compared raw with what was seen last."""

    client: Client
    _settled: dict[str, tuple[int, Issued | None]] = field(default_factory=dict)
    _unreadable: set[str] = field(default_factory=set)

    def step(self) -> bool:
        """Issues what the rows say and publishes what Redis lacks; True when something was done. Raises RedisError.

        Catches bulk updates, imports, a crash between commit and publish, and a Redis that lost its data or came back
        with older or newer data than this hub's. A device whose stored document cannot be read, or whose
        key in Redis is of another kind, holds up no other.
        """
        prints, (newest, flagged) = row_fingerprints(), _newest_versions()
        # Beside the rows the newest version: a database that was restored may hold the same rows with another history.
        edited = [d for d, number in prints.items() if self._settled.get(d) != (number, newest.get(d))]
        busy = False
        for device_id in edited:
            busy = bool(publish_edit(device_ids=[device_id], author="reconcile", reason=REASON)) or busy
        if edited:
            newest, flagged = _newest_versions()
        heads = published_heads(self.client, device_ids=list(newest))
        for device_id, issued in newest.items():
            if not shows(heads[device_id], **issued._asdict()):
                busy = self._publish(device_id, issued) or busy
            elif device_id in flagged:
                # Somebody else saw to it, such as a Redis that came back with this hub's document.
                Device.objects.filter(pk=device_id).update(redis_ahead=False)
        # Only after everything worked: a failure above looks at the rows again.
        self._settled = {d: (number, newest.get(d)) for d, number in prints.items()}
        return busy

    def _publish(self, device_id: str, issued: Issued) -> bool:
        stored = ConfigVersion.objects.filter(device_id=device_id, epoch=issued.epoch, version=issued.version)
        try:
            outcomes = [publish_version(version) for version in stored]
        except (DecryptionError, ResponseError) as error:
            if isinstance(error, ResponseError) and not is_wrong_kind(error):
                raise
            if device_id not in self._unreadable:
                log.error("cannot be published", device=device_id, version=issued.version, reason=str(error))
            self._unreadable.add(device_id)
            return False
        self._unreadable.discard(device_id)
        return Outcome.WRITTEN in outcomes


def _newest_versions() -> tuple[dict[str, Issued], set[str]]:
    """The newest version of every device that has one in its present epoch; and those for which Redis was ahead."""
    newest = ConfigVersion.objects.filter(device=OuterRef("pk"), epoch=OuterRef("epoch")).order_by("-version")
    let_in = Device.objects.filter(revoked_at=None)  # what was shut out has nothing in Redis
    devices = let_in.annotate(
        number=Subquery(newest.values("version")[:1]), digest=Subquery(newest.values("sha256")[:1])
    ).exclude(number=None)
    rows = list(devices.values_list("pk", "redis_ahead", "epoch", "number", "digest"))
    return {row[0]: Issued(*row[2:]) for row in rows}, {row[0] for row in rows if row[1]}
