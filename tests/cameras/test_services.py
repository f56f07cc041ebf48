"""Issuing versions: one for each change, none without one, and what cannot be issued is noted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisConnectionError

from cameras import services
from cameras.core.algorithms import registry
from cameras.core.compiler import compile_content
from cameras.core.document import content_hash, content_of, make_document, parse_document
from cameras.core.strict_json import DocumentError
from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Camera, Device
from cameras.publish import Outcome
from cameras.selectors import device_rows
from cameras.services import issue_version, latest_version, publish_edit
from edgesite.fields import DecryptionError
from edgesite.ids import uuid7
from tests.rows import PASSWORD, SOURCE, SQUARE, make_all, make_camera, make_device, make_roi

pytestmark = pytest.mark.django_db

DEVICE = "box-1"


def issue(**values: Any) -> ConfigVersion | None:
    return issue_version(device_id=DEVICE, author="ann", **values)


def must_issue() -> ConfigVersion:
    version = issue()
    assert version is not None
    return version


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The versions that were handed to Redis."""
    sent: list[int] = []

    def write(client: Any, *, version: int, **values: Any) -> Outcome:
        sent.append(version)
        return Outcome.WRITTEN

    monkeypatch.setattr(services, "write_document", write)
    return sent


def test_the_issued_document_is_one_that_the_device_takes() -> None:
    device = make_all()
    version = must_issue()
    document = parse_document(version.document, device_id=DEVICE, registry=registry)
    assert document.number == (device.epoch, 1)
    assert document.header.sha256 == version.sha256
    assert document.header.rollback_of is None
    assert document.content.cameras[0].rtsp_url == SOURCE
    assert document.content.rois[0].roi_name == "Door 1"
    assert (version.author, version.reason) == ("ann", "")


def test_the_stored_document_is_encrypted() -> None:
    make_all()
    issue()
    with connection.cursor() as cursor:
        cursor.execute("SELECT document FROM cameras_configversion")
        assert PASSWORD not in cursor.fetchone()[0]


def test_nothing_changed_makes_no_version() -> None:
    make_all()
    assert issue() is not None
    assert issue() is None
    ROI.objects.update(name="Door 1")
    assert issue() is None
    assert ConfigVersion.objects.count() == 1


def test_the_document_says_who_issued_it_and_its_hash_covers_that() -> None:
    device = make_all()
    version = must_issue()
    raw = json.loads(version.document)
    assert raw["issued_by"] == "ann"
    assert version.sha256 == content_hash(content_of(raw))
    assert parse_document(version.document, device_id=device.pk, registry=registry).content.issued_by == "ann"


def test_nothing_changed_makes_no_version_whoever_asks() -> None:
    make_all()
    first = must_issue()
    for author in ("ben", "reconcile", "", "x" * 500):
        assert issue_version(device_id=DEVICE, author=author) is None
    ROI.objects.update(name="Gate")
    second = issue_version(device_id=DEVICE, author="ben")
    assert second is not None
    ROI.objects.update(name="Door 1")
    third = issue_version(device_id=DEVICE, author="ben")
    assert third is not None
    assert (third.version, json.loads(third.document)["issued_by"]) == (3, "ben")
    assert third.sha256 != first.sha256  # the same rows by another person


def test_a_version_from_before_authors_were_in_documents_is_not_issued_again() -> None:
    device = make_all()
    content = compile_content(device_rows(device))
    text, sha256 = make_document(
        content, device_id=DEVICE, epoch=device.epoch, version=1, rollback_of=None, issued_at=timezone.now()
    )
    ConfigVersion.objects.create(
        device=device,
        epoch=device.epoch,
        version=1,
        sha256=sha256,
        document=text,
        author="ann",
        issued_at=timezone.now(),
    )
    Device.objects.update(last_version=1)
    assert issue() is None
    ROI.objects.update(name="Gate")
    assert must_issue().version == 2


