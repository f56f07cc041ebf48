"""The test side of `tests.benchmarks.fleet`: asks it for measurements and reads what they say."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np

from tests.benchmarks.fleet import COUNTED, FPS, RATE
from tests.servers.process import end_process
from tests.servers.redis import RedisServer
from tests.servers.rtsp import RtspServer
from tests.servers.stack import ROOT

LEAST_RATE, MOST_AGE_MS = 0.95 * RATE, 300.0
COMMAND = [sys.executable, "-m", "tests.benchmarks.fleet"]


def measure_stages(clip: object, url: str) -> dict[str, tuple[float, float]]:
    """As `tests.benchmarks.fleet.stages`."""
    done = subprocess.run([*COMMAND, "stages", str(clip), url], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name: (per, often) for name, (per, often) in json.loads(done.stdout).items()}


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One measurement. active: names of the cameras that are to be analysed at the full rate."""

    result: dict[str, Any]
    active: frozenset[str]

    @property
    def cores(self) -> dict[str, Any]:
        """own, beside (the servers of the test), others; kinds: own by kind of thread."""
        found: dict[str, Any] = self.result["cores"]
        return found

    @property
    def rates(self) -> list[float]:
        """Analyses a second of each active camera."""
        return [len(c["ages"]) / self.result["seconds"] for name, c in self._cameras.items() if name in self.active]

    @property
    def _cameras(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.result["cameras"]
        return found

    def age(self, *, percent: float = 99.0, sent: bool = False) -> float:
        """Milliseconds; as the product tells it, or (`sent`) since the camera sent the picture."""
        ages = [pair[sent] for name in self.active for pair in self._cameras[name]["ages"]]
        return 1000 * float(np.percentile(ages, percent)) if ages else float("inf")

    def count(self, word: str) -> int:
        """Of all cameras: decoded, skipped, dropped, taken, shed, as in `ReaderCounters`."""
        return sum(camera[word] for camera in self._cameras.values())

    @property
    def watched(self) -> str:
        """How many cameras are watched in which way."""
        ways = Counter(camera["watch"] for camera in self._cameras.values())
        return ", ".join(f"{number} {way}" for way, number in sorted(ways.items()))

    @property
    def fits(self) -> bool:
        return min(self.rates) >= LEAST_RATE and self.age() < MOST_AGE_MS and self.age(sent=True) < MOST_AGE_MS

    @property
    def evenness(self) -> float:
        """The slowest active camera's rate over the fastest's."""
        return min(self.rates) / max(self.rates) if max(self.rates) else 0.0

    def check_drops(self) -> None:
        """Every packet was decoded or is counted as left out, and every decoded picture ended in one of three ways."""
        cameras, seconds = len(self._cameras), self.result["seconds"]
        under_way = 5 * cameras  # offered, and not taken yet
        ends = sum(self.count(word) for word in COUNTED[1:4])
        assert abs(self.count("decoded") - ends) <= under_way
        came = self.count("decoded") + self.count("shed")
        assert abs(came / (FPS * seconds * cameras) - 1) < 0.1

    def line(self) -> str:
        cores = self.cores
        return (
            f"  {len(self._cameras):>7} {len(self.active):>7} {min(self.rates):>8.2f} {max(self.rates):>6.2f}"
            f" {sum(self.rates):>7.1f} {self.age():>8.0f} {self.age(sent=True):>8.0f}"
            f" {cores['own']:>7.2f} {cores['beside']:>8.2f} {cores['others']:>7.2f}"
        )

    def drops(self) -> str:
        return "          " + "  ".join(f"{word} {self.count(word)}" for word in COUNTED)


HEADER = (
    f"  {'cameras':>7} {'active':>7} {'slowest':>8} {'fastest':>7}{'all/s':>7} {'p99 ms':>8} {'sent':>8}"
    f" {'cores':>7} {'servers':>8} {'others':>7}"
)


class FleetProcess:
    """A process that analyses the cameras of `servers`; ends with the block."""

    def __init__(self, *servers: RtspServer) -> None:
        self._servers, self._open = servers, ExitStack()

    def __enter__(self) -> Self:
        redis = self._open.enter_context(RedisServer())
        self._said = self._open.enter_context(tempfile.TemporaryFile("w+"))
        self._process = subprocess.Popen(
            [*COMMAND, "run", redis.url()],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )
        self._open.callback(end_process, self._process)
        assert self._process.stdin is not None
        self._open.callback(self._process.stdin.close)
        self._beside = [server.pid for server in self._servers]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def ask(self, active: Sequence[str], still: Sequence[str] = (), *, settle: float, seconds: float) -> Measured:
        """Runs cameras with these URLs and no others for `settle` seconds, then measures for `seconds`."""
        question = {"urls": [*active, *still], "settle": settle, "seconds": seconds, "beside": self._beside}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._said.seek(0)
            raise AssertionError(self._said.read()[-3000:])
        return Measured(json.loads(line), frozenset(url.rsplit("/", 1)[1] for url in active))
