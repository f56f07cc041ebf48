"""A watch on the box: what it shows, how it ends, and that nobody else notices it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import av
import numpy as np
import pytest
from structlog.testing import capture_logs

from cameras.core.document import parse_document
from detection import watching
from detection.analyser import Analyser, CameraSlot
from detection.core.detections import Detections
from detection.core.preview import Preview, unpack
from detection.core.rules.intrusion import Intrusion
from detection.core.tracking import OverlapTracker, Tracks
from detection.core.view import Lens
from detection.ingest.frame import Frame
from detection.ingest.reader_state import CameraState
from detection.pipeline import CameraPipeline
from detection.plan import Plan
from detection.watching import MOST, Watches
from edgesite.commands import Command
from recordings import taking_up
from tests.cameras.documents import REGISTRY, content, document
from tests.detection.test_pipeline import plan
from tests.fakes import Clock, FakeRedis

CLASSES = ("person", "car")
WATCH = "0192aaaa-0000-7000-8000-000000000001"
LEFT = [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]


def roi(roi_id: str = "gate", **values: Any) -> dict[str, Any]:
    return {"roi_id": roi_id, "camera_id": "vid1", "roi_type": "polygon", "coordinates": LEFT} | values


def bind(bind_id: str = "gate#0", **values: Any) -> dict[str, Any]:
    return {"bind_id": bind_id, "roi_id": "gate", "algo_code": "intrusion", "params": {"dwell_s": 1.0}} | values


def draft(*binds: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {"site": {"time_zone": "Asia/Shanghai"}, "rois": [roi()], "binds": list(binds or [bind()])} | values


class Reader:
    """A camera with one picture at a time."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.state = CameraState("live", 1.0)
        self.wanted = 0

    @property
    def waiting(self) -> bool:
        return bool(self.frames)

    def take(self) -> Frame | None:
        return self.frames.pop(0) if self.frames else None

    def keep_awake(self) -> None:
        self.wanted += 1


class Detector:
    """Sees a person at the left and a car below; `asked` are the limits that it was asked with."""

    classes = CLASSES

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def fit(self, width: int, height: int) -> tuple[int, int]:
        return 32, 32

    def detect(self, picture: object, *, min_score: Any) -> Detections:
        self.asked.append(min_score)
        boxes = np.array([[0.1, 0.2, 0.3, 0.6], [0.3, 0.7, 0.49, 0.9]], np.float32)
        found = Detections(boxes, np.array([0.9, 0.7], np.float32), np.array([0, 1], np.int32))
        return found.pick(found.scores >= min_score[found.class_ids])


class Sink:
    """Alerts that were raised."""

    def __init__(self) -> None:
        self.raised: list[str] = []

    def raise_alerts(self, events: Sequence[Any], frame: Frame, plan: Plan, **values: Any) -> None:
        self.raised += [event.bind_id for event in events]


class Recorded(OverlapTracker):
    """Keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[list[int]] = []

    def update(self, detections: Detections, media_time: float) -> Tracks:
        self.given.append(detections.class_ids.tolist())
        return super().update(detections, media_time)


@dataclass
class Box:
    """An analyser with one camera, and its watches. published: what the camera's configuration says."""

    published: Plan = field(default_factory=lambda: Plan("vid1"))

    def __post_init__(self) -> None:
        self.cloud, self.clock, self.wall = FakeRedis(), Clock(100.0), Clock(1000.0)
        self.reader, self.detector, self.sink = Reader(), Detector(), Sink()
        self.tracker = Recorded()
        self.slot = CameraSlot(cast(Any, self.reader), self.published, CameraPipeline(CLASSES, self.tracker))
        self.readers: dict[str, Any] = {"vid1": self.reader}
        whole = document(content())
        self.document: Any = parse_document(whole, device_id="box-1", registry=REGISTRY)
        self.watches = Watches(
            "box-1", self.cloud.client(), lambda: self.readers, lambda: self.document, CLASSES, clock=self.wall,
            monotonic=self.clock,
        )  # fmt: skip
        self.analyser = Analyser(cast(Any, self.detector), cast(Any, self.sink), {"vid1": self.slot}, clock=self.wall)
        self.analyser.watches = self.watches
        self.media = 0.0

    def ask(self, content: Any = None, **values: Any) -> None:
        body = {"camera_id": "vid1", "watch_id": WATCH, "draft": 1, "seconds": 12.0, "content": content} | values
        self.watches.obey(Command("r1", "watch", 0.0, body), 5.0)

    def see(self, seconds: float, *, generation: int = 0) -> None:
        """Ten pictures a second."""
        for _ in range(round(seconds * 10)):
            self.media = round(self.media + 0.1, 3)
            picture = av.VideoFrame.from_ndarray(np.full((96, 64), 128, np.uint8), format="yuv420p")
            self.reader.frames.append(Frame("vid1", picture, self.media, 1000.0 + self.media, generation))
            self.wall.now = 1000.0 + self.media
            self.analyser.frame_ready()
            assert self.analyser.step(wait_s=0.0)

    def told(self) -> list[tuple[Preview, bytes]]:
        """What has been published since, all of it on this watch's own channel."""
        published, self.cloud.published = self.cloud.published, []
        assert {channel for channel, _ in published} <= {f"hbd:preview:box-1:{WATCH}"}
        return [unpack(message) for _, message in published]

    def send(self, seconds: float = 1.0) -> tuple[Preview, bytes]:
        """The next message, that long after the one before."""
        self.clock.advance(seconds)
        self.watches.step()
        [found] = self.told()
        return found