def test_another_device_makes_no_version() -> None:
    make_all()
    issue()
    make_all("box-2", number=2)
    assert issue() is None


@pytest.mark.parametrize(
    "change",
    [
        lambda: Camera.objects.update(enabled=False),
        lambda: Camera.objects.update(rtsp_url="webcam:0"),
        lambda: ROI.objects.update(coordinates=[[0, 0], [1, 0], [1, 1]]),
        lambda: Binding.objects.update(params={"dwell_s": 3}),
        lambda: Binding.objects.all().delete(),
        lambda: ROI.objects.bulk_create([ROI(camera_id="vid1", coordinates=SQUARE)]),
        lambda: Device.objects.get().site.__class__.objects.update(time_zone="Asia/Shanghai"),
    ],
)
def test_any_kind_of_change_makes_the_next_version(change: Any) -> None:
    make_all()
    first = must_issue()
    change()
    second = must_issue()
    assert (first.version, second.version) == (1, 2)
    assert first.sha256 != second.sha256


def test_a_change_back_is_a_new_higher_version() -> None:
    make_all()
    first = must_issue()
    Camera.objects.update(enabled=False)
    must_issue()
    Camera.objects.update(enabled=True)
    third = must_issue()
    assert third.version == 3
    assert third.sha256 == first.sha256


def test_two_publishers_make_two_versions_whatever_they_saw_before() -> None:
    make_all()
    mine, theirs = Device.objects.get(), Device.objects.get()
    assert mine.last_version == theirs.last_version == 0
    Camera.objects.update(name="a")
    first = must_issue()
    Camera.objects.update(name="b")
    second = must_issue()
    assert (first.version, second.version) == (1, 2)
    assert Device.objects.get().last_version == 2
    # A stale row that is saved as a person edits it does not take the counter back.
    theirs.name = "other"
    theirs.save(update_fields=["name"])
    Camera.objects.update(name="c")
    assert must_issue().version == 3


