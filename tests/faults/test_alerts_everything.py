"""Invariant 8 under everything at once: lost 0, doubled 0, out of order 0, and every picture is what it was.

The long form: `ALERTS=1000 ALERT_SEEDS=1,2,random CUT_SECONDS=60 ALERT_STORAGE=s3 pytest tests/faults -k alerts`. A seed
makes the same troubles in the same order; their moments are the machine's. ALERT_STORAGE: `hub` (over HTTP) or `s3`, which
takes a real S3 server (`tests/servers/s3.py`), or both, separated by a comma. ALERT_TROUBLES: only these (`Troubles`).
"""

from __future__ import annotations

import contextlib
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from recordings.evidence.captures import NOT_WRITTEN, STOPPED, TOO_MANY
from recordings.evidence.uploading import DAMAGED
from tests.faults.alerts_machine import Machine, per_camera, small_disk
from tests.faults.alerts_troubles import CUT_SECONDS, Troubles
from tests.servers.namespace import network_namespace
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server
from tests.servers.stack import Stack, wait_until

ALERTS = int(os.environ.get("ALERTS", "40"))
SEEDS = [
    random.SystemRandom().randrange(10**6) if word == "random" else int(word)
    for word in os.environ.get("ALERT_SEEDS", "1").split(",")
]

TROUBLES = [name for name in os.environ.get("ALERT_TROUBLES", "").split(",") if name]
STORAGES = os.environ.get("ALERT_STORAGE", "hub").split(",")

pytestmark = [pytest.mark.faults, pytest.mark.timeout(480 + 6 * ALERTS)]


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("seed", SEEDS)
def test_alerts_survive_everything_at_once(
    redis_server: RedisServer, street_clip: Path, tmp_path: Path, seed: int, storage: str
) -> None:
    with (
        S3Server() if storage == "s3" else contextlib.nullcontext() as s3,
        # Room for what a slow machine has waiting, and for what a long cut makes wait.
        small_disk(tmp_path / "disk", megabytes=90 + 2 * int(CUT_SECONDS)) as small,
        network_namespace() as network,
        Stack(tmp_path, redis_server.url) as stack,
    ):
        stack.prepare(street_clip.as_uri())
        machine = Machine(stack, redis_server, tmp_path / "disk", network=network, s3=s3)
        troubles = Troubles(machine, seed=seed, small_disk=small, only=TROUBLES)
        try:
            machine.prepare(bindings=6)
            wait_until(stack.alerts, seconds=60, what="first alert on the hub")
            troubles.go_on(until=lambda: len(machine.raised()) >= ALERTS)
            raised = machine.raised()
            machine.settle(raised, seconds=180 + ALERTS)
            alerts = stack.alerts()
            stored = Counter(alert["event_id"] for alert in alerts)
            assert [e for e in raised if e not in stored] == [], "lost"
            assert [e for e, times in stored.items() if times > 1] == [], "doubled"
            assert per_camera(alerts, set(raised)) == {"vid1": raised}, "out of order"
            refused = machine.account().dead
            assert set(refused) == set(machine.poison), "poison that was not refused, or refused that was none"
            pictures = machine.check_pictures()
            said = stack.manage("verify_evidence")
            assert "all is as it was" in said or "waiting" in said
            problems = {a["event_id"]: a["capture_problem"] for a in alerts if not a["capture_url"]}
            lost = Counter(problems.values())
            print(f"\nseed {seed}, pictures to {storage}: {len(raised)} alerts, {pictures} pictures")
            print(f"  done: {dict(troubles.done)}, without a picture: {dict(lost)}")
            # A picture may go with a kill or a full disk before it stands in the spool. What stood there is never lost.
            expected = {"", TOO_MANY, NOT_WRITTEN, STOPPED}  # "": raised just now, and on its way
            damaged = {e for e, problem in problems.items() if problem == DAMAGED}
            assert damaged <= machine.spoiled, "pictures told as damaged that nobody spoiled"
            assert set(lost) <= {*expected, DAMAGED}
            assert pictures >= len(raised) / 2
            machine.check("the end")
        finally:
            machine.close()
