"""Are the pictures still those that the boxes took? Objects against rows, rows against each box's chain."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cameras.models import DeviceStatus
from edgesite import storage
from edgesite.core.chain import Content, Fault, Link, faults_of
from edgesite.storage import StorageError
from recordings.evidence.models import Evidence, Loss

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    kind: `missing`, `altered` or `unreadable` (the storage did not answer), of an object; `broken`, `forged`, `doubled` or
    `gap`, of a chain; `waiting`, a gap whose report the box may still be about to send, which is no fault.
    """

    kind: str
    device_id: str
    text: str


@dataclass(slots=True)
class Tally:
    """What was looked at."""

    objects: int = 0
    removed: int = 0
    chains: int = 0
    found: Counter[str] = field(default_factory=Counter)

    @property
    def faults(self) -> int:
        """Findings that mean that evidence was lost or changed."""
        return sum(n for kind, n in self.found.items() if kind not in ("waiting", "unreadable"))


def verify(device_ids: list[str] | None = None, *, tally: Tally) -> Iterator[Finding]:
    """Every finding, as it is found. device_ids: None for all that ever sent evidence. tally: counts along.

    Raises django.db.Error.
    """
    known = Evidence.objects.order_by("device_id").values_list("device_id", flat=True).distinct()
    for device_id in known if device_ids is None else device_ids:
        for finding in itertools.chain(_objects(device_id, tally), _chains(device_id, tally)):
            tally.found[finding.kind] += 1
            yield finding


def _objects(device_id: str, tally: Tally) -> Iterator[Finding]:
    rows = Evidence.objects.filter(device_id=device_id, lost=False).order_by("pk")
    for row in rows.iterator(chunk_size=CHUNK):
        if row.removed_at is not None:
            tally.removed += 1
            continue
        tally.objects += 1
        try:
            if storage.is_stored(row.key, sha256=row.sha256, size=row.size):
                continue
            kind = "altered" if storage.exists(row.key) else "missing"
        except StorageError as error:
            kind = "unreadable" if error.retryable else "missing"
        if kind == "missing" and Evidence.objects.filter(pk=row.pk, removed_at__isnull=False).exists():
            continue  # its time was over while we looked
        yield Finding(kind, device_id, f"{row.key} (alert {row.event_id})")


def _chains(device_id: str, tally: Tally) -> Iterator[Finding]:
    rows = Evidence.objects.filter(device_id=device_id).exclude(chain="")
    told, newest, quiet = _told(device_id)
    names = set(rows.order_by().values_list("chain", flat=True).distinct()) | ({newest[0]} if newest[1] else set())
    for name in sorted(names):
        tally.chains += 1
        found = rows.filter(chain=name).order_by("number").iterator(chunk_size=CHUNK)
        entries = [
            (Link(r.chain, r.number, r.previous, r.link), Content(r.event_id, r.key, r.sha256, r.size)) for r in found
        ]
        last = newest[1:] if newest[0] == name else (0, "")
        for fault in faults_of(entries, reported=told.get(name), newest=last):
            open_yet = fault.kind == "gap" and not quiet and newest[0] == name
            yield Finding("waiting" if open_yet else fault.kind, device_id, _sentence(fault, name))


def _told(device_id: str) -> tuple[dict[str, dict[int, str]], tuple[str, int, str], bool]:
    """What the device reported: places lost, by chain; its newest chain, number and link; whether nothing waits on it."""
    told: dict[str, dict[int, str]] = {}
    for name, links in Loss.objects.filter(device_id=device_id).exclude(chain="").values_list("chain", "links"):
        told.setdefault(name, {}).update({int(number): value for number, value in links})
    status = DeviceStatus.objects.filter(device_id=device_id).first()
    health: dict[str, Any] = status.health if status is not None and isinstance(status.health, dict) else {}
    chain, captures = health.get("chain"), health.get("captures")
    quiet = health.get("outbox") == 0 and (not isinstance(captures, dict) or captures.get("upload") == 0)
    if not isinstance(chain, dict) or not isinstance(chain.get("n"), int) or not isinstance(chain.get("chain"), str):
        return told, ("", 0, ""), True
    return told, (chain["chain"], chain["n"], str(chain.get("link", ""))), quiet


def _sentence(fault: Fault, chain: str) -> str:
    place = str(fault.first) if fault.first == fault.last else f"{fault.first} to {fault.last}"
    says = {
        "gap": "is not here",
        "broken": "does not follow the one before it",
        "forged": "is not what its picture's hash makes it",
        "doubled": "is there twice",
    }
    return f"chain {chain}: number {place} {says[fault.kind]}"
