"""`make bench`: how good alerts are, in scripted crowds, and on a video with ground truth that somebody has.

ACCURACY_VIDEO and ACCURACY_TRUTH in the environment name such a video and its truth (`gt.txt` of MOTChallenge); without them
only the crowds are looked at, because the project holds no ground truth of real pictures.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from detection.core.tracking import OverlapTracker, Tracker
from tests.benchmarks.accuracy import accuracy
from tests.detection.alert_scores import AlertScores
from tests.detection.crowds import REGIONS, Knowing, Recording, crowd, recorded, scores_of

VIDEO, TRUTH = os.environ.get("ACCURACY_VIDEO", ""), os.environ.get("ACCURACY_TRUTH", "")
RATES = (5.0, 10.0, 25.0)
SEEDS = range(8)
TRACKERS: dict[str, Callable[[Recording], Tracker]] = {
    "tracker": lambda _: OverlapTracker(),
    "identities known": Knowing,
}


def in_crowds(rate: float, make: Callable[[Recording], Tracker]) -> AlertScores:
    total = AlertScores()
    for seed in SEEDS:
        recording = recorded(crowd(seed), rate=rate, seed=seed + 100)
        total.add(scores_of(recording, tracker=lambda: make(recording)))  # noqa: B023 - called at once
    return total


@pytest.mark.bench
@pytest.mark.timeout(900)
def test_crowds() -> None:
    print(f"\nalerts in {len(SEEDS)} crowds{'visits':>20}{'recall':>10}{'alerts':>10}{'precision':>10}{'early':>8}")
    for rate in RATES:
        for name, make in TRACKERS.items():
            s = in_crowds(rate, make)
            label = f"{rate:g}/s, {name}"
            print(f"  {label:<28}{s.expected:>12}{s.recall:>10.3f}{s.alerts:>10}{s.precision:>10.3f}{s.early:>8}")
            recall, precision = (0.92, 0.96) if make is Knowing else (0.78, 0.86)
            assert s.recall >= recall
            assert s.precision >= precision


if VIDEO and TRUTH:

    @pytest.mark.bench
    @pytest.mark.timeout(1800)
    def test_video_with_ground_truth(tmp_path: Path) -> None:
        print(
            f"\n{Path(VIDEO).name:<20}{'AP':>8}{'MOTA':>8}{'IDF1':>8}{'visits':>8}{'recall':>8}{'alerts':>8}{'precision':>11}"
        )
        for fps in (None, 10.0, 5.0):
            found = accuracy(Path(VIDEO), Path(TRUTH), REGIONS, tmp_path, fps=fps)
            s, t = found.alerts, found.tracks
            rate = f"{fps:g}/s" if fps else "every frame"
            print(
                f"  {rate:<18}{found.precision:>8.3f}{t.mota:>8.3f}{t.idf1:>8.3f}{s.expected:>8}{s.recall:>8.3f}"
                f"{s.alerts:>8}{s.precision:>11.3f}"
            )
            assert found.precision > 0.5  # else the truth is of another video
