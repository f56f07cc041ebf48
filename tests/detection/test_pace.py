"""What is left out under overload: how much, of which packets, and since when."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.core.pace import (
    BEHIND_S,
    DRIFT,
    GAIN,
    HEAVIEST,
    LEAST_SHARE,
    LIGHTEST,
    SPARE,
    Balance,
    Delay,
    Pace,
    Shedding,
)  # fmt: skip
from detection.ingest.reader_state import ReaderCounters
from detection.pacing import Pacing


def machine(cameras: int, fits: float, *, rate: float = 5.0, decoding: float = 0.5) -> list[tuple[float, float]]:
    """Two minutes, each second (share, analyses/s of all): so many cameras on a machine that carries `fits` of them.

    decoding: the part of a camera's cost that decoding takes, which comes first.
    """
    pace, seconds = Pace(), []
    for _ in range(120):
        offered = cameras * rate * pace.share
        room = max(0.0, fits - cameras * decoding * pace.share) * rate / (1 - decoding)
        taken = min(offered, room)
        each = taken / cameras, (offered - taken) / cameras
        seconds.append((pace.share, taken))
        pace.update([cast("tuple[int, int]", each)] * cameras, 1.0)
    return seconds


@pytest.mark.parametrize("cameras", [14, 20, 26])
def test_more_cameras_than_fit_are_analysed_as_often_together(cameras: int) -> None:
    seconds = machine(cameras, 13.0)
    late = seconds[60:]
    assert min(total for _, total in late) > 0.9 * 13 * 5
    assert 0.85 * 13 / cameras < min(share for share, _ in late) < 1.1 * 13 / cameras
    if cameras == 26:
        assert seconds[0][1] == 0  # without it decoding would take everything


def test_cameras_that_fit_lose_nothing() -> None:
    assert {share for share, _ in machine(12, 13.0)} == {1.0}


def test_a_rate_above_five_falls_before_decoding_does() -> None:
    pace = Pace()
    for _ in range(60):
        pace.update([(6, 19)] * 8, 1.0)
    assert pace.share == 1.0
    for _ in range(60):
        pace.update([(2, 23)] * 8, 1.0)
    assert pace.share < 0.5


def test_one_bad_second_changes_nothing_and_the_share_comes_back() -> None:
    pace = Pace()
    assert pace.update([(0, 5)], 1.0) == 1.0
    assert pace.update([(5, 0)], 1.0) == 1.0
    for _ in range(20):
        pace.update([(1, 4)], 1.0)
    assert pace.share < 0.1
    shares = [pace.update([(5, 0)], 1.0) for _ in range(12)]
    assert shares[1] < 0.2
    assert shares[-1] == 1.0
    assert pace.update([], 1.0) == 1.0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=5), st.floats(0.1, 20.0))
def test_the_share_stays_within_its_bounds(served: list[tuple[int, int]], seconds: float) -> None:
    pace = Pace()
    for _ in range(5):
        assert LEAST_SHARE <= pace.update(served, seconds) <= 1.0


@pytest.mark.parametrize("lucky", [0.6, 0.8, 1.0, 1.4])
def test_who_finds_less_time_than_the_others_is_decoded_more_until_all_get_alike(lucky: float) -> None:
    """Of what is decoded of a camera at a crowded moment, less is analysed."""
    luck = {"a": lucky, "b": 1.0, "c": 1.1, "d": 0.9, "e": 1.0}
    balance, weights = Balance[str](), dict.fromkeys(luck, 1.0)
    rng = random.Random(7)
    got: dict[str, list[int]] = {camera: [] for camera in luck}
    for _ in range(120):
        for camera, weight in weights.items():
            rate = 5 * min(1.0, 0.55 * weight) * luck[camera]
            got[camera].append(int(rate + rng.random()))  # whole pictures
        weights = balance.update({camera: seconds[-1] / 5 for camera, seconds in got.items()}, 1.0)
        assert sum(weights.values()) / len(weights) == pytest.approx(1.0, abs=0.1)
    late = [sum(seconds[20:]) for seconds in got.values()]
    assert min(late) / max(late) > 0.9


def test_a_camera_that_went_is_forgotten_and_one_alone_has_no_others() -> None:
    balance = Balance[str]()
    for _ in range(30):
        weights = balance.update({"a": 0.2, "b": 0.8}, 1.0)
    assert weights["a"] > 1.4
    assert weights["b"] < 0.7
    assert balance.update({"b": 0.8}, 1.0) == {"b": 1.0}
    assert balance.update({}, 1.0) == {}
    assert balance.update({"a": 0.0, "b": 0.0}, 1.0) == {"a": 1.0, "b": 1.0}


@given(st.dictionaries(st.integers(0, 5), st.floats(0, 20), max_size=5), st.floats(0.1, 30.0))
def test_weights_stay_within_their_bounds(served: dict[int, float], seconds: float) -> None:
    balance = Balance[int]()
    for _ in range(5):
        weights = balance.update(served, seconds)
        assert weights.keys() == served.keys()
        assert all(LIGHTEST <= weight <= HEAVIEST for weight in weights.values())


def left_out(groups: int, length: int, share: float, behind: float = 0.0) -> list[list[bool]]:
    shedding = Shedding()
    return [
        [shedding.leaves_out(key=place == 0, share=share, behind=behind) for place in range(length)]
        for _ in range(groups)
    ]


def test_the_end_of_each_group_is_left_out_once_its_length_is_known() -> None:
    first, *others = left_out(4, 50, 0.6)
    assert not any(first)
    assert others == [[False] * 30 + [True] * 20] * 3


def test_nothing_is_left_out_without_overload_or_key_frames() -> None:
    assert not any(map(any, left_out(3, 50, 1.0, behind=60.0)))
    shedding = Shedding()
    assert not any(shedding.leaves_out(key=False, share=0.1, behind=9.0) for _ in range(500))


def test_a_group_that_is_longer_than_the_last_one_is_whole_without_overload() -> None:
    shedding = Shedding()
    keys = {0, 10, 110}
    assert not any(shedding.leaves_out(key=place in keys, share=1.0, behind=0.0) for place in range(150))


def test_key_frames_are_never_left_out() -> None:
    for group in left_out(4, 10, LEAST_SHARE, behind=9.0)[1:]:
        assert group == [False] + [True] * 9


def test_who_is_late_under_overload_begins_anew_at_a_key_frame() -> None:
    shedding = Shedding()
    late = {60: BEHIND_S + 0.1, 61: 0.0}
    out = [shedding.leaves_out(key=n % 50 == 0, share=0.99, behind=late.get(n, 0.0)) for n in range(101)]
    assert out.index(True) == 60
    assert all(out[60:100])
    assert not out[100]


def test_after_a_gap_nothing_is_decoded_before_the_next_key_frame_though_the_overload_has_ended() -> None:
    shedding = Shedding()
    shares = [0.5 if n < 80 else 1.0 for n in range(101)]
    out = [shedding.leaves_out(key=n % 50 == 0, share=share, behind=0.0) for n, share in enumerate(shares)]
    assert out[75:100] == [True] * 25
    assert not out[100]


def test_lateness_is_told_by_stamps_and_a_clock_that_jumps_is_not_late() -> None:
    delay = Delay()
    assert delay.behind(100.0, 5.0) == 0.0
    assert delay.behind(100.04, 5.04) == pytest.approx(0.0, abs=1e-3)
    assert delay.behind(101.0, 5.08) == pytest.approx(0.92 - 0.96 * DRIFT, abs=1e-3)
    assert delay.behind(101.0, None) == 0.0
    assert delay.behind(101.0, 6.0) == 0.0
    assert delay.behind(142.0, 6.04) == 0.0  # forty seconds: nobody is that late


def test_a_network_that_became_slower_is_late_for_a_while_only() -> None:
    delay = Delay()
    delay.behind(0.0, 0.0)
    behind = [delay.behind(n / 25 + 0.6, n / 25) for n in range(25 * 130)]
    assert behind[0] > BEHIND_S
    assert behind[-1] < 0.01


@pytest.mark.parametrize("leap", [-5.0, -86_400.0, 20.0, 0.0])
def test_after_stamps_that_leap_nobody_is_late_for_long(leap: float) -> None:
    """They jump for good, or one alone is wrong (here the one at 30 s, always)."""
    delay, behind = Delay(), list[float]()
    for n in range(25 * 60):
        now = n / 25
        stamp = now + (leap if now > 30 else 0.0) + (15.0 if now == 30 else 0.0)
        behind.append(delay.behind(now, stamp))
    assert max(behind) < 0.01


@pytest.mark.parametrize(("fps", "slow"), [(1, 3e-4), (5, 1.5e-3), (25, 4e-3)])
def test_a_camera_whose_clock_is_slow_is_not_late_whatever_its_rate(fps: int, slow: float) -> None:
    delay = Delay()
    assert max(delay.behind(n / fps, n / fps * (1 - slow)) for n in range(fps * 3600)) < 0.01


class Reader:
    def __init__(self) -> None:
        self.now, self.shares, self.max_fps = ReaderCounters(), list[float](), 10.0

    def counters(self) -> ReaderCounters:
        return self.now

    def pace(self, share: float) -> None:
        self.shares.append(share)


def test_the_readers_are_told_once_a_second_and_a_new_one_is_not_judged_by_its_past() -> None:
    moments = iter([0.0, 0.5, 1.0, 2.0, 3.0, 4.0])
    reader, other = Reader(), Reader()
    slots: dict[str, Any] = {"a": SimpleNamespace(reader=reader)}
    pacing = Pacing(cast("Any", SimpleNamespace(slots=slots)), monotonic=lambda: next(moments))
    pacing.step()
    assert reader.shares == []
    pacing.step()
    assert reader.shares == [1.0]
    slots["b"] = SimpleNamespace(reader=other)
    for second in range(3):
        reader.now = ReaderCounters(taken=5 * second)
        other.now = ReaderCounters(taken=second, dropped=1000 + 4 * second)
        pacing.step()
    assert other.shares[:2] == [1.0, 1.0]
    assert other.shares[2] == pytest.approx(1 - GAIN * (0.4 - SPARE))
    assert reader.shares[1:] == other.shares


def test_a_camera_that_gets_less_under_overload_is_decoded_more_than_the_others() -> None:
    """One that leaves nothing out (asleep, a file), or is seldom looked at, neither counts nor is concerned; without overload
    nobody is.
    """
    now = iter(float(second) for second in range(100))
    readers = {name: Reader() for name in ("unlucky", "lucky", "slow", "asleep", "rare")}
    readers["slow"].max_fps, readers["rare"].max_fps = 2.0, 0.2
    slots: dict[str, Any] = {name: SimpleNamespace(reader=reader) for name, reader in readers.items()}
    pacing = Pacing(cast("Any", SimpleNamespace(slots=slots)), monotonic=lambda: next(now))
    rates = {"unlucky": (2, 20), "lucky": (4, 20), "slow": (1, 20), "asleep": (0, 0), "rare": (0, 20)}
    for second in range(1, 13):
        for name, (taken, shed) in rates.items():
            readers[name].now = ReaderCounters(taken=taken * second, dropped=second, shed=shed * second)
        pacing.step()
    unlucky, lucky, slow, asleep, rare = (reader.shares[-1] for reader in readers.values())
    assert lucky < asleep < unlucky
    assert rare == asleep
    assert lucky < slow < unlucky
    for _ in range(80):
        for reader in readers.values():
            reader.now = ReaderCounters(taken=reader.now.taken + 10, dropped=reader.now.dropped, shed=reader.now.shed)
        pacing.step()
    assert {reader.shares[-1] for reader in readers.values()} == {1.0}
