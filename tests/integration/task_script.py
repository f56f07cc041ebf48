"""What an integrator's script does with recording tasks: an HTTP client, a token, a camera; nothing of the product."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

SHIFT, OTHER, NEVER = "Schicht “Ä”/1", "other", "never"  # names come back as they were given
FINAL = ("uploaded", "completed", "failed")
HEAD = {"status", "camera_id", "task_name", "start_time"}


def wrong_bodies(camera_id: str) -> list[Any]:
    """Each of which is refused, whatever is asked."""
    names: tuple[Any, ...] = ("", "x" * 201, "a\nb", 7, None)
    whole = {"camera_id": camera_id, "task_name": SHIFT}
    lacking = [{"camera_id": camera_id}, {"task_name": SHIFT}, whole | {"seconds": 5}, [whole], None, "text"]
    return [*({"camera_id": camera_id, "task_name": name} for name in names), *lacking]


class TaskScript:
    """Of one camera. final: how a stored task ends here. seen: every status that the API gave, in order."""

    def __init__(self, url: str, token: str, camera_id: str, *, final: str) -> None:
        self.url, self.camera_id, self.final = url, camera_id, final
        self.seen: list[str] = []
        self.http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def close(self) -> None:
        self.http.close()

    def answer(self, what: str, body: Any) -> tuple[int, Any]:
        given = self.http.post(f"/api/recordings/{what}", json=body)
        return given.status_code, given.json()

    def call(self, what: str, task_name: str = SHIFT) -> dict[str, Any]:
        """The body of an answer that must be a 200."""
        return self._noted(*self.answer(what, {"camera_id": self.camera_id, "task_name": task_name}))

    def status(self) -> dict[str, Any]:
        given = self.http.get(f"/api/recordings/status/{self.camera_id}")
        return self._noted(given.status_code, given.json())

    def _noted(self, status: int, body: dict[str, Any]) -> dict[str, Any]:
        assert status == 200, body
        assert body["camera_id"] == self.camera_id
        assert all(value not in (None, "", False) for value in body.values()), body
        if self.seen[-1:] != [body["status"]]:
            self.seen.append(body["status"])
        return body

    def until(
        self, *states: str, seconds: float = 120, also: Callable[[dict[str, Any]], bool] = bool
    ) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while (told := self.status())["status"] not in states or not also(told):
            assert told["status"] not in FINAL, told
            assert time.monotonic() < end, f"{self.camera_id}: {told} instead of {states}"
            time.sleep(0.05)
        return told

    # -- what an integrator can meet -----------------------------------------------------------------------------------

    def nothing_yet(self) -> None:
        assert self.status() == {"status": "idle", "camera_id": self.camera_id}

    def errors(self) -> None:
        """What is the caller's own fault, while nothing runs."""
        head = {"camera_id": self.camera_id, "task_name": NEVER}
        assert self.call("stop_task", NEVER) == {"status": "not_running"} | head
        assert self.call("query_task", NEVER) == {"status": "not_found"} | head
        for what in ("start_task", "stop_task", "query_task"):
            status, body = self.answer(what, {"camera_id": f"{self.camera_id}-not", "task_name": SHIFT})
            assert (status, list(body)) == (404, ["detail"]), body
            for wrong in wrong_bodies(self.camera_id):
                status, body = self.answer(what, wrong)
                assert (status, list(body)) == (422, ["detail"]), (what, wrong, body)
        gone = self.http.get(f"/api/recordings/status/{self.camera_id}-not")
        assert gone.status_code == 404
        assert httpx.post(f"{self.url}/api/recordings/start_task", json=head).status_code in (401, 403)

    def record(self) -> None:
        """From the start to a task that is stopped."""
        started = self.call("start_task")
        assert started["status"] in ("starting", "recording")
        assert (set(started), started["task_name"]) == (HEAD, SHIFT)
        assert self.call("start_task", OTHER)["task_name"] == SHIFT  # the one that runs
        assert self.call("stop_task", OTHER) == {
            "status": "task_mismatch", "camera_id": self.camera_id, "task_name": OTHER, "running_task": SHIFT,
        }  # fmt: skip
        assert self.call("query_task", OTHER)["status"] == "not_found"
        running = self.until("recording")
        assert datetime.fromisoformat(running["start_time"]).tzinfo is not None
        assert self.call("query_task") == running
        stopped = self.call("stop_task")
        assert (stopped["status"], stopped["stop_reason"]) == ("stopping", "requested")
        assert set(stopped) == HEAD | {"stop_reason"}

    def waits_for_storage(self) -> None:
        told = self.until("uploading", also=lambda told: "error" in told)
        assert told["error"].startswith("The clip is kept on the box")
        assert {"download_url", "object_name"}.isdisjoint(told)
        assert self.call("query_task") == told

    def stored(self) -> bytes:
        """The clip, once it is stored; the task's end is what every later question is answered with."""
        done = self.until(self.final)
        assert (done["task_name"], done["stop_reason"]) == (SHIFT, "requested")
        assert done["storage_type"] == ("s3" if self.final == "uploaded" else "local")
        assert ("bucket" in done, done.get("local_file_deleted", False)) == ((self.final == "uploaded",) * 2)
        assert done["object_name"].startswith(f"recordings/{self.camera_id}/")
        for again in (self.call("stop_task"), self.call("query_task"), self.status()):
            assert again == done
        return self.http.get(done["download_url"]).raise_for_status().content

    def no_pictures(self) -> None:
        """Of a camera that cannot be reached: there is nothing to keep."""
        assert self.call("start_task")["status"] == "starting"
        self.call("stop_task")
        failed = self.until("failed")
        assert failed["stop_reason"] == "requested"
        assert failed["error"].startswith("Nothing was recorded: ")
        assert self.call("stop_task") == self.call("query_task") == failed

    def stops_by_itself(self) -> None:
        assert self.call("start_task")["status"] in ("starting", "recording")
        assert self.until(self.final, seconds=240)["stop_reason"] == "max_duration"

    def no_ffmpeg(self) -> None:
        end = time.monotonic() + 60
        while True:
            status, body = self.answer("start_task", {"camera_id": self.camera_id, "task_name": SHIFT})
            if status != 200 or time.monotonic() >= end:
                break
            assert body["status"] != "recording", body  # a box that starts is silent, or slow to answer
            time.sleep(0.2)
        assert (status, list(body)) == (500, ["detail"]), body
        assert body["detail"].startswith("ffmpeg is not installed on the box.")
        assert self.status()["error"] == body["detail"]
