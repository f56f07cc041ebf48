"""A box that carries many cameras, configured by a bare document (no hub, no database), and what it holds of the machine."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import redis

from tests.servers.redis import RedisServer
from tests.servers.stack import Stack

PAGE = 4096
DATABASES = 3  # of one box: cloud, local, channels
WARM = 0.4  # of a run: pools and heaps fill
REGION = {"roi_id": "all", "roi_type": "rectangle", "coordinates": [[0.02, 0.3], [0.98, 0.98]]}


@dataclass(frozen=True, slots=True)
class Sample:
    """at: seconds since the run began. mb: resident memory, 10^6 bytes. threads, files: open just then."""

    at: float
    mb: float
    threads: int
    files: int


def resident_mb(pid: int | str) -> float:
    """Resident memory of a process in 10^6 bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE / 1e6


def growth(samples: Sequence[Sample], of: str = "mb") -> float:
    """How much more there was in the last fifth of a run than in its middle, after pools and heaps had filled."""
    end = samples[-1].at
    early = [getattr(s, of) for s in samples if WARM * end <= s.at < (WARM + 0.2) * end]
    late = [getattr(s, of) for s in samples if s.at >= 0.8 * end]
    return float(sum(late) / len(late) - sum(early) / len(early))


class LoadedBox:
    """One `run_detector` for as long as the `with` block lasts, with a camera for each of `urls`.

    number: which of several boxes on one Redis, 0 to 4. The first camera has a rule, so that alerts and pictures are made too.
    """

    def __init__(self, folder: Path, server: RedisServer, urls: Sequence[str], *, number: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.device_id = f"loaded-{number}"
        self.cameras = [f"n{number}c{index}" for index in range(len(urls))]
        first = number * DATABASES
        self.stack = Stack(folder, lambda db: server.url(first + db), device_id=self.device_id)
        self.client = redis.Redis.from_url(server.url(first), decode_responses=True, protocol=2)
        self.samples: list[Sample] = []
        self._began = 0.0
        document = {
            "cameras": [
                {"camera_id": code, "rtsp_url": url, "max_fps": 5} for code, url in zip(self.cameras, urls, strict=True)
            ],
            "rois": [REGION | {"camera_id": self.cameras[0]}],
            "binds": [{"bind_id": "b", "roi_id": "all", "algo_code": "intrusion", "params": {"cooldown_s": 120}}],
        }
        self.client.set(f"device:{self.device_id}:config", json.dumps(document))
        self.client.set(f"device:{self.device_id}:version", "1")

    @property
    def pid(self) -> int:
        return self.stack.pid("detector")

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self.stack.start("detector")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.__exit__(kind, error, trace)
        self.client.close()

    def begin(self) -> None:
        """From now on samples count."""
        self.samples.clear()
        self._began = time.monotonic()

    def sample(self) -> Sample:
        """Adds one and gives it. Raises FileNotFoundError when the process is gone."""
        proc = Path(f"/proc/{self.pid}")
        found = Sample(
            time.monotonic() - self._began,
            resident_mb(self.pid),
            len(list((proc / "task").iterdir())),
            len(list((proc / "fd").iterdir())),
        )
        self.samples.append(found)
        return found

    def health(self) -> dict[str, Any]:
        """What the box reports; empty before it does."""
        text = cast("str | None", self.client.get(f"device:{self.device_id}:report"))
        return dict(json.loads(text)["health"]) if text else {}

    def live(self) -> int:
        """Cameras that are live."""
        return list(self.health().get("cameras", {}).values()).count("live")

    def losses(self) -> int:
        """How often a camera was lost, by the log."""
        return len(re.findall(r"camera state changed.*state=lost", self.stack.log("detector")))

    def end(self) -> int:
        """The worker's exit status after SIGTERM."""
        return self.stack.end("detector", signal.SIGTERM)
