"""The live numbers: rates over the last two seconds, and no number that outlives what it tells of."""

from __future__ import annotations

import json

import numpy as np
import pytest

from detection.core.detections import Detections
from detection.core.statistics import MAX_SAMPLES, StatsWindow, count_persons


def feed(window: StatsWindow, start: float, end: float, rate: float, *, latency_s: float = 0.05) -> None:
    for index in range(round((end - start) * rate)):
        window.analysed(start + index / rate, latency_s=latency_s, persons=index % 5)


@pytest.mark.parametrize("rate", [1, 5, 15, 25])
def test_fps_is_the_rate_of_the_last_two_seconds(rate: float) -> None:
    window = StatsWindow()
    feed(window, 100, 110, 2 * rate)
    feed(window, 110, 120, rate)
    assert window.snapshot(119.999)["fps"] == pytest.approx(rate, abs=0.5)


def test_fps_is_right_within_the_first_second_already() -> None:
    window = StatsWindow()
    feed(window, 100, 101, 10)
    assert window.snapshot(101)["fps"] == 10.0


def test_a_first_frame_alone_is_no_thousand_frames_a_second() -> None:
    window = StatsWindow()
    window.analysed(5.0, latency_s=0.1, persons=1)
    assert window.snapshot(5.001)["fps"] == 2.0


def test_fps_and_latency_end_when_frames_stop() -> None:
    window = StatsWindow()
    feed(window, 0, 10, 10)
    fps = [window.snapshot(10 + late)["fps"] for late in (0.0, 1.0, 2.5)]
    assert fps == [pytest.approx(10, abs=0.5), pytest.approx(5, abs=0.5), 0.0]
    assert window.snapshot(12.5)["latency_ms"] is None


def test_a_window_that_was_never_fed_is_all_zero() -> None:
    assert StatsWindow().snapshot(1e6) == {
        "fps": 0.0,
        "decode_fps": 0.0,
        "persons": 0,
        "hairnets": 0,
        "handwash": 0,
        "dropped": 0,
        "latency_ms": None,
        "motion": 0.0,
    }


def test_latency_is_the_mean_of_the_window_in_milliseconds() -> None:
    window = StatsWindow()
    for now, latency in ((0.0, 9.0), (10.0, 0.1), (10.5, 0.2), (11.0, 0.0503)):
        window.analysed(now, latency_s=latency, persons=0)
    assert window.snapshot(11.5)["latency_ms"] == 116.8


def test_persons_are_those_of_the_newest_frame_until_it_is_old() -> None:
    window = StatsWindow()
    window.analysed(1.0, latency_s=0.1, persons=7)
    window.analysed(1.1, latency_s=0.1, persons=2)
    assert [window.snapshot(now)["persons"] for now in (1.2, 11.0, 11.2)] == [2, 2, 0]


def test_counters_of_the_reader_become_rates_and_totals_also_after_it_starts_again() -> None:
    window = StatsWindow()
    window.reader(100.0, decoded=5000, dropped=40)
    for second in range(1, 6):
        window.reader(100.0 + second, decoded=5000 + 25 * second, dropped=40 + 2 * second)
    before = window.snapshot(105.0)
    assert (before["decode_fps"], before["dropped"]) == (25.0, 50)
    window.reader(106.0, decoded=10, dropped=1)
    after = window.snapshot(106.0)
    assert (after["decode_fps"], after["dropped"]) == (17.5, 51)
    assert window.snapshot(109.0)["decode_fps"] == 0.0


def test_a_reader_that_starts_with_the_window_is_counted_from_its_first_frame() -> None:
    window = StatsWindow()
    window.reader(100.0, decoded=0, dropped=0)
    window.reader(101.0, decoded=25, dropped=0)
    assert window.snapshot(101.0)["decode_fps"] == 25.0


def test_motion_is_the_newest_and_counts_of_other_rules_are_passed_on() -> None:
    window = StatsWindow()
    window.moved(0.9, now=0.5)
    window.moved(0.12346, now=1.0)
    told = window.snapshot(1.0, hairnets=3, handwash=1)
    assert (told["motion"], told["hairnets"], told["handwash"]) == (0.1235, 3, 1)
    assert json.loads(json.dumps(told)) == told
    window.moved(7.0, now=1.0)
    assert window.snapshot(1.0)["motion"] == 1.0


def test_a_clock_that_goes_back_does_not_hold_the_numbers() -> None:
    window = StatsWindow()
    feed(window, 1000, 1002, 10)
    assert window.snapshot(5.0)["fps"] == 0.0
    feed(window, 5, 7, 10)
    assert window.snapshot(7.0)["fps"] == pytest.approx(10, abs=0.5)


def test_memory_is_bounded() -> None:
    window = StatsWindow()
    for index in range(3 * MAX_SAMPLES):
        window.analysed(index * 1e-4, latency_s=0.0, persons=0)
        window.reader(index * 1e-4, decoded=index, dropped=0)
    assert len(window._analysed) == len(window._decoded) == MAX_SAMPLES


def test_persons_are_counted_by_class_and_score() -> None:
    scores = np.array([0.9, 0.4, 0.39, 0.9, 0.9], np.float32)
    found = Detections(np.zeros((5, 4), np.float32), scores, np.array([1, 1, 1, 0, 9], np.int32))
    assert count_persons(found, ["dog", "person"]) == 2
    assert count_persons(found, ["dog", "cat"]) == 0
    assert count_persons(Detections.empty(), ["person"]) == 0
