"""One installation with a remote box, and everything that is done to it: kills, cuts, full disks, lost answers, poison."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis

from edgesite import redis_keys
from tests.servers.cable import Cable
from tests.servers.namespace import Namespace
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server
from tests.servers.stack import Stack, wait_until

TOKEN = "esd_of-box-1"
CUT_SECONDS = float(os.environ.get("CUT_SECONDS", "4"))  # the long form takes 60
EVENTS, CONFIRMATIONS = redis_keys.events("box-1"), redis_keys.confirmations("box-1")
BUSY = """
import hashlib
from cameras.models import Binding, Device, ROI
from cameras.services import publish_edit
for roi in ROI.objects.all():
    for n in range({bindings}):
        Binding.objects.create(bind_id=f"{{roi.pk}}-{{n}}", roi=roi, algo_code="intrusion", severity="info",
                               params={{"dwell_s": 0.3 + n / 10, "cooldown_s": 2}})
Device.objects.update(token_hash=hashlib.sha256(b"{token}").hexdigest())
publish_edit(device_ids=["box-1"], author="test")
"""


class Machine:
    """The box reaches the hub's Redis and web server through cables; its store lies on a disk of its own.

    disk: a small file system, or any folder where nothing may be mounted. network: the box's own, where that can be made.
    s3: where evidence goes; without one to the hub, over HTTP.
    """

    def __init__(
        self,
        stack: Stack,
        server: RedisServer,
        disk: Path,
        *,
        seed: int,
        network: Namespace | None = None,
        s3: S3Server | None = None,
    ) -> None:
        self.network = network
        host = network.address if network else "127.0.0.1"
        if network:
            stack.prefixes["detector"] = network.prefix
            stack.env["ALLOWED_HOSTS"] = f"127.0.0.1,{host}"
        self.stack, self.server, self.disk = stack, server, disk
        self.chance = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.poison: list[str] = []
        self.s3 = s3
        self.cables = [Cable(server.port, host=host), Cable(stack.port, host=host)]
        self._hub_env = dict(stack.env) | (s3.env() if s3 else {})
        self._box_env = stack.env | {
            "CLOUD_REDIS_URL": f"redis://{host}:{self.cables[0].port}/0",
            "PUBLIC_URL": f"http://{host}:{self.cables[1].port}",
            "DEVICE_TOKEN": TOKEN,
            "EDGE_DATABASE_URL": f"sqlite:///{self.store}",
        }
        if s3:
            self.cables.append(Cable(s3.port, host=host))
            self._box_env |= s3.env(f"http://{host}:{self.cables[-1].port}")

    @property
    def store(self) -> Path:
        return self.disk / "edge.sqlite3"

    def prepare(self, *, bindings: int) -> None:
        self.stack.manage("shell", "-v0", "-c", BUSY.format(bindings=bindings, token=TOKEN))
        self.start("web", "hub", "detector")

    def start(self, *names: str) -> None:
        for name in names:
            self.stack.env = self._box_env if name == "detector" else self._hub_env
            self.stack.start(name)
        self.stack.env = self._hub_env

    def close(self) -> None:
        for cable in self.cables:
            cable.__exit__(None, None, None)

    # What happens to it

    def kill(self, name: str) -> None:
        self.stack.end(name, signal.SIGKILL)
        self._pause(1.0)
        self.start(name)

    def kill_redis(self) -> None:
        self.server.kill()
        self._pause(3.0)
        self.server.restart(wipe=self.chance.random() < 0.4)

    def kill_s3(self) -> None:
        if self.s3:
            self.s3.kill()
            self._pause(3.0)
            self.s3.start()

    def cut(self) -> None:
        """Nothing passes and nobody is told."""
        if self.network:
            self.network.unplug()
        else:
            for cable in self.cables:
                cable.cut()
        time.sleep(CUT_SECONDS)
        if self.network:
            self.network.plug_in()
        for cable in self.cables:
            cable.mend()

    def lose_answers(self) -> None:
        """What the hub confirms after its commit never reaches the box: the cable is cut between the two."""
        cable, hub = self.cables[0], self.stack.pid("hub")
        with redis.Redis.from_url(self.server.url()) as client:
            os.kill(hub, signal.SIGSTOP)
            self._pause(4.0)  # the box sends, and nothing is stored yet
            cable.cut()
            os.kill(hub, signal.SIGCONT)
            wait_until(lambda: not client.xlen(EVENTS), seconds=30, what="end of what was sent", every=0.01)
            client.delete(CONFIRMATIONS)
            cable.drop()
            cable.mend()

    def lose_what_was_sent(self) -> None:
        """Redis comes back empty while events are in its stream that the hub has not read."""
        hub = self.stack.pid("hub")
        os.kill(hub, signal.SIGSTOP)
        try:
            with redis.Redis.from_url(self.server.url()) as client:
                wait_until(lambda: client.xlen(EVENTS), seconds=30, what="something sent", every=0.05)
            self.server.kill()
            self.server.restart(wipe=True)
        finally:
            os.kill(hub, signal.SIGCONT)

    def fill_disk(self) -> None:
        """Not a byte is left where the box's store and spool are."""
        filler = self.disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            for size in (65_536, 512, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)
        self._pause(4.0)
        filler.unlink(missing_ok=True)

    def plant_poison(self) -> None:
        """Rows that the hub can never store, in front of whatever comes."""
        bodies = ["no JSON", json.dumps({"type": "event"}), json.dumps({"type": "loss", "counts": -1})]
        with contextlib.closing(sqlite3.connect(self.store, timeout=10)) as db:
            for body, kind in zip(bodies, ("alert", "evidence", "loss"), strict=True):
                event_id = f"poison-{len(self.poison)}"
                self.poison.append(event_id)
                db.execute(
                    "INSERT INTO outbox (event_id, camera_id, kind, body, created_at) VALUES (?, 'vid1', ?, ?, 0)",
                    (event_id, kind, body),
                )
            db.commit()

    def _pause(self, most: float) -> None:
        time.sleep(self.chance.uniform(most / 3, most))

    def troubles(self, *, small_disk: bool) -> dict[str, Callable[[], None]]:
        acts: dict[str, Callable[[], None]] = {
            "detector killed": lambda: self.kill("detector"),
            "hub killed": lambda: self.kill("hub"),
            "web server killed": lambda: self.kill("web"),
            "Redis killed": self.kill_redis,
            "network cut": self.cut,
            "answers lost": self.lose_answers,
            "stream lost": self.lose_what_was_sent,
            "poison": self.plant_poison,
        }
        if self.s3:
            acts["S3 killed"] = self.kill_s3
        return acts | ({"disk full": self.fill_disk} if small_disk else {})

    def torment(self, *, until: Callable[[], bool], small_disk: bool) -> None:
        """One trouble after another, each at least once, until it is true."""
        acts = self.troubles(small_disk=small_disk)
        first = self.chance.sample(sorted(acts), len(acts))
        while first or not until():
            name = first.pop() if first else self.chance.choice(sorted(acts))
            acts[name]()
            self.done[name] += 1
            self._pause(2.0)

    # What must be true in the end

    def raised(self) -> list[str]:
        return self.stack.raised()

    def waiting(self) -> dict[str, int]:
        """What the box still has to bring: events, and pictures."""
        with contextlib.closing(sqlite3.connect(self.store, timeout=10)) as db:
            rows = db.execute("SELECT count(*) FROM outbox WHERE refused IS NULL").fetchone()[0]
            pictures = db.execute("SELECT count(*) FROM evidence WHERE settled_at IS NULL").fetchone()[0]
        return {"rows": rows, "pictures": pictures}

    def dead_letters(self) -> list[str]:
        with contextlib.closing(sqlite3.connect(self.store, timeout=10)) as db:
            return [row[0] for row in db.execute("SELECT event_id FROM outbox WHERE refused IS NOT NULL ORDER BY seq")]

    def settle(self, raised: list[str], *, seconds: float) -> None:
        """Waits until everything that was raised, with its picture, is on the hub; says what is missing when it is not."""

        def missing() -> dict[str, list[str]]:
            known = {a["event_id"]: a["capture_url"] or a["capture_problem"] for a in self.stack.alerts()}
            return {
                "alerts": [event_id for event_id in raised if event_id not in known],
                "pictures": [event_id for event_id in raised if known.get(event_id) == ""],
            }

        try:
            wait_until(lambda: not any(missing().values()), seconds=seconds, what="everything", every=1.0)
        except AssertionError:
            assert missing() == {"alerts": [], "pictures": []}, f"the box still has {self.waiting()}"

    def check_pictures(self) -> int:
        """Opens every picture that an alert refers to and compares its hash with the evidence's row; how many."""
        alerts = [
            alert for alert in self.stack.alerts() if alert["capture_url"]
        ]  # before the rows: more come all the time
        rows = json.loads(
            self.stack.manage(
                "shell", "-v0", "-c",
                "import json; from recordings.models import Evidence;"
                " print(json.dumps(dict(Evidence.objects.filter(lost=False).values_list('key', 'sha256'))))",
            )
        )  # fmt: skip
        with self.stack.api() as api:
            for alert in alerts:
                content = api.get(self.stack.url + alert["capture_url"]).raise_for_status().content
                assert content.startswith(b"\xff\xd8")
                assert content.endswith(b"\xff\xd9")
                assert hashlib.sha256(content).hexdigest() == rows[alert["capture"]]
        return len(alerts)


def per_camera(alerts: list[dict[str, Any]], wanted: set[str]) -> dict[str, list[str]]:
    """The wanted alerts by camera, in the order in which the hub stored them."""
    found: dict[str, list[str]] = {}
    for alert in alerts:
        if alert["event_id"] in wanted:
            found.setdefault(alert["camera_id"], []).append(alert["event_id"])
    return found


@contextlib.contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[bool]:
    """Mounts a file system of that size where that is allowed; whether it was."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs"]
    mounted = subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
