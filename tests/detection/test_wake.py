"""When a sleeping camera is looked at, and what wakes it: sizes of coded pictures, differences of small grey ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.core.heartbeat import HEARTBEAT_S, Heartbeat
from detection.core.motion import ChangeMeter
from detection.core.wake import SizeMeter, Window, median

GROUP = 50


def fed(meter: SizeMeter, sizes: list[int], start: int = 0) -> list[int]:
    """The numbers of the pictures at which the meter says that something moves; every 50th is a key frame."""
    return [n for n, size in enumerate(sizes, start) if meter.add(size, key=n % GROUP == 0)]


def still(seed: int, count: int, *, usual: int = 800, spread: float = 40) -> list[int]:
    """Sizes of a still scene, with a key frame's aftermath: the first pictures behind it always cost twice as much."""
    noise = np.random.default_rng(seed).normal(0, spread, count)
    return [
        150_000 if n % GROUP == 0 else int(usual * (2 if n % GROUP < 4 else 1) + noise[n]) for n in range(count)
    ]  # fmt: skip


def test_a_still_scene_rarely_wakes_anybody_within_an_hour() -> None:
    meter = SizeMeter()
    assert len(fed(meter, still(1, 90_000))) <= 5
    assert meter.ready
    assert meter.clear


@pytest.mark.parametrize("phase", range(1, GROUP, 7))
def test_a_rise_of_a_few_spreads_wakes_within_a_few_pictures(phase: int) -> None:
    meter, sizes = SizeMeter(), still(2, 1000)
    begin = 600 + phase
    for n in range(begin, begin + 8):
        sizes[n] += 130 if n % GROUP else 0
    alarms = fed(meter, sizes)
    assert alarms
    assert begin <= alarms[0] <= begin + 7
    assert alarms[-1] < begin + 30


def test_a_change_for_good_is_the_new_baseline() -> None:
    meter = SizeMeter()
    fed(meter, still(3, 1000))
    assert fed(meter, still(4, 500, usual=3000))
    assert fed(meter, still(5, 1000, usual=3000)) == []


def test_a_noisy_stream_is_not_clear() -> None:
    meter = SizeMeter()
    meter.sized(1920, 1080)
    fed(meter, still(6, 1000, usual=18_000, spread=900))
    assert meter.ready
    assert not meter.clear


def test_no_baseline_no_alarm_and_a_stream_of_key_frames_never_has_one() -> None:
    meter = SizeMeter()
    assert not any(meter.add(size, key=False) for size in (10, 100_000, 10) * 100)
    assert not any(meter.add(size, key=True) for size in (10, 100_000, 10) * 100)
    assert not meter.ready


@pytest.mark.parametrize(("group_s", "expected"), [(0.5, 2.5), (1.0, 2.0), (2.0, 2.0), (2.8, 2.8)])
def test_key_frames_are_left_out_when_the_next_one_comes_in_time(group_s: float, expected: float) -> None:
    heartbeat, looked = Heartbeat(), []
    step = 0.1
    for n in range(400):
        now, key = n * step, n % round(group_s / step) == 0
        if key:
            heartbeat.key(now)
        if heartbeat.due(now, key=key):
            assert key
            looked.append(now)
            heartbeat.seen(now)
    gaps = {round(b - a, 1) for a, b in pairwise(looked[2:])}
    assert gaps == {expected}


def test_where_key_frames_are_rare_any_packet_is_looked_at() -> None:
    heartbeat, looked = Heartbeat(), [0.0]
    heartbeat.key(0.0)
    heartbeat.seen(0.0)
    for n in range(1, 1000):
        if heartbeat.due(n * 0.04, key=False):
            looked.append(n * 0.04)
            heartbeat.seen(n * 0.04)
    assert max(b - a for a, b in pairwise(looked)) <= HEARTBEAT_S
    assert len(looked) < 16


def grey(level: int = 100) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.full((90, 160), level, np.uint8)


def test_small_things_that_come_are_changes_and_light_is_none() -> None:
    meter = ChangeMeter()
    assert meter.update(grey(), 0.0) == "new"
    assert meter.update(grey(), 2.0) == "same"
    assert meter.update(grey(140), 3.0) == "same"  # the light went on everywhere
    person = grey()
    person[40:50, 80:83] += 20
    assert meter.update(person, 4.0) == "changed"
    assert meter.update(person, 5.0) == "same"
    assert meter.update(grey(), 6.0) == "changed"  # and it went


def test_a_reference_grows_old() -> None:
    meter = ChangeMeter()
    verdicts = [meter.update(grey(), 2.0 * n) for n in range(8)]
    assert verdicts == ["new", "same", "same", "new", "same", "same", "new", "same"]
    meter.reset()
    assert meter.update(grey(), 16.0) == "new"


def test_what_always_flickers_is_learned_and_beside_it_nothing_is_lost() -> None:
    meter, rng = ChangeMeter(), np.random.default_rng(1)
    verdicts = []
    for n in range(120):
        picture = grey()
        picture[:30, :40] = rng.integers(85, 116, (30, 40))  # foliage
        verdicts.append(meter.update(picture, 2.0 * n))
    assert "changed" in verdicts[:10]
    assert "changed" not in verdicts[60:]
    picture[60:70, 100:103] += 20
    assert meter.update(picture, 240.0) == "changed"


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=40), st.integers(1, 12))
def test_a_window_knows_the_medians_of_its_last_values(values: list[int], most: int) -> None:
    window = Window(most)
    for value in values:
        window.add(value)
    last = values[-most:]
    assert len(window) == len(last)
    assert window.median == median(last)
    assert window.deviation == median(abs(value - median(last)) for value in last)
