"""Where every alert and every picture is at one moment, and what of that must never be."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import redis

from recordings.evidence.uploading import DAMAGED

SHOWN = 8  # faults in a message: the first ones say what went wrong


@dataclass(frozen=True, slots=True)
class Stored:
    """An alert's row on the hub. pending: a picture was promised, and neither stored nor told as lost."""

    event_id: str
    pending: bool
    problem: str


@dataclass(frozen=True, slots=True)
class Account:
    """raised: what the detector's log tells, in order; it is durable on the box by then. waiting: events in the box's outbox,
    in order. dead: those that the hub refused, with its reasons. pictures: of which alerts the box still has to bring the
    picture or to report it; in_spool: those whose picture stands there. claims: cameras with owner and Unix seconds.
    sent: events in Redis' stream; None when Redis did not answer. alerts: in the order in which the hub stored them.
    """

    raised: list[str]
    waiting: list[str]
    dead: dict[str, str]
    pictures: frozenset[str]
    in_spool: frozenset[str]
    claims: list[tuple[str, str, float]]
    sent: list[str] | None
    alerts: list[Stored]

    @property
    def on_hub(self) -> set[str]:
        return {alert.event_id for alert in self.alerts}

    def faults(
        self, *, poison: Collection[str], known: Collection[str], stood: Collection[str], spoiled: Collection[str]
    ) -> list[str]:
        """What must not be at any moment, whatever was done.

        known: alerts that were on the hub at an earlier look. stood: those whose picture was once seen in the spool.
        """
        box, hub = {*self.waiting, *self.dead}, self.on_hub
        times = Counter(alert.event_id for alert in self.alerts)
        lost = [f"lost: {e} was raised and is {self.where(e)}" for e in self.raised if e not in box | hub]
        doubled = [f"doubled: {e} is on the hub {n} times" for e, n in times.items() if n > 1]
        refused = [f"refused: {e}, which is no poison: {why}" for e, why in self.dead.items() if e not in poison]
        return [
            *lost,
            *doubled,
            *refused,
            *([] if lost else self._out_of_order()),
            *self._lost_pictures(known, stood, spoiled),
        ]

    def _out_of_order(self) -> list[str]:
        """There is one camera: what the hub has is the beginning of what was raised."""
        wanted = [e for e in self.raised if e not in self.dead]
        among = set(wanted)
        have = [e for e in dict.fromkeys(alert.event_id for alert in self.alerts) if e in among]
        for place, (is_there, belongs) in enumerate(zip(have, wanted, strict=False)):
            if is_there != belongs:
                instead = f"{belongs}, raised before, is {self.where(belongs)}"
                return [f"out of order: alert {place + 1} on the hub is {is_there}; {instead}"]
        return []

    def _lost_pictures(self, known: Collection[str], stood: Collection[str], spoiled: Collection[str]) -> list[str]:
        looked_at = {*self.raised, *self.waiting, *known}  # not what came to the hub after the box was read
        nowhere = [
            f"picture lost: {a.event_id} is on the hub and waits for its picture, of which the box knows nothing"
            for a in self.alerts
            if a.pending and a.event_id in looked_at and a.event_id not in self.pictures
        ]
        given_up = [
            f"picture lost: that of {a.event_id} stood whole in the box's spool, and the hub was told: {a.problem}"
            for a in self.alerts
            if a.event_id not in spoiled and (a.problem == DAMAGED or (a.problem and a.event_id in stood))
        ]
        return nowhere + given_up

    def missing(self, wanted: Collection[str], *, poison: Collection[str]) -> dict[str, str]:
        """What of the wanted alerts is not on the hub with its picture, what of the poison not refused, and where it is."""
        pending = {alert.event_id: alert.pending for alert in self.alerts}
        gone = {e: self.where(e) for e in wanted if e not in pending}
        pictures = {f"picture of {e}": self._picture(e) for e in wanted if pending.get(e)}
        return gone | pictures | {e: f"not refused, but {self.where(e)}" for e in poison if e not in self.dead}

    def where(self, event_id: str) -> str:
        """In words."""
        places = []
        if event_id in self.waiting:
            places.append(f"number {self.waiting.index(event_id) + 1} of {len(self.waiting)} in the box's outbox")
        if event_id in self.dead:
            places.append(f"a dead letter ({self.dead[event_id]})")
        if event_id in (self.sent or ()):
            places.append("in Redis' stream")
        if event_id in self.on_hub:
            places.append("on the hub")
        return " and ".join(places) or "nowhere: not in the box's outbox, not in Redis' stream, not on the hub"

    def _picture(self, event_id: str) -> str:
        if event_id in self.in_spool:
            return "in the box's spool"
        return "promised, or its report is in the outbox" if event_id in self.pictures else "nowhere"

    def summary(self) -> str:
        """Of everything."""
        now = time.time()
        claims = [f"{camera} by {owner} for {until - now:.0f} s more" for camera, owner, until in self.claims]
        sent = "no answer" if self.sent is None else len(self.sent)
        return (
            f"the box's outbox: {len(self.waiting)} events, first {self.waiting[:2]}; dead letters: {self.dead};"
            f" pictures to come: {len(self.pictures)}, in the spool {len(self.in_spool)}; claimed: {claims};"
            f" Redis' stream: {sent}; hub: {len(self.alerts)} of {len(self.raised)} alerts raised"
        )


def in_words(found: Mapping[str, str] | list[str]) -> str:
    """The first of them, and how many there are."""
    texts = found if isinstance(found, list) else [f"{event_id} is {text}" for event_id, text in found.items()]
    return f"{len(texts)}: " + "; ".join(texts[:SHOWN]) + ("; …" if len(texts) > SHOWN else "")


def read_account(raised: list[str], *, store: Path, redis_url: str, stream: str, hub: Path) -> Account:
    """raised: read before. The rest is read in the order of the way: what moves meanwhile is seen twice, never not at all."""
    with contextlib.closing(_open(store)) as db:
        db.execute("BEGIN")  # both tables at one moment
        outbox = db.execute("SELECT event_id, kind, alert_id, refused FROM outbox ORDER BY seq").fetchall()
        evidence = db.execute("SELECT event_id, sha256 FROM evidence WHERE settled_at IS NULL").fetchall()
        claims = db.execute("SELECT camera_id, owner, until FROM claims").fetchall()
    reported = {alert_id for _, kind, alert_id, refused in outbox if kind == "evidence" and refused is None}
    sent: list[str] | None = None
    with contextlib.suppress(redis.RedisError), redis.Redis.from_url(redis_url, decode_responses=True) as client:
        sent = [fields.get("event_id", "") for _, fields in client.xrange(stream)]
    with contextlib.closing(_open(hub)) as db:
        alerts = db.execute(
            "SELECT event_id, phase = 'started' AND capture != '' AND NOT capture_ready AND capture_problem = '',"
            " CASE WHEN capture_ready THEN '' ELSE capture_problem END FROM detection_alert ORDER BY id"
        ).fetchall()
    return Account(
        raised=raised,
        waiting=[event_id for event_id, _, _, refused in outbox if refused is None],
        dead={event_id: refused for event_id, _, _, refused in outbox if refused is not None},
        pictures=frozenset(event_id for event_id, _ in evidence) | reported,
        in_spool=frozenset(event_id for event_id, sha256 in evidence if sha256),
        claims=claims,
        sent=sent,
        alerts=[Stored(event_id, bool(pending), problem) for event_id, pending, problem in alerts],
    )


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20, isolation_level=None)
