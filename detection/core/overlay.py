"""What is drawn over an alert's picture on request: boxes and region as data, never burnt into the pixels. Pure.

It travels in the alert's `data` as `overlay`. All numbers are shares (0..1) of the picture's width and height, so that they fit
the stored still whatever its size.
"""

from __future__ import annotations

from collections.abc import Sequence

from detection.core.rules.base import JSON, Binding
from detection.core.tracking import Tracks

MOST_OBJECTS = 30


def objects_of(tracks: Tracks, class_names: Sequence[str]) -> list[JSON]:
    """The tracked objects of a frame by falling score, at most 30: `track_id`, `class`, `score`, `box` (x1, y1, x2, y2)."""
    found = tracks.detections
    rows = sorted(
        zip(tracks.ids.tolist(), found.class_ids.tolist(), found.scores.tolist(), found.boxes.tolist(), strict=True),
        key=lambda row: -row[2],
    )
    return [
        {
            "track_id": track_id,
            "class": class_names[class_id] if 0 <= class_id < len(class_names) else str(class_id),
            "score": round(score, 3),
            "box": [round(value, 4) for value in box],
        }
        for track_id, class_id, score, box in rows[:MOST_OBJECTS]
    ]


def overlay(objects: list[JSON], binding: Binding | None, *, track_id: int | None) -> dict[str, JSON]:
    """Of one alert. binding: of its rule, None when it is gone. track_id: the object that it is about."""
    roi: JSON = None
    if binding is not None:
        roi = {"type": binding.roi_type, "points": [[round(x, 4), round(y, 4)] for x, y in binding.points]}
    return {"objects": objects, "roi": roi, "about": track_id}
