"""A box with clips that are cut and wait to be stored."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cameras.core.document import Document
from edgesite.edge_store.database import EdgeDatabase
from recordings.core.ffmpeg import Tool
from recordings.recorder.clip_work import Claims
from recordings.recorder.cutting import Cuts
from recordings.recorder.segment_store import SegmentStore
from recordings.recorder.task_store import Task, TaskStore
from recordings.recorder.tasks import Tasks
from recordings.recorder.uploads import Uploads


@dataclass(frozen=True, slots=True)
class ClipLoops:
    """What a recorder does in two threads, in one."""

    cuts: Cuts
    uploads: Uploads

    def step(self) -> bool:
        """Cuts a clip; stores one when there is none to cut."""
        return self.cuts.step() or self.uploads.step()


def clip_loops(
    folder: Path, tasks: Tasks, segments: SegmentStore, *, document: Callable[[], Document | None] = lambda: None,
    tool: Tool | None = None, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic,
) -> ClipLoops:  # fmt: skip
    """Of a box whose stores these are, as `RecorderWorker` wires them."""
    shared: dict[str, Any] = {
        "folder": folder, "store": tasks.store, "stop": threading.Event(), "claims": Claims(), "clock": clock,
        "monotonic": monotonic,
    }  # fmt: skip
    cuts = Cuts(**shared, tasks=tasks, segments=segments, document=document, tool=tool)
    return ClipLoops(cuts, Uploads(**shared, cuts=cuts))


class Waiting:
    """Its store and its clips lie in `folder`; another one of the same folder is the box after a restart."""

    def __init__(self, folder: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self.database = EdgeDatabase(folder / "edge.sqlite3")
        self.store, self.segments = TaskStore(self.database), SegmentStore(self.database)
        tasks = Tasks(self.store, self.segments, {}, lambda: None, False, 60.0)
        self.uploads = clip_loops(folder, tasks, self.segments, monotonic=monotonic).uploads

    def cut(self, task_id: str, content: bytes) -> str:
        """A clip that waits; its key."""
        key = f"recordings/vid1/20261122/{task_id}.mp4"
        work = self.work(task_id)
        work.parent.mkdir(parents=True, exist_ok=True)
        work.write_bytes(content)
        now = time.time()
        self.store.add(Task(task_id, "vid1", "shift", "stopping", 1, now, 60.0, now, now + 12), now=now)
        task = self.task(task_id)
        told: dict[str, Any] = {
            "local_file": str(work),
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
        }
        self.store.change(task, "uploading", now=now, key=key, object_name=key, **told)
        return key

    def task(self, task_id: str) -> Task:
        found = self.store.get(task_id)
        assert found is not None
        return found

    def work(self, task_id: str) -> Path:
        return self.folder / "clips" / "vid1" / f"{task_id}.mp4"

    def close(self) -> None:
        self.database.close()
