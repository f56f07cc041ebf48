"""What a box may run at its start, best first (invariant 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import structlog
from redis.exceptions import RedisError

from edgesite import redis_keys
from edgesite.edge_store.documents import DocumentStore, StoredDocument
from edgesite.fields import DecryptionError
from edgesite.redis_clients import Client, get_texts

log = structlog.get_logger(__name__)

FAILED_BOOTS = 3
MIRRORED = "mirrored"


def boot_candidates(documents: DocumentStore, local: Client, *, now: float) -> Iterator[StoredDocument]:
    """The document that ran last, the last confirmed one, then the local Redis' copies (state MIRRORED).

    An unconfirmed document whose third start in a row this is has brought the box down before it could be confirmed: it
    is reverted and passed over.
    """
    running = _readable(documents.running)
    if running is not None and not _is_broken(documents, running, now):
        yield running
    confirmed = _readable(documents.confirmed)
    if confirmed is not None:
        yield confirmed
    yield from _mirrored(local)


def _readable(find: Callable[[], StoredDocument | None]) -> StoredDocument | None:
    try:
        return find()
    except DecryptionError as error:
        log.error("the stored configuration cannot be used", reason=str(error))
        return None


def _is_broken(documents: DocumentStore, running: StoredDocument, now: float) -> bool:
    if running.state != "applied" or documents.count_boot(running) < FAILED_BOOTS:
        return False
    reason = f"version {running.version}: {FAILED_BOOTS} starts in a row ended before it was confirmed"
    documents.record(
        epoch=running.epoch,
        version=running.version,
        sha256=running.sha256,
        text=running.text,
        state="reverted",
        reason=reason,
        now=now,
    )
    log.error("configuration reverted", version=running.version, reason=reason)
    return True


def _mirrored(local: Client) -> Iterator[StoredDocument]:
    try:
        text, backup, number = get_texts(
            local, [redis_keys.LOCAL_CURRENT, redis_keys.LOCAL_BACKUP, redis_keys.LOCAL_VERSION]
        )
    except RedisError:
        return
    version = int(number) if number and number.isdecimal() and len(number) < 17 else 0
    for candidate in (text, backup):
        if candidate:
            yield StoredDocument("", version, "", candidate, MIRRORED, "")
