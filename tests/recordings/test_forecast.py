"""When the room for recordings is used up, and how far back they reach then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.core.forecast import ENOUGH_S, RESERVE_S, Forecast, Room, Usage, forecast, measured

DAY = 86_400.0
GB = 10**9


def usage(*, rate: float = GB / DAY, kept: float = 0.0, keep: float = 7.0, **more: float) -> Usage:
    """Bytes a second; days that are kept already (of this rate), days that are to be kept."""
    size = more.pop("size", rate * kept * DAY)
    return Usage(rate=rate, size=int(size), reach=kept * DAY, keep=keep * DAY, **more)


def seen(*cameras: Usage, **room: float) -> Forecast:
    found = forecast(cameras, Room(**room))  # type: ignore[arg-type]
    assert found is not None
    return found


# -- the rate ---------------------------------------------------------------------------------------------------------


def test_a_rate_is_that_of_the_last_day_or_of_what_there_is() -> None:
    assert measured(size=8640, oldest=0.0, now=30 * DAY) == pytest.approx(0.1)
    assert measured(size=7200, oldest=1000.0, now=1000.0 + 7200) == pytest.approx(1.0)
    assert measured(size=0, oldest=0.0, now=30 * DAY) == 0.0  # nothing is recorded any more


@pytest.mark.parametrize(
    ("oldest", "now"),
    [(None, 1000.0), (1000.0, 1000.0 + ENOUGH_S - 1), (1000.0, 10.0)],
    ids=["nothing kept", "just begun", "the clock was set back"],
)
def test_too_little_is_no_rate(oldest: float | None, now: float) -> None:
    assert measured(size=100, oldest=oldest, now=now) is None


@pytest.mark.parametrize("cameras", [[], [usage(rate=0.0, size=5 * GB)]])
def test_without_a_rate_nothing_is_forecast(cameras: list[Usage]) -> None:
    assert forecast(cameras, Room(free=GB)) is None


# -- when it is full --------------------------------------------------------------------------------------------------


def test_a_disk_with_room_for_all_days_is_never_full() -> None:
    found = seen(usage(kept=2), free=5.1 * GB)
    assert (found.full_in, found.reach) == (None, (7 * DAY, 7 * DAY))


def test_it_is_full_when_what_is_free_is_used_and_older_days_go_from_then_on() -> None:
    found = seen(usage(kept=2), free=4.0 * GB)
    assert found.full_in == pytest.approx(4 * DAY)
    assert found.reach == pytest.approx((6 * DAY, 6 * DAY))
    assert not found.by_budget


def test_a_budget_is_used_up_before_the_disk() -> None:
    found = seen(usage(kept=2), free=100.0 * GB, most=3.0 * GB)
    assert found.full_in == pytest.approx(DAY)
    assert found.reach[0] == pytest.approx(3 * DAY)
    assert found.by_budget


def test_a_disk_without_room_is_full_now() -> None:
    assert seen(usage(kept=2), free=-1.0).full_in == 0.0


def test_a_camera_that_sends_more_than_before_fills_what_its_age_limit_frees() -> None:
    """Seven days of one GB each become seven days of two: the disk fills day by day, a GB each."""
    found = seen(Usage(2 * GB / DAY, 7 * GB, 7 * DAY, 7 * DAY), free=3.0 * GB)
    assert found.full_in == pytest.approx(3 * DAY)
    assert found.reach[0] == pytest.approx(5 * DAY)


def test_a_camera_that_sends_less_than_before_makes_room_for_another() -> None:
    """Within the day in which one grows by a GB, the other gives up two: no day comes on which it is full."""
    shrinking = Usage(GB / DAY, 21 * GB, 7 * DAY, 7 * DAY)
    assert seen(shrinking, usage(kept=1, keep=5), free=0.5 * GB).full_in is None
    assert seen(usage(kept=7), usage(kept=1, keep=5), free=0.5 * GB).full_in == pytest.approx(DAY / 2)


def test_a_camera_of_before_keeps_its_room_until_it_is_too_old() -> None:
    gone = Usage(0.0, 6 * GB, 1 * DAY, 7 * DAY)
    found = seen(gone, usage(keep=30), free=3.0 * GB)
    assert found.full_in == pytest.approx(3 * DAY)
    assert found.reach[0] == pytest.approx(9 * DAY)


def test_cameras_of_different_days_are_told_apart() -> None:
    found = seen(usage(keep=2), usage(keep=30), free=12.0 * GB)
    assert found.reach == pytest.approx((2 * DAY, 10 * DAY))


def test_a_cameras_own_budget_bounds_it_alone() -> None:
    found = seen(usage(keep=30, most=5.0 * GB), usage(keep=10), free=15.5 * GB)
    assert found.full_in is None
    assert found.reach == pytest.approx((5 * DAY, 10 * DAY))


# -- what is at risk --------------------------------------------------------------------------------------------------


def test_guaranteed_days_are_given_room_by_the_others() -> None:
    found = seen(usage(keep=30, least=5 * DAY), usage(keep=30), free=6.0 * GB)
    assert found.reach == pytest.approx((1 * DAY, 5 * DAY))
    assert not found.unheld


def test_guaranteed_days_that_do_not_fit_are_told_before_they_go() -> None:
    found = seen(usage(keep=30, least=10 * DAY), usage(keep=30, least=2 * DAY), free=8.0 * GB)
    assert found.unheld
    assert found.full_in == pytest.approx(4 * DAY)
    assert found.reach == pytest.approx((2 * DAY, 6 * DAY))


def test_what_clips_need_is_told_an_hour_before_it_fills_the_disk() -> None:
    camera, hour = usage(kept=1), GB / DAY * RESERVE_S
    full = {"free": 0.0, "reserve": 0.0}
    assert not seen(camera, **full, needed=int(camera.size - hour * 1.01)).tight
    assert seen(camera, **full, needed=int(camera.size - hour * 0.99)).tight
    assert not seen(camera, free=0.0, reserve=hour * 1.01, needed=camera.size).tight


usages = st.builds(
    Usage,
    rate=st.floats(0, 1e7),
    size=st.integers(0, 10**13),
    reach=st.floats(0, 40 * DAY),
    keep=st.floats(DAY / 24, 40 * DAY),
    most=st.just(float("inf")) | st.floats(GB, 1e13),
    least=st.just(0.0) | st.floats(1, DAY / 24),
)


@given(st.lists(usages, min_size=1, max_size=4), st.floats(-1e12, 1e13), st.just(float("inf")) | st.floats(1, 1e13))
def test_what_is_said_fits(cameras: list[Usage], free: float, most: float) -> None:
    found = forecast(cameras, Room(free=free, most=most))
    active = [c for c in cameras if c.rate > 0]
    assert (found is None) == (not active)
    if found is None:
        return
    assert 0 <= found.reach[0] <= found.reach[1] <= max(c.keep for c in active)
    assert found.full_in is None or 0 <= found.full_in <= max(c.keep for c in cameras)
    capacity = min(sum(c.size for c in cameras) + max(0.0, free), most)
    if not found.unheld:
        shortest = sum(c.rate * max(c.least, min(found.reach[0], c.keep)) for c in active if c.most == float("inf"))
        assert shortest <= capacity * (1 + 1e-6) + 1
    if found.full_in is None:
        assert sum(min(c.size, max(c.most, c.rate * c.least)) for c in cameras) <= capacity
