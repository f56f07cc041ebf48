"""A rule that fails costs no other rule an alert, and is told of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from detection import pipeline as module
from detection.analyser import Analyser, CameraSlot
from detection.core.detections import Detections
from detection.core.rules.base import Binding, Rule, RuleBase, RuleEvent, event_of
from detection.core.rules.registry import make_rule
from detection.pipeline import CameraPipeline
from detection.plan import Plan
from detection.rule_guard import HELD_S
from tests.detection.rule_scenes import INSIDE, NAMES, binding, tracks
from tests.detection.test_analyser import Detector, Reader, frame


@dataclass(eq=False)
class Failing(RuleBase):
    """Fails in the methods that are named, as long as it is `bad`."""

    binding: Binding
    methods: set[str] = field(default_factory=set)
    bad: bool = True

    def _act(self, name: str) -> None:
        if self.bad and name in self.methods:
            raise RuntimeError(f"no {name}")

    def step(self, *rest: Any) -> list[RuleEvent]:
        self._act("step")
        return [event_of(self.binding, "started", rest[2], {})]

    def wants(self, *rest: Any) -> tuple[()]:
        self._act("wants")
        return ()

    def tracks_lost(self) -> None:
        self._act("tracks_lost")

    def unseen(self) -> None:
        self._act("unseen")

    def suspend(self, media_time: float) -> list[RuleEvent]:
        self._act("suspend")
        return []

    def progress(self, media_time: float) -> dict[str, Any]:
        self._act("progress")
        return {"value": 1}

    def numbers(self) -> dict[str, float]:
        self._act("numbers")
        return {}

    def snapshot(self) -> dict[str, Any]:
        self._act("snapshot")
        return {}


Make = Callable[..., tuple[CameraPipeline, Failing]]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Make:
    """A pipeline whose rule `bad` fails, between `one` and `two`, which raise an alert in the first frame."""

    def make(*methods: str) -> tuple[CameraPipeline, Failing]:
        failing: list[Failing] = []

        def other(bound: Binding) -> Rule:
            if bound.bind_id != "bad":
                return make_rule(bound)
            failing.append(Failing(bound, set(methods)))
            return failing[-1]

        monkeypatch.setattr(module, "make_rule", other)
        pipeline = CameraPipeline(NAMES)
        pipeline.use(Plan("c1", tuple(named(name) for name in ("one", "bad", "two"))))
        return pipeline, failing[0]

    return make


def named(name: str, **params: Any) -> Binding:
    return replace(binding("intrusion", **({"dwell_s": 1, "cooldown_s": 0} | params)), bind_id=name)


def watch(pipeline: CameraPipeline, when: Iterable[float], *, generation: int = 0, visible: bool = True) -> list[str]:
    """Somebody stands inside; the bindings that raise an alert."""
    return [
        event.bind_id
        for now in when
        for event in pipeline.step(
            tracks({1: INSIDE}).detections,
            media_time=now,
            generation=generation,
            visible=visible,
            look=lambda wants: {},
        ).events
    ]


@pytest.mark.parametrize("method", ["step", "wants", "progress", "numbers", "snapshot"])
def test_a_rule_that_fails_costs_no_other_an_alert(made: Make, method: str) -> None:
    pipeline, _ = made(method)
    raised = watch(pipeline, [tenth / 10 for tenth in range(15)])
    assert [name for name in raised if name != "bad"] == ["one", "two"]
    assert pipeline.trouble == f"binding bad: RuntimeError: no {method}"


def test_a_rule_that_fails_when_tracks_are_lost_or_nothing_can_be_seen_costs_the_others_nothing(made: Make) -> None:
    pipeline, _ = made("tracks_lost", "unseen", "suspend")
    watch(pipeline, [0.0, 0.1])
    watch(pipeline, [0.2, 0.3], visible=False)
    assert pipeline.trouble == "binding bad: RuntimeError: no unseen"
    raised = watch(pipeline, [0.4 + tenth / 10 for tenth in range(15)], generation=1)
    assert [name for name in raised if name != "bad"] == ["one", "two"]
    pipeline.use(Plan("c1"))
    assert watch(pipeline, [2.0]) == []


def test_a_broken_rule_is_logged_once_with_its_traceback_and_again_when_it_works(made: Make) -> None:
    pipeline, rule = made("step")
    with capture_logs() as logs:
        for second in range(8):
            rule.bad = second % 2 == 0  # now and then it works
            watch(pipeline, [float(second)])
        assert pipeline.trouble
        rule.bad = False
        watch(pipeline, [8.0, 8.0 + HELD_S])
    assert pipeline.trouble == ""
    told = [(line["event"], line["log_level"], line["camera"], line["binding"]) for line in logs]
    assert told == [("a rule is broken", "error", "c1", "bad"), ("a rule works again", "info", "c1", "bad")]
    assert logs[0]["exc_info"]


def test_a_document_without_the_broken_rule_is_not_blamed_for_it(made: Make) -> None:
    pipeline, _ = made("step")
    watch(pipeline, [0.0])
    pipeline.use(Plan("c1", (named("one"), named("bad", dwell_s=2))))
    assert pipeline.trouble == ""
    watch(pipeline, [0.1])
    assert pipeline.trouble == "binding bad: RuntimeError: no step"
    pipeline.use(Plan("c1", (named("one"),)))
    assert pipeline.trouble == ""


def test_a_camera_tells_of_its_broken_binding_and_goes_on(made: Make) -> None:
    """What the report says, and alerts of other bindings that reach the sink."""
    raised: list[str] = []

    class Sink:
        def raise_alerts(self, events: list[RuleEvent], *rest: Any, **given: Any) -> None:
            raised.extend(event.bind_id for event in events)

    class Person(Detector):
        classes = NAMES  # type: ignore[assignment]

        def detect(self, picture: object, *, min_score: object) -> Detections:
            return tracks({1: INSIDE}).detections

    pipeline, rule = made("step")
    assert pipeline.plan is not None
    frames = (frame(tenth / 10) for tenth in range(15))
    slot = CameraSlot(cast(Any, Reader(*frames)), pipeline.plan, pipeline)
    analyser = Analyser(cast(Any, Person(person=True)), cast(Any, Sink()), {"vid1": slot}, clock=lambda: 1100.0)
    analyser.frame_ready()
    with capture_logs() as logs:
        while analyser.step(wait_s=0.0):
            pass
        assert raised == ["one", "two"]
        assert analyser.frames == 15
        assert slot.broken == "binding bad: RuntimeError: no step"
        rule.bad = False
        slot.reader = cast(Any, Reader(frame(20.0)))
        analyser.frame_ready()
        analyser.step(wait_s=0.0)
    assert slot.broken == ""
    assert [line["event"] for line in logs] == ["a rule is broken", "a rule works again"]


def test_a_line_in_pixels_outside_a_smaller_picture_breaks_its_rule_alone_until_the_picture_fits() -> None:
    lines = {"in": ((300.0, 0.0), (300.0, 400.0)), "out": ((900.0, 800.0), (1000.0, 900.0))}
    bindings = tuple(
        replace(binding("line_crossing", points=points), bind_id=name, roi_id=name) for name, points in lines.items()
    )
    plan = Plan("c1", (*bindings, named("one")), in_pixels=frozenset(lines))
    pipeline = CameraPipeline(NAMES)
    pipeline.use(plan.sized(640, 480))
    assert watch(pipeline, [tenth / 10 for tenth in range(15)]) == ["one"]
    assert list(pipeline.broken) == ["out"]
    assert pipeline.trouble.startswith("binding out: ValueError: the rule cannot be made: a line needs exactly two")
    assert {name: state.word for name, state in pipeline.states(1.4).items()}["out"] == "unknown"
    pipeline.use(plan.sized(1920, 1080))
    watch(pipeline, [1.5, 1.6])
    assert pipeline.trouble == ""
