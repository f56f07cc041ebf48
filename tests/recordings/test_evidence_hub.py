"""What the hub keeps of evidence: places in the boxes' chains, verification, retention, and what boxes gave up."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from cameras.models import DeviceStatus
from detection.alert_life.deleting import delete_alert
from detection.core.events import EventError
from detection.hub.store import store_event
from detection.models import Alert
from edgesite import storage
from edgesite.core.chain import Content, Link, next_link
from edgesite.storage import StorageError
from recordings.evidence import retention
from recordings.evidence.models import Evidence, Loss
from tests.cameras.pages import browser, path, text, visible
from tests.detection.alerts import alert_body, entry, evidence_body
from tests.recordings.uploads import sha256, use_files
from tests.rows import make_all, make_person

pytestmark = pytest.mark.django_db

CHAIN = "01900000-0000-7000-8000-00000000000c"


class Box:
    """A device that sends alerts with pictures; its files are in the hub's storage already."""

    def __init__(self, device_id: str = "box-1", number: int = 1) -> None:
        self.device_id, self.number = device_id, number
        self.last = Link(CHAIN.replace("c", str(number)), 0, "", "")
        self.sent = 0

    def send(self, fields: dict[str, Any]) -> None:
        store_event(fields, device_id=self.device_id)

    def alert(self, **changes: Any) -> str:
        """One more, its picture stored and reported; the key."""
        self.sent += 1
        event_id = f"{self.device_id}-e{self.sent}"
        key, picture = f"captures/20261122/{event_id}.jpg", event_id.encode() * 9
        storage.put(key, picture)
        self.send(entry(alert_body(event_id, device_id=self.device_id, capture=key)))
        self.last = next_link(self.last, Content(event_id, key, sha256(picture), len(picture)))
        body = evidence_body(f"n-{event_id}", event_id, key=key, sha256=sha256(picture), bytes=len(picture))
        self.send(entry(body | {"link": self.last.message()} | changes))
        return key

    def report(self, *, waits: int = 0) -> None:
        chain = {"chain": self.last.chain, "n": self.last.number, "link": self.last.value}
        DeviceStatus.objects.update_or_create(
            device_id=self.device_id,
            defaults={"health": {"chain": chain, "outbox": waits, "captures": {"upload": 0}}},
        )


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    make_all()
    make_all("box-2", site="Yard", number=2)
    return use_files(settings, tmp_path)


@pytest.fixture
def box(media: Path) -> Box:
    return Box()


def verified(capsys: pytest.CaptureFixture[str], *devices: str) -> tuple[int, list[str]]:
    """Exit status and findings of `manage.py verify_evidence`, their kinds only."""
    status = 0
    try:
        call_command("verify_evidence", *devices)
    except SystemExit as error:
        status = int(str(error.code))
    *found, _summary = capsys.readouterr().out.splitlines()
    return status, [line.partition(":")[0] for line in found]


