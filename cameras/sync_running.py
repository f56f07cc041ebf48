"""What the box runs, kept in step where it is held: memory, edge store, the local Redis' copy and the report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from redis.exceptions import RedisError

from cameras.core.document import Document
from cameras.reporting import Report, ReportSender
from edgesite import redis_keys
from edgesite.edge_store.documents import DocumentStore
from edgesite.redis_clients import Client, describe

log = structlog.get_logger(__name__)


class Running:
    """The running document (`current`, its `text`) and what is told about it. Only the thread that syncs writes here.

    apply: swaps the running parts to a document.
    """

    def __init__(
        self,
        *,
        device_id: str,
        local: Client,
        documents: DocumentStore,
        apply: Callable[[Document], None],
        sender: ReportSender,
        clock: Callable[[], float],
    ) -> None:
        self.device_id = device_id
        self.local = local
        self.documents = documents
        self.apply = apply
        self.sender = sender
        self.clock = clock
        self.current: Document | None = None
        self.text = ""
        self.report = Report(device_id=device_id)
        self._reverted: dict[tuple[str, int, str], str] = {}

    def swap(self, document: Document, text: str) -> None:
        """From here on this is the running document. The parts run it already, the store holds it already."""
        head = document.header
        if head.epoch != self.report.epoch:
            self.report.confirmed = 0
        self.current, self.text = document, text
        self.report.epoch, self.report.sha256 = head.epoch, head.sha256
        self.report.applied = head.version
        self.report.observed = max(self.report.observed, head.version)
        self.report.become(state="applied")

    def revert(self, bad: Document, good: Document | None, good_text: str, reason: str) -> None:
        """Runs the good document again (None: there is none), and remembers that the bad one is not to be tried again."""
        self._reverted[*bad.number, bad.header.sha256] = reason
        if good is not None:
            self.apply(good)
            self.swap(good, good_text)
            self.mirror({redis_keys.LOCAL_CURRENT: good_text, redis_keys.LOCAL_VERSION: str(good.header.version)})
        self.report.observed = max(self.report.observed, bad.header.version)
        self.report.become(state="reverted", reason=reason)
        log.error("configuration reverted", device=self.device_id, version=bad.header.version, reason=reason)

    def reverted(self, document: Document, text: str) -> str:
        """Why this very document was reverted, empty when it was not. Raises EdgeStoreError.

        What could not be stored when it happened is stored now.
        """
        head = document.header
        state, reason = self.documents.ending_of(epoch=head.epoch, version=head.version, sha256=head.sha256)
        if state == "reverted":
            return reason
        reason = self._reverted.get((*document.number, head.sha256), "")
        if reason:
            self.record(document, text, "reverted", reason)
        return reason

    def record(self, document: Document, text: str, state: str, reason: str = "", changes: str = "") -> None:
        """Stores a document in a state. Raises EdgeStoreError."""
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
            author=document.content.issued_by,
        )

    def mirror(self, values: dict[str, str]) -> None:
        """The local Redis is a hot copy: without it everything goes on."""
        try:
            self.local.mset(values)
            self.sender.local_connected = True
        except RedisError as error:
            if self.sender.local_connected:
                log.warning("local Redis is not there, going on without", reason=describe(error))
            self.sender.local_connected = False

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)
