"""Configuration sync on the edge: read the whole document, verify, store, swap, report (DESIGN section 3).

Everything on the box runs on `ConfigSync.current`, one immutable object that is swapped, never changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from redis.exceptions import RedisError

from cameras.boot import MIRRORED, boot_candidates
from cameras.core.acceptance import Applied, Verdict, decide, decide_bare
from cameras.core.algorithms import Registry
from cameras.core.difference import difference
from cameras.core.document import Document, DocumentError
from cameras.hints import WAIT_MS, HintReader
from cameras.incoming import read_incoming, read_stored
from cameras.reporting import Report, ReportSender
from edgesite import redis_keys
from edgesite.edge_store.database import EdgeStoreError
from edgesite.edge_store.documents import DocumentStore, StoredDocument
from edgesite.redis_clients import Client, describe, entry_place, get_texts

log = structlog.get_logger(__name__)

POLL_SECONDS = 30.0
HEALTH_WINDOW_SECONDS = 5.0


class ConfigSync:
    """The box's configuration. One thread calls `step`; `current` may be read from any.

    apply: swaps the running parts to a document; whatever it raises sends the box back to the document before.
    unhealthy: asked during the window after a swap; a reason reverts, an empty text is health.
    """

    def __init__(
        self,
        *,
        device_id: str,
        cloud: Client,
        local: Client,
        documents: DocumentStore,
        registry: Registry,
        apply: Callable[[Document], None],
        unhealthy: Callable[[], str],
        sender: ReportSender,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.device_id = device_id
        self.cloud = cloud
        self.local = local
        self.documents = documents
        self.registry = registry
        self.apply = apply
        self.unhealthy = unhealthy
        self.sender = sender
        self.clock = clock
        self.monotonic = monotonic
        self.current: Document | None = None
        self.report = Report(device_id=device_id)
        self.hints = HintReader(device_id, cloud, local, self._mirror, self._foreign_rollback)
        self._text = ""
        self._refused_digest = ""
        self._next_poll = 0.0
        self._window_ends: float | None = None

    def boot(self) -> None:
        """Runs what the box holds, so that one without any network works from its first second.

        What cannot be used any more gives way to what is older: confirmed documents, then the local Redis' copy.
        """
        for stored in boot_candidates(self.documents, self.local, now=self.clock()):
            if self._boot_with(stored):
                return
        log.info("no configuration to run yet, waiting for the hub", device=self.device_id)

    def _boot_with(self, stored: StoredDocument) -> bool:
        try:
            document = read_stored(stored, device_id=self.device_id, registry=self.registry)
            self.apply(document)
        except DocumentError as error:
            log.error("the stored configuration cannot be used", device=self.device_id, reason=str(error))
            return False
        except Exception:  # whatever `apply` raises; a box that ended here would end at every start
            log.exception("the stored configuration could not be applied", device=self.device_id)
            return False
        self._take_up(document, stored)
        log.info("running the stored configuration", device=self.device_id, version=document.header.version)
        return True

    def _take_up(self, document: Document, stored: StoredDocument) -> None:
        self._swap(document, stored.text)
        if stored.state == MIRRORED:
            self._record(document, stored.text, "applied", "taken from the local Redis")
        confirmed = self.documents.confirmed()
        self.report.confirmed = confirmed.version if confirmed and confirmed.epoch == stored.epoch else 0
        unconfirmed = stored.state in ("applied", MIRRORED)
        self._window_ends = self.monotonic() + HEALTH_WINDOW_SECONDS if unconfirmed else None

    def follow(self) -> bool:
        """For a worker that does not lead: runs what the leader stored; True when that was news."""
        stored = self.documents.running()
        if stored is None or stored.text == self._text:
            return False
        document = read_stored(stored, device_id=self.device_id, registry=self.registry)
        self.apply(document)
        self._take_up(document, stored)
        log.info("following the stored configuration", device=self.device_id, version=document.header.version)
        return True

    def step(self) -> bool:
        """Waits shortly for a hint, then syncs when hinted or due, watches health and reports. Raises RedisError."""
        self._watch_health()
        try:
            if not self.hints.connected:
                self.hints.catch_up()
                self._next_poll = 0.0
            due = self.monotonic() >= self._next_poll
            if self.hints.wait(wait_ms=1 if due else WAIT_MS) or due:
                self.sync()
            self.sender.connected = True
        except RedisError:
            self.hints.lost()
            self.sender.connected = False
            raise
        self._watch_health()
        self.sender.send(self.report, self._now())
        return True

    def sync(self) -> None:
        """Reads the whole document and makes it the running one if it is newer and sound. Raises RedisError."""
        keys = [redis_keys.config(self.device_id), redis_keys.version(self.device_id)]
        text, number = get_texts(self.cloud, keys)
        self._next_poll = self.monotonic() + POLL_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311  jitter, not a secret
        if text is None or (text and text == self._text and (self.report.epoch or number == str(self.report.applied))):
            return
        digest = hashlib.sha256(f"{number}\n{text}".encode()).hexdigest()
        if digest == self._refused_digest:
            return
        try:
            document = read_incoming(text, number, device_id=self.device_id, registry=self.registry)
            if document is not None and self._is_news(document, text):
                self._try(document, text)
        except DocumentError as error:
            self._refuse(digest, str(error))

    def _is_news(self, document: Document, text: str) -> bool:
        head = document.header
        if not head.epoch and self.report.epoch:
            raise DocumentError("epoch", "is missing: this box was provisioned and takes documents of its hub only")
        if head.epoch == self.report.epoch or not self.report.epoch:
            self.report.observed = max(self.report.observed, head.version)
        current = self.current.header if self.current else None
        applied = Applied(current.epoch, current.version, current.sha256) if current else Applied()
        if head.epoch:
            verdict = decide(applied, epoch=head.epoch, version=head.version, sha256=head.sha256)
        else:
            floor, _ = self.documents.bare_floor()
            verdict = decide_bare(applied, floor=floor, version=head.version, sha256=head.sha256)
        if verdict is Verdict.RENUMBER:
            self._renumber(document, text)
        if verdict is Verdict.CONFLICT:
            raise DocumentError("version", f"{head.version} was issued before with other content")
        if verdict is not Verdict.APPLY:
            return False
        state, reason = self.documents.ending_of(epoch=head.epoch, version=head.version, sha256=head.sha256)
        if state == "reverted" and self.report.state == "applied":  # it was before a restart of this process
            self.report.become(state="reverted", reason=reason)
        return state != "reverted"

    def _try(self, document: Document, text: str) -> None:
        head = document.header
        previous, previous_text = self.current, self._text
        self.report.observed = head.version
        self.report.become(state="trying", attempt=self.report.attempt + 1)
        self._record(document, text, "trying")
        try:
            self.apply(document)
        except Exception as error:
            log.exception("the configuration could not be applied", version=head.version)
            reason = f"version {head.version}: could not be applied: {error}"
            self._record(document, text, "reverted", reason)
            self._revert(document, previous, previous_text, reason)
            return
        try:
            self._record(document, text, "applied", changes=_changes(previous, document))
        except EdgeStoreError:
            if previous is not None:
                self.apply(previous)  # what runs is what is stored, so that a kill changes nothing
            raise
        self._mirror(
            {
                redis_keys.LOCAL_CURRENT: text,
                redis_keys.LOCAL_VERSION: str(head.version),
                **({redis_keys.LOCAL_BACKUP: previous_text} if previous_text else {}),
            }
        )
        self._swap(document, text)
        self._window_ends = self.monotonic() + HEALTH_WINDOW_SECONDS
        log.info("configuration applied", device=self.device_id, version=head.version)

    def _renumber(self, document: Document, text: str) -> None:
        """The same content under a new number: nothing restarts, a window that is open goes on."""
        confirmed = self._window_ends is None
        self._record(document, text, "confirmed" if confirmed else "applied")
        self._swap(document, text)
        if confirmed:
            self.report.confirmed = document.header.version
        self._mirror({redis_keys.LOCAL_CURRENT: text, redis_keys.LOCAL_VERSION: str(document.header.version)})

    def _foreign_rollback(self, entry_id: str, number: str) -> None:
        """Obeys another control plane's ROLLBACK hint: once, and only when it names what runs and this box has no epoch."""
        current = self.current
        _, obeyed = self.documents.bare_floor()
        done = bool(obeyed) and entry_place(entry_id) <= entry_place(obeyed)
        if current is None or current.header.epoch or number != str(current.header.version) or done:
            log.warning("a rollback hint was not for what runs here", entry=entry_id, version=number)
            return
        head = current.header
        left = StoredDocument("", head.version, head.sha256, self._text, "applied", "")
        reason = f"version {head.version}: rolled back by its control plane"
        stored = self.documents.leave(left, entry=entry_id, reason=reason, now=self.clock())
        if stored is None:
            log.warning("a rollback hint came, but there is no earlier confirmed configuration", version=number)
            return
        good = read_stored(stored, device_id=self.device_id, registry=self.registry)
        self._window_ends = None
        self._revert(current, good, stored.text, reason)
        self.report.confirmed = good.header.version

    def _swap(self, document: Document, text: str) -> None:
        head = document.header
        if head.epoch != self.report.epoch:
            self.report.confirmed = 0
        self.current, self._text = document, text
        self.report.epoch, self.report.sha256 = head.epoch, head.sha256
        self.report.applied = head.version
        self.report.observed = max(self.report.observed, head.version)
        self.report.become(state="applied")

    def _watch_health(self) -> None:
        """During the window a reason reverts; at its end the document is confirmed."""
        if self._window_ends is None or self.current is None:
            return
        reason = self.unhealthy()
        if reason:
            self._back_to_confirmed(reason)
        elif self.monotonic() >= self._window_ends:
            self._record(self.current, self._text, "confirmed")
            self._window_ends = None
            self.report.confirmed = self.current.header.version
            self.report.attempt = 0  # a refusal or a reversion within the window stays reported
            log.info("configuration confirmed", device=self.device_id, version=self.current.header.version)

    def _back_to_confirmed(self, reason: str) -> None:
        assert self.current is not None  # noqa: S101  only called while a document is in its window
        bad, bad_text = self.current, self._text
        stored, good = self.documents.confirmed(), None
        if stored is not None and stored.text != bad_text:
            with contextlib.suppress(DocumentError):  # confirmed by an older edgesite, perhaps
                good = read_stored(stored, device_id=self.device_id, registry=self.registry)
        if stored is None or good is None:
            self._window_ends = None
            log.warning("unhealthy, but there is no confirmed configuration to return to", reason=reason)
            return
        reason = f"version {bad.header.version}: {reason}"
        self._record(bad, bad_text, "reverted", reason)
        self._window_ends = None
        self._revert(bad, good, stored.text, reason)
        self.report.confirmed = good.header.version

    def _revert(self, bad: Document, good: Document | None, good_text: str, reason: str) -> None:
        """Runs the good document again, after the bad one was recorded as reverted."""
        if good is not None:
            self.apply(good)
            self._swap(good, good_text)
            self._mirror({redis_keys.LOCAL_CURRENT: good_text, redis_keys.LOCAL_VERSION: str(good.header.version)})
        self.report.observed = max(self.report.observed, bad.header.version)
        self.report.become(state="reverted", reason=reason)
        log.error("configuration reverted", device=self.device_id, version=bad.header.version, reason=reason)

    def _refuse(self, digest: str, reason: str) -> None:
        self._refused_digest = digest
        with contextlib.suppress(RedisError, ValueError, TypeError):
            seen = int(str(self.cloud.get(redis_keys.version(self.device_id))))
            self.report.observed = max(self.report.observed, seen)
        self.report.become(state="refused", reason=reason)
        log.error("configuration refused", device=self.device_id, reason=reason)

    def _record(self, document: Document, text: str, state: str, reason: str = "", changes: str = "") -> None:
        head = document.header
        self.documents.record(
            epoch=head.epoch,
            version=head.version,
            sha256=head.sha256,
            text=text,
            state=state,
            reason=reason,
            now=self.clock(),
            changes=changes,
        )

    def _mirror(self, values: dict[str, str]) -> None:
        """The local Redis is a hot copy: without it everything goes on."""
        try:
            self.local.mset(values)
            self.sender.local_connected = True
        except RedisError as error:
            if self.sender.local_connected:
                log.warning("local Redis is not there, going on without", reason=describe(error))
            self.sender.local_connected = False

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)


def _changes(old: Document | None, new: Document) -> str:
    """Sentences for the journal, one a line."""
    before = old.content.model_dump(mode="json") if old else {}
    return "\n".join(f"{c.sign} {c}" for c in difference(before, new.content.model_dump(mode="json")))
