"""The detector's pipeline on a stored video: what `run_detector` would have seen and raised, in media time.

The same readers of pictures, detector, tracker and rules as live, without a clock, Redis or a database. Inference of
several frames runs side by side, one detector a thread; tracks and rules take them in order, so that the same file and the
same document always give the same answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cameras.core.algorithms import Registry
from cameras.core.document import Document, Header
from cameras.core.strict_json import DocumentError, load_json
from cameras.incoming import read_incoming
from detection.core.detections import Detections, limits_by_class
from detection.core.events import alert_body
from detection.core.rules.base import RuleEvent
from detection.core.started import Started
from detection.core.stillness import StillGate
from detection.core.tracking import Tracks
from detection.inference.detector import Detector
from detection.ingest.frame import Frame
from detection.offline_rules import OfflineRules
from detection.offline_video import VideoFile
from detection.offline_watch import Watched, watch
from detection.plan import make_plan
from detection.second_stage import SecondStage

NOBODY = "offline"  # the device's name where the document has none
EVENTS = uuid.UUID("5f0c2b1e-7a3d-5e7f-9f43-0d6f1c5b8a21")  # the name space of the events' ids


@dataclass(frozen=True, slots=True, eq=False)
class Analysed:
    """One analysed frame.

    detections: those listed, by falling score. track_ids: one each, int64 ``(n,)``, 0 for none. events: as on
    `hbd:events` (DESIGN 5.5), `capture` null. frame: still with its picture, for `Frame.jpeg`. faults: of this frame and those
    before, as `OfflineRules.faults`.
    """

    index: int
    frame: Frame
    detections: Detections
    track_ids: NDArray[np.int64]
    events: list[dict[str, Any]]
    faults: tuple[str, ...] = ()

    def line(self, class_names: Sequence[str]) -> dict[str, Any]:
        """As JSON: see docs/operations.md."""
        found = self.detections
        rows = zip(
            found.class_ids.tolist(), found.scores.tolist(), found.boxes.tolist(), self.track_ids.tolist(), strict=True
        )
        return {
            "frame": self.index,
            "t": self.frame.media_time,
            "camera_id": self.frame.camera_id,
            "detections": [
                {
                    "class": class_names[class_id],
                    "score": round(score, 6),
                    "box": [round(value, 6) for value in box],
                    "track_id": track_id or None,
                }
                for class_id, score, box, track_id in rows
            ],
            "events": self.events,
        }


def read_document(text: str, *, registry: Registry) -> Document:
    """A complete document of ours, of whichever device, or a bare one (DESIGN 5.4). Raises DocumentError."""
    device_id = load_json(text).get("device_id")
    known = device_id if isinstance(device_id, str) and device_id else NOBODY
    document = read_incoming(text, "1", device_id=known, registry=registry)
    if document is None:
        raise DocumentError("version", "is missing")
    return document


def choose_camera(document: Document, camera_id: str | None) -> str:
    """The camera to analyse: the named one, or the document's only one; disabled ones too. Raises DocumentError."""
    known = [camera.camera_id for camera in document.content.cameras]
    if camera_id is None and len(known) == 1:
        return known[0]
    if camera_id in known:
        return str(camera_id)
    listed = ", ".join(known) or "none"
    if camera_id is None:
        raise DocumentError("cameras", f"say which camera; the document has {listed}" if known else "has no camera")
    raise DocumentError("cameras", f"no camera {camera_id!r} in this document; it has {listed}")


def analyse(
    video: VideoFile,
    *,
    detectors: Sequence[Detector],
    document: Document,
    registry: Registry,
    camera_id: str | None = None,
    fps: float | None = None,
    min_score: float | None = None,
    began_at: float = 0.0,
    gate: bool = False,
    on_cpu: Callable[[], Sequence[Detector]] | None = None,
) -> Generator[Analysed, None, None]:
    """Runs one camera's bindings over the video in place of the camera.

    Detections are of the classes that the camera's bindings name and `person`, as live. min_score: list them down to this
    score too; tracks and rules never see those that they would not see live.
    began_at: Unix seconds of the first picture, for the events' timestamps and for schedules. gate: while nothing moves
    and nobody is tracked, rules only get the pictures that a live camera shows then. on_cpu: as for `watch`.
    Raises DocumentError for an unknown camera, and what `watch` raises.
    """
    chosen = choose_camera(document, camera_id)
    plan = make_plan(document.content, chosen, registry, document.pixels)
    classes = detectors[0].classes
    least = plan.lowest_score if min_score is None else min(plan.lowest_score, min_score)
    lowest = limits_by_class(tuple(classes), plan.classes, least)
    rules = OfflineRules(plan, classes, SecondStage())
    started, still = Started(), StillGate() if gate else None
    for seen in watch(
        video,
        detectors=detectors,
        camera_id=chosen,
        min_score=lowest,
        fps=fps,
        began_at=began_at,
        still=still,
        on_cpu=on_cpu,
    ):
        rows, observation = rules.step(seen)
        if still is not None and len(observation.tracks):
            still.wanted(seen.frame.media_time)
        track_ids = np.zeros(len(seen.detections), np.int64)
        track_ids[rows[_places(observation.detections, observation.tracks)]] = observation.tracks.ids
        events = [
            _event(event, number, seen=seen, header=document.header, started=started)
            for number, event in enumerate(observation.events)
        ]
        yield Analysed(seen.index, seen.frame, seen.detections, track_ids, events, rules.faults)


def _event(event: RuleEvent, number: int, *, seen: Watched, header: Header, started: Started) -> dict[str, Any]:
    """Its id follows from what it is about, so that the same analysis gives the same one."""
    frame = seen.frame
    about = "/".join((header.sha256, frame.camera_id, str(seen.index), event.bind_id, str(number)))
    event_id = str(uuid.uuid5(EVENTS, about))
    if event.phase == "started":
        started.note(event, event_id)
    return alert_body(
        replace(event, data=started.data_of(event)),
        event_id=event_id,
        device_id=header.device_id,
        camera_id=frame.camera_id,
        timestamp=frame.timestamp,
        capture=None,
    )


def _places(detections: Detections, tracks: Tracks) -> NDArray[np.intp]:
    """Which detection each track's is: trackers pick from them and keep their order."""
    found, places = tracks.detections, np.empty(len(tracks), np.intp)
    given = enumerate(_rows(detections))
    for number, wanted in enumerate(_rows(found)):
        places[number] = next(place for place, row in given if row == wanted)
    return places


def _rows(found: Detections) -> Iterator[tuple[float, int, list[float]]]:
    """As plain numbers, which compare several times faster than arrays of four."""
    return zip(found.scores.tolist(), found.class_ids.tolist(), found.boxes.tolist(), strict=True)
