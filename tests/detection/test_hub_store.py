"""Events into the database: exactly once, and what can never be stored is refused and blocks nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cameras.models import Camera, DeviceStatus
from cameras.states import camera_state
from detection.core.events import EventError
from detection.hub import ingest as ingest_module
from detection.hub import repeats as repeats_module
from detection.hub import store as store_module
from detection.hub.ingest import Ingest
from detection.hub.stats import LATEST, parse_stats
from detection.hub.status import STALE_SECONDS, WRITE_SECONDS, StatusReader
from detection.hub.store import Known, store_event
from detection.models import Alert
from detection.selectors import camera_message
from edgesite import redis_keys
from tests.detection.alerts import AT, alert_body, entry, evidence_body
from tests.fakes import FakeRedis
from tests.rows import make_all, make_device

pytestmark = pytest.mark.django_db


def store(body: dict[str, Any], device_id: str = "box-1") -> str | None:
    return store_event(entry(body), device_id=device_id)


def test_an_alert_is_stored_with_every_field() -> None:
    make_all()
    assert store(alert_body(data={"n": [1, {"名": "x"}]}, severity="critical")) == "e1"
    alert = Alert.objects.get()
    assert (alert.event_id, alert.device_id, alert.camera_id, alert.roi_id) == ("e1", "box-1", "vid1", "roi-1")
    assert (alert.roi_name, alert.bind_id, alert.algo_code) == ("Door 1", "bind-1", "intrusion")
    assert (alert.phase, alert.severity, alert.state) == ("started", "critical", "open")
    assert alert.timestamp == datetime.fromtimestamp(AT, UTC)
    assert alert.data == {"n": [1, {"名": "x"}]}
    assert alert.capture == "captures/20261122/vid1_e1.jpg"
    assert not alert.capture_ready


def test_a_repetition_changes_nothing() -> None:
    make_all()
    store(alert_body())
    Alert.objects.update(state="acknowledged")
    assert store(alert_body()) is None
    assert store(alert_body(severity="critical")) is None
    alert = Alert.objects.get()
    assert (alert.severity, alert.state) == ("warning", "acknowledged")


def test_an_alert_needs_neither_its_camera_nor_its_region() -> None:
    assert store(alert_body(camera_id="gone", roi_id="gone")) == "e1"
    assert Alert.objects.get().roi_name == ""


def test_evidence_makes_the_picture_ready_once() -> None:
    store(alert_body())
    assert store(evidence_body()) == "e1"
    assert Alert.objects.get().capture_ready
    assert store(evidence_body()) is None
    assert store(evidence_body("n2")) is None


def test_lost_evidence_says_why() -> None:
    store(alert_body())
    assert store(evidence_body(status="lost", reason="disk full")) == "e1"
    alert = Alert.objects.get()
    assert (alert.capture_ready, alert.capture_problem) == (False, "disk full")


@pytest.mark.parametrize(
    ("changes", "device_id"),
    [
        ({"alert_id": "e9", "key": "captures/20261122/vid1_e9.jpg"}, "box-1"),
        ({"key": "captures/20261122/vid1_other.jpg"}, "box-1"),
        ({"key": ""}, "box-1"),
        ({}, "box-2"),
    ],
)
def test_evidence_that_does_not_fit_its_alert_is_refused(changes: dict[str, Any], device_id: str) -> None:
    store(alert_body())
    with pytest.raises(EventError):
        store(evidence_body(**changes), device_id)
    assert not Alert.objects.get().capture_ready


def test_what_the_database_refuses_for_good_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(event: Any, known: Known) -> None:
        raise IntegrityError("CHECK constraint failed")

    monkeypatch.setattr(store_module, "_store_alert", refuse)
    with pytest.raises(EventError, match="the database cannot hold it"):
        store(alert_body())


# Ingest, without a Redis


@pytest.fixture
def ingest(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stores a batch as the loop would and answers what was confirmed; `told` are the changes announced."""
    told: list[list[str]] = []
    answers: list[dict[str, str]] = []
    hub = Ingest(client=FakeRedis().client(), changed=told.append)
    monkeypatch.setattr(Ingest, "_confirm", lambda self, device_id, ids, given: answers.extend(given))

    def take(*fields: dict[str, str]) -> list[tuple[str, str]]:
        answers.clear()
        hub._take("box-1", [(f"{n}-0", f) for n, f in enumerate(fields)])
        return [(a["event_id"], a["status"]) for a in answers]

    return take, told