def test_untouched_evidence_is_as_it_was(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    other = Box("box-2", 2)
    for _ in range(3):
        box.alert()
        other.alert()
    box.report()
    assert verified(capsys) == (0, [])
    assert verified(capsys, "box-2") == (0, [])
    assert Evidence.objects.filter(device_id="box-1").count() == 3


def delete_file(media: Path, key: str) -> None:
    (media / key).unlink()


def change_file(media: Path, key: str) -> None:
    (media / key).write_bytes((media / key).read_bytes()[::-1])


def change_row(media: Path, key: str) -> None:
    change_file(media, key)
    Evidence.objects.filter(key=key).update(sha256=sha256((media / key).read_bytes()))


def change_link(media: Path, key: str) -> None:
    change_row(media, key)
    row = Evidence.objects.get(key=key)
    last = Link(row.chain, row.number - 1, row.previous, row.previous)
    row.link = next_link(last, Content(row.event_id, row.key, row.sha256, row.size)).value
    row.save()


def delete_row(media: Path, key: str) -> None:
    Evidence.objects.filter(key=key).delete()


@pytest.mark.parametrize(
    ("act", "found"),
    [
        (delete_file, "missing"),
        (change_file, "altered"),
        (change_row, "forged"),
        (change_link, "broken"),
        (delete_row, "gap"),
    ],
)
@pytest.mark.parametrize("which", [0, 1, 3])
def test_whatever_was_done_to_it_is_found(
    box: Box, media: Path, capsys: pytest.CaptureFixture[str], act: Callable[[Path, str], None], found: str, which: int
) -> None:
    keys = [box.alert() for _ in range(4)]
    box.report()
    act(media, keys[which])
    assert verified(capsys) == (1, [found])


def test_a_gap_whose_report_the_box_may_still_send_is_no_fault(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    keys = [box.alert() for _ in range(4)]
    Evidence.objects.filter(key=keys[1]).delete()
    box.report(waits=1)
    assert verified(capsys) == (0, ["waiting"])


def test_a_storage_that_cannot_be_read_is_neither_sound_nor_a_fault(
    box: Box, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any, **values: Any) -> bool:
        raise StorageError("away", retryable=True)

    box.alert()
    monkeypatch.setattr("edgesite.storage.is_stored", away)
    assert verified(capsys) == (3, ["unreadable"])


def test_a_picture_that_the_box_gave_up_keeps_its_place(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    box.alert()
    key = box.alert(status="lost", reason="the box gave the picture up")
    storage.remove(key)
    box.alert()
    box.report()
    assert verified(capsys) == (0, [])
    assert Alert.objects.get(capture=key).capture_problem == "the box gave the picture up"


def loss(event_id: str = "l1", **changes: Any) -> dict[str, Any]:
    return {
        "type": "loss", "event_id": event_id, "since": 1000.0, "until": 2000.0, "counts": {"info": 3, "pictures": 2},
        "chain": "", "links": [],
    } | changes  # fmt: skip


def test_a_loss_that_the_box_reported_is_kept_once_and_explains_the_gap(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [box.alert() for _ in range(4)]
    lost = Evidence.objects.get(key=keys[1])
    told = loss(chain=lost.chain, links=[[lost.number, lost.link]])
    lost.delete()
    box.report()
    assert verified(capsys) == (1, ["gap"])
    for _ in range(2):
        box.send({"event_id": "l1", "kind": "loss", "body": json.dumps(told)})
    assert Loss.objects.get().counts == {"info": 3, "pictures": 2}
    assert verified(capsys) == (0, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"counts": {"info": -1}},
        {"counts": {"A\n": 1}},
        {"since": "x"},
        {"until": 1e300},
        {"links": [[1, "short"]]},
        {"chain": "../x"},
        {"extra": 1},
        {"event_id": "a\nb"},
    ],
)
def test_a_loss_that_cannot_be_is_refused(box: Box, changes: dict[str, Any]) -> None:
    body = loss(**changes)
    with pytest.raises(EventError):
        box.send({"event_id": str(body["event_id"]), "kind": "loss", "body": json.dumps(body)})
    assert not Loss.objects.exists()


def test_what_a_box_gave_up_is_seen_by_those_who_see_the_box(box: Box) -> None:
    box.send({"event_id": "l1", "kind": "loss", "body": json.dumps(loss())})
    from cameras.models import Site

    page = visible(browser("viewer"), path(Loss))
    assert "3 notices" in page
    assert "2 pictures" in page
    elsewhere = browser("operator", sites=[Site.objects.get(name="Yard")])
    assert "3 notices" not in visible(elsewhere, path(Loss))
    assert elsewhere.get(path(Loss, "change", Loss.objects.get())).status_code == 302
    assert "losses" not in text(browser("").get("/admin/"))


# Retention


def age(days: float) -> None:
    """All that was received so far is that old."""
    Evidence.objects.update(received_at=timezone.now() - timedelta(days=days))


def test_evidence_goes_when_its_days_are_over_and_its_place_stays(
    box: Box, media: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = [box.alert() for _ in range(3)]
    age(8)
    new = box.alert()
    assert retention.step()
    assert not retention.step()
    assert [p.name for p in media.rglob("*.jpg")] == [Path(new).name]
    alert = Alert.objects.get(capture=old[0])
    assert not alert.capture_ready
    assert "its time was over" in alert.capture_problem
    assert Alert.objects.get(capture=new).capture_ready
    box.report()
    assert verified(capsys) == (0, [])


def test_evidence_within_its_days_stays(box: Box) -> None:
    box.alert()
    age(6.9)
    assert not retention.step()


def test_beyond_the_bytes_the_oldest_go(box: Box, media: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [box.alert() for _ in range(5)]
    size = (media / keys[0]).stat().st_size
    monkeypatch.setattr(retention, "MB", size)
    settings.CAPTURE_MB = 2
    assert retention.step()
    assert [(media / k).exists() for k in keys] == [False, False, False, True, True]
    assert not retention.step()


def test_a_kill_while_it_removes_leaves_nothing_behind(
    box: Box, media: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [box.alert() for _ in range(3)]
    age(8)

    def killed(key: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("edgesite.storage.remove", killed)
        with pytest.raises(KeyboardInterrupt):
            retention.step()
    assert (media / keys[0]).exists()
    assert verified(capsys) == (0, [])
    assert retention.step()
    assert not list(media.rglob("*.jpg"))


def test_an_object_that_cannot_be_removed_holds_up_no_other(
    box: Box, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [box.alert() for _ in range(5)]
    stuck, remove = set(keys[:2]), storage.remove

    def partly(key: str) -> None:
        if key in stuck:
            raise StorageError(f"{key}: not permitted", retryable=True)
        remove(key)

    age(8)
    monkeypatch.setattr("edgesite.storage.remove", partly)
    monkeypatch.setattr(retention, "AT_ONCE", 2)  # as many as stick
    for _ in range(6):
        with contextlib.suppress(StorageError):
            retention.step()
    assert [(media / key).exists() for key in keys] == [True, True, False, False, False]
    with pytest.raises(StorageError, match="not permitted"):  # what is left is told, not forgotten
        retention.step()
    stuck.clear()
    assert retention.step()
    assert not list(media.rglob("*.jpg"))
    assert not retention.step()


# Deleted alerts


def delete(key: str) -> None:
    event_id = Path(key).stem
    delete_alert(event_id=event_id, user=make_person("kim", superuser=True), reason="x", now=timezone.now())


def test_the_evidence_of_a_deleted_alert_is_not_missed(
    box: Box, media: Path, capsys: pytest.CaptureFixture[str], django_capture_on_commit_callbacks: Any
) -> None:
    keys = [box.alert() for _ in range(3)]
    with django_capture_on_commit_callbacks(execute=True):
        delete(keys[1])
    box.report()
    assert [(media / key).exists() for key in keys] == [True, False, True]
    assert verified(capsys) == (0, [])
    assert Evidence.objects.get(key=keys[1]).gone
    assert not retention.step()


def test_the_picture_of_a_deleted_alert_that_cannot_be_removed_at_once_goes_later(
    box: Box,
    media: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    def away(key: str) -> None:
        raise StorageError("away", retryable=True)

    key = box.alert()
    with monkeypatch.context() as patch, django_capture_on_commit_callbacks(execute=True):
        patch.setattr("edgesite.storage.remove", away)
        delete(key)
        assert (media / key).exists()
    with monkeypatch.context() as patch:
        patch.setattr("edgesite.storage.remove", away)
        with pytest.raises(StorageError):
            retention.step()
    assert retention.step()
    assert not (media / key).exists()
    box.report()
    assert verified(capsys) == (0, [])


def test_evidence_that_comes_after_its_alert_was_deleted_goes_and_keeps_its_place(
    box: Box, media: Path, capsys: pytest.CaptureFixture[str], django_capture_on_commit_callbacks: Any
) -> None:
    box.alert()
    key, picture = "captures/20261122/late.jpg", b"late"
    box.send(entry(alert_body("late", capture=key)))
    with django_capture_on_commit_callbacks(execute=True):
        delete(key)
    storage.put(key, picture)  # the upload was under way
    box.last = next_link(box.last, Content("late", key, sha256(picture), len(picture)))
    body = evidence_body("n-late", "late", key=key, sha256=sha256(picture), bytes=len(picture))
    for _ in range(2):
        box.send(entry(body | {"link": box.last.message()}))
    assert retention.step()
    assert not (media / key).exists()
    box.alert()
    box.report()
    assert verified(capsys) == (0, [])
    assert not Alert.objects.filter(event_id="late").exists()


def test_what_a_deleted_alert_showed_is_no_way_to_remove_anything_else(box: Box, media: Path) -> None:
    kept, key = box.alert(), box.alert()
    delete(key)
    other = Box("box-2", 2)
    event_id = Path(key).stem
    for sender, name in ((box, kept), (other, key), (other, kept)):
        with pytest.raises(EventError):
            sender.send(entry(evidence_body("n-x", event_id, key=name, sha256="1" * 64)))
    assert Evidence.objects.get(key=kept).removed_at is None
