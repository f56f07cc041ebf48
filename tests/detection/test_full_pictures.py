"""The second picture of an alert on a sub-stream: its own place in the chain, and gone wherever the first one goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import av
import cv2
import numpy as np
import pytest
from django.utils import timezone
from structlog.testing import capture_logs

from cameras.models import Device, Site
from detection.alert_life.deleting import delete_alert
from detection.alert_life.models import EvidenceView
from detection.core.events import EventError, EvidenceEvent
from detection.evidence import CAPTURES
from detection.full_pictures import LATEST_S, LONGEST_REST_S, QUEUED, FullPictures
from detection.hub.store import store_event
from detection.ingest.frame import Frame
from detection.models import Alert
from detection.notifying.messages import message_of
from detection.notifying.models import Delivery
from detection.selectors import full_pictures
from edgesite import storage
from edgesite.edge_store.database import EdgeStoreError
from edgesite.edge_store.evidence import EvidenceStore
from edgesite.edge_store.outbox import Outbox
from edgesite.edge_store.quota import drop_alert
from recordings.core.names import capture_of, full_key
from recordings.evidence.captures import QUEUE
from recordings.evidence.models import Evidence
from recordings.objects import services as objects
from recordings.objects.models import StoredObject
from tests.cameras.pages import browser, text
from tests.detection.alerts import AT as ALERT_AT
from tests.detection.alerts import alert_body, entry, evidence_body
from tests.detection.calls import caller, get, two_sites
from tests.detection.notifications import make_channel, make_rule
from tests.detection.test_sink import AT, EVENT, PLAN, Bench, frame
from tests.rows import make_person

SCRIPT = Path(__file__).parents[2] / "static/edgesite/alert.js"
FULL = "captures/20261122/vid1_e1_full.jpg"


def picture(width: int, height: int, *, after_s: float = 0.5) -> Frame:
    image = av.VideoFrame.from_ndarray(np.full((height, width, 3), 90, np.uint8), format="bgr24")
    return Frame("vid1", image, 5.0, AT + after_s, 0)


class Reader:
    """A camera of which the sub-stream is read (64×48); `main` are the pictures that the main stream gives, in order."""

    def __init__(self, *main: Frame | None, word: str = "sub") -> None:
        self.streams = SimpleNamespace(word=word)
        self.main = list(main)
        self.asked: list[float] = []

    def sharp(self, *, timeout: float) -> Frame | None:
        self.asked.append(round(timeout, 3))
        return self.main.pop(0)


class Box(Bench):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.now = AT
        self.reader = Reader()
        self.full = FullPictures(
            self.sink.captures, lambda c: cast("Any", self.reader), clock=lambda: self.now, monotonic=lambda: self.now
        )
        self.sink.on_picture = self.full.want

    def raise_alert(self, *, after_s: float = 0.0) -> None:
        """after_s: seconds after AT at which its picture was taken."""
        self.sink.raise_alerts([EVENT], replace(frame(), timestamp=AT + after_s), PLAN)

    def work(self) -> None:
        """Until nothing is left to do."""
        while self.full.step(wait_s=0.01) or self.sink.captures.step(wait_s=0.01):
            pass

    def evidence(self) -> list[EvidenceEvent]:
        return [event for event in self.events if isinstance(event, EvidenceEvent)]

    def missed(self) -> int:
        return self.outbox.totals().get("full_missed", 0)


@pytest.fixture
def box(tmp_path: Path, settings: Any) -> Iterator[Box]:
    options = {"location": str(tmp_path / "media")}
    default = {"BACKEND": "edgesite.storage.DurableFileStorage", "OPTIONS": options}
    settings.STORAGES = settings.STORAGES | {"default": default}
    made = Box(tmp_path)
    yield made
    made.database.close()


def size(file: Path) -> tuple[int, int]:
    """Height and width of a picture."""
    read = cv2.imread(str(file))
    assert read is not None
    return int(read.shape[0]), int(read.shape[1])


# On the box


def test_both_pictures_stand_with_their_hashes_in_one_chain(box: Box) -> None:
    box.reader = Reader(picture(1280, 720))
    box.raise_alert()
    box.work()
    small, full = sorted(box.evidence(), key=lambda told: len(told.key))
    assert (full.alert_id, full.key) == (f"{small.alert_id}.full", full_key(small.key))
    assert full.key.endswith("_full.jpg")
    assert capture_of(full.key) == small.key
    assert [size(box.folder / "media" / told.key) for told in (small, full)] == [(48, 64), (720, 1280)]
    first, second = sorted((small, full), key=lambda told: told.link.n if told.link else 0)
    assert (small.taken_at, full.taken_at) == (None, AT + 0.5)
    assert first.link is not None
    assert second.link is not None
    assert (first.link.n, second.link.n, second.link.previous) == (1, 2, first.link.link)
    assert box.reader.asked == [LATEST_S]
    assert box.missed() == 0


@pytest.mark.parametrize(
    ("reader", "asked"),
    [(Reader(word="main"), 0), (Reader(picture(64, 48)), 1), (None, 0)],
    ids=["main stream is analysed", "main stream is no larger", "camera went"],
)
def test_pictures_that_do_not_differ_are_not_taken_twice(box: Box, reader: Any, asked: int) -> None:
    box.reader = reader
    box.raise_alert()
    box.work()
    assert [told.status for told in box.evidence()] == ["stored"]
    assert (len(reader.asked) if reader else 0) == asked
    assert box.missed() == 0


def test_one_that_does_not_come_is_counted_and_said_once(box: Box) -> None:
    box.reader = Reader(None, None, picture(1280, 720, after_s=2 * LONGEST_REST_S))
    with capture_logs() as lines:
        for _ in range(3):
            box.raise_alert(after_s=box.now - AT)
            box.work()
            box.now += LONGEST_REST_S
    assert [told.status for told in box.evidence()] == ["stored"] * 4
    assert box.missed() == 2
    said = [line for line in lines if line["event"] == "alerts have no full picture"]
    assert [line["reason"] for line in said] == ["the main stream gave no picture in time"]


def test_alerts_of_one_moment_share_a_connection_and_late_ones_open_none(box: Box) -> None:
    box.reader = Reader(picture(1280, 720))
    box.raise_alert()
    box.raise_alert()
    box.work()
    assert len(box.evidence()) == 4
    assert len(box.reader.asked) == 1
    box.now = AT + 10
    box.raise_alert(after_s=10)
    box.now += LATEST_S - 0.1
    box.work()
    assert (len(box.reader.asked), box.missed()) == (1, 1)


def test_waiting_is_bounded_and_analysis_never_waits(box: Box) -> None:
    box.reader = Reader(*[None] * 99)
    for _ in range(QUEUED + 3):
        box.raise_alert()
    assert box.missed() == 0  # the analysis does not write it down either
    assert box.reader.asked == []
    box.work()
    assert box.missed() == QUEUED + 3


def test_an_alert_that_waited_for_the_disk_gets_no_picture_of_another_moment(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*args: object, **named: object) -> None:
        raise EdgeStoreError("the disk is full", retryable=True)

    box.reader = Reader(picture(1280, 720, after_s=300))
    with monkeypatch.context() as disk:
        disk.setattr(Outbox, "add_alerts", no_room)
        box.raise_alert()
    box.now = AT + 300
    box.sink.write_held()
    box.work()
    assert [told.key.endswith("_full.jpg") for told in box.evidence()] == [False]
    assert (box.reader.asked, box.missed()) == ([], 1)


def test_it_never_takes_the_place_of_a_picture_that_an_alert_promised(box: Box) -> None:
    box.reader = Reader(picture(1280, 720))
    for _ in range(QUEUED):
        box.raise_alert()
    while box.full.step(wait_s=0.01):  # and the thread that encodes is busy
        pass
    for _ in range(QUEUE - QUEUED):
        box.raise_alert()
    box.work()
    assert [told.reason for told in box.evidence() if told.status == "lost"] == []
    assert len([told for told in box.evidence() if not told.alert_id.endswith(".full")]) == QUEUE
    assert box.missed() >= QUEUED


def test_a_main_stream_that_gives_nothing_is_left_alone_for_a_while(box: Box) -> None:
    box.reader = Reader(None, picture(1280, 720, after_s=LONGEST_REST_S))
    for _ in range(5):
        box.raise_alert()
        box.work()
    assert (len(box.reader.asked), box.missed()) == (1, 5)
    box.now += LONGEST_REST_S
    box.raise_alert(after_s=LONGEST_REST_S)
    box.work()
    assert len(box.reader.asked) == 2
    assert [told.key.endswith("_full.jpg") for told in box.evidence()].count(True) == 1


def test_an_alert_that_is_given_up_takes_its_full_picture_along(box: Box) -> None:
    box.reader = Reader(picture(1280, 720))
    box.raise_alert()
    box.full.step(wait_s=0.01)
    [alert] = box.events
    promised = {item.key for item in box.outbox.pending_evidence()}
    with box.database.transaction() as db:
        lost = drop_alert(db, alert.event_id, now=AT)
    assert set(lost.keys) == promised
    assert len(promised) == 2
    assert box.outbox.pending_evidence() == []
    box.work()  # what was being kept meanwhile
    assert box.events == []


def test_of_an_alert_that_the_hub_refused_no_picture_is_brought(box: Box) -> None:
    box.reader = Reader(picture(1280, 720))
    box.raise_alert()
    box.full.step(wait_s=0.01)
    [alert] = box.events
    with box.database.transaction() as db:
        db.execute("UPDATE evidence SET sha256 = 'x'")
    store = EvidenceStore(box.database)
    assert len(store.to_upload(9)) == 2
    box.outbox.refuse(alert.event_id, "no")
    assert store.to_upload(9) == []


# On the hub


@pytest.fixture
def hub(db: None) -> None:
    two_sites()
    Alert.objects.all().delete()
    store_event(entry(alert_body()), device_id="box-1")
    store_event(entry(evidence_body()), device_id="box-1")


def told(key: str = FULL, *, alert_id: str = "e1.full", device_id: str = "box-1", **changes: Any) -> str | None:
    body = evidence_body("n2", alert_id, key=key, sha256="1" * 64) | changes
    return store_event(entry(body), device_id=device_id)


def page() -> str:
    return text(browser("viewer").get(f"/admin/detection/alert/{Alert.objects.get().pk}/change/"))


def test_the_page_shows_both_and_says_which_is_which(hub: None) -> None:
    assert told() == "e1"
    assert told() is None  # again
    assert Evidence.objects.count() == 2
    shown = page()
    assert "Analysed picture" in shown
    assert f'id="alert-full" src="/api/media/{FULL}"' in shown
    Evidence.objects.filter(key=FULL).update(removed_at="2026-11-22T12:00Z")
    assert full_pictures(Alert.objects.all()) == {}


@pytest.mark.parametrize(
    ("taken_at", "later"),
    [
        (ALERT_AT + 0.84, "0.8 s later"),
        (ALERT_AT, "0.0 s later"),
        (None, ""),  # an older box
        (ALERT_AT - 5, ""),  # clocks that jumped: no number that nobody believes
        (ALERT_AT + 3600, ""),
    ],
)
def test_the_page_says_how_long_after_the_analysed_picture_it_was_taken(
    hub: None, taken_at: float | None, later: str
) -> None:
    assert told(taken_at=taken_at) == "e1"
    shown = page()
    assert ("alert-full-later" in shown) == bool(later)
    assert f"Of the camera’s main stream, {later or 'at most two seconds after'}" in shown


@pytest.mark.parametrize("taken_at", [-1, "noon", 1e300])
def test_a_moment_that_is_none_is_refused(hub: None, taken_at: Any) -> None:
    with pytest.raises(EventError, match="taken_at"):
        told(taken_at=taken_at)


def test_region_and_boxes_are_offered_over_both(hub: None) -> None:
    Alert.objects.update(data={"box": [0.2, 0.2, 0.5, 0.8]})
    told()
    shown = page()
    for overlay, button in (("alert-overlay", "overlay-toggle"), ("alert-full-overlay", "full-overlay-toggle")):
        assert f'<svg id="{overlay}" viewBox="0 0 100 100"' in shown
        assert f'id="{button}" aria-pressed="true" aria-controls="{overlay}"' in shown
    assert (
        shown.count('<rect class="alert-box alert-box-about" x="20.00" y="20.00" width="30.00" height="60.00"/>') == 2
    )
    assert "what moves may have left its box" in shown


def test_the_api_tells_where_it_is_and_when_it_was_taken(hub: None) -> None:
    told(taken_at=ALERT_AT + 0.8)
    [alert] = get(caller(), "alerts").json()["items"]
    assert alert["full_capture_url"] == f"/api/media/{FULL}"
    assert alert["full_capture_at"] == pytest.approx(ALERT_AT + 0.8)
    Alert.objects.update(capture_ready=False)  # the first one comes first
    [alert] = get(caller(), "alerts").json()["items"]
    assert (alert["full_capture_url"], alert["full_capture_at"]) == (None, None)
    Alert.objects.update(capture_problem="too many")  # or is known never to come
    Evidence.objects.filter(key=FULL).update(device_id="box-2")
    assert get(caller(), "alerts").json()["items"][0]["full_capture_url"] is None


def test_webhooks_name_it_beside_the_first_one(hub: None, settings: Any) -> None:
    settings.PUBLIC_URL = "https://hub.example.org"
    told(taken_at=ALERT_AT + 0.8)
    rule = make_rule(make_channel())
    delivery = Delivery(key="k", rule=rule, channel=rule.channels.get(), alert=Alert.objects.get())
    delivery.save()
    message = message_of(delivery)
    assert message is not None
    [alert] = message.body["alerts"]
    assert alert["capture_url"] == f"https://hub.example.org/api/media/{capture_of(FULL)}"
    assert alert["full_capture_url"] == f"https://hub.example.org/api/media/{FULL}"
    assert alert["full_capture_at"] == pytest.approx(ALERT_AT + 0.8)


def test_without_a_full_picture_the_page_speaks_of_one_only(hub: None) -> None:
    assert told(status="lost", reason="too many") is None
    alert = Alert.objects.get()
    assert (alert.capture_ready, alert.capture_problem) == (True, "")
    shown = page()
    assert "Analysed picture" not in shown
    assert 'id="alert-full"' not in shown
    for part in ("alert-analysed-part", "alert-full-part"):  # what an open page takes when it comes
        assert f'<div id="{part}"></div>' in shown
        assert f'"{part}"' in SCRIPT.read_text()


@pytest.mark.parametrize(
    ("key", "alert_id", "device_id"),
    [
        (FULL, "e1", "box-1"),
        ("captures/20261122/vid1_e1.jpg", "e1.full", "box-1"),
        (FULL, "e1.full", "box-2"),
        (FULL, "e9.full", "box-1"),
    ],
)
def test_what_does_not_fit_its_alert_is_refused(hub: None, key: str, alert_id: str, device_id: str) -> None:
    with pytest.raises(EventError):
        told(key, alert_id=alert_id, device_id=device_id)
    assert Evidence.objects.count() == 1


def test_it_is_given_to_whoever_sees_the_alert_and_that_is_noted(hub: None) -> None:
    told()
    storage.put(FULL, b"full")
    kitchen, warehouse = Site.objects.order_by("name")
    answer = browser("viewer", sites=[kitchen]).get(f"/api/media/{FULL}")
    answer.close()
    assert answer.status_code == 200
    assert EvidenceView.objects.get().event_id == "e1"
    assert browser("operator", sites=[warehouse]).get(f"/api/media/{FULL}").status_code == 404
    storage.remove(FULL)


def test_a_box_may_store_it_for_its_own_alert_only(hub: None) -> None:
    assert CAPTURES.rule(Device.objects.get(pk="box-1"), FULL)
    assert not CAPTURES.rule(Device.objects.get(pk="box-2"), FULL)
    with pytest.raises(EventError, match="another device's alert"):
        store_event(entry(alert_body("h1", device_id="box-2", capture=FULL)), device_id="box-2")


def test_what_a_box_brought_of_a_deleted_alert_goes_although_it_never_told_of_it(
    hub: None, django_capture_on_commit_callbacks: Any
) -> None:
    """Its bucket is its own way in: brought before the alert was deleted, and again after; then the box died."""
    keys, now = (FULL, capture_of(FULL)), timezone.now()
    Evidence.objects.all().delete()
    for key in keys:
        storage.put(key, b"picture")
    with django_capture_on_commit_callbacks(execute=True):
        delete_alert(event_id="e1", user=make_person("root", superuser=True), reason="test", now=now)
    assert [storage.exists(key) for key in keys] == [False, False]
    for key in keys:
        storage.put(key, b"picture")
    objects.step(now=now + timedelta(minutes=5))
    assert [storage.exists(key) for key in keys] == [False, False]
    storage.put(FULL, b"picture")
    objects.step(now=now + timedelta(minutes=10))
    assert storage.exists(FULL)  # not looked for all the time
    objects.step(now=now + timedelta(hours=7))
    assert not storage.exists(FULL)
    objects.step(now=now + timedelta(days=31))
    assert not StoredObject.objects.exists()  # nor for ever


def test_a_picture_that_another_alert_shows_is_no_unwanted_one(
    hub: None, django_capture_on_commit_callbacks: Any
) -> None:
    key, now = capture_of(FULL), timezone.now()
    with django_capture_on_commit_callbacks(execute=True):
        delete_alert(event_id="e1", user=make_person("root", superuser=True), reason="test", now=now)
    store_event(entry(alert_body("e5", capture=key)), device_id="box-1")
    storage.put(key, b"picture")
    objects.step(now=now + timedelta(hours=7))
    assert storage.exists(key)
    storage.remove(key)


def test_deleting_the_alert_takes_both_away(hub: None, django_capture_on_commit_callbacks: Any) -> None:
    told()
    for key in (FULL, capture_of(FULL)):
        storage.put(key, b"picture")
    with django_capture_on_commit_callbacks(execute=True):
        delete_alert(event_id="e1", user=make_person("root", superuser=True), reason="test", now=timezone.now())
    assert not storage.exists(FULL)
    assert not storage.exists(capture_of(FULL))
    assert told(event_id="n3") is None  # told late: it goes, its place stays
    assert not Evidence.objects.filter(removed_at=None).exists()