def test_it_is_published_after_the_commit_and_not_before(
    published: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    make_all()
    with django_capture_on_commit_callbacks(execute=True):
        issue()
        assert published == []
    assert published == [1]


def test_what_is_rolled_back_is_not_published(published: list[int], django_capture_on_commit_callbacks: Any) -> None:
    from django.db import transaction

    make_all()

    def edit_and_fail() -> None:
        with transaction.atomic():
            issue()
            raise KeyError

    with django_capture_on_commit_callbacks(execute=True), pytest.raises(KeyError):
        edit_and_fail()
    assert published == []
    assert ConfigVersion.objects.count() == 0
    assert Device.objects.get().last_version == 0


def test_without_redis_the_edit_stands(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def down(*args: Any, **values: Any) -> Outcome:
        raise RedisConnectionError(f"Error connecting to redis://:{PASSWORD}@h")

    monkeypatch.setattr(services, "write_document", down)
    make_all()
    with django_capture_on_commit_callbacks(execute=True):
        issue()
    assert ConfigVersion.objects.count() == 1


# What cannot be issued


def spoil() -> None:
    Binding.objects.update(algo_code="teleport")


def test_bad_rows_issue_nothing_and_are_noted_on_the_device() -> None:
    make_all()
    issue()
    spoil()
    results = publish_edit(device_ids=[DEVICE], author="ann")
    assert isinstance(results[DEVICE], DocumentError)
    device = Device.objects.get()
    assert device.publish_error.startswith("binds[0].algo_code: unknown algorithm")
    assert device.last_version == 1
    Binding.objects.update(algo_code="intrusion")
    assert publish_edit(device_ids=[DEVICE], author="ann") == {}
    assert Device.objects.get().publish_error == ""


def test_the_note_goes_with_the_next_version() -> None:
    make_all()
    spoil()
    publish_edit(device_ids=[DEVICE], author="ann")
    Binding.objects.update(algo_code="intrusion", priority=3)
    results = publish_edit(device_ids=[DEVICE], author="ann")
    assert isinstance(results[DEVICE], ConfigVersion)
    assert Device.objects.get().publish_error == ""


def test_one_bad_device_does_not_stop_the_others() -> None:
    make_all()
    make_all("box-2", number=2)
    spoil()
    Binding.objects.filter(bind_id="bind-2").update(algo_code="intrusion")
    results = publish_edit(device_ids=["box-1", "box-2"], author="ann")
    assert isinstance(results["box-1"], DocumentError)
    assert isinstance(results["box-2"], ConfigVersion)


def test_a_lost_key_is_noted_too(settings: Any) -> None:
    make_all()
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    results = publish_edit(device_ids=[DEVICE], author="ann")
    assert isinstance(results[DEVICE], DecryptionError)
    assert "FIELD_ENCRYPTION_KEY" in Device.objects.get().publish_error


def test_a_device_that_waits_for_somebody_is_left_alone() -> None:
    make_all()
    Device.objects.update(publish_on_save=False)
    assert publish_edit(device_ids=[DEVICE], author="ann") == {}
    assert ConfigVersion.objects.count() == 0


def test_a_note_from_before_it_waited_for_somebody_goes_when_the_rows_are_mended() -> None:
    make_all()
    must_issue()
    spoil()
    publish_edit(device_ids=[DEVICE], author="ann")
    Device.objects.update(publish_on_save=False)
    publish_edit(device_ids=[DEVICE], author="ann")
    assert Device.objects.get(pk=DEVICE).publish_error
    Binding.objects.update(algo_code="intrusion")
    assert publish_edit(device_ids=[DEVICE], author="ann") == {}
    assert Device.objects.get(pk=DEVICE).publish_error == ""


def test_a_long_reason_is_cut_to_what_the_column_holds() -> None:
    make_all()
    version = issue(reason="why " * 200)
    assert version is not None
    assert len(version.reason) == 500


def test_the_newest_version_is_the_epochs_own() -> None:
    device = make_all()
    first = issue()
    assert latest_version(device) == first
    device.epoch = uuid7()
    device.save()
    assert latest_version(device) is None
    second = must_issue()
    assert json.loads(second.document)["epoch"] == device.epoch


def test_rows_of_a_camera_belong_to_its_device_only() -> None:
    make_all()
    other = make_device("box-2")
    camera = make_camera("vid2", device=other)
    make_roi("roi-2", camera=camera)
    document = json.loads(must_issue().document)
    assert [c["camera_id"] for c in document["cameras"]] == ["vid1"]
    assert [r["roi_id"] for r in document["rois"]] == ["roi-1"]


# The command


def test_the_command_publishes_what_is_there(published: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    make_all()
    make_all("box-2", number=2)
    call_command("publish_config", "--reason", "new lens")
    assert capsys.readouterr().out.splitlines() == ["box-1: version 1 is published", "box-2: version 1 is published"]
    assert published == [1, 1]
    assert {v.reason for v in ConfigVersion.objects.all()} == {"new lens"}
    call_command("publish_config", DEVICE)
    assert ConfigVersion.objects.count() == 2
    assert published == [1, 1, 1]


def test_the_command_says_what_it_could_not_publish(published: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    make_all()
    make_all("box-2", number=2)
    Binding.objects.filter(bind_id="bind-1").update(algo_code="teleport")
    with pytest.raises(CommandError, match=r"^Not published: box-1\.$"):
        call_command("publish_config")
    captured = capsys.readouterr()
    assert "box-1: binds[0].algo_code" in captured.err
    assert captured.out.splitlines() == ["box-2: version 1 is published"]


def test_the_command_knows_its_devices() -> None:
    make_all()
    with pytest.raises(CommandError, match=r"There is no device box-9\. Known: box-1\."):
        call_command("publish_config", "box-9")