@pytest.fixture
def box() -> Box:
    return Box()


def test_a_draft_is_shown_with_boxes_states_and_what_it_would_do(box: Box) -> None:
    box.ask(draft())
    box.see(0.6)
    shown, jpeg = box.send()
    assert (shown.draft, shown.camera, shown.width, shown.age_s) == (1, "live", 64, 0.0)
    assert jpeg[:2] == b"\xff\xd8"
    [person] = shown.seen
    assert (person.name, person.score) == ("person", 0.9)
    [state] = shown.states
    assert (state.bind_id, state.word, state.target, state.objects[0].id) == ("gate#0", "counting", 1.0, person.id)
    assert 0.3 < state.value < 0.6
    assert shown.fired == ()
    box.see(0.9)
    shown, _ = box.send()
    assert [(one.bind_id, one.phase) for one in shown.fired] == [("gate#0", "started")]
    assert shown.states[0].word == "raised"
    assert box.send()[0].fired == ()
    assert box.sink.raised == []


def test_nothing_published_changes_because_somebody_watches() -> None:
    """The draft is the published binding with other numbers, wants more classes and weaker scores, and one of it fails."""
    alone, watched = Box(plan()), Box(plan())
    watched.ask(draft(bind("b-left", params={"dwell_s": 0.2, "min_score": 0.1, "classes": ["car", "person"]})))
    for box in (alone, watched):
        box.see(3.0)
    assert watched.send()[0].fired != ()
    assert watched.sink.raised == alone.sink.raised == ["b-left"]
    assert watched.slot.pipeline.snapshot() == alone.slot.pipeline.snapshot()
    assert watched.slot.pipeline.told == alone.slot.pipeline.told
    assert watched.tracker.given == alone.tracker.given == [[0]] * 30
    assert watched.slot.stats.snapshot(0.0) == alone.slot.stats.snapshot(0.0)
    assert watched.slot.plan == alone.slot.plan


def test_a_draft_may_look_at_other_classes_than_the_published_rules(box: Box) -> None:
    box.see(0.1)
    assert np.isinf(box.detector.asked[-1][1])
    box.ask(draft(bind(params={"classes": ["car"], "min_score": 0.3, "dwell_s": 0.5})))
    box.see(1.5)
    shown, _ = box.send()
    assert {one.name for one in shown.seen} == {"person", "car"}
    assert [one.bind_id for one in shown.fired] == ["gate#0"]


def test_one_watch_sees_nothing_of_what_another_one_asks_for(box: Box) -> None:
    other = WATCH[:-1] + "2"
    box.ask(draft())
    box.ask(draft(bind(params={"classes": ["car"], "dwell_s": 0.5})), watch_id=other)
    box.see(0.5)
    box.watches.step()
    shown = {preview.watch_id: preview for preview, _ in (unpack(message) for _, message in box.cloud.published)}
    assert {one.name for one in shown[WATCH].seen} == {"person"}
    assert {one.name for one in shown[other].seen} == {"person", "car"}


def test_an_edit_keeps_the_state_of_the_rules_that_it_does_not_touch(box: Box) -> None:
    box.ask(draft(bind(params={"dwell_s": 60.0})))
    box.see(1.0)
    more = bind("gate#1", params={"dwell_s": 30.0})
    box.ask(draft(bind(params={"dwell_s": 60.0}, severity="critical"), more), draft=2)
    box.see(0.5)
    states = {state.bind_id: state.value for state in box.send()[0].states}
    assert states["gate#0"] > 1.0
    assert states["gate#1"] < 0.5


