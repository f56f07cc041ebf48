"""What a box may run at its start, best first (invariant 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import takewhile

import structlog
from redis.exceptions import RedisError

from cameras.core.document import Document
from edgesite import redis_keys
from edgesite.edge_store.database import EdgeStoreError
from edgesite.edge_store.documents import DocumentStore, StoredDocument
from edgesite.fields import DecryptionError
from edgesite.redis_clients import Client, get_texts

log = structlog.get_logger(__name__)

FAILED_BOOTS = 3
LOOKED_BACK = 50  # journal entries
MIRRORED = "mirrored"


def boot_candidates(
    documents: DocumentStore, local: Client, *, now: float, counted: bool = True
) -> Iterator[StoredDocument]:
    """The document that ran last, the last confirmed one, then the local Redis' copies (state MIRRORED).

    An unconfirmed document whose third start in a row this is has brought the box down before it could be confirmed: it
    is reverted and passed over. counted: whether this is one of the starts that count.
    """
    running = _readable(documents.running)
    if running is not None and not (counted and _is_broken(documents, running, now)):
        yield running
    confirmed = _readable(documents.confirmed)
    if confirmed is not None:
        yield confirmed
    yield from _mirrored(local)


def _readable(find: Callable[[], StoredDocument | None]) -> StoredDocument | None:
    try:
        return find()
    except (DecryptionError, EdgeStoreError) as error:
        log.error("the stored configuration cannot be used", reason=str(error))
        return None


def _is_broken(documents: DocumentStore, running: StoredDocument, now: float) -> bool:
    reason = f"version {running.version}: {FAILED_BOOTS} starts in a row ended before it was confirmed"
    try:
        if running.state != "applied" or documents.count_boot(running) < FAILED_BOOTS:
            return False
        documents.record(
            epoch=running.epoch,
            version=running.version,
            sha256=running.sha256,
            text=running.text,
            state="reverted",
            reason=reason,
            now=now,
        )
    except EdgeStoreError as error:  # a full disk is no reason not to run
        log.error("this start of an unconfirmed configuration cannot be counted", reason=str(error))
        return False
    log.error("configuration reverted", version=running.version, reason=reason)
    return True


def forgive(documents: DocumentStore, booted: StoredDocument) -> None:
    """Takes back that this start of the document was counted: it was ended on purpose."""
    try:
        documents.forgive_boot(booted)
    except EdgeStoreError as error:
        log.error("this start of an unconfirmed configuration stays counted", reason=str(error))


def deadly(documents: DocumentStore, document: Document) -> str:
    """Why a document is not tried again: as often as a start may fail, the worker ended while it was trying it.

    Empty when it may be tried. A worker notes a try once, and each that does not end it notes how it ended.
    """
    entries = [e for e in documents.journal(LOOKED_BACK) if (e.epoch, e.version) == document.number]
    tries = len(list(takewhile(lambda e: e.state == "trying", entries)))
    if tries < FAILED_BOOTS:
        return ""
    return f"version {document.header.version}: {tries} tries in a row ended this worker"


def _mirrored(local: Client) -> Iterator[StoredDocument]:
    try:
        text, backup, number = get_texts(
            local, [redis_keys.LOCAL_CURRENT, redis_keys.LOCAL_BACKUP, redis_keys.LOCAL_VERSION]
        )
    except RedisError:
        return
    version = int(number) if number and number.isdecimal() and len(number) < 17 else 0
    # The number matters to a bare document only, and what it replaced had a lower one.
    for candidate, own in ((text, version), (backup, version - 1)):
        if candidate:
            yield StoredDocument("", own, "", candidate, MIRRORED, "")
