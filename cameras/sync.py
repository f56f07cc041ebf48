"""Configuration sync on the edge: read the whole document, verify, store, swap, report (DESIGN section 3).

Everything on the box runs on `ConfigSync.current`, one immutable object that is swapped, never changed. What runs is kept by
`sync_running`; the two ways back are `sync_window` (health) and `sync_rollback` (a foreign control plane's).
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import time
from collections.abc import Callable

import structlog
from redis.exceptions import RedisError

from cameras.boot import MIRRORED, boot_candidates, deadly, forgive
from cameras.core.acceptance import Applied, Verdict, decide, decide_bare
from cameras.core.algorithms import Registry
from cameras.core.difference import difference
from cameras.core.document import Document
from cameras.core.strict_json import DocumentError
from cameras.hints import WAIT_MS, HintReader
from cameras.incoming import read_incoming, read_stored
from cameras.reporting import Report, ReportSender
from cameras.sync_rollback import obey_rollback
from cameras.sync_running import Running
from cameras.sync_window import HealthWindow
from edgesite import redis_keys
from edgesite.edge_store.database import EdgeStoreError
from edgesite.edge_store.documents import DocumentStore, StoredDocument
from edgesite.redis_clients import Client, get_texts

log = structlog.get_logger(__name__)

POLL_SECONDS = 30.0


class ConfigSync:
    """The box's configuration. One thread calls `step`; `current` may be read from any.

    apply: swaps the running parts to a document; whatever it raises sends the box back to the document before.
    unhealthy, arrived: asked during the window after a swap, see `HealthWindow`.
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
        arrived: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.device_id = device_id
        self.cloud = cloud
        self.local = local
        self.documents = documents
        self.registry = registry
        self.apply = apply
        self.sender = sender
        self.clock = clock
        self.monotonic = monotonic
        self.running = Running(
            device_id=device_id, local=local, documents=documents, apply=apply, sender=sender, clock=clock
        )
        self.window = HealthWindow(
            running=self.running, registry=registry, unhealthy=unhealthy, arrived=arrived, monotonic=monotonic
        )
        self.hints = HintReader(device_id, cloud, local, self.running.mirror, self._foreign_rollback)
        self._refused_digest = ""
        self._tried: tuple[str, int] | None = None
        self._booted: StoredDocument | None = None  # what this start was counted for
        self._next_poll = 0.0

    @property
    def current(self) -> Document | None:
        return self.running.current

    @property
    def report(self) -> Report:
        return self.running.report

    def boot(self, *, leads: bool = True) -> None:
        """Runs what the box holds, so that one without any network works from its first second.

        What cannot be used any more gives way to what is older: confirmed documents, then the local Redis' copy.
        leads: of several workers that start with the box, the start of one alone counts as the box's.
        """
        for stored in boot_candidates(self.documents, self.local, now=self.clock(), counted=leads):
            if self._boot_with(stored):
                self._booted = stored if leads and stored.state == "applied" else None
                return
        log.info("no configuration to run yet, waiting for the hub", device=self.device_id)

    def stop(self) -> None:
        """After the last `step`: a start that was ended on purpose is none that the document brought down."""
        booted, self._booted = self._booted, None
        if booted is not None and self.window.is_open:
            forgive(self.documents, booted)

    def _boot_with(self, stored: StoredDocument) -> bool:
        try:
            document = read_stored(stored, device_id=self.device_id, registry=self.registry)
            if stored.state == MIRRORED and self.running.reverted(document, stored.text):
                return False
            self.apply(document)
        except (DocumentError, EdgeStoreError) as error:
            log.error("the stored configuration cannot be used", device=self.device_id, reason=str(error))
            return False
        except Exception:  # whatever `apply` raises; a box that ended here would end at every start
            log.exception("the stored configuration could not be applied", device=self.device_id)
            return False
        self._take_up(document, stored)
        log.info("running the stored configuration", device=self.device_id, version=document.header.version)
        return True

    def _take_up(self, document: Document, stored: StoredDocument) -> None:
        self.running.swap(document, stored.text)
        if stored.state == MIRRORED:
            try:
                self.running.record(document, stored.text, "applied", "taken from the local Redis")
            except EdgeStoreError as error:  # it runs all the same, and is stored when it is confirmed
                log.error("the configuration cannot be stored", device=self.device_id, reason=str(error))
        confirmed = self.documents.confirmed()
        self.report.confirmed = confirmed.version if confirmed and confirmed.epoch == stored.epoch else 0
        if stored.state in ("applied", MIRRORED):
            self.window.open()
        else:
            self.window.close()

    def follow(self) -> bool:
        """For a worker that does not lead: runs what the leader stored; True when that was news."""
        stored = self.documents.running()
        if stored is None or stored.text == self.running.text:
            return False
        document = read_stored(stored, device_id=self.device_id, registry=self.registry)
        self.apply(document)
        self._take_up(document, stored)
        log.info("following the stored configuration", device=self.device_id, version=document.header.version)
        return True

    def step(self) -> bool:
        """Waits shortly for a hint, then syncs when hinted or due, watches health and reports.

        Raises RedisError, and EdgeStoreError after it was reported; nothing is lost when `step` is simply called again.
        """
        try:
            self.window.watch()
            self._listen()
            self.window.watch()
            self.report.trouble = ""
        except EdgeStoreError as error:
            self._next_poll = 0.0
            self.report.trouble = str(error)
            self.sender.send(self.report, self.running.now())
            raise
        self.sender.send(self.report, self.running.now())
        return True

    def _listen(self) -> None:
        try:
            if not self.hints.connected:
                self._next_poll = 0.0
            due = self.monotonic() >= self._next_poll
            if due:
                self.hints.catch_up()
            if self.hints.wait(wait_ms=1 if due else WAIT_MS) or due:
                self.sync()
            self.sender.connected = True
        except RedisError:
            self.hints.lost()
            self.sender.connected = False
            raise

    def sync(self) -> None:
        """Reads the whole document and makes it the running one if it is newer and sound. Raises RedisError, EdgeStoreError."""
        keys = [redis_keys.config(self.device_id), redis_keys.version(self.device_id)]
        text, number = get_texts(self.cloud, keys)
        self._next_poll = self.monotonic() + POLL_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311  jitter, not a secret
        same = text == self.running.text and (self.report.epoch or number == str(self.report.applied))
        if text is None or (text and same):
            self._is_settled(published=text is not None)
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

    def _is_settled(self, *, published: bool) -> None:
        """What runs is what is published: a document that was refused, or could not be stored, was taken back."""
        if published and self.report.state in ("refused", "trying"):
            self._refused_digest = ""
            self.report.become(state="applied")

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
        # Beyond what runs and still stale: a bare document that a rollback left.
        left = verdict is Verdict.STALE and not head.epoch and head.version > applied.version
        if verdict is not Verdict.APPLY and not left:
            return False
        reason = self.running.reverted(document, text)
        if reason:  # perhaps before a restart of this process
            self.report.become(state="reverted", reason=reason)
        return not reason and not left

    def _try(self, document: Document, text: str) -> None:
        head = document.header
        previous, previous_text = self.current, self.running.text
        self.report.observed = head.version
        self.report.become(state="trying", attempt=self.report.attempt + 1)
        if self._tried != document.number:  # noted once, so that the journal counts the workers that it ended
            if reason := deadly(self.documents, document):
                self._give_up(document, text, previous, reason)
                return
            self.running.record(document, text, "trying")
            self._tried = document.number
        try:
            self.apply(document)
        except Exception as error:
            log.exception("the configuration could not be applied", version=head.version)
            self._give_up(document, text, previous, f"version {head.version}: could not be applied: {error}")
            return
        try:
            self.running.record(document, text, "applied", changes=_changes(previous, document))
        except EdgeStoreError:
            if previous is not None:
                self.apply(previous)  # what runs is what is stored, so that a kill changes nothing
                self.window.begin_again()
            raise
        self.running.mirror(
            {
                redis_keys.LOCAL_CURRENT: text,
                redis_keys.LOCAL_VERSION: str(head.version),
                **({redis_keys.LOCAL_BACKUP: previous_text} if previous_text else {}),
            }
        )
        self.running.swap(document, text)
        self.window.open()
        log.info("configuration applied", device=self.device_id, version=head.version)

    def _give_up(self, document: Document, text: str, previous: Document | None, reason: str) -> None:
        """Back to what ran: first the parts, some of which the document may have reached, then the store."""
        self.running.revert(document, previous, self.running.text, reason)
        self.window.begin_again()
        self.running.record(document, text, "reverted", reason)

    def _renumber(self, document: Document, text: str) -> None:
        """The same content under a new number: nothing restarts, a window that is open goes on."""
        confirmed = self.report.confirmed == self.report.applied  # a closed window alone says nothing: it may be sick
        self.running.record(document, text, "confirmed" if confirmed else "applied")
        self.running.swap(document, text)
        if confirmed:
            self.report.confirmed = document.header.version
        self.running.mirror({redis_keys.LOCAL_CURRENT: text, redis_keys.LOCAL_VERSION: str(document.header.version)})

    def _foreign_rollback(self, entry_id: str, number: str) -> None:
        obey_rollback(entry_id, number, running=self.running, window=self.window, registry=self.registry)

    def _refuse(self, digest: str, reason: str) -> None:
        self._refused_digest = digest
        with contextlib.suppress(RedisError, ValueError, TypeError):
            seen = int(str(self.cloud.get(redis_keys.version(self.device_id))))
            self.report.observed = max(self.report.observed, seen)
        self.report.become(state="refused", reason=reason)
        log.error("configuration refused", device=self.device_id, reason=reason)


def _changes(old: Document | None, new: Document) -> str:
    """Sentences for the journal, one a line."""
    before = old.content.model_dump(mode="json") if old else {}
    return "\n".join(f"{c.sign} {c}" for c in difference(before, new.content.model_dump(mode="json")))
