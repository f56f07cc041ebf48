"""Snapshots that the hub takes by itself: turns, two hubs, restarts, dead cameras, hours, what becomes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from cameras import asking
from cameras.frames import frames
from cameras.models import Camera, DeviceStatus, Site
from cameras.schedules import Schedule
from edgesite.ids import uuid7
from recordings import snapshots
from recordings.core.slots import next_due, slot_id, slot_of, turn_of
from recordings.core.snapshots import SnapshotAnswer
from recordings.models import SnapshotOrigin, SnapshotRequest
from recordings.snapping import services
from recordings.snapping.models import SnapshotTurn
from recordings.snapshots import take_answer
from tests.cameras.pages import browser, text, two_sites
from tests.fakes import FakeRedis

pytestmark = pytest.mark.django_db

PAGE = "/admin/recordings/snapshots/"
DAY = [{"day": day, "start": "08:00", "end": "18:00"} for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    fake = FakeRedis()
    monkeypatch.setattr(asking, "cloud_redis", lambda url: fake.client())
    two_sites()
    return fake


class Hub:
    """The loop of `run_hub`, by a clock that the test moves from turn to turn of vid1."""

    def __init__(self, cloud: FakeRedis, capture: Any, minutes: int) -> None:
        self.cloud, self._capture, self.minutes = cloud, capture, minutes
        Camera.objects.filter(pk="vid1").update(snap_every=minutes)
        self.now = datetime(2026, 11, 20, 9, 0, tzinfo=UTC).timestamp()

    def step(self, at: float | None = None) -> None:
        self.now = self.now if at is None else at
        with self._capture(execute=True):
            services.step(now=datetime.fromtimestamp(self.now, UTC))

    def begin(self) -> None:
        """The first look finds the camera and awaits its next turn."""
        self.begin_with(1)

    def begin_with(self, cameras: int) -> None:
        self.step()
        assert (self.asked(), SnapshotTurn.objects.count()) == (0, cameras)

    def turn(self, *, late: float = 0.0) -> str:
        """The next turn of vid1 and the request_id of its slot."""
        due = next_due(self.now, minutes=self.minutes, camera_id="vid1")
        self.step(due + late)
        return slot_id("vid1", slot_of(due, minutes=self.minutes))

    def asked(self) -> int:
        return len(self.cloud.streams.get("device:box-1:commands", []))

    def box_answers(self, request_id: str, *, status: str = "ok", **values: Any) -> None:
        request = SnapshotRequest.objects.get(request_id=request_id)
        told = (
            {"key": request.key, "at": timezone.now().timestamp(), "width": 640, "height": 480}
            if status == "ok"
            else {}
        )
        answer = {"event_id": uuid7(), "request_id": request_id, "camera_id": "vid1", "status": status}
        assert take_answer(SnapshotAnswer.model_validate(answer | told | values), device_id="box-1")


@pytest.fixture
def hub(cloud: FakeRedis, django_capture_on_commit_callbacks: Any) -> Hub:
    return Hub(cloud, django_capture_on_commit_callbacks, minutes=5)


def turn() -> SnapshotTurn:
    return SnapshotTurn.objects.get(pk="vid1")


def test_every_slot_is_one_ordinary_request(hub: Hub) -> None:
    hub.begin()
    for number in range(1, 4):
        request_id = hub.turn()
        request = SnapshotRequest.objects.get(request_id=request_id)
        assert (request.origin, request.requested_by, request.state) == (SnapshotOrigin.SCHEDULE, "", "waiting")
        assert request.key.startswith(f"snapshots/scheduled/vid1/{request.requested_at:%Y%m%d}/")
        hub.step(hub.now + 1)  # nothing else is due in the slot
        hub.step(hub.now + 200)
        hub.box_answers(request_id)
        hub.step()
        assert (hub.asked(), turn().asked, turn().failures) == (number, "", 0)
    assert turn().taken_at == SnapshotRequest.objects.latest("id").at


def test_one_camera_whose_hours_cannot_be_read_holds_up_no_other(hub: Hub) -> None:
    site = Site.objects.get(name="Kitchen")
    hours = Schedule.objects.create(schedule_id="s1", site=site, weekly=[{"day": "someday"}])
    first = Camera.objects.create(
        camera_id="a-first", device_id="box-1", rtsp_url="rtsp://10.0.0.9/1", snap_every=5, snap_schedule=hours
    )
    hub.begin_with(2)
    before = next_due(hub.now, minutes=5, camera_id="vid1") - 1
    SnapshotTurn.objects.filter(pk=first.pk).update(due_at=datetime.fromtimestamp(before, UTC))
    hub.turn()
    assert hub.asked() == 1
    assert SnapshotTurn.objects.get(pk=first.pk).due_at.timestamp() > hub.now


def test_two_hubs_and_a_restarted_one_make_one_picture_a_slot(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.begin()
    stale = services._due(datetime.fromtimestamp(next_due(hub.now, minutes=5, camera_id="vid1"), UTC)).get()
    request_id = hub.turn()
    now = datetime.fromtimestamp(hub.now, UTC)
    assert not services.take_turn(stale, now=now)  # the other hub has read the same before
    hub.step()
    assert (hub.asked(), SnapshotRequest.objects.count()) == (1, 1)
    # Even one that knows of no turn, as with a database that was restored, asks for the same picture.
    SnapshotTurn.objects.update(due_at=stale.snapshot_turn.due_at, asked="")
    hub.step()
    assert (hub.asked(), SnapshotRequest.objects.get().request_id) == (1, request_id)


def test_a_slot_that_fails_halfway_is_not_lost(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.begin()
    real = snapshots.request_snapshot

    def killed(**values: Any) -> Any:
        real(**values)
        raise KeyboardInterrupt

    monkeypatch.setattr(services, "request_snapshot", killed)
    with pytest.raises(KeyboardInterrupt):
        hub.turn()
    monkeypatch.setattr(services, "request_snapshot", real)
    assert (SnapshotRequest.objects.count(), hub.asked()) == (0, 0)
    hub.step(hub.now + 3)  # the next hub
    assert (SnapshotRequest.objects.count(), hub.asked()) == (1, 1)


def test_slots_of_an_outage_are_not_made_up(hub: Hub) -> None:
    hub.begin()
    hub.box_answers(hub.turn())
    hub.step(hub.now + 3600 + 40)  # away for an hour; the present slot's turn is 40 s past
    assert hub.asked() == 1
    hub.turn()
    assert hub.asked() == 2


def test_other_minutes_count_from_the_next_slot(hub: Hub) -> None:
    hub.begin()
    hub.turn()
    Camera.objects.filter(pk="vid1").update(snap_every=60)
    hub.minutes = 60
    hub.step(hub.now + 1)
    assert turn().due_at.timestamp() == next_due(hub.now, minutes=60, camera_id="vid1")
    Camera.objects.filter(pk="vid1").update(snap_every=0)
    hub.turn()
    assert hub.asked() == 1


def test_a_dead_camera_is_counted_and_piles_nothing_up(hub: Hub) -> None:
    DeviceStatus.objects.update(reported_at=timezone.now() - timedelta(hours=1))
    hub.begin()
    for failures in range(1, 4):
        hub.turn()
        hub.step(hub.now + 1)
        assert (turn().failures, turn().failed, turn().problem) == (failures, failures, asking.SILENT)
    assert (SnapshotRequest.objects.count(), hub.asked()) == (0, 0)
    DeviceStatus.objects.update(reported_at=timezone.now())
    hub.box_answers(hub.turn())
    hub.step()
    assert (turn().failures, turn().failed) == (0, 3)


def test_a_silent_box_and_one_that_says_no_are_failures(hub: Hub) -> None:
    hub.begin()
    hub.turn()
    SnapshotRequest.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    hub.step(hub.now + 20)
    assert (turn().failures, turn().problem, SnapshotRequest.objects.count()) == (1, asking.LATE, 0)
    hub.box_answers(hub.turn(), status="error", message="The camera sends nothing.")
    hub.step()
    assert (turn().failures, turn().problem) == (2, "The camera sends nothing.")


def test_one_picture_at_a_time(hub: Hub) -> None:
    hub.begin()
    first = hub.turn()
    SnapshotRequest.objects.update(deadline=timezone.now() + timedelta(hours=1))  # of a box with a clock of its own
    hub.turn()
    assert (hub.asked(), turn().asked) == (1, first)


def test_a_disabled_camera_is_left_alone(hub: Hub) -> None:
    hub.begin()
    Camera.objects.update(enabled=False)
    hub.turn()
    assert (SnapshotRequest.objects.count(), turn().failed) == (0, 0)


@pytest.mark.parametrize(
    ("local", "asked"),
    [
        ((2026, 3, 29, 7, 59), 0), ((2026, 3, 29, 8, 0), 1), ((2026, 3, 29, 17, 59), 1), ((2026, 3, 29, 18, 0), 0),
        ((2026, 10, 25, 7, 59), 0), ((2026, 10, 25, 8, 0), 1), ((2026, 10, 25, 18, 0), 0),
    ],
)  # fmt: skip
def test_hours_are_those_of_the_sites_clock_on_days_it_is_changed(
    cloud: FakeRedis, django_capture_on_commit_callbacks: Any, local: tuple[int, ...], asked: int
) -> None:
    hub = Hub(cloud, django_capture_on_commit_callbacks, minutes=1)
    Site.objects.update(time_zone="Europe/Berlin")
    Schedule.objects.filter(schedule_id="shift-1").update(weekly=DAY)
    Camera.objects.filter(pk="vid1").update(snap_schedule="shift-1")
    slot = datetime(*local, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()  # type: ignore[misc,arg-type]
    hub.now = slot - 30 + turn_of("vid1")
    hub.begin()
    hub.step(slot + turn_of("vid1"))
    assert hub.asked() == asked


def test_the_gallery_tells_how_it_goes_and_narrows_to_an_origin_and_a_day(hub: Hub) -> None:
    viewer = browser("viewer")
    Site.objects.update(time_zone="Asia/Shanghai")
    hub.begin()
    assert "the first one is still to come" in text(viewer.get(f"{PAGE}vid1/"))
    hub.box_answers(hub.turn())
    hub.step()
    page = text(viewer.get(f"{PAGE}vid1/"))
    assert "Every 5 minutes" in page
    assert "being taken" in page
    assert page.count("<img src=") == 1
    SnapshotRequest.objects.update(at=datetime(2026, 11, 19, 16, 0, tzinfo=UTC))  # midnight there
    for query, found in (
        ({"origin": "schedule"}, 1), ({"origin": "request"}, 0), ({"date": "2026-11-20"}, 1), ({"date": "2026-11-19"}, 0),
        ({"origin": "schedule", "date": "2026-11-20"}, 1), ({"origin": "nonsense", "date": "never"}, 1),
    ):  # fmt: skip
        assert text(viewer.get(f"{PAGE}vid1/", query)).count("<img src=") == found, query
    hub.box_answers(hub.turn(), status="error", message=asking.LATE)
    hub.step()
    page = text(viewer.get(f"{PAGE}vid1/"))
    assert "the last one failed" in page
    assert "did not answer in time" in page
    assert "Change in the camera" not in page  # a viewer cannot
    assert "Change in the camera" in text(browser("operator").get(f"{PAGE}vid1/"))


def test_who_may_not_see_the_camera_sees_none_of_its_pictures(hub: Hub) -> None:
    hub.begin()
    hub.box_answers(hub.turn())
    stranger = browser("operator", sites=[Site.objects.get(name="Warehouse")])
    assert stranger.get(f"{PAGE}vid1/").status_code == 404
    key = SnapshotRequest.objects.get().key
    assert stranger.get(f"/api/media/{key}").status_code == 404
    # Nor does one who has a camera of that ID later, at another site.
    Camera.objects.filter(pk="vid1").delete()
    Camera.objects.create(camera_id="vid1", device_id="box-2", rtsp_url="rtsp://10.0.0.9/1")
    assert not SnapshotRequest.objects.exists()
    assert stranger.get(f"/api/media/{key}").status_code == 404
    assert "<img src=" not in text(stranger.get(f"{PAGE}vid1/"))
    assert frames().newest(Camera.objects.get(pk="vid1")) is None
