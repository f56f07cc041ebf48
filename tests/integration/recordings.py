"""A running installation that records: its API, its ffmpeg processes, its clips."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import httpx

from tests.servers.stack import Stack, wait_until


class Camera:
    """The recordings of camera `vid1`."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.api = stack.api()

    def post(self, what: str, task_name: str = "shift") -> httpx.Response:
        return self.api.post(f"recordings/{what}", json={"camera_id": "vid1", "task_name": task_name})

    def ok(self, what: str, task_name: str = "shift") -> dict[str, Any]:
        answer = self.post(what, task_name)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def status(self) -> dict[str, Any]:
        return dict(self.api.get("recordings/status/vid1").raise_for_status().json())

    def ready(self, seconds: float = 40) -> None:
        """The hub has heard of the box."""
        wait_until(
            lambda: self.api.get("cameras/vid1").json()["state"] != "offline", seconds=seconds, what="report of the box"
        )

    def wait_for(self, *states: str, seconds: float = 30) -> dict[str, Any]:
        def reached() -> dict[str, Any]:
            found = self.status()
            return found if found["status"] in states else {}

        return wait_until(reached, seconds=seconds, what=f"{states}; {self.status()}")

    def clip(self, told: dict[str, Any]) -> bytes:
        return self.api.get(self.stack.url + told["download_url"]).raise_for_status().content

    def ffmpegs(self) -> list[int]:
        """The processes that record for this installation."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"ffmpeg") and any(str(self.stack.folder).encode() in w for w in words):
                found.append(int(process.name))
        return found

    def close(self) -> None:
        self.api.close()


def stamps(content: bytes) -> list[float]:
    """Seconds of every picture, decoded to the end; any damage is an error."""
    with av.open(io.BytesIO(content), "r") as container:
        return [float(p.time) for p in container.decode(video=0) if p.time is not None]


def begins_with_its_index(content: bytes) -> bool:
    """Whether a browser can play it before it has all of it."""
    return content.index(b"moov") < content.index(b"mdat")
