import random
from itertools import pairwise

import pytest

from detection.ingest.timing import DRIFT_LIMIT_S, MediaClock, RateGate

WALL = 1_700_000_000.0


def place(clock: MediaClock, stamp: float | None, arrived: float) -> tuple[float, int]:
    """Media time since the first picture in milliseconds' precision, and generation."""
    return round(clock.place(stamp, arrived=arrived, wall=WALL + arrived) - WALL, 3), clock.generation


def test_media_time_follows_the_stamps_and_not_the_jitter_of_arrival() -> None:
    clock = MediaClock()
    seen = [place(clock, 50 + 0.1 * number, 0.1 * number + (0.07 if number % 2 else 0)) for number in range(6)]
    assert seen == [(round(0.1 * number, 3), 0) for number in range(6)]


def test_a_connection_may_begin_without_stamps() -> None:
    clock = MediaClock()
    assert place(clock, None, 0.0) == (0.0, 0)
    assert place(clock, None, 0.1) == (0.1, 0)
    assert place(clock, 0.2, 0.2) == (0.2, 0)
    assert place(clock, 0.3, 0.35) == (0.3, 0)


@pytest.mark.parametrize("stamp", [None, 9.0, 10.1, 10.2 + DRIFT_LIMIT_S * 1.1])
def test_a_missing_backward_equal_or_jumping_stamp_goes_by_arrival_and_starts_a_generation(stamp: float | None) -> None:
    clock = MediaClock()
    place(clock, 10.0, 0.0)
    place(clock, 10.1, 0.1)
    assert place(clock, stamp, 0.2) == (0.2, 1)
    following = 20.0 if stamp is None else stamp
    assert place(clock, following + 0.1, 0.3) == (0.3, 1)


def test_a_camera_whose_stamps_never_make_sense_is_timed_by_arrival_after_three_faults() -> None:
    clock = MediaClock()
    seen = [place(clock, 5.0, 0.1 * number) for number in range(20)]
    assert [media for media, _ in seen] == [pytest.approx(0.1 * number) for number in range(20)]
    assert seen[-1][1] == 3


def test_a_reconnect_adds_the_gap_and_trusts_stamps_again() -> None:
    clock = MediaClock()
    for number in range(20):
        place(clock, 5.0, 0.1 * number)
    generation = clock.generation
    clock.reconnect()
    assert place(clock, 0.0, 10.0) == (10.0, generation + 1)
    assert place(clock, 0.1, 10.4) == (10.1, generation + 1)


def test_a_seam_starts_a_generation_and_time_goes_on() -> None:
    clock = MediaClock()
    place(clock, 1.9, 0.0)
    clock.seam()
    assert place(clock, 2.0, 0.1) == (0.1, 1)


def test_an_honest_drift_over_a_day_is_no_jump() -> None:
    clock = MediaClock()
    seconds = 200_000
    for second in range(seconds):
        last = place(clock, second * 1.0001, float(second))  # 100 ppm: 20 s in the end
    assert last == (round((seconds - 1) * 1.0001, 3), 0)


def test_a_camera_whose_clock_runs_at_half_speed_is_noticed() -> None:
    clock = MediaClock()
    for number in range(600):
        media, generation = place(clock, number * 0.05, number * 0.1)
    assert generation >= 1
    assert media > 40.0  # by its stamps alone it would be 30 after these 60 seconds


@pytest.mark.parametrize(("fps", "speed"), [(25, 0.85), (25, 1.15), (25, 1.2), (10, 0.9), (10, 1.1)])
def test_a_camera_whose_clock_runs_a_little_wrong_is_timed_by_arrival_in_the_end(fps: int, speed: float) -> None:
    clock, began = MediaClock(), 0.0
    for number in range(1800 * fps):  # else its tracks would start anew every minute or two, for ever
        arrived = number / fps
        media, generation = place(clock, arrived * speed, arrived)
        if arrived == 600:
            began = media
    assert generation == 3
    assert media - began == pytest.approx(arrived - 600, abs=0.1)


def test_media_time_never_stands_still() -> None:
    clock = MediaClock()
    rng = random.Random(7)
    times = [
        clock.place(rng.choice([None, rng.uniform(0, 20)]), arrived=0.01 * (n // 3), wall=WALL) for n in range(500)
    ]
    assert all(later > earlier for earlier, later in pairwise(times))


@pytest.mark.parametrize(("camera", "limit", "expected"), [(25, 10, 100), (30, 10, 100), (10, 10, 100), (8, 10, 80)])
def test_the_gate_lets_an_even_rate_through(camera: int, limit: float, expected: int) -> None:
    gate = RateGate(limit)
    passed = [number for number in range(10 * camera) if gate.admits(1000 + number / camera)]
    assert len(passed) == pytest.approx(expected, abs=1)


def test_the_gate_makes_up_for_nothing_after_a_gap() -> None:
    gate = RateGate(10)
    assert gate.admits(0.0)
    passed = [at for at in (100.0, 100.02, 100.04, 100.06, 100.11) if gate.admits(at)]
    assert passed == [100.0, 100.11]


def test_a_gate_for_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="above zero"):
        RateGate(0)


def test_reconnects_are_told_apart_from_seams_and_faults() -> None:
    clock = MediaClock()
    clock.reconnect()  # the first connection is none
    place(clock, 1.0, 0.0)
    clock.seam()
    place(clock, None, 0.1)
    assert (clock.generation, clock.reconnects) == (2, 0)
    clock.reconnect()
    assert (clock.generation, clock.reconnects) == (3, 1)


def test_a_rate_next_to_nothing_lets_one_picture_through() -> None:
    gate = RateGate(1e-320)
    assert [gate.admits(1_780_000_000.0 + second) for second in range(5)] == [True] + 4 * [False]
