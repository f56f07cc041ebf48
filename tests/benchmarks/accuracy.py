"""A stored video with ground truth, analysed as `manage.py analyse_video` does it, and how good the answer is.

The truth is a file as MOTChallenge gives it (`gt.txt`): frame (from 1), identity, left, top, width, height in pixels, and,
where there is a seventh column, 0 for what is not to be counted.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from cameras.core.geometry import Points
from tests.detection.alert_scores import AlertScores, Frame, Raised, alert_scores
from tests.detection.average_precision import average_precision
from tests.detection.tracking_scores import TrackingScores, tracking_scores
from tests.servers.stack import ROOT

LISTED = "0.02"  # weak detections count for average precision


@dataclass(frozen=True, slots=True)
class Accuracy:
    """precision: average, of persons at an overlap of 0.5."""

    precision: float
    tracks: TrackingScores
    alerts: AlertScores


def read_truth(text: str, *, width: int, height: int) -> dict[int, dict[int, tuple[float, float, float, float]]]:
    """Boxes as shares of the picture, by frame (from 0) and identity. Raises ValueError."""
    truth: dict[int, dict[int, tuple[float, float, float, float]]] = {}
    for row in csv.reader(text.splitlines()):
        number, person = int(row[0]), int(row[1])
        x, y, w, h = (float(value) for value in row[2:6])
        if len(row) < 7 or float(row[6]) > 0:
            box = (x / width, y / height, (x + w) / width, (y + h) / height)
            truth.setdefault(number - 1, {})[person] = box
    return truth


def document_of(regions: Mapping[str, Points]) -> dict[str, Any]:
    """One camera, with an intrusion binding of default parameters to each region."""
    return {
        "cameras": [{"camera_id": "vid1", "rtsp_url": "file:///video"}],
        "rois": [
            {
                "roi_id": name,
                "camera_id": "vid1",
                "roi_type": "polygon",
                "coordinates": [list(point) for point in points],
            }
            for name, points in regions.items()
        ],
        "binds": [{"bind_id": name, "roi_id": name, "algo_code": "intrusion"} for name in regions],
    }


def analysed(video: Path, regions: Mapping[str, Points], folder: Path, *, fps: float | None) -> list[dict[str, Any]]:
    """The lines of `analyse_video`, in a process of its own."""
    document, out = folder / "document.json", folder / "out.jsonl"
    document.write_text(json.dumps(document_of(regions)), encoding="utf-8")
    command = [sys.executable, "manage.py", "analyse_video", str(video), "--document", str(document)]
    command += ["--out", str(out), "--min-score", LISTED, *(["--fps", str(fps)] if fps else [])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def accuracy(
    video: Path, truth_file: Path, regions: Mapping[str, Points], folder: Path, *, fps: float | None
) -> Accuracy:
    """Of the product's answer for a video, at every frame or `fps` frames a second."""
    with av.open(str(video)) as container:
        size = container.streams.video[0]
        truth = read_truth(truth_file.read_text(encoding="utf-8"), width=size.width, height=size.height)
    return accuracy_of(analysed(video, regions, folder, fps=fps), truth, regions)


def accuracy_of(lines: Sequence[dict[str, Any]], truth: Mapping[int, Frame], regions: Mapping[str, Points]) -> Accuracy:
    """Of lines as `analyse_video` writes them."""
    real = [truth.get(line["frame"], {}) for line in lines]
    persons = [[d for d in line["detections"] if d["class"] == "person"] for line in lines]
    found = [[(d["score"], d["box"]) for d in each] for each in persons]
    tracked = [{d["track_id"]: d["box"] for d in each if d["track_id"] is not None} for each in persons]
    times = [line["t"] for line in lines]
    total = AlertScores()
    for name, points in regions.items():
        raised = [
            Raised(line["t"], event["data"]["box"])
            for line in lines
            for event in line["events"]
            if event["bind_id"] == name and event["phase"] == "started"
        ]
        total.add(alert_scores(times, real, raised, points))
    precision = average_precision([list(frame.values()) for frame in real], found)
    return Accuracy(precision, tracking_scores(real, tracked), total)
