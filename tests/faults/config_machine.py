"""What any state machine of a box does to it, whoever its control plane is."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from cameras.boot import FAILED_BOOTS
from cameras.sync import POLL_SECONDS
from cameras.sync_window import HEALTH_WINDOW_SECONDS
from edgesite import redis_keys
from edgesite.redis_clients import connect
from tests.cameras.documents import DEVICE
from tests.fakes import Clock
from tests.faults.config_box import Fuse, Killed, Line, Process
from tests.faults.config_hub import KINDS
from tests.servers.redis import RedisServer

AHEAD = "9999999999999-0"
DAY = 86_400.0
ANY_KIND = st.sampled_from(KINDS)


class BoxMachine(RuleBasedStateMachine):
    """Rules disturb; after everything that the box does, `look` holds what it runs, stores and reports to the invariants."""

    server: ClassVar[RedisServer]

    def __init__(self) -> None:
        super().__init__()
        self.redis, self.copy = connect(self.server.url(0)), connect(self.server.url(1))
        self.redis.flushall()
        self.folder = tempfile.TemporaryDirectory(prefix="edgesite-edge-")
        self.clock, self.fuse, self.skew = Clock(), Fuse(), 0.0
        self.cloud, self.local = Line(self.redis, self.fuse, self.clock), Line(self.copy, self.fuse, self.clock)
        self.process = self._process()

    def look(self, hindered: str, *, stepped: bool = True) -> None:
        """hindered: what `Process.run` answered. stepped: False after a boot."""
        raise NotImplementedError

    def issue(self, what: str) -> None:
        """The control plane publishes a document of this kind under a new number."""
        raise NotImplementedError

    def forgotten(self) -> None:
        """The cloud Redis lost everything."""
        raise NotImplementedError

    # What lies between

    @rule(
        devices=st.lists(st.sampled_from([DEVICE, "", "box-2"]), min_size=1, max_size=3),
        version=st.sampled_from(["0", "1", "2", "99", "-1", "x", ""]),
        action=st.sampled_from(["UPDATE", "ROLLBACK", ""]),
    )
    def false_hints(self, devices: list[str], version: str, action: str) -> None:
        for device_id in devices:
            fields = {"device_id": device_id, "version": version, "action": action}
            self.redis.xadd(redis_keys.HINT_STREAM, fields)  # type: ignore[arg-type]

    @rule()
    def trim_the_stream(self) -> None:
        self.redis.xtrim(redis_keys.HINT_STREAM, maxlen=0)

    @rule()
    def flush_the_cloud(self) -> None:
        self.redis.flushdb()
        self.forgotten()

    @rule()
    def flush_the_local_redis(self) -> None:
        self.copy.flushdb()

    @rule(stored_only=st.booleans())
    def position_ahead_of_the_server(self, stored_only: bool) -> None:
        self.copy.set(redis_keys.LOCAL_STREAM_LAST_ID, AHEAD)
        if not stored_only:
            self.process.sync.hints._position = self.process.sync.hints._last_seen = AHEAD

    @rule(cloud=st.booleans(), local=st.booleans())
    def reach(self, cloud: bool, local: bool) -> None:
        self.cloud.down, self.local.down = not cloud, not local

    @rule(room=st.sampled_from([0, 1, 2, None]))
    def disk(self, room: int | None) -> None:
        self.process.disk.room = room

    @rule(what=ANY_KIND, room=st.integers(0, 2))
    def disk_that_fills_while_a_document_comes(self, what: str, room: int) -> None:
        self.disk(room)
        self.issue(what)
        self.step(2)

    @rule(days=st.sampled_from([-1, 0, 1]))
    def clock_jumps(self, days: int) -> None:
        self.skew = days * DAY

    # The box

    def _process(self) -> Process:
        path = Path(self.folder.name) / "edge.sqlite3"
        return Process(path, self.cloud, self.local, self.fuse, self.clock, lambda: self.skew)

    def _boot(self) -> None:
        stored, confirmed = self.process.documents.running(), self.process.documents.confirmed()
        assert self.process.run(self.process.sync.boot) == ""
        current = self.process.sync.current
        if stored is not None and (current is None or current.number != (stored.epoch, stored.version)):
            state, reason = self.process.documents.ending_of(
                epoch=stored.epoch, version=stored.version, sha256=stored.sha256
            )
            assert (state, f"{FAILED_BOOTS} starts in a row" in reason) == ("reverted", True)
            if confirmed is not None:
                assert current is not None
        self.look("", stepped=False)

    @rule(times=st.integers(1, 3))
    def step(self, times: int) -> None:
        for _ in range(times):
            self.look(self.process.run(self.process.sync.step))

    @rule(seconds=st.sampled_from([HEALTH_WINDOW_SECONDS / 2, HEALTH_WINDOW_SECONDS, POLL_SECONDS * 1.2]))
    def pass_time(self, seconds: float) -> None:
        self.step(1)
        self.clock.advance(seconds)
        self.step(2)

    @rule(after=st.integers(0, 45), what=st.none() | ANY_KIND, seconds=st.sampled_from([0.0, HEALTH_WINDOW_SECONDS]))
    def kill(self, after: int, what: str | None, seconds: float) -> None:
        """At a moment of the following steps, and perhaps of the boot after it."""
        if what is not None:
            self.issue(what)
        self.fuse.left = after
        with contextlib.suppress(Killed):
            for _ in range(3):
                self.look(self.process.run(self.process.sync.step))
                self.clock.advance(seconds)
        self.fuse.left = None
        self.restart()

    @rule(after=st.integers(0, 12))
    def kill_while_it_boots(self, after: int) -> None:
        self._anew()
        self.fuse.left = after
        with contextlib.suppress(Killed):
            self.process.run(self.process.sync.boot)
        self.fuse.left = None
        self.restart()

    def _anew(self) -> None:
        room = self.process.disk.room
        self.process.disk.close()
        self.process = self._process()
        self.process.disk.room = room

    @rule()
    def restart(self) -> None:
        self._anew()
        self._boot()

    def calm(self) -> None:
        """Everything is there again, and time passes: more than a poll and a window."""
        self.cloud.down = self.local.down = False
        self.process.disk.room = None
        for seconds in (POLL_SECONDS * 1.2, HEALTH_WINDOW_SECONDS, 0):
            self.step(2)
            self.clock.advance(seconds)

    def close(self) -> None:
        self.process.disk.close()
        self.folder.cleanup()
        self.redis.close()
        self.copy.close()


def run_machine(machine: type[BoxMachine], *, examples: int, steps: int) -> None:
    """The same examples every time."""
    with RedisServer("--appendonly", "no") as server:
        machine.server = server
        run_state_machine_as_test(
            machine,
            settings=settings(
                derandomize=True,
                database=None,
                deadline=None,
                max_examples=examples,
                stateful_step_count=steps,
                suppress_health_check=list(HealthCheck),
            ),
        )
