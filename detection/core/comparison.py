"""Two configurations of one camera beside each other: what of a document is compared, and which alerts are the same. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Alert: TypeAlias = Mapping[str, Any]
Pair: TypeAlias = "tuple[Alert | None, Alert | None]"

NO_STREAM = "rtsp://back-test.invalid/"  # a stored video stands for the camera; its URL holds a password
SAME_MOMENT_S = 1.0


def camera_part(content: Mapping[str, Any], camera_id: str, *, bind_id: str = "") -> dict[str, Any] | None:
    """What a document's content says of one camera, without its stream URL; None when it does not know the camera.

    bind_id: leave out every other binding; "" for all. The camera counts as enabled: somebody asks what it would see.
    """
    cameras = [camera for camera in content.get("cameras", ()) if camera["camera_id"] == camera_id]
    if not cameras:
        return None
    rois = [roi for roi in content["rois"] if roi["camera_id"] == camera_id]
    known = {roi["roi_id"] for roi in rois}
    binds = [b for b in content["binds"] if b["roi_id"] in known and bind_id in ("", b["bind_id"])]
    used = {bind.get("schedule_id") for bind in binds}
    part = {
        "site": content.get("site", {}),
        "cameras": [{**_without_sub(camera), "rtsp_url": NO_STREAM, "enabled": True} for camera in cameras],
        "rois": rois,
        "binds": binds,
    }
    schedules = [row for row in content.get("schedules", ()) if row["schedule_id"] in used]
    return {**part, "schedules": schedules} if schedules else part


def _without_sub(camera: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in camera.items() if key != "sub_url"}


def align(draft: Sequence[Alert], published: Sequence[Alert], *, within_s: float = SAME_MOMENT_S) -> list[Pair]:
    """Pairs of alerts of the same binding at most `within_s` apart, and those that have no partner, by time.

    `t` of an alert is in seconds. As many pairs as there can be: of two ordered lists the earlier of two alerts that are too
    far apart can have no later partner.
    """
    pairs: list[Pair] = []
    for bind_id in sorted({alert["bind_id"] for alert in (*draft, *published)}):
        ours, theirs = (sorted((a for a in s if a["bind_id"] == bind_id), key=_time) for s in (draft, published))
        i = j = 0
        while i < len(ours) and j < len(theirs):
            apart = ours[i]["t"] - theirs[j]["t"]
            if abs(apart) <= within_s + 1e-9:
                pairs.append((ours[i], theirs[j]))
                i, j = i + 1, j + 1
            elif apart < 0:
                pairs.append((ours[i], None))
                i += 1
            else:
                pairs.append((None, theirs[j]))
                j += 1
        pairs += [(alert, None) for alert in ours[i:]] + [(None, alert) for alert in theirs[j:]]
    return sorted(pairs, key=lambda pair: min(_time(alert) for alert in pair if alert is not None))


def _time(alert: Alert) -> float:
    return float(alert["t"])