def test_a_draft_that_is_overtaken_by_a_newer_one_changes_nothing(box: Box) -> None:
    box.ask(draft(), draft=5)
    box.ask(draft(bind(params={"dwell_s": 9.0})), draft=4)
    box.see(0.3)
    shown, _ = box.send()
    assert (shown.draft, shown.states[0].target) == (5, 1.0)


def test_what_is_wrong_with_a_draft_is_told_and_the_picture_goes_on(box: Box) -> None:
    box.ask(draft(bind(algo_code="telepathy")))
    box.see(0.3)
    shown, jpeg = box.send()
    assert shown.problem.startswith(f"{watching.NOT_USABLE}: binds[0].algo_code: unknown algorithm 'telepathy'")
    assert (shown.states, len(shown.seen), bool(jpeg)) == ((), 1, True)
    box.ask(draft(), draft=2)
    box.see(0.3)
    shown, _ = box.send()
    assert (shown.problem, len(shown.states)) == ("", 1)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"rois": "x"}, "rois"), ({"rois": [roi(coordinates=[[0, 0]])]}, "rois[0].coordinates"),
        ({"rois": [roi(coordinates=[[0, 0], [1, float("nan")], [1, 1]])]}, "rois[0].coordinates"),
        ({"rois": [roi(camera_id="vid2")]}, "rois[0].camera_id"), ({"binds": [bind(roi_id="other")]}, "binds[0].roi_id"),
        ({"binds": [bind(params={"dwell_s": -1})]}, "binds[0].params.dwell_s"), ({"binds": 7}, "binds"),
        ({"binds": [bind(schedule_id="s")]}, "binds[0].schedule_id"), ({"site": {"time_zone": "Mars"}}, "site.time_zone"),
        ({"binds": [bind(), bind()]}, "binds[1].bind_id"), ({"schedules": [{}]}, "schedules[0]"),
        ({"binds": [bind(f"gate#{n}") for n in range(65)]}, "too many rules"),
    ],
)  # fmt: skip
def test_a_draft_is_read_like_a_config_document(box: Box, values: dict[str, Any], place: str) -> None:
    box.ask(draft(**values))
    problem = box.send()[0].problem
    assert problem.startswith(watching.NOT_USABLE)
    assert place in problem


@pytest.mark.parametrize(
    "values",
    [
        {"camera_id": 7}, {"watch_id": "*"}, {"watch_id": None}, {"draft": -1}, {"draft": "1"}, {"seconds": 1e9},
        {"seconds": 0}, {"width": 4000}, {"rate": 100.0}, {"content": "x"}, {"more": 1}, {"seconds": float("nan")},
    ],
)  # fmt: skip
def test_a_command_that_is_none_begins_nothing(box: Box, values: dict[str, Any]) -> None:
    with capture_logs() as logs:
        box.ask(**{"content": draft()} | values)
    assert [entry["event"] for entry in logs] == ["watch ignored"]
    assert box.watches.of("vid1") == ()
    assert box.told() == []


def test_a_camera_that_is_not_run_is_refused_with_its_reason(box: Box) -> None:
    box.ask(draft(), camera_id="vid9")
    [(told, _)] = box.told()
    assert (told.answer, told.problem, told.camera_id) == ("refused", taking_up.NO_CAMERA, "vid9")
    box.readers = {}
    box.ask(draft())
    [(told, _)] = box.told()
    assert told.problem == taking_up.STARTING


def test_there_are_no_more_watches_than_the_box_can_bear(box: Box) -> None:
    for number in range(MOST + 1):
        box.ask(draft(), watch_id=WATCH[:-1] + str(number))
    assert len(box.watches.of("vid1")) == MOST
    [(_, message)] = box.cloud.published
    assert unpack(message)[0].problem == watching.BUSY


def test_a_watch_ends_with_its_lease_unless_it_is_renewed(box: Box) -> None:
    box.ask(draft())
    box.clock.advance(11.0)
    box.ask()
    box.clock.advance(11.0)
    box.watches.step()
    assert len(box.watches.of("vid1")) == 1
    box.clock.advance(1.1)
    with capture_logs() as logs:
        box.watches.step()
    assert box.watches.of("vid1") == ()
    assert [entry["reason"] for entry in logs] == ["the lease is over"]
    asked = len(box.detector.asked)
    box.see(0.1)
    assert np.isinf(box.detector.asked[asked][1])


