"""Intrusion under load: dropped frames change a dwell by less than one interval between seen frames (invariant 9)."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from detection.core.rules.base import RuleEvent
from detection.core.tracking import OverlapTracker
from tests.detection.rule_scenes import INSIDE, NAMES, OUTSIDE, at, play, rule, times, tracks


@settings(deadline=None)
@given(
    share=st.sampled_from([0.0, 0.5, 0.8]),
    rate=st.sampled_from([5.0, 10.0, 25.0]),
    dwell=st.floats(0, 8),
    entry=st.floats(0, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_dropped_frames_change_a_dwell_by_less_than_one_interval(
    share: float, rate: float, dwell: float, entry: float, seed: int
) -> None:
    """A person enters and stays; every frame shows it, but only some frames are analysed (invariant 9)."""
    random = Random(seed)
    machine = rule(dwell_s=dwell)
    every = times(0, 30, rate)
    kept = [now for now in every if random.random() >= share]
    events = play(machine, kept, lambda now: tracks({1: INSIDE if now >= entry else OUTSIDE}))
    seen = [now for now in kept if now >= entry]
    due = [now for now in seen if now - seen[0] >= dwell - 1e-6] if seen else []
    assert at(events) == [round(now, 3) for now in due[:1]]
    for event in events:
        before = max((now for now in kept if now < event.media_time), default=event.media_time)
        told = event.data["dwell_s"]
        assert isinstance(told, float)
        assert dwell - 0.01 <= told < dwell + max(event.media_time - before, 1 / rate) + 0.01


@settings(deadline=None, max_examples=60)
@given(share=st.sampled_from([0.0, 0.5, 0.8]), rate=st.sampled_from([5.0, 10.0, 25.0]), seed=st.integers(0, 2**32 - 1))
def test_one_visit_is_one_alert_through_the_tracker_whatever_is_dropped(share: float, rate: float, seed: int) -> None:
    """A person walks in, lingers with a shaking box and a flickering score, and walks out."""
    random = Random(seed)
    tracker, machine = OverlapTracker(), rule(dwell_s=2, cooldown_s=0)
    events: list[RuleEvent] = []
    last = strong = -1.0
    for now in times(0, 20, rate):
        if now - last < 1.0 and random.random() < share:  # one frame a second at least is analysed
            continue
        last = now
        weak = now - strong < 0.5 and random.random() < 0.3
        strong = strong if weak else now
        x = 0.05 + min(now, 5) * 0.08 + max(now - 15, 0) * 0.08
        place = (x + random.gauss(0, 0.001), 0.5 + random.gauss(0, 0.002))
        scene = tracks({0: place}, score=0.3 if weak else 0.7)
        events += machine.step(tracker.update(scene.detections, now), NAMES, now)
    assert len(events) == 1
