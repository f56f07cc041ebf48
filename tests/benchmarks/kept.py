"""What a recorder does with very many segments, and over a week, in a process of its own: prints one JSON object.

    python -m tests.benchmarks.kept reconcile FOLDER SEGMENTS CAMERAS
    python -m tests.benchmarks.kept week FOLDER DAYS SEGMENT_SECONDS

Run with DJANGO_SETTINGS_MODULE=edgesite.settings and a VAR_DIR of its own.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import django

django.setup()

from django.conf import settings  # noqa: E402

from cameras.core.algorithms import registry  # noqa: E402
from cameras.core.document import Document, parse_document  # noqa: E402
from edgesite.commands import Command  # noqa: E402
from edgesite.edge_store.database import EdgeDatabase  # noqa: E402
from edgesite.edge_store.outbox import NewAlert, Outbox  # noqa: E402
from edgesite.ids import uuid7  # noqa: E402
from recordings.core.ffmpeg import Tool  # noqa: E402
from recordings.core.retention import Limits  # noqa: E402
from recordings.core.segments import Segment, part_pattern, segment_path  # noqa: E402
from recordings.recorder.events import Events  # noqa: E402
from recordings.recorder.hours import Hours  # noqa: E402
from recordings.recorder.indexing import Indexer  # noqa: E402
from recordings.recorder.keeping import LOOK_SECONDS, Keeping  # noqa: E402
from recordings.recorder.reasons import Reasons  # noqa: E402
from recordings.recorder.segment_store import SegmentStore  # noqa: E402
from recordings.recorder.segmenter import Finished, Segmenter  # noqa: E402
from recordings.recorder.task_store import TaskStore  # noqa: E402
from recordings.recorder.tasks import KIND, Tasks  # noqa: E402
from tests.cameras.documents import DEVICE, content, document  # noqa: E402
from tests.detection.alerts import alert_body  # noqa: E402
from tests.fakes import Clock  # noqa: E402
from tests.recordings.pieces import make_fragmented  # noqa: E402
from tests.recordings.waiting import clip_loops  # noqa: E402
from tests.servers.loaded_box import resident_mb  # noqa: E402

T = 1_795_334_400.0
SEGMENT_S, CHUNK = 4.0, 10_000
DAY = 86_400.0
ALERT_EVERY_S, TASK_EVERY_S, TASK_S = 3600.0, 6 * 3600.0, 300.0


def timed(act: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def of_the_processor(act: Callable[[], object]) -> float:
    """CPU seconds: a comparison's that another program does not change."""
    began = time.process_time()
    act()
    return time.process_time() - began


# -- very many segments ------------------------------------------------------------------------------------------------


def fill(folder: Path, store: SegmentStore, count: int, cameras: int) -> None:
    """So many rows with a file each, of cameras that were recorded without a gap until T."""
    each = count // cameras
    for number in range(cameras):
        made: list[Segment] = []
        for back in range(each):
            start = T - SEGMENT_S * (back + 1)
            path = segment_path(camera_id=f"c{number}", run="run", name=f"run_{back:06}.part", start=start)
            made.append(Segment(f"c{number}", path, "run", start, start + SEGMENT_S, 2_000_000))
        for day in {Path(s.path).parent for s in made}:
            (folder / day).mkdir(parents=True)
        for segment in made:
            os.close(os.open(folder / segment.path, os.O_CREAT | os.O_WRONLY))
        for first in range(0, each, CHUNK):
            store.add(made[first : first + CHUNK])


def bare(folder: Path, database: EdgeDatabase, cameras: int) -> None:
    """The least that a comparison can be: the names on disk and in the index, camera by camera, and what only one has."""
    for number in range(cameras):
        base = folder / f"c{number}"
        files = {f"{top}/{name}" for top, _, names in os.walk(base) for name in names}
        rows = {
            f"{folder}/{r[0]}" for r in database.rows("SELECT path FROM segments WHERE camera_id = ?", f"c{number}")
        }
        assert files == rows


def disturb(folder: Path, store: SegmentStore) -> dict[str, Any]:
    """A few files go, and one comes that no row knows."""
    for segment in store.between("c0", start=T - 40, end=T - 20):
        (folder / segment.path).unlink()
    stray = segment_path(camera_id="c0", run="other", name="other_000000.part", start=T + 60)
    made = make_fragmented(folder.parent / "stray.mp4")
    (folder / stray).parent.mkdir(exist_ok=True)
    made.rename(folder / stray)
    return {"rows": rows_of(store)}


def rows_of(store: SegmentStore) -> int:
    return int(store.database.rows("SELECT count(*) AS n FROM segments")[0]["n"])


def reconcile(folder: Path, count: int, cameras: int) -> dict[str, Any]:
    """Seconds and 10^6 bytes of a start's sweep, of the minute's comparison of one camera, of a look of retention."""
    database = EdgeDatabase(folder / "edge.sqlite3")
    store, tasks = SegmentStore(database), TaskStore(database)
    segments = folder / "segments"
    filled = timed(lambda: fill(segments, store, count, cameras))
    told = disturb(segments, store)
    before = peak()
    indexer = Indexer(segments, store)
    found: dict[str, Any] = {"fill_s": filled, "taken_in": 0}

    def sweep() -> None:
        found["taken_in"] = indexer.sweep([])

    found["sweep_s"] = timed(lambda: found.update(sweep_cpu_s=of_the_processor(sweep)))
    found["gone"] = told["rows"] + found["taken_in"] - rows_of(store)
    found["camera_s"] = max(timed(lambda: indexer.reconcile(f"c{n}")) for n in range(cameras))  # noqa: B023
    found["more_mb"] = peak() - before
    found["bare_cpu_s"] = of_the_processor(lambda: bare(segments, database, cameras))
    ticks = Clock()
    keeping = Keeping(segments, store, tasks, Limits(keep_s=4 * 365 * DAY), Clock(T), ticks, lambda folder: 2**50)
    looks = []
    for _ in range(5):
        ticks.advance(LOOK_SECONDS + 1)
        looks.append(timed(keeping.step))
    found["look_s"] = statistics.median(looks)
    found["cameras_s"] = timed(store.cameras)
    database.close()
    return found


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


