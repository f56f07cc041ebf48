"""From the box's spool to the hub's storage: oldest first, as often as it takes, verified before a picture may go."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from edgesite.core.backoff import Backoff
from edgesite.destination import Destination
from edgesite.edge_store.evidence import EvidenceStore, KeptPicture
from edgesite.edge_store.outbox import Outbox
from edgesite.hub_upload import NotExpectedError
from edgesite.spool import Spool
from edgesite.storage import StorageError
from recordings.core.names import alert_of
from recordings.evidence.captures import report_picture

log = structlog.get_logger(__name__)

LOOKED_AT = 50
MOST_SET_ASIDE = 500
GIVE_UP_S = 24 * 3600.0  # of asking a hub that has confirmed the alert and does not know it: one restored from a backup
UNKNOWN = "the hub does not know the alert that the picture belongs to"
DAMAGED = "the picture was damaged on the box"
REFUSED = "the hub's storage refused the picture"


@dataclass(slots=True)
class _Later:
    """A picture that the hub does not expect yet: its alert is on its way. since, due: monotonic seconds."""

    since: float
    backoff: Backoff = field(default_factory=lambda: Backoff(base=1.0, cap=30.0))
    due: float = 0.0


@dataclass(slots=True)
class Uploads:
    """One thread calls `step`. A picture that cannot be brought now holds up no other."""

    outbox: Outbox
    spool: Spool
    destination: Destination
    wake: Callable[[], None]
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    _later: dict[str, _Later] = field(default_factory=dict)

    def step(self) -> bool:
        """Brings one picture; False when none is due. Raises StorageError when the storage is away, EdgeStoreError."""
        now = self.monotonic()
        waiting = EvidenceStore(self.outbox.database).to_upload(min(LOOKED_AT + len(self._later), MOST_SET_ASIDE))
        known = {picture.event_id for picture in waiting}
        self._later = {event_id: later for event_id, later in self._later.items() if event_id in known}
        due = next((p for p in waiting if p.event_id not in self._later or self._later[p.event_id].due <= now), None)
        if due is None:
            return False
        self._bring(due)
        return True

    def _bring(self, picture: KeptPicture) -> None:
        try:
            self.destination.send(picture.key, self.spool.path(picture.key), sha256=picture.sha256, size=picture.size)
        except FileNotFoundError:
            self._lost(picture, DAMAGED)
            return
        except NotExpectedError:
            self._set_aside(picture)
            return
        except StorageError as error:
            if self.spool.digest(picture.key) != (picture.sha256, picture.size):
                self._lost(picture, DAMAGED)
            elif not error.retryable:
                self._lost(picture, f"{REFUSED}: {error}")
            else:
                raise
            return
        report_picture(
            self.outbox, event_id=picture.event_id, key=picture.key, reason="", content=picture.content, keep=True,
            now=self.clock(),
        )  # fmt: skip
        self.wake()

    def _set_aside(self, picture: KeptPicture) -> None:
        now = self.monotonic()
        later = self._later.setdefault(picture.event_id, _Later(now))
        later.due = now + later.backoff.next()
        if now - later.since > GIVE_UP_S and not self.outbox.holds(alert_of(picture.event_id)):
            self._lost(picture, UNKNOWN)

    def _lost(self, picture: KeptPicture, reason: str) -> None:
        told = report_picture(
            self.outbox, event_id=picture.event_id, key=picture.key, reason=reason[:500],
            content=picture.content, keep=False,
            now=self.clock(),
        )  # fmt: skip
        if told:  # else the box gave it up meanwhile, which was said
            log.error("a picture is lost", event_id=picture.event_id, key=picture.key, reason=reason)
        self.spool.remove(picture.key)
        self.wake()
