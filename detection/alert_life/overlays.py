"""What is drawn over an alert's picture on request: shapes beside it, never in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cameras.models import ROI, Camera, Device
from detection.models import Alert

MOST_BOXES = 100
MOST_POINTS = 200
Shape = tuple[str, list[tuple[float, float]]]


def overlay(alert: Alert, camera: Camera | None) -> dict[str, Any]:
    """In hundredths of the picture: `points` of the region, whether it `is_line`, and `boxes` (`x`, `y`, `w`, `h`, `about`:
    of what the alert is about). What the device sent with the alert counts, else the region as its history tells it.
    camera: the alert's own (`detection.places`).
    """
    told = alert.data.get("overlay")
    sent: Mapping[str, Any] = told if isinstance(told, dict) else {}
    roi_type, points = _roi_sent(sent.get("roi")) or _roi_then(alert, camera)
    boxes = _boxes_sent(sent) or [_drawn(alert.data.get("box"), about=True)]
    found = [box for box in boxes if box is not None]
    return {
        "points": " ".join(f"{x * 100:.2f},{y * 100:.2f}" for x, y in points),
        "is_line": roi_type == "line",
        "boxes": found,
        "exists": bool(points or found),
    }


def _roi_sent(roi: Any) -> Shape | None:
    """`{"type", "points"}`; None for anything else."""
    if not isinstance(roi, dict) or not isinstance(roi.get("points"), list):
        return None
    points = [_point(p) for p in roi["points"][:MOST_POINTS]]
    if not points or None in points:
        return None
    return _outline(str(roi.get("type")), [p for p in points if p is not None])


def _roi_then(alert: Alert, camera: Camera | None) -> Shape:
    """The region as it was when the alert was raised; as it is now when its history does not reach back.

    Of a camera that is gone what was drawn at the box's own site; of one that is another box's nothing.
    """
    if camera is None and Camera.objects.filter(pk=alert.camera_id).exists():
        return "", []
    past = ROI.history.filter(roi_id=alert.roi_id, camera_id=alert.camera_id, history_date__lte=alert.timestamp)
    if camera is None:
        past = past.filter(history_site__in=Device.objects.filter(pk=alert.device_id).values("site"))
    row = past.order_by("-history_date", "-history_id").first()
    if row is None:
        row = ROI.objects.filter(roi_id=alert.roi_id, camera_id=alert.camera_id).first()
    if row is None:
        return "", []
    return _outline(row.roi_type, [(float(x), float(y)) for x, y in row.coordinates or []])


def _outline(roi_type: str, points: list[tuple[float, float]]) -> Shape:
    """A rectangle may be given by two corners."""
    if roi_type == "rectangle" and len(points) == 2:
        (left, top), (right, bottom) = points
        points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return roi_type, points


def _boxes_sent(sent: Mapping[str, Any]) -> list[dict[str, Any] | None]:
    objects = sent.get("objects")
    if not isinstance(objects, list):
        return []
    about = sent.get("about")
    return [
        _drawn(each.get("box"), about=about is not None and each.get("track_id") == about)
        for each in objects[:MOST_BOXES]
        if isinstance(each, dict)
    ]


def _drawn(box: Any, *, about: bool) -> dict[str, Any] | None:
    """From `[left, top, right, bottom]`, shares of the picture; None when it is no box."""
    if not isinstance(box, list) or len(box) != 4 or not all(_is_share(v) for v in box):
        return None
    left, top, right, bottom = box
    if right <= left or bottom <= top:
        return None
    numbers = (left, top, right - left, bottom - top)
    return {**dict(zip("xywh", (f"{v * 100:.2f}" for v in numbers), strict=True)), "about": about}


def _point(given: Any) -> tuple[float, float] | None:
    if isinstance(given, list) and len(given) == 2 and all(_is_share(v) for v in given):
        return float(given[0]), float(given[1])
    return None


def _is_share(value: Any) -> bool:
    """A number about 0..1: a box may reach over the picture's edge."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -1 <= value <= 2
