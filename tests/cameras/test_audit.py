"""Entries of the audit: each edit makes one with its author, whatever way it came; nothing else does; no secret is in one."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection, transaction

from cameras import services
from cameras.audit import acting
from cameras.audit_log import CODES, history_of
from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Camera, Device, Site, SiteAccess
from cameras.publish import Outcome
from cameras.restoring import VersionError
from cameras.services import issue_version, publish_edit
from cameras.transfer.services import Upload, carry_out
from cameras.versions import begin_epoch, roll_back
from edgesite.demo.seed import seed
from tests.cameras.pages import browser, path, save
from tests.rows import PASSWORD, SOURCE, SQUARE, make_all, make_person, make_site

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "write_document", lambda *args, **values: Outcome.WRITTEN)


@pytest.fixture
def device() -> Device:
    """Everything once, with no entries yet."""
    device = make_all()
    forget()
    return device


def forget() -> None:
    for model in CODES:
        history_of(model).objects.all().delete()


def entries(model: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """`(kind of change, author, changes)`, oldest first."""
    rows = history_of(model).objects.order_by("history_id")
    return [(r.history_type, r.history_author, r.history_changes) for r in rows]


def all_entries() -> int:
    return sum(history_of(model).objects.count() for model in CODES)


# Edits


def test_an_edit_in_the_admin_is_the_persons(device: Device) -> None:
    client = browser("operator")
    save(client, path(Camera, "change", Camera.objects.get()), name="Line 9", max_fps="5")
    assert entries(Camera) == [("~", "the operator", {"name": ["Line 1", "Line 9"], "max_fps": [10.0, 5.0]})]
    [entry] = history_of(Camera).objects.all()
    assert entry.history_user.username == "the operator"
    assert entry.history_site == device.site_id
    assert all_entries() == 1


def test_saving_without_a_change_leaves_no_entry(device: Device) -> None:
    client = browser("superuser")
    for model in (Site, Device, Camera, ROI, Binding):
        response = save(client, path(model, "change", model._default_manager.get()))
        assert "changed successfully" in response.content.decode()
    for model in (Site, Device, Camera, ROI, Binding):
        model._default_manager.get().save()
    assert all_entries() == 0


def test_adding_and_deleting_are_entries_and_a_deletion_takes_its_parts_with_it(device: Device) -> None:
    client = browser("operator")
    form = {"camera_id": "vid2", "device": "box-1", "rtsp_url": "rtsp://h/2", "max_fps": "10"}
    inline = {f"rois-{n}": "0" for n in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")}
    client.post(path(Camera, "add"), form | inline)
    assert entries(Camera) == [("+", "the operator", {})]
    client.post(path(Camera, "delete", Camera.objects.get(pk="vid1")), {"post": "yes"})
    assert entries(Camera)[1:] == [("-", "the operator", {})]
    assert entries(ROI) == entries(Binding) == [("-", "the operator", {})]
    for model in (Camera, ROI, Binding):
        assert set(history_of(model).objects.values_list("history_site", flat=True)) == {device.site_id}


def test_a_devices_deletion_is_told_with_all_its_parts_at_their_site(device: Device) -> None:
    site = device.site_id
    with acting(author="kim"):
        device.delete()
    for model in (Device, Camera, ROI, Binding):
        [entry] = history_of(model).objects.all()
        assert (entry.history_type, entry.history_author, entry.history_site) == ("-", "kim", site)


def test_the_list_action_deletes_with_entries(device: Device) -> None:
    chosen = {"action": "delete_selected", "_selected_action": ["vid1"], "post": "yes"}
    browser("operator").post(path(Camera), chosen)
    assert [e[:2] for e in entries(Camera) + entries(ROI) + entries(Binding)] == [("-", "the operator")] * 3


def test_which_sites_a_person_sees_is_audited_from_both_sides() -> None:
    person, kitchen, plant = make_person("somebody"), make_site("Kitchen"), make_site("Plant")
    access = SiteAccess.objects.create(user=person)
    access.sites.set([kitchen])
    access.sites.set([plant])
    plant.access.clear()
    changes = [c for kind, _, c in entries(SiteAccess) if kind == "~"]
    a, b = kitchen.pk, plant.pk
    assert changes == [{"sites": [[], [a]]}, {"sites": [[a], []]}, {"sites": [[], [b]]}, {"sites": [[b], []]}]
    access.sites.set([])
    access.sites.add(kitchen)
    access.sites.add(kitchen)
    access.sites.clear()
    assert [c for _, _, c in entries(SiteAccess)][-2:] == [{"sites": [[], [a]]}, {"sites": [[a], []]}]
    assert [kind for kind, _, _ in entries(Site)] == ["+", "+"]


def test_what_changed_is_told_against_the_stored_row_not_against_the_last_entry(device: Device) -> None:
    Camera.objects.update(name="by a bulk operation")
    assert all_entries() == 0
    camera = Camera.objects.get()
    camera.location = "roof"
    camera.save(update_fields=["location"])
    camera.name = "not saved"
    camera.enabled = False
    camera.save(update_fields=["enabled"])
    assert [c for _, _, c in entries(Camera)] == [{"location": ["", "roof"]}, {"enabled": [True, False]}]
    assert Camera.objects.get().name == "by a bulk operation"


def test_a_row_that_moves_to_another_site_names_both(device: Device) -> None:
    old, new = device.site_id, make_site("Plant").pk
    device.site_id = new
    device.save()
    [entry] = history_of(Device).objects.all()
    assert (entry.history_left, entry.history_site) == (old, new)


def test_an_edit_that_is_rolled_back_leaves_no_entry(device: Device) -> None:
    with transaction.atomic():
        ROI.objects.get().delete()
        assert all_entries() == 2
        transaction.set_rollback(True)
    assert all_entries() == 0


# Not by people


def test_what_the_hub_does_by_itself_makes_no_entry(device: Device) -> None:
    assert publish_edit(device_ids=["box-1"], author="reconcile")
    Camera.objects.update(max_fps=-1)
    publish_edit(device_ids=["box-1"], author="reconcile")
    assert Device.objects.get().publish_error
    assert all_entries() == 0


def test_columns_of_workers_are_in_no_history_table(device: Device) -> None:
    columns = {f.attname for f in history_of(Device)._meta.fields}
    assert not columns & {"last_version", "publish_error", "redis_ahead", "token_hash", "redis_password_hash"}
    assert "rtsp_url" not in {f.attname for f in history_of(Camera)._meta.fields}


# Rollback, import, commands


def test_a_rollback_makes_entries_of_its_author_for_what_it_changes_only(device: Device) -> None:
    make_person("kim")
    issue_version(device_id="box-1", author="kim")
    Binding.objects.update(params={"dwell_s": 9})
    ROI.objects.filter(roi_id="roi-1").update(name="Gate")
    Camera.objects.create(camera_id="vid2", device=device, rtsp_url=SOURCE)
    issue_version(device_id="box-1", author="kim")
    forget()
    roll_back(device_id="box-1", version=1, author="kim", reason="bad shift")
    assert entries(Camera) == [("-", "kim", {})]
    assert entries(ROI) == [("~", "kim", {"name": ["Gate", "Door 1"]})]
    assert entries(Binding) == [("~", "kim", {"params": [{"dwell_s": 9}, {}]})]
    [entry] = history_of(ROI).objects.all()
    assert entry.history_user.username == "kim"
    assert entry.history_change_reason == "rollback to version 1: bad shift"


def test_a_rollback_that_is_refused_leaves_no_entry(device: Device) -> None:
    issue_version(device_id="box-1", author="kim")
    with pytest.raises(VersionError):
        roll_back(device_id="box-1", version=1, author="kim")
    assert all_entries() == 0


def test_an_import_makes_entries_of_its_author(device: Device) -> None:
    new = f"{{roi_id: roi-2, camera: vid1, coordinates: {SQUARE}}}"
    text = f"format: 1\nrois: [{{roi_id: roi-1, name: Gate}}, {new}]"
    upload = Upload("plant.yaml", text.encode(), delete=False)
    carry_out(site=device.site, upload=upload, author="import_site", publish=lambda devices: None)
    assert entries(ROI) == [("+", "import_site", {}), ("~", "import_site", {"name": ["Door 1", "Gate"]})]
    [added, changed] = history_of(ROI).objects.order_by("history_id")
    assert {added.history_change_reason, changed.history_change_reason} == {"import of plant.yaml"}
    assert changed.history_user is None
    assert all_entries() == 2


def test_an_import_that_deletes_makes_entries(device: Device) -> None:
    upload = Upload("s.yaml", b"format: 1\ncameras: []\nrois: []\nbindings: []", delete=True)
    carry_out(site=device.site, upload=upload, author="kim", publish=lambda devices: None)
    assert entries(Camera) == entries(ROI) == entries(Binding) == [("-", "kim", {})]


def test_commands_leave_their_names(device: Device) -> None:
    issue_version(device_id="box-1", author="kim")
    ROI.objects.update(name="Gate")
    issue_version(device_id="box-1", author="kim")
    call_command("rollback_config", "box-1", "1", verbosity=0)
    assert [e[1] for e in entries(ROI)] == ["rollback_config"]


def test_a_new_epoch_is_an_entry(device: Device) -> None:
    begin_epoch(device_id="box-1", author="kim", reason="new box")
    [(kind, author, changes)] = entries(Device)
    assert (kind, author, list(changes)) == ("~", "kim", ["epoch"])


def test_the_demos_rows_are_the_administrators() -> None:
    seed(device_id="demo-01", source="rtsp://u:hunter2@h/1", shapes="street")
    made = all_entries()
    assert made == sum(model._default_manager.count() for model in (Site, Device, Camera, ROI, Binding))
    assert {e[1] for model in (Site, Device, Camera, ROI, Binding) for e in entries(model)} == {"admin"}
    seed(device_id="demo-01", source="rtsp://u:hunter2@h/1", shapes="street")
    assert all_entries() == made


def test_the_innermost_author_counts_and_ends_with_its_block(device: Device) -> None:
    roi = ROI.objects.get()
    with acting(author="outer", reason="a"):
        with acting(author="inner", reason="b"):
            roi.name = "1"
            roi.save()
        roi.name = "2"
        roi.save()
    roi.name = "3"
    roi.save()
    assert [e[1] for e in entries(ROI)] == ["inner", "outer", ""]


def test_the_authors_name_stays_when_the_account_goes(device: Device) -> None:
    person = make_person("kim")
    with acting(author="kim"):
        ROI.objects.get().delete()
    person.delete()
    [entry] = history_of(ROI).objects.all()
    assert (entry.history_user, entry.history_author) == (None, "kim")


# Secrets


def test_a_new_stream_url_is_told_and_its_value_kept_nowhere(device: Device) -> None:
    client = browser("operator")
    save(client, path(Camera, "change", Camera.objects.get()), rtsp_url="rtsp://u:hunter2@10.0.0.9/x")
    assert entries(Camera) == [("~", "the operator", {"rtsp_url": None})]


def test_the_same_url_under_a_new_key_is_no_change(device: Device, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *django_settings.FIELD_ENCRYPTION_KEYS]
    Camera.objects.get().save()
    assert all_entries() == 0


def test_a_url_that_no_key_opens_may_be_replaced(device: Device, settings: Any) -> None:
    camera = Camera.objects.get()
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    camera.rtsp_url, camera.name = "rtsp://h/2", "Line 2"
    camera.save()
    assert entries(Camera) == [("~", "", {"name": ["Line 1", "Line 2"], "rtsp_url": None})]


def test_no_password_is_anywhere_in_the_database(device: Device) -> None:
    camera = Camera.objects.get()
    with acting(author="kim", reason="test"):
        camera.rtsp_url = "rtsp://u:hunter2@10.0.0.9/x"
        camera.save()
    device.token_hash = "deadbeef" * 8
    device.save()
    camera.delete()
    assert entries(Device)[-1] == ("~", "", {"token_hash": None})
    Device.objects.update(token_hash="")
    everything = "\n".join(connection.connection.iterdump())
    assert "Door 1" in everything
    for secret in (PASSWORD, "hunter2", "10.0.0.9", "deadbeef"):
        assert secret not in everything


def test_versions_do_not_depend_on_the_audit(device: Device) -> None:
    issue_version(device_id="box-1", author="kim")
    forget()
    ROI.objects.get().delete()
    issue_version(device_id="box-1", author="kim")
    roll_back(device_id="box-1", version=1, author="kim")
    assert ConfigVersion.objects.count() == 3
    assert ROI.objects.get().name == "Door 1"