def test_a_watch_ends_when_nobody_listens(box: Box) -> None:
    box.ask(draft())
    box.cloud.listeners = 0
    for _ in range(5):
        box.clock.advance(1.0)
        box.watches.step()
    assert box.watches.of("vid1") == ()


@pytest.mark.parametrize("values", [{}, {"draft": 2}, {"camera_id": "vid1", "watch_id": WATCH[:-1] + "2"}])
def test_a_renewal_of_what_the_box_does_not_have_asks_for_all_of_it(box: Box, values: dict[str, Any]) -> None:
    if values:
        box.ask(draft())
    box.ask(**values)
    [(_, message)] = box.cloud.published
    assert unpack(message)[0].answer == "unknown"


def test_the_camera_stays_awake_and_its_loss_is_told_without_a_picture(box: Box) -> None:
    box.ask(draft())
    box.see(0.1)
    box.send()
    assert box.reader.wanted > 0
    box.reader.state = CameraState("lost", 1.0, "connection refused by 10.0.0.5:554")
    shown, jpeg = box.send(1.0)
    assert (shown.camera, shown.reason, shown.age_s, jpeg) == ("lost", "connection refused by 10.0.0.5:554", None, b"")


def test_no_more_pictures_than_were_asked_for(box: Box) -> None:
    box.ask(draft(), rate=5.0)
    sent = 0
    for _ in range(40):
        box.see(0.1)
        box.clock.advance(0.1)
        box.watches.step()
        sent += len(box.told())
    assert 18 <= sent <= 21


def test_a_covered_view_is_unknown(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.ask(draft())
    box.see(0.3)

    def covered(lens: Lens, *args: Any, **values: Any) -> str:
        lens.trouble = "covered"
        return lens.trouble

    monkeypatch.setattr(Lens, "step", covered)
    box.see(0.3)
    shown, _ = box.send()
    assert (shown.view, shown.states[0].word, shown.states[0].why) == ("covered", "unknown", "covered")


def test_outside_its_schedule_a_rule_says_so(box: Box) -> None:
    never = {"schedule_id": "s", "name": "", "weekly": [], "holidays": []}
    box.ask(draft(bind(schedule_id="s"), bind("gate#1"), schedules=[never]))
    box.see(0.3)
    assert [state.word for state in box.send()[0].states] == ["outside_schedule", "counting"]


def test_a_rule_that_fails_says_so_and_costs_nobody_a_frame(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.ask(draft(bind(), bind("gate#1", params={"dwell_s": 2.0})))

    def fail(self: Intrusion, *args: Any) -> float:
        if self._binding.bind_id == "gate#0":
            raise ZeroDivisionError("a defect")
        return 0.5

    monkeypatch.setattr(Intrusion, "dwelt", fail)
    box.see(0.5)
    first, second = box.send()[0].states
    assert (first.word, first.why, first.detail) == ("unknown", "broken", "ZeroDivisionError: a defect")
    assert second.word == "counting"
    assert (box.slot.broken, box.slot.failing, box.analyser.frames) == ("", False, 5)


def test_whatever_a_watch_does_the_camera_is_analysed(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.ask(draft())
    monkeypatch.setattr("detection.watch.Watch._step", lambda *a: 1 / 0)
    with capture_logs() as logs:
        box.see(0.5)
    assert [entry["event"] for entry in logs] == ["a watch is broken"]
    assert (box.slot.broken, box.analyser.frames) == ("", 5)
    assert "ZeroDivisionError" in box.send()[0].problem


def test_a_seam_of_the_film_begins_all_visits_anew(box: Box) -> None:
    box.ask(draft(bind(params={"dwell_s": 60.0})))
    box.see(1.0)
    box.see(0.3, generation=1)
    assert box.send()[0].states[0].value < 0.5


@pytest.mark.parametrize(
    ("camera_id", "whole_box", "elsewhere", "mine"),
    [
        ("vid1", False, False, True),
        ("vid9", False, False, False),
        ("vid9", True, False, True),
        ("vid9", True, True, False),
    ],
)
def test_a_watch_belongs_to_the_process_that_reads_the_camera(
    box: Box, camera_id: str, whole_box: bool, elsewhere: bool, mine: bool
) -> None:
    box.watches.whole_box, box.watches.elsewhere = whole_box, lambda camera: elsewhere
    assert box.watches.mine(Command("r", "watch", 0.0, {"camera_id": camera_id})) is mine
