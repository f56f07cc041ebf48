"""Makes what Redis holds agree with the rows, whatever announced the change or did not (invariants 2, 7)."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog
from django.db.models import OuterRef, Subquery

from cameras.models import ConfigVersion, Device
from cameras.publish import Outcome, published_heads, shows
from cameras.selectors import row_fingerprints
from cameras.services import publish_edit, publish_version
from edgesite.redis_clients import Client

log = structlog.get_logger(__name__)

REASON = "rows changed outside the admin"
Number = tuple[str, int, str]


@dataclass(slots=True)
class Reconciler:
    """`run_hub` calls `step` now and then. Cheap when nothing changed: rows are compared raw with what was seen last."""

    client: Client
    _settled: dict[str, int] = field(default_factory=dict)

    def step(self) -> bool:
        """Issues what the rows say and publishes what Redis lacks; True when something was done. Raises RedisError.

        Catches bulk updates, imports, a crash between commit and publish, and a Redis that lost its data or came back
        with older or newer data than this hub's.
        """
        prints = row_fingerprints()
        busy = False
        for device_id, number in prints.items():
            if self._settled.get(device_id) != number:
                busy = bool(publish_edit(device_ids=[device_id], author="reconcile", reason=REASON)) or busy
        newest = _newest_versions()
        heads = published_heads(self.client, device_ids=list(newest))
        for device_id, (epoch, version, sha256) in newest.items():
            if not shows(heads[device_id], epoch=epoch, version=version, sha256=sha256):
                busy = self._publish(device_id, epoch, version) or busy
        # Only after everything worked: a failure above looks at the rows again.
        self._settled = prints
        return busy

    def _publish(self, device_id: str, epoch: str, version: int) -> bool:
        stored = ConfigVersion.objects.get(device_id=device_id, epoch=epoch, version=version)
        return publish_version(stored) is Outcome.WRITTEN


def _newest_versions() -> dict[str, Number]:
    """The newest issued `(epoch, version, sha256)` of every device that has one in its present epoch."""
    newest = ConfigVersion.objects.filter(device=OuterRef("pk"), epoch=OuterRef("epoch")).order_by("-version")
    devices = Device.objects.annotate(
        number=Subquery(newest.values("version")[:1]), digest=Subquery(newest.values("sha256")[:1])
    ).exclude(number=None)
    return {
        pk: (epoch, number, digest)
        for pk, epoch, number, digest in devices.values_list("pk", "epoch", "number", "digest")
    }
