"""The ROLLBACK hint of another control plane (DESIGN 5.4). Ours never sends one: its rollback is a new version."""

from __future__ import annotations

import structlog

from cameras.core.algorithms import Registry
from cameras.incoming import read_stored
from cameras.sync_running import Running
from cameras.sync_window import HealthWindow
from edgesite.edge_store.documents import StoredDocument
from edgesite.redis_clients import entry_place

log = structlog.get_logger(__name__)


def obey_rollback(entry_id: str, number: str, *, running: Running, window: HealthWindow, registry: Registry) -> None:
    """Goes back to the previous confirmed content: once per stream entry, and only when the hint names what runs and this
    box has no epoch. Raises EdgeStoreError.
    """
    current = running.current
    _, obeyed = running.documents.bare_floor()
    done = bool(obeyed) and entry_place(entry_id) <= entry_place(obeyed)
    if current is None or current.header.epoch or number != str(current.header.version) or done:
        log.warning("a rollback hint was not for what runs here", entry=entry_id, version=number)
        return
    head = current.header
    left = StoredDocument("", head.version, head.sha256, running.text, "applied", "")
    reason = f"version {head.version}: rolled back by its control plane"
    stored = running.documents.leave(left, entry=entry_id, reason=reason, now=running.clock())
    if stored is None:
        log.warning("a rollback hint came, but there is no earlier confirmed configuration", version=number)
        return
    good = read_stored(stored, device_id=running.device_id, registry=registry)
    window.close()
    running.revert(current, good, stored.text, reason)
    running.report.confirmed = good.header.version
