"""The steps of the demo, from the first check to READY and the end."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgesite.console import Console
from edgesite.demo.options import (
    HOST,
    REDIS_VARIABLES,
    DemoError,
    Options,
    environment,
    process_environment,
    write_environment_file,
)
from edgesite.demo.probe import StatisticsProbe
from edgesite.local_redis import LocalRedis, LocalRedisError, prepare_local_redis
from edgesite.supervise import Child, Supervisor

BASE_DIR = Path(__file__).resolve().parents[2]
MANAGE = [sys.executable, str(BASE_DIR / "manage.py")]
REDIS_START_S = 60.0  # it may have much to load
REMIND_S = 10.0


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for the end
    """A stop was requested."""


@dataclass(slots=True)
class Demo:
    """One run. `inherited` is the environment that the demo itself was started with."""

    options: Options
    supervisor: Supervisor
    console: Console
    inherited: Mapping[str, str] = field(repr=False)
    env: dict[str, str] = field(default_factory=dict, repr=False)

    def run(self) -> None:
        """Until the time is over or a stop is requested. Raises DemoError."""
        try:
            source = self.options.source or self._sample_clip()
            settings = environment(self.options, self.inherited, self._redis_urls())
            self.env = process_environment(self.inherited, settings)
            write_environment_file(self.options.var_dir / "demo.env", settings)
            access = self._prepare_database(source)
            self._start_workers()
            self._wait_for_first_frame(access)
            self.console.plain(
                f"READY {self.options.url}/ user={access['user']} password={access['password']} token={access['token']}"
            )
            self._stay()
        except Stopped:
            pass

    def say(self, text: str) -> None:
        self.console.line("demo", text)

    # -- steps --------------------------------------------------------------------------------------------------------

    def _sample_clip(self) -> str:
        self.say("getting the sample clip (downloaded once, about 100 MB)")
        argv = [sys.executable, "-m", "edgesite.demo.clip", str(self.options.var_dir / "samples")]
        lines = self._finish("clip", argv, process_environment(self.inherited, {}))
        return Path(lines[-1]).as_uri()

    def _redis_urls(self) -> dict[str, str]:
        given = dict(self.options.redis)
        if not self.options.needs_redis:
            self.say("using the Redis servers that were given")
            return given
        server = self._start_redis()
        own = {name: server.url(number) for number, name in enumerate(REDIS_VARIABLES)}
        return own | given

    def _start_redis(self) -> LocalRedis:
        for _ in range(3):  # somebody else may take the free port first
            try:
                server = prepare_local_redis(self.options.var_dir / "redis")
            except (LocalRedisError, OSError) as error:
                raise DemoError(str(error)) from None
            self.say(f"starting Redis ({server.executable}) on port {server.port}")
            self.supervisor.add(Child("redis", server.argv, process_environment(self.inherited, {}), last=True))
            self.supervisor.wait_until(lambda: server.answers() or self._redis_died(), REDIS_START_S)  # noqa: B023
            self._go_on()
            if server.answers():
                return server
            self.supervisor.remove("redis")
        raise DemoError("the demo's own Redis does not start; its lines above say why")

    def _redis_died(self) -> bool:
        return self.supervisor.starts("redis") > 1 or self.supervisor.pid("redis") is None

    def _prepare_database(self, source: str) -> dict[str, str]:
        self.say("preparing the database")
        self._finish("migrate", [*MANAGE, "migrate", "--verbosity", "0"], self.env)
        self.say("making the administrator, the camera and its ROIs")
        shapes = "street" if self.options.source is None else "any"
        lines = self._finish("seed", [*MANAGE, "seed_demo", "--shapes", shapes], self.env | {"SEED_SOURCE": source})
        access: dict[str, str] = json.loads(lines[-1])
        return access

    def _start_workers(self) -> None:
        device = self.env["DEVICE_ID"]
        web = ["-m", "daphne", "-v", "0", "-b", HOST, "-p", str(self.options.port), "edgesite.asgi:application"]
        commands = {
            "web": [sys.executable, *web],
            "hub": [*MANAGE, "run_hub"],
            "detector": [*MANAGE, "run_detector", "--device", device],
            "recorder": [*MANAGE, "run_recorder", "--device", device],
        }
        self.say(f"starting {', '.join(commands)}")
        for name, argv in commands.items():
            self.supervisor.add(Child(name, argv, self.env))

    def _wait_for_first_frame(self, access: Mapping[str, str]) -> None:
        probe = StatisticsProbe(self.options.port, access["camera_id"], access["token"])
        self.say("waiting for the first analysed frame")
        while not self.supervisor.wait_until(probe, REMIND_S, every_s=0.25):
            self._go_on()
            self.say(f"still waiting for the first analysed frame; the API says: {probe.answer}")

    def _stay(self) -> None:
        seconds = self.options.seconds
        self.say("Ctrl-C ends everything" if seconds is None else f"ending in {seconds:g} s, or at Ctrl-C")
        self.supervisor.wait_until(lambda: False, seconds)
        self.say("ending")

    # -- helpers ------------------------------------------------------------------------------------------------------

    def _finish(self, name: str, argv: list[str], env: Mapping[str, str]) -> list[str]:
        """Run a command to its end; its output. Raises DemoError when it fails."""
        finished = self.supervisor.run(Child(name, argv, env))
        self._go_on()
        if finished.status != 0:
            raise DemoError(f"the step {name!r} failed; its lines above say why")
        return finished.output

    def _go_on(self) -> None:
        if self.supervisor.stop_requested:
            raise Stopped


def run_demo(options: Options, console: Console) -> None:
    """Everything between the checks and the end of the last child. Raises DemoError."""
    supervisor = Supervisor(options.var_dir / "run", console, lambda text: console.line("demo", text))
    console.on_closed = supervisor.request_stop
    supervisor.stop_on_signals()
    try:
        Demo(options, supervisor, console, dict(os.environ)).run()
    finally:
        supervisor.stop()
