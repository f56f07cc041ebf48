"""Disk and index brought together: finished segments are taken in, what a kill left is found, what is gone is forgotten.

The order of acts, after moonfire-nvr's `design/schema.md`: content durable, name durable, row durable; to delete: row marked,
file gone, folder durable, row gone. A kill between two of them leaves a file that is found, or a row that is finished.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from edgesite.edge_store.database import EdgeStoreError
from recordings.core.names import unique_name
from recordings.core.segments import PART, Segment, parse_path, part_run, place_orphan, segment_path
from recordings.recorder.files import drop_if_empty, measure, mend, settle
from recordings.recorder.segment_store import SegmentStore
from recordings.recorder.segmenter import Finished

log = structlog.get_logger(__name__)

WAITING = 10_000
FEW = 10  # rows: so many may always be forgotten
SWEEP_SECONDS = 3.0  # of a start, for files without a row
TAKE_SECONDS = 0.25  # of a step, for files without a row: a lost index must not keep cameras from being recorded


@dataclass(slots=True)
class Indexer:
    """One thread uses it. trouble: what keeps segments from being taken in ("" nothing); they wait and stay on disk.

    missing: by camera, what the index says is there and is not. is_ring: whether a camera's segment with this start (Unix
    seconds) was only recorded so that there is something before an alert.
    """

    folder: Path
    store: SegmentStore
    is_ring: Callable[[str, float], bool] = lambda camera_id, start: False
    trouble: str = ""
    missing: dict[str, int] = field(default_factory=dict)
    monotonic: Callable[[], float] = time.monotonic
    _waiting: deque[Finished] = field(default_factory=lambda: deque(maxlen=WAITING))
    _settled: list[Segment] = field(default_factory=list)  # durable under its name, its row is missing yet
    _rowless: dict[str, deque[str]] = field(
        default_factory=dict
    )  # paths of files that were found without a row, by camera

    def take(self, finished: Finished) -> None:
        """From a segmenter: a file that was closed."""
        self._waiting.append(finished)

    def step(self) -> bool:
        """Takes in what waits, and some of the files that were found; whether there was anything."""
        if not self._waiting and not self._settled and not self._rowless:
            return False
        try:
            while self._waiting:
                self._settle(self._waiting[0])
                self._waiting.popleft()
            if self._settled:
                self.store.add(self._settled)
                self._settled.clear()
            self._take_rowless()
        except (OSError, EdgeStoreError) as error:
            if not self.trouble:
                log.error("segments cannot be taken in, they wait", reason=str(error))
            self.trouble = str(error)
            return False
        if self.trouble:
            log.info("segments are taken in again")
            self.trouble = ""
        return True

    def _settle(self, finished: Finished) -> None:
        path = segment_path(camera_id=finished.camera_id, run=finished.run, name=finished.name, start=finished.start)
        try:
            size = settle(finished.part, self.folder / path)
        except FileNotFoundError:
            log.error("a finished segment is gone", file=finished.part.name)
            return
        ring = self.is_ring(finished.camera_id, finished.start)
        self._settled.append(Segment(finished.camera_id, path, finished.run, finished.start, finished.end, size, ring))

    def take_left(self, camera_id: str, run: str) -> int:
        """What the run's ffmpeg did not close, after it ended; how many files had something in them."""
        self.step()
        parts = sorted((self.folder / unique_name(camera_id)).glob(f"{run}_*{PART}"))
        return sum(self._take_part(camera_id, part) for part in parts)

    def _take_part(self, camera_id: str, part: Path) -> bool:
        """A file that nobody writes any more: mended, measured and taken in, or removed when there is nothing in it."""
        written = part.stat().st_mtime
        duration = measure(part) if mend(part) else 0.0
        if duration <= 0:
            part.unlink()
            return False
        run = part_run(part.name)
        newest = self.store.newest(camera_id)
        start, end = place_orphan(
            duration=duration, written=written, before=newest if newest and newest.run == run else None
        )
        self._waiting.append(Finished(camera_id, run, part, part.name, start, end))
        self.step()
        log.info("segment of an ffmpeg that was killed taken in", camera=camera_id, seconds=round(duration, 2))
        return True

    def sweep(self, cameras: Iterable[str], *, spare: Collection[str] = ()) -> int:
        """What a recorder that was killed left; how many segments were saved. Raises OSError, EdgeStoreError.

        spare: runs whose ffmpeg still writes.
        """
        waiting = {finished.part for finished in self._waiting}  # closed by an ffmpeg of ours, which knows their time
        end = self.monotonic() + SWEEP_SECONDS
        known = {unique_name(c): c for c in [*self.store.cameras(), *cameras]}
        self.store.finish_deleting(folder=self.folder)
        saved = 0
        for folder in sorted(p for p in self.folder.glob("*") if p.is_dir()):
            camera_id = known.get(folder.name, folder.name)
            for part in sorted(folder.glob(f"*{PART}")):
                if part not in waiting and part_run(part.name) not in spare:
                    saved += self._take_part(camera_id, part)
            saved += self.reconcile(camera_id, seconds=max(TAKE_SECONDS, end - self.monotonic()))
            with contextlib.suppress(OSError):  # a folder of somebody else's (lost+found) must not end the sweep
                for day in [p for p in folder.iterdir() if p.is_dir()]:
                    drop_if_empty(day)
        return saved

    def reconcile(self, camera_id: str, *, seconds: float = TAKE_SECONDS) -> int:
        """Compares a camera's rows with its files; how many files were taken in. What takes longer is left to `step`.

        Rows without a file are forgotten, but not when more than half would go: then a disk is missing rather than
        segments.
        """
        self.store.finish_deleting(folder=self.folder)
        rows = self.store.paths(camera_id)
        files = set(self._files(camera_id))
        lost = sorted(rows - files)
        self.missing.pop(camera_id, None)
        if len(lost) > FEW and len(lost) * 2 > len(rows):
            log.error("most segments are missing on disk, nothing is forgotten", camera=camera_id, missing=len(lost))
            self.missing[camera_id] = len(lost)
        elif lost:
            log.warning("segments are missing on disk", camera=camera_id, missing=len(lost))
            self.store.forget(lost)
        found = sorted(files - rows)
        if found:
            log.info("segments without a row found", camera=camera_id, segments=len(found))
            self._rowless[camera_id] = deque(found)
        return self._take_rowless(seconds)

    def _take_rowless(self, seconds: float = TAKE_SECONDS) -> int:
        """Of the files that were found without a row, at least one and as many as there is time for; how many were good."""
        good, end = list[Segment](), self.monotonic() + seconds
        while self._rowless:
            camera_id, paths = next(iter(self._rowless.items()))
            path = paths.popleft()  # what fails is found again
            if not paths:
                del self._rowless[camera_id]
            if (segment := self._read(camera_id, path)) is not None:
                good.append(segment)
            if self.monotonic() >= end:
                break
        if good:
            self.store.add(good)
            log.info("segments without a row taken in", segments=len(good), left=sum(map(len, self._rowless.values())))
        return len(good)

    def _files(self, camera_id: str) -> list[str]:
        base = self.folder / unique_name(camera_id)
        return [
            f"{base.name}/{Path(folder).name}/{name}"
            for folder, _, names in os.walk(base)
            if Path(folder) != base
            for name in names
            if name.endswith(".mp4")
        ]

    def _read(self, camera_id: str, path: str) -> Segment | None:
        parsed = parse_path(path)
        file = self.folder / path
        duration = measure(file) if parsed else 0.0
        if parsed is None or duration <= 0:
            return None
        run, start = parsed
        return Segment(camera_id, path, run, start, start + duration, file.stat().st_size)
