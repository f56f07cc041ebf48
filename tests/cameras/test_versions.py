"""History at work: pending changes, rollback, a new epoch, immutability."""

from __future__ import annotations

import json

import pytest
from django.db import DatabaseError, connection, transaction

from cameras.core.strict_json import DocumentError
from cameras.issued import ConfigVersion, ImmutableError
from cameras.models import ROI, Binding, Camera, Device, Site
from cameras.restoring import VersionError
from cameras.services import issue_version, publish_edit
from cameras.versions import (
    begin_epoch,
    changes_between,
    content_of_version,
    content_sha256,
    discard_pending,
    pending_changes,
    roll_back,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def device() -> Device:
    site = Site.objects.create(name="Plant")
    device = Device.objects.create(device_id="d1", site=site, publish_on_save=False)
    camera = Camera.objects.create(camera_id="c1", device=device, name="Line 1", rtsp_url="rtsp://u:first@h/1")
    roi = ROI.objects.create(roi_id="r1", camera=camera, name="Door", coordinates=[[0, 0], [1, 0], [1, 1]])
    Binding.objects.create(bind_id="b1", roi=roi, algo_code="intrusion", params={"dwell_s": 3})
    return device


def issue(device: Device) -> ConfigVersion:
    version = issue_version(device_id=device.pk, author="kim", reason="test")
    assert version is not None
    return version


def test_pending_changes_are_those_beyond_the_newest_version(device: Device) -> None:
    assert [str(c) for c in pending_changes(device)][:2] == ["Site: name empty → Plant", "Site: time zone empty → UTC"]
    issue(device)
    assert pending_changes(device) == []
    Binding.objects.update(params={"dwell_s": 10})
    assert [str(c) for c in pending_changes(device)] == ["Binding intrusion · Door: parameter dwell_s 3 → 10"]


def test_a_rollback_is_a_new_higher_version_with_the_old_content_and_the_present_secrets(device: Device) -> None:
    first = issue(device)
    ROI.objects.all().delete()
    Camera.objects.filter(pk="c1").update(name="Renamed")
    Camera.objects.create(camera_id="c2", device=device, rtsp_url="rtsp://h/2")
    second = issue(device)
    camera = Camera.objects.get(pk="c1")
    camera.rtsp_url = "rtsp://u:second@h/1"
    camera.save()

    third = roll_back(device_id="d1", version=first.version, author="lee", reason="bad shift")

    assert (third.version, third.rollback_of, third.reason) == (3, 1, "bad shift")
    assert third.version > second.version
    assert not Camera.objects.filter(pk="c2").exists()
    assert Camera.objects.get(pk="c1").rtsp_url == "rtsp://u:second@h/1"
    assert Binding.objects.get().params == {"dwell_s": 3}
    assert [str(c) for c in changes_between(first, third)] == ["Camera Line 1: stream URL changed"]
    assert json.loads(third.document)["rollback_of"] == 1
    assert json.loads(third.document)["issued_by"] == "lee"
    assert pending_changes(device) == []
    assert issue_version(device_id="d1", author="reconcile") is None


def test_a_camera_that_was_deleted_comes_back_with_its_old_secret(device: Device) -> None:
    issue(device)
    Camera.objects.all().delete()
    issue(device)
    roll_back(device_id="d1", version=1, author="kim")
    assert Camera.objects.get(pk="c1").rtsp_url == "rtsp://u:first@h/1"
    assert content_of_version(ConfigVersion.objects.get(version=3)) == content_of_version(
        ConfigVersion.objects.get(version=1)
    )


def test_a_rollback_that_would_take_a_row_from_another_device_is_refused_whole(device: Device) -> None:
    issue(device)
    other = Device.objects.create(device_id="d2", site=device.site)
    Camera.objects.filter(pk="c1").update(device=other)
    issue(device)
    with pytest.raises(VersionError, match="c1"):
        roll_back(device_id="d1", version=1, author="kim")
    assert Camera.objects.get(pk="c1").device_id == "d2"
    assert ConfigVersion.objects.filter(device=device).count() == 2


def test_no_such_version_and_nothing_to_roll_back(device: Device) -> None:
    issue(device)
    with pytest.raises(VersionError, match="no version 9"):
        roll_back(device_id="d1", version=9, author="kim")
    with pytest.raises(VersionError, match="nothing to roll back"):
        roll_back(device_id="d1", version=1, author="kim")


def test_rows_that_make_no_document_are_put_back_by_a_rollback_to_the_newest_version(device: Device) -> None:
    """Nobody could issue them, so the newest version is the one to go back to; the box has it, and no other is made."""
    first = issue(device)
    Binding.objects.update(params={"dwell_s": -1}, schedule=None)
    with pytest.raises(DocumentError):
        issue(device)
    back = roll_back(device_id="d1", version=first.version, author="lee")
    assert back == first
    assert Binding.objects.get().params == {"dwell_s": 3}
    assert pending_changes(device) == []
    assert ConfigVersion.objects.count() == 1


def test_discarding_puts_the_rows_back_to_what_the_box_was_sent_and_sends_nothing(device: Device) -> None:
    """Also the stream URL: were the edited one kept, the next publish would bring out what was discarded."""
    first = issue(device)
    Camera.objects.filter(pk="c1").update(name="Renamed", rtsp_url="rtsp://u:second@h/1")
    Camera.objects.create(camera_id="c2", device=device, rtsp_url="rtsp://h/2")
    ROI.objects.all().delete()
    assert discard_pending(device_id="d1", author="lee", reason="a mistake") == first
    assert pending_changes(device) == []
    camera = Camera.objects.get()
    assert (camera.name, camera.rtsp_url) == ("Line 1", "rtsp://u:first@h/1")
    assert Binding.objects.get().params == {"dwell_s": 3}
    assert ConfigVersion.objects.count() == 1
    told = Camera.history.filter(camera_id="c2").first()
    assert (told.history_author, told.history_change_reason) == ("lee", "pending changes discarded: a mistake")


def test_a_rollback_to_the_newest_version_issues_none_whatever_was_edited(device: Device) -> None:
    first = issue(device)
    Camera.objects.filter(pk="c1").update(rtsp_url="rtsp://u:second@h/1")
    assert roll_back(device_id="d1", version=1, author="lee") == first
    assert Camera.objects.get().rtsp_url == "rtsp://u:first@h/1"
    assert ConfigVersion.objects.count() == 1


@pytest.fixture
def other(device: Device) -> Device:
    """A second device, published without a camera."""
    other = Device.objects.create(device_id="d2", site=device.site, publish_on_save=False)
    issue(other)
    return other


def test_a_camera_that_came_from_another_device_is_not_deleted_by_going_back(device: Device, other: Device) -> None:
    """Where it is published still, or was: its recordings and clips would go with it."""
    issue(device)
    camera = Camera.objects.get()
    camera.device = other
    camera.save()
    with pytest.raises(VersionError, match="c1 came from another device; move it back first"):
        discard_pending(device_id="d2", author="lee")
    issue(other)
    with pytest.raises(VersionError, match="c1 came from another device"):
        roll_back(device_id="d2", version=1, author="lee")
    assert (Camera.objects.get().device_id, ROI.objects.count(), Binding.objects.count()) == ("d2", 1, 1)
    camera.device = device
    camera.save()
    assert pending_changes(device) == []


def test_regions_and_bindings_that_came_from_another_device_are_not_deleted_either(
    device: Device, other: Device
) -> None:
    far = Camera.objects.create(camera_id="c2", device=other, rtsp_url="rtsp://h/2")
    roi = ROI.objects.create(roi_id="r2", camera=far, coordinates=[[0, 0], [1, 0], [1, 1]])
    issue(device)
    issue(other)
    binding = Binding.objects.get()
    binding.roi = roi
    binding.save()
    with pytest.raises(VersionError, match="b1 came from another device"):
        discard_pending(device_id="d2", author="lee")
    near = ROI.objects.get(roi_id="r1")
    near.camera = far
    near.save()
    with pytest.raises(VersionError, match="r1 came from another device"):
        discard_pending(device_id="d2", author="lee")


def test_a_camera_called_like_a_deleted_one_of_another_device_goes(device: Device, other: Device) -> None:
    Camera.objects.get().delete()
    Camera.objects.create(camera_id="c1", device=other, rtsp_url="rtsp://h/1")
    discard_pending(device_id="d2", author="lee")
    assert not Camera.objects.exists()


def test_discarding_answers_what_a_device_that_publishes_on_save_issued_with_a_new_site(device: Device) -> None:
    issue(device)
    Device.objects.update(publish_on_save=True)
    Site.objects.update(time_zone="Europe/Vienna")
    Binding.objects.update(params={"dwell_s": -1})
    assert discard_pending(device_id="d1", author="lee").version == 2
    Binding.objects.update(params={"dwell_s": -1})
    Site.objects.update(time_zone="Asia/Tokyo")
    assert roll_back(device_id="d1", version=2, author="lee").version == 3


def test_only_what_the_person_saw_is_discarded(device: Device) -> None:
    issue(device)
    Binding.objects.update(params={"dwell_s": 7})
    seen = content_sha256(device)
    Binding.objects.update(params={"dwell_s": 8})
    with pytest.raises(VersionError, match="was edited while"):
        discard_pending(device_id="d1", author="lee", expected=seen)
    assert Binding.objects.get().params == {"dwell_s": 8}


def test_there_is_something_to_discard_and_a_version_to_go_back_to(device: Device) -> None:
    with pytest.raises(VersionError, match="never published"):
        discard_pending(device_id="d1", author="lee")
    issue(device)
    with pytest.raises(VersionError, match="nothing to discard"):
        discard_pending(device_id="d1", author="lee")
    Site.objects.update(time_zone="Europe/Vienna")  # other devices' too
    with pytest.raises(VersionError, match="nothing to discard"):
        discard_pending(device_id="d1", author="lee")
    assert Site.objects.get().time_zone == "Europe/Vienna"


def test_a_device_that_publishes_on_save_forgets_the_rows_that_could_not_be_published(device: Device) -> None:
    first = issue(device)
    Device.objects.update(publish_on_save=True)
    Binding.objects.update(params={"dwell_s": -1})
    publish_edit(device_ids=["d1"], author="kim")
    assert Device.objects.get().publish_error
    assert discard_pending(device_id="d1", author="lee") == first
    assert Device.objects.get().publish_error == ""
    assert ConfigVersion.objects.count() == 1


def test_a_new_epoch_is_later_and_begins_at_one(device: Device) -> None:
    first = issue(device)
    renewed = begin_epoch(device_id="d1", author="kim")
    assert renewed is not None
    assert renewed.version == 1
    assert renewed.epoch > first.epoch
    assert renewed.sha256 == first.sha256
    with pytest.raises(VersionError):
        roll_back(device_id="d1", version=2, author="kim")


def test_issued_versions_never_change_not_even_by_sql(device: Device) -> None:
    version = issue(device)
    version.reason = "other"
    with pytest.raises(ImmutableError):
        version.save()
    with pytest.raises(ImmutableError):
        ConfigVersion.objects.update(reason="other")
    with pytest.raises(ImmutableError):
        version.delete()
    with pytest.raises(DatabaseError, match="never change"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE cameras_configversion SET reason = 'other'")
    assert ConfigVersion.objects.get().reason == "test"