def test_a_poison_row_is_refused_and_the_rows_around_it_are_stored(ingest: Any) -> None:
    take, told = ingest
    poison = [
        entry("nonsense", kind="alert", event_id="p1"),
        entry(alert_body("p2", data={"x": "y" * 70_000})),
        entry(json.dumps(alert_body("p3")).replace('"person"', "1e999"), event_id="p3"),
        entry(evidence_body("p4", "unknown")),
        {"event_id": "p5", "kind": "gossip", "body": "{}"},
        {},
    ]
    answers = take(entry(alert_body("a")), *poison, entry(alert_body("b")))
    assert answers == [("a", "stored"), *[(f"p{n}", "refused") for n in range(1, 6)], ("", "refused"), ("b", "stored")]
    assert sorted(Alert.objects.values_list("event_id", flat=True)) == ["a", "b"]
    assert told == [["a", "b"]]


def test_a_defect_of_ours_sets_one_event_aside(ingest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    take, _ = ingest
    real = store_event

    def broken(fields: dict[str, str], *, device_id: str, known: Known) -> str | None:
        if fields["event_id"] == "bad":
            raise KeyError("a defect")
        return real(fields, device_id=device_id, known=known)

    monkeypatch.setattr(ingest_module, "store_event", broken)
    answers = take(entry(alert_body("a")), entry(alert_body("bad")), entry(alert_body("b")))
    assert answers == [("a", "stored"), ("bad", "refused"), ("b", "stored")]


def test_trouble_of_the_database_confirms_nothing(ingest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    take, told = ingest

    def down(fields: dict[str, str], **given: Any) -> str | None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(ingest_module, "store_event", down)
    with pytest.raises(DatabaseError):
        take(entry(alert_body("a")))
    assert told == []


def test_a_repetition_is_confirmed_again_and_not_announced(ingest: Any) -> None:
    take, told = ingest
    assert take(entry(alert_body("a"))) == take(entry(alert_body("a"))) == [("a", "stored")]
    assert told == [["a"]]


def test_within_a_batch_an_alert_is_stored_once_and_what_was_refused_is_not_taken_for_stored(
    ingest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, told = ingest
    joined = repeats_module.join

    def broken(alert: Alert) -> None:
        if alert.event_id == "bad":
            raise IntegrityError("a constraint")
        joined(alert)

    monkeypatch.setattr(repeats_module, "join", broken)
    late = alert_body("x1", phase="ended", data={"started_event_id": "b"})
    bodies = [alert_body("a"), alert_body("bad"), late, alert_body("a"), alert_body("bad"), late, alert_body("b"), late]
    answers = take(*(entry(body) for body in bodies))
    assert [event_id for event_id, status in answers if status == "refused"] == ["bad", "bad"]
    assert told == [["a", "x1", "b"]]
    rows = list(Alert.objects.order_by("id").values_list("event_id", "ended_event_id"))
    assert rows == [("a", ""), ("b", "x1")]


def test_an_id_that_no_database_compares_with_holds_up_no_batch(ingest: Any) -> None:
    take, _ = ingest
    poison = [entry("{}", kind="alert", event_id=bad) for bad in ("\x00", "\ud800", "x" * 70_000)]
    assert [status for _, status in take(*poison, entry(alert_body("a")))] == ["refused"] * 3 + ["stored"]


def test_a_hub_without_devices_looks_seldom_and_soon_sees_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []
    read: list[list[str]] = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 3:
            make_device("box-1")

    def look(hub: Ingest, device_ids: list[str]) -> list[Any]:
        read.append(device_ids)
        return []

    monkeypatch.setattr(Ingest, "_make_group", lambda self, device_id: None)
    monkeypatch.setattr(Ingest, "_read", look)
    hub = Ingest(client=FakeRedis().client(), changed=lambda ids: None, rest=rest)
    assert [hub.step() for _ in range(4)] == [False] * 4
    assert read == [["box-1"]]
    assert len(rests) == 3
    assert all(0.2 <= seconds <= 1 for seconds in rests)


def test_a_batch_asks_the_database_few_questions(ingest: Any) -> None:
    take, _ = ingest
    with CaptureQueriesContext(connection) as queries:
        take(*(entry(alert_body(f"a{n}", bind_id=f"b{n}")) for n in range(50)))
    assert len(queries) <= 50 * 4 + 8


# Reports


def report(**changes: Any) -> dict[str, Any]:
    return {
        "device_id": "box-1", "epoch": "", "observed": 2, "applied": 1, "confirmed": 1, "sha256": "", "state": "applied",
        "reason": "", "attempt": 0, "at": "2026-11-22T08:00:00.000Z", "schemas": [1],
        "health": {
            "cloud_redis_connected": True, "outbox": 0, "disk_free": 5, "cameras": {"vid1": "live"},
            "camera_details": {"vid1": {"since": 1.0, "reason": "", "last_frame_at": 2.0}},
        },
    } | changes  # fmt: skip


class Hub:
    def __init__(self) -> None:
        self.redis = FakeRedis()
        self.told: list[list[str]] = []
        self.reader = StatusReader(client=self.redis.client(), cameras_changed=self.told.append)

    def take(self, value: Any, device_id: str = "box-1") -> bool:
        text = value if isinstance(value, str) else json.dumps(value)
        self.redis.strings[redis_keys.report(device_id)] = text
        return self.reader.step()


def test_a_report_becomes_the_devices_status_and_its_tiles_are_told() -> None:
    make_all()
    hub = Hub()
    assert hub.take(report()) is True
    status = DeviceStatus.objects.get()
    assert (status.observed, status.applied, status.confirmed, status.state) == (2, 1, 1, "applied")
    assert status.reported_at is not None
    assert status.health["outbox"] == 0
    assert hub.told == [["vid1"]]
    message = camera_message(Camera.objects.select_related("device__status", "device__site").get())
    assert (message["state"], message["since"], message["last_frame_at"]) == ("live", 1.0, 2.0)
    assert hub.take(report()) is False


def test_a_change_is_told_and_the_age_of_a_frame_is_not() -> None:
    make_all()
    hub = Hub()
    hub.take(report())
    hub.told.clear()
    value = report(at="2026-11-22T08:00:02.000Z")
    value["health"]["camera_details"]["vid1"]["last_frame_at"] = 3.0
    hub.take(value)
    assert hub.told == []
    value["health"]["cameras"]["vid1"] = "lost"
    hub.take(value)
    assert hub.told == [["vid1"]]
    assert DeviceStatus.objects.get().health["cameras"] == {"vid1": "lost"}


def test_a_refusal_is_written_at_once() -> None:
    make_all()
    hub = Hub()
    hub.take(report())
    hub.take(report(state="refused", reason="rois[0].coordinates: crosses itself"))
    assert DeviceStatus.objects.get().reason == "rois[0].coordinates: crosses itself"
    assert WRITE_SECONDS > 0


@pytest.mark.parametrize(
    "value",
    [
        "nonsense", "[]", "[" * 50_000, '{"x": NaN}', report(observed=-1), report(observed=2**63), report(applied="x"),
        report(reason="x" * 5000), report(health=[]), report(health={"cameras": ["vid1"]}),
        report(health={"cameras": {"vid1": 5}}), report(health={"camera_details": {"vid1": "live"}}),
        report(health={"camera_details": {"vid1": {"last_frame_at": "now"}}}),
        json.dumps(report()).replace('"disk_free": 5', '"disk_free": NaN'),
        json.dumps(report()).replace('"last_frame_at": 2.0', '"last_frame_at": 1e999'),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_a_report_that_cannot_be_used_changes_nothing_and_stops_nobody(value: Any) -> None:
    make_all()
    make_device("box-2")
    hub = Hub()
    hub.redis.strings[redis_keys.report("box-2")] = json.dumps(report(device_id="box-2"))
    assert hub.take(value) is True
    assert [s.device_id for s in DeviceStatus.objects.all()] == ["box-2"]


def test_a_silent_box_is_told_once_and_shown_as_offline() -> None:
    make_all()
    hub = Hub()
    hub.take(report())
    hub.told.clear()
    hub.reader._written["box-1"] -= timedelta(seconds=STALE_SECONDS + 1)
    hub.reader.step()
    hub.reader.step()
    assert hub.told == [["vid1"]]
    DeviceStatus.objects.update(reported_at=timezone.now() - timedelta(seconds=STALE_SECONDS + 1))
    state = camera_state(Camera.objects.select_related("device__status").get())
    assert (state.word, state.reason) == ("offline", "the box is silent")


# Statistics


def stats(**changes: Any) -> str:
    return json.dumps({"type": "stats", "camera_id": "vid1", "timestamp": AT, "data": {"fps": 10}} | changes)


def test_statistics_are_taken_over_without_what_nobody_asked_for() -> None:
    assert parse_stats(stats(extra=1)) == {"type": "stats", "camera_id": "vid1", "timestamp": AT, "data": {"fps": 10}}


@pytest.mark.parametrize(
    "text",
    [
        "", "nonsense", "[]", "null", "[" * 15_000, stats(type="event"), stats(camera_id=5), stats(data=[]),
        stats(timestamp="now"), stats(timestamp=True), stats(timestamp=None), stats(timestamp=10**400),
        stats(timestamp=LATEST), stats(data={"fps": "x" * 20_000}), stats().replace("10", "NaN"),
        stats().replace(str(AT), "1e999"), stats().replace("10}", "1e999}"),
    ],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_what_is_no_statistics_message(text: str) -> None:
    assert parse_stats(text) is None
