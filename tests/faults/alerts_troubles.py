"""What is done to an installation, one trouble after another: kills, cuts, full disks, lost answers, poison, spoiled pictures.

After each trouble nothing may be lost, doubled or out of order, at that moment and not only in the end.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection

import redis

from tests.faults.alerts_machine import CONFIRMATIONS, EVENTS, Machine
from tests.faults.alerts_moments import inside_an_insert
from tests.servers.stack import wait_until

CUT_SECONDS = float(os.environ.get("CUT_SECONDS", "4"))  # the long form takes 60


class Troubles:
    """done: how often what was done. small_disk: whether the box's disk is one that may be filled. only: these troubles,
    all when there are none."""

    def __init__(self, machine: Machine, *, seed: int, small_disk: bool, only: Collection[str] = ()) -> None:
        self.machine, self.stack, self.server = machine, machine.stack, machine.server
        self.chance = random.Random(seed)
        self.small_disk = small_disk
        self.only = only
        self.done: Counter[str] = Counter()

    def go_on(self, *, until: Callable[[], bool]) -> None:
        """One trouble after another, each at least once, until it is true; with `only`, each once."""
        acts = self._acts()
        first = self.chance.sample(sorted(acts), len(acts))
        while first or not (self.only or until()):
            name = first.pop() if first else self.chance.choice(sorted(acts))
            try:
                acts[name]()
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}\n{self.machine.account().summary()}") from error
            self.done[name] += 1
            self.machine.check(name)
            self._pause(2.0)
        wait_until(until, seconds=120, what="alerts enough")  # killed every other second a detector raises none

    def _acts(self) -> dict[str, Callable[[], None]]:
        acts: dict[str, Callable[[], None]] = {
            "detector killed": lambda: self.kill("detector"),
            "detector killed as it writes": self.kill_as_it_writes,
            "hub killed": lambda: self.kill("hub"),
            "hub killed as it confirms": self.kill_as_it_confirms,
            "web server killed": lambda: self.kill("web"),
            "Redis killed": self.kill_redis,
            "network cut": self.cut,
            "answers lost": self.lose_answers,
            "stream lost": self.lose_what_was_sent,
            "poison": self.plant_poison,
            "picture spoiled": self.spoil_picture,
        }
        if self.machine.s3:
            acts["S3 killed"] = self.kill_s3
        if self.small_disk:
            acts["disk full"] = self.fill_disk
        return {name: act for name, act in acts.items() if not self.only or name in self.only}

    # One each

    def kill(self, name: str) -> None:
        self.stack.end(name, signal.SIGKILL)
        self._pause(1.0)
        self.machine.start(name)

    def kill_as_it_writes(self) -> None:
        """The detector ends in the middle of the transaction that makes an alert durable."""
        with inside_an_insert(self.machine.store, "evidence"):
            self.stack.end("detector", signal.SIGKILL)
        self.machine.start("detector")

    def kill_as_it_confirms(self) -> None:
        """The hub ends when Redis has its confirmation of what it stores, before it has Redis' answer to that."""
        with redis.Redis.from_url(self.server.url()) as client:
            try:
                with inside_an_insert(self.machine.hub_store, "detection_alert"):
                    self.machine.hub_cable.hold_answers(b"XADD")
                    before = _newest(client)
                    what = "confirmation by the hub"
                    wait_until(lambda: _newest(client) != before, seconds=60, what=what, every=0.01)
                    time.sleep(0.3)  # the box takes it
                    self.stack.end("hub", signal.SIGKILL)
            finally:
                self.machine.hub_cable.drop()
                self.machine.hub_cable.mend()
        self.machine.start("hub")

    def kill_redis(self) -> None:
        self.server.kill()
        self._pause(3.0)
        self.server.restart(wipe=self.chance.random() < 0.4)

    def kill_s3(self) -> None:
        if s3 := self.machine.s3:
            s3.kill()
            self._pause(3.0)
            s3.start()

    def cut(self) -> None:
        """Nothing passes and nobody is told."""
        network = self.machine.network
        if network:
            network.unplug()
        else:
            for cable in self.machine.cables:
                cable.cut()
        time.sleep(CUT_SECONDS)
        if network:
            network.plug_in()
        for cable in self.machine.cables:
            cable.mend()

    def lose_answers(self) -> None:
        """What the hub confirms after its commit never reaches the box: the cable is cut between the two."""
        cable, hub = self.machine.cables[0], self.stack.pid("hub")
        with redis.Redis.from_url(self.server.url()) as client:
            try:
                sent = self._stop_hub()
                self._pause(4.0)  # the box sends, and nothing is stored yet
                cable.cut()
            finally:
                os.kill(hub, signal.SIGCONT)
            wait_until(lambda: not client.xlen(EVENTS), seconds=30, what="end of what was sent", every=0.01)
            client.delete(CONFIRMATIONS)
            cable.drop()
            cable.mend()
        self._gone_from_box(sent, what="end of what was not answered: the box asks again")

    def _stop_hub(self) -> set[str]:
        """Stops it while alerts are in Redis' stream; which. A camera's batch may be one of reports only: the next, then."""
        hub = self.stack.pid("hub")

        def stopped() -> set[str]:
            os.kill(hub, signal.SIGSTOP)
            with contextlib.suppress(AssertionError):
                return wait_until(self._alerts_under_way, seconds=4, what="alert sent")
            os.kill(hub, signal.SIGCONT)
            return set()

        return wait_until(stopped, seconds=90, what="alert sent", every=0.5)

    def _alerts_under_way(self) -> set[str]:
        """Alerts in Redis' stream that the hub does not have."""
        account = self.machine.account()
        return set(account.sent or ()).intersection(account.raised) - account.on_hub

    def _gone_from_box(self, events: set[str], *, what: str) -> None:
        """Waits, before the next trouble: a box that is restarted sends again in any case."""
        wait_until(lambda: not events.intersection(self.machine.account().waiting), seconds=60, what=what, every=0.5)

    def lose_what_was_sent(self) -> None:
        """Redis comes back empty while events are in its stream that no hub has read: one that is only stopped may have."""
        self.stack.end("hub", signal.SIGKILL)
        try:
            sent = wait_until(self._under_way, seconds=60, what="event sent")
            self.server.kill()
            self.server.restart(wipe=True)
        finally:
            self.machine.start("hub")
        self._gone_from_box(sent, what="end of what Redis lost: the box sends it again")

    def _under_way(self) -> set[str]:
        """What is in Redis' stream, and waits in the outbox for its confirmation."""
        account = self.machine.account()
        return set(account.sent or ()).intersection(account.waiting)

    def fill_disk(self) -> None:
        """Not a byte is left where the box's store and spool are."""
        filler = self.machine.disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            for size in (65_536, 512, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)
        self._pause(4.0)
        filler.unlink(missing_ok=True)

    def spoil_picture(self) -> None:
        """One bit turns of a picture that waits in the box's spool."""
        way = self.machine.cables[-1]
        way.cut()
        try:
            self.machine.spoiled.add(wait_until(self._spoil_newest, seconds=60, what="picture in the box's spool"))
        finally:
            way.mend()

    def _spoil_newest(self) -> str:
        with contextlib.closing(sqlite3.connect(self.machine.store, timeout=10)) as db:
            newest = (
                "SELECT event_id, key FROM evidence WHERE settled_at IS NULL AND sha256 != '' ORDER BY created_at DESC"
            )
            row = db.execute(newest).fetchone()
        if row is None:
            return ""
        with (self.machine.disk / "spool" / row[1]).open("r+b") as file:
            file.seek(1000)
            byte = file.read(1)[0]
            file.seek(1000)
            file.write(bytes([byte ^ 1]))
        return str(row[0])

    def plant_poison(self) -> None:
        """Rows that the hub can never store, in front of whatever comes."""
        bodies = ["no JSON", json.dumps({"type": "event"}), json.dumps({"type": "loss", "counts": -1})]
        with contextlib.closing(sqlite3.connect(self.machine.store, timeout=10)) as db:
            for body, kind in zip(bodies, ("alert", "evidence", "loss"), strict=True):
                event_id = f"poison-{len(self.machine.poison)}"
                self.machine.poison.append(event_id)
                db.execute(
                    "INSERT INTO outbox (event_id, camera_id, kind, body, created_at) VALUES (?, 'vid1', ?, ?, 0)",
                    (event_id, kind, body),
                )
            db.commit()

    def _pause(self, most: float) -> None:
        time.sleep(self.chance.uniform(most / 3, most))


def _newest(client: redis.Redis) -> str:
    """The box's last confirmation, "" when there is none."""
    return "".join(str(entry) for entry, _ in client.xrevrange(CONFIRMATIONS, count=1) or ())
