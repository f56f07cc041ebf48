"""What `make bench` makes of ground truth and of the lines of `analyse_video`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.benchmarks.accuracy import accuracy_of, document_of, read_truth
from tests.detection.alert_scores import Frame

LEFT = {"left": ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))}
BOX = [0.1, 0.1, 0.2, 0.4]


def line(number: int, *, event: bool = False) -> dict[str, Any]:
    """A frame with somebody who is followed, somebody who is not, and a car."""
    found = [("person", 0.9, BOX, 3), ("person", 0.1, [0.6, 0.1, 0.7, 0.4], None), ("car", 0.9, BOX, 4)]
    return {
        "frame": number,
        "t": number / 10,
        "detections": [{"class": c, "score": s, "box": b, "track_id": i} for c, s, b, i in found],
        "events": [{"bind_id": "left", "phase": "started", "data": {"box": BOX}}] if event else [],
    }


def test_truth_is_read_as_shares_of_the_picture_without_what_does_not_count() -> None:
    text = "1,5,10,20,30,40,1,-1,-1,-1\n2,5,10,20,30,40\n2,6,0,0,10,10,0,1,1\n"
    box = pytest.approx((0.1, 0.1, 0.4, 0.3))
    assert read_truth(text, width=100, height=200) == {0: {5: box}, 1: {5: box}}


def test_lines_are_weighed_against_the_truth() -> None:
    truth: dict[int, Frame] = {number: {5: BOX} for number in range(30)}
    found = accuracy_of([line(number, event=number == 10) for number in range(30)], truth, LEFT)
    assert found.precision == pytest.approx(1.0)
    assert (found.tracks.mota, found.tracks.idf1) == (1.0, 1.0)
    assert (found.alerts.recall, found.alerts.precision, found.alerts.expected) == (1.0, 1.0, 1)
    assert accuracy_of([line(number) for number in range(30)], truth, LEFT).alerts.recall == 0.0


def test_the_document_binds_each_region_with_default_parameters() -> None:
    assert document_of(LEFT)["binds"] == [{"bind_id": "left", "roi_id": "left", "algo_code": "intrusion"}]
