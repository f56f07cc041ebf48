"""Which hours are recorded: what a box tells, and what its hub makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.core.events import EventError
from detection.hub.store import store_event
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.outbox import Outbox
from edgesite.edge_store.quota import Quota
from recordings.core.segments import Segment
from recordings.core.spans import HOUR_MS, MOST_SPANS, hour_body, hours_of, merged, spans_of
from recordings.core.spans import RecordedHour as Report
from recordings.recorder import hours
from recordings.recorder.hours import Hours
from recordings.recorder.segment_store import SegmentStore
from recordings.spans.models import RecordedHour
from recordings.spans.selectors import recorded_spans
from tests.fakes import Clock
from tests.rows import make_camera, make_device

HOUR = int(datetime(2026, 11, 22, 16, tzinfo=UTC).timestamp()) // 3600
T = HOUR * 3600.0
MS = HOUR * HOUR_MS
AT = datetime(2026, 11, 22, 16, tzinfo=UTC)


class Box:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = EdgeDatabase(folder / "edge.sqlite3")
        self.segments = SegmentStore(self.database)
        self.outbox = Outbox(self.database)
        self.clock = Clock(T)
        self.hours = Hours(self.database, self.clock)

    def record(self, start: float, end: float, *, camera: str = "vid1") -> Segment:
        segment = Segment(camera, f"{camera}/20261122/{start:.3f}.mp4", "r", start, end, 10)
        self.segments.add([segment])
        return segment

    def told(self, camera: str = "vid1") -> list[dict[str, Any]]:
        return [json.loads(r.body) for r in self.outbox.head(camera, 1000) if r.kind == "recorded_hour"]

    def spans(self, *, hour: int = 16) -> Any:
        """What was told of an hour; None for nothing."""
        found = [t["spans"] for t in self.told() if t["hour"].endswith(f"T{hour:02d}")]
        assert len(found) <= 1
        return found[0] if found else None

    def confirm(self) -> None:
        self.outbox.confirm([r.event_id for r in self.outbox.head("vid1", 1000)])


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    yield made
    made.database.close()


# -- pure -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 7200), st.integers(1, 900)), max_size=30))
def test_spans_cover_just_what_segments_do(pieces: list[tuple[int, int]]) -> None:
    """Seconds of two hours and lengths; a gap of one second is bridged, one of two is not."""
    times = [(T + start, T + start + length) for start, length in pieces]
    spans = spans_of(times, hour=HOUR)
    covered = {s for start, length in pieces for s in range(start, start + length)}
    bridged = covered | {s for s in range(7200) if s - 1 in covered and s + 1 in covered}
    assert {s for a, b in spans for s in range((a - MS) // 1000, (b - MS) // 1000)} == {s for s in bridged if s < 3600}
    assert merged(spans) == spans


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [(0.0, 4.0, [0]), (3598.0, 3602.0, [0, 1]), (3596.0, 3600.0, [0]), (3600.0, 3604.0, [1]), (0.0, 7300.0, [0, 1, 2])],
)
def test_hours_of_a_segment(start: float, end: float, found: list[int]) -> None:
    assert list(hours_of(start, end)) == found


def test_more_spans_than_can_be_told_are_counted() -> None:
    spans = [(MS + n * 3000, MS + n * 3000 + 1000) for n in range(MOST_SPANS + 7)]
    body = hour_body(camera_id="vid1", hour=HOUR, revision=1, spans=spans)
    assert (len(body["spans"]), body["left_out"]) == (MOST_SPANS, 7)


# -- the box ----------------------------------------------------------------------------------------------------------


def test_an_hour_is_told_and_again_a_minute_later_when_it_changed(box: Box) -> None:
    box.record(T, T + 4)
    assert box.hours.step()
    assert box.told() == [
        {"camera_id": "vid1", "hour": "2026-11-22T16", "revision": int(T), "spans": [[MS, MS + 4000]]}
    ]
    box.record(T + 4.2, T + 8)
    assert not box.hours.step()
    box.clock.advance(61)
    assert box.hours.step()
    assert box.spans() == [[MS, MS + 8000]]  # the first report is out of the way
    assert box.told()[0]["revision"] == int(T) + 61
    box.clock.advance(61)
    assert not box.hours.step()


def test_a_segment_over_the_hour_is_of_both(box: Box) -> None:
    box.record(T + 3598, T + 3602)
    box.hours.step()
    assert box.spans(hour=16) == [[MS + 3_598_000, MS + 3_600_000]]
    assert box.spans(hour=17) == [[MS + 3_600_000, MS + 3_602_000]]


def test_what_retention_takes_is_told(box: Box) -> None:
    first, second = box.record(T, T + 4), box.record(T + 10, T + 14)
    box.hours.step()
    box.segments.delete([first], folder=box.folder)
    box.clock.advance(61)
    box.hours.step()
    assert box.spans() == [[MS + 10_000, MS + 14_000]]
    box.segments.forget([second.path])  # its file was gone
    box.clock.advance(61)
    box.hours.step()
    assert box.spans() == []


def test_days_without_the_hub_wait_in_little_room(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    for hour in range(30):
        box.record(T + hour * 3600, T + hour * 3600 + 5)
        box.clock.now = T + hour * 3600 + 60
        box.hours.step()
    assert len(box.told()) == hours.MOST_WAITING
    heard = set()
    for _ in range(3):
        heard |= {t["hour"] for t in box.told()}
        box.confirm()
        box.clock.advance(5)
        box.hours.step()
    assert len(heard) == 30
    assert box.told() == []


def test_a_restart_keeps_what_is_to_be_told(box: Box) -> None:
    box.record(T, T + 4)
    again = Hours(EdgeDatabase(box.folder / "edge.sqlite3"), box.clock)
    assert again.step()
    again.database.close()
    assert box.spans() == [[MS, MS + 4000]]


def test_recorded_hours_cost_no_alert(box: Box) -> None:
    box.record(T, T + 4)
    box.hours.step()
    quota = Quota(box.database, 0, 10**9, lambda key: None)
    assert not quota.step(now=T)
    assert quota.usage().rows == 0
    assert len(box.told()) == 1


# -- the hub ----------------------------------------------------------------------------------------------------------


def tell(revision: int = 1, *, device: str = "box-1", camera: str = "vid1", **changes: Any) -> None:
    body = {"camera_id": camera, "hour": "2026-11-22T16", "revision": revision, "spans": [[MS, MS + 4000]]} | changes
    fields = {"event_id": f"e{revision}", "kind": "recorded_hour", "body": json.dumps(body)}
    store_event(fields, device_id=device)


@pytest.mark.django_db
def test_only_a_higher_revision_changes_an_hour() -> None:
    make_camera("vid1", device=make_device("box-1"))
    tell(2)
    for late in (2, 1):
        tell(late, spans=[])
    assert RecordedHour.objects.get().spans == [[MS, MS + 4000]]
    tell(3, spans=[], left_out=4)
    row = RecordedHour.objects.get()
    assert (row.spans, row.revision, row.left_out, row.hour) == ([], 3, 4, AT)


@pytest.mark.django_db
def test_hours_of_which_nothing_is_left_are_forgotten_after_long() -> None:
    device = make_device("box-1")
    for name in ("vid1", "vid2"):
        make_camera(name, device=device)
        for days, spans in ((401, []), (401, [[1, 2]]), (399, [])):
            hour = AT - timedelta(days=days, hours=len(spans))
            RecordedHour.objects.create(camera_id=name, hour=hour, spans=spans, revision=1)
    tell(1)
    left = RecordedHour.objects.filter(camera_id="vid1", hour__lt=AT).values_list("hour", flat=True)
    assert sorted((AT - hour).days for hour in left) == [399, 401]
    assert RecordedHour.objects.filter(camera_id="vid2").count() == 3


@pytest.mark.django_db
def test_a_box_tells_of_its_own_cameras_only() -> None:
    make_camera("vid1", device=make_device("box-1"))
    make_device("box-2")
    tell(1, device="box-2")
    tell(1, camera="nobody")
    assert not RecordedHour.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [
        {"hour": "2026-11-22T24"}, {"hour": "2026-11-22"}, {"revision": 0}, {"left_out": -1},
        {"spans": [[MS - 1, MS + 5]]}, {"spans": [[MS, MS + HOUR_MS + 1]]}, {"spans": [[MS + 5, MS + 5]]},
        {"spans": [[MS + 5000, MS + 6000], [MS, MS + 1000]]}, {"spans": [[MS, MS + 1000], [MS + 1000, MS + 2000]]},
        {"spans": [[MS + 3 * n, MS + 3 * n + 1] for n in range(MOST_SPANS + 1)]}, {"spans": [["a", "b"]]},
    ],
)  # fmt: skip
def test_what_is_no_hour_is_refused(changes: dict[str, Any]) -> None:
    make_camera("vid1", device=make_device("box-1"))
    with pytest.raises(EventError):
        tell(**changes)


@pytest.mark.django_db
def test_spans_are_read_over_the_hours() -> None:
    make_camera("vid1", device=make_device("box-1"))
    tell(1, spans=[[MS, MS + 4000], [MS + 3_590_000, MS + 3_600_000]])
    tell(2, hour="2026-11-22T17", spans=[[MS + 3_600_400, MS + 3_700_000]])

    def seconds(begin: int, end: int) -> list[tuple[float, float]]:
        spans = recorded_spans(camera_id="vid1", begin=AT + timedelta(seconds=begin), end=AT + timedelta(seconds=end))
        return [((a - AT).total_seconds(), (b - AT).total_seconds()) for a, b in spans]

    assert seconds(0, 7200) == [(0, 4), (3590, 3700)]
    assert seconds(2, 3600) == [(2, 4), (3590, 3600)]
    assert seconds(3650, 3660) == [(3650, 3660)]
    assert seconds(3700, 7200) == []


@pytest.mark.parametrize("year", ["0001", "1969", "2200", "9999"])
def test_an_hour_of_no_camera_is_refused(year: str) -> None:
    body = {"event_id": "e", "camera_id": "vid1", "hour": f"{year}-01-01T00", "revision": 1, "spans": []}
    with pytest.raises(ValueError, match="no camera recorded"):
        Report.model_validate(body)
    assert Report.model_validate(body | {"hour": "1970-01-01T00"}).begins.year == 1970
