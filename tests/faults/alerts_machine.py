"""One installation with a remote box, and what must be true of it at any moment and in the end."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgesite import redis_keys
from tests.faults.alerts_account import Account, in_words, read_account
from tests.servers.cable import Cable
from tests.servers.namespace import Namespace
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server
from tests.servers.stack import Stack

TOKEN = "esd_of-box-1"
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
    """The box reaches the hub's Redis and web server through cables, the hub its Redis; the box's store lies on a disk of
    its own.

    disk: a small file system, or any folder where nothing may be mounted. network: the box's own, where that can be made.
    s3: where evidence goes; without one to the hub, over HTTP.
    """

    def __init__(
        self,
        stack: Stack,
        server: RedisServer,
        disk: Path,
        *,
        network: Namespace | None = None,
        s3: S3Server | None = None,
    ) -> None:
        self.network = network
        host = network.address if network else "127.0.0.1"
        if network:
            stack.prefixes["detector"] = network.prefix
            stack.env["ALLOWED_HOSTS"] = f"127.0.0.1,{host}"
        self.stack, self.server, self.disk = stack, server, disk
        self.poison: list[str] = []
        self.spoiled: set[str] = set()  # alerts whose picture was changed on the box
        self._known: set[str] = set()
        self._stood: set[str] = set()
        self.s3 = s3
        self.cables = [Cable(server.port, host=host), Cable(stack.port, host=host)]
        self.hub_cable = Cable(server.port)
        hub_redis = {"CLOUD_REDIS_URL": f"redis://127.0.0.1:{self.hub_cable.port}/0"}
        self._web_env = dict(stack.env) | (s3.env() if s3 else {})
        self._hub_env = self._web_env | hub_redis
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

    @property
    def hub_store(self) -> Path:
        return self.stack.folder / "edgesite.sqlite3"

    def prepare(self, *, bindings: int) -> None:
        self.stack.manage("shell", "-v0", "-c", BUSY.format(bindings=bindings, token=TOKEN))
        self.start("web", "hub", "detector")

    def start(self, *names: str) -> None:
        for name in names:
            self.stack.env = {"detector": self._box_env, "hub": self._hub_env}.get(name, self._web_env)
            self.stack.start(name)
        self.stack.env = self._web_env

    def close(self) -> None:
        for cable in (*self.cables, self.hub_cable):
            cable.__exit__(None, None, None)

    # What must be true

    def raised(self) -> list[str]:
        return self.stack.raised()

    def account(self) -> Account:
        """Where everything is now."""
        return read_account(
            self.raised(),
            store=self.store,
            redis_url=self.server.url(),
            stream=EVENTS,
            hub=self.hub_store,
        )

    def check(self, after: str) -> Account:
        """Nothing is lost, doubled or out of order, wherever it is."""
        account = self.account()
        faults = account.faults(poison=self.poison, known=self._known, stood=self._stood, spoiled=self.spoiled)
        self._known |= account.on_hub
        self._stood |= account.in_spool
        assert not faults, f"after {after!r} {in_words(faults)}\n{account.summary()}"
        return account

    def settle(self, raised: list[str], *, seconds: float) -> None:
        """Waits until everything that was raised, with its picture, is on the hub, and poison refused; says where it is when
        it is not."""
        end = time.monotonic() + seconds
        while missing := (account := self.check("the last trouble")).missing(raised, poison=self.poison):
            assert time.monotonic() < end, (
                f"{seconds:.0f} s later still missing {in_words(missing)}\n{account.summary()}"
            )
            time.sleep(1.0)

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
        wrong: dict[str, str] = {}
        with self.stack.api() as api:
            for alert in alerts:
                answer = api.get(self.stack.url + alert["capture_url"])
                content = answer.content
                if answer.status_code != 200:
                    wrong[alert["event_id"]] = f"not to be had: {answer.status_code} {answer.text[:100]}"
                elif not (content.startswith(b"\xff\xd8") and content.endswith(b"\xff\xd9")):
                    wrong[alert["event_id"]] = f"no whole JPEG: {len(content)} bytes"
                elif hashlib.sha256(content).hexdigest() != rows.get(alert["capture"]):
                    wrong[alert["event_id"]] = "not the one whose hash the box told"
        assert not wrong, f"of {len(alerts)} pictures wrong {in_words(wrong)}"
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