# -- a week ------------------------------------------------------------------------------------------------------------


@dataclass
class Camera:
    """As much of a segmenter as the tasks look at: one that records all the time."""

    recording: bool = True
    quiet: bool = False
    reason: str = ""


class Week:
    """A box that records two cameras all the time, with tasks and alerts. Its clocks go from segment to segment."""

    CAMERAS = ("c0", "c1")

    def __init__(self, folder: Path, segment_s: float) -> None:
        self.folder, self.segment_s = folder, segment_s
        self.segments_folder = folder / "segments"
        self.sample = make_fragmented(folder / "sample.mp4", seconds=1)
        self.clock, self.ticks = Clock(T), Clock()
        self.database = EdgeDatabase(folder / "edge.sqlite3")
        store, tasks = SegmentStore(self.database), TaskStore(self.database)
        self.store, self.outbox = store, Outbox(self.database)
        running = cast("dict[str, Segmenter]", {name: Camera() for name in self.CAMERAS})
        tool = Tool(shutil.which("ffmpeg") or "ffmpeg")
        self.tasks = Tasks(tasks, store, running, self._document, True, 600.0, self.clock)
        self.reasons = Reasons(self._document, self.tasks.asked, self.clock)
        self.events = Events(tasks, store, self._document, 600.0, self.clock)
        self.indexer = Indexer(self.segments_folder, store, self.reasons.is_ring)
        self.keeping = Keeping(
            self.segments_folder, store, tasks, Limits(keep_s=DAY), self.clock, self.ticks, lambda folder: 2**50
        )
        self.clip_loops = clip_loops(
            folder, self.tasks, store, document=self._document, tool=tool, clock=self.clock, monotonic=self.ticks
        )
        self.hours = Hours(self.database, self.clock)
        policy = {"always": True, "events": {"pre_s": 10, "post_s": 20}}
        cameras = [{"camera_id": c, "rtsp_url": "rtsp://10.0.0.5/1", "recording": policy} for c in self.CAMERAS]
        text = document(content(cameras=cameras, rois=[], binds=[]))
        self.document = parse_document(text, device_id=DEVICE, registry=registry)
        self.clips, self.number, self.done = 0, 0, 0.0

    def _document(self) -> Document | None:
        return self.document

    def go_on(self) -> None:
        """To the end of the next segments."""
        self.clock.advance(self.segment_s)
        self.ticks.advance(self.segment_s)
        self.done += self.segment_s
        for camera_id in self.CAMERAS:
            part = self.segments_folder / (part_pattern(camera_id=camera_id, run="run") % self.number)
            part.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.sample, part)
            start = self.clock.now - self.segment_s
            self.indexer.take(Finished(camera_id, "run", part, part.name, start, self.clock.now))
        self.number += 1
        self._ask()
        self.keeping.step()
        self.indexer.step()
        self.events.step()
        self.tasks.step()
        self.reasons.step()
        while self.clip_loops.step():
            self.clips += 1
        self.hours.step()
        self._as_the_hub()

    def _every(self, seconds: float, *, after: float = 0.0) -> bool:
        return (self.done - after) % seconds < self.segment_s and self.done >= after

    def _ask(self) -> None:
        body = {"task_id": f"t{self.done // TASK_EVERY_S:.0f}", "camera_id": "c0", "task_name": "shift"}
        if self._every(TASK_EVERY_S):
            self._order(body | {"action": "start"})
        elif self._every(TASK_EVERY_S, after=TASK_S):
            self._order(body | {"action": "stop"})
        if self._every(ALERT_EVERY_S):
            event_id = uuid7()
            body = alert_body(event_id, timestamp=self.clock.now, device_id=DEVICE, camera_id="c1", capture="")
            self.outbox.add_alerts([NewAlert(event_id, "c1", body)], now=self.clock.now)

    def _order(self, body: dict[str, str]) -> None:
        self.tasks.obey(Command(uuid7(), KIND, self.clock.now + 5, body), 5.0)

    def _as_the_hub(self) -> None:
        for camera_id in self.outbox.cameras_waiting():
            self.outbox.confirm([row.event_id for row in self.outbox.head(camera_id, 500)])


def week(folder: Path, days: float, segment_s: float) -> dict[str, Any]:
    """By day: resident memory, 10^6 bytes; what is on disk at its end; how many clips were made in all."""
    made = Week(folder, segment_s)
    mb, rows, kb, began = [], [], [], time.perf_counter()
    for day in range(1, round(days) + 1):
        while made.done < day * DAY:
            made.go_on()
        mb.append(resident_mb("self"))
        rows.append(rows_of(made.store))
        kb.append(sum(f.stat().st_size for f in folder.glob("edge.sqlite3*")) / 1000)
        shutil.rmtree(settings.MEDIA_ROOT, ignore_errors=True)  # stored clips are not the recorder's to delete
    made.database.close()
    return {"mb": mb, "rows": rows, "store_kb": kb, "clips": made.clips, "took_s": time.perf_counter() - began}


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["reconcile", folder, count, cameras]:
            sys.stdout.write(json.dumps(reconcile(Path(folder), int(count), int(cameras))))
        case ["week", folder, days, segment_s]:
            sys.stdout.write(json.dumps(week(Path(folder), float(days), float(segment_s))))
