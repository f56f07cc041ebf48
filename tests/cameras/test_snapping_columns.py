"""What snapshots a camera takes by itself: on its page, in its site's file, with its schedule; never in a document."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import ProtectedError

from cameras.choices import SnapEvery
from cameras.cloning import clone_camera
from cameras.core.snapping import COLUMNS, DEFAULTS, MINUTES
from cameras.core.transfer_file import TransferError
from cameras.models import Camera, Device
from cameras.schedules import Schedule
from cameras.transfer.rows import site_state
from cameras.transfer.services import Upload, carry_out, export_site
from tests.cameras.pages import browser, field_error, path, save, two_sites, versions, visible
from tests.rows import make_site
from tests.servers.stack import Form

pytestmark = pytest.mark.django_db

FULL = {"snap_every": 15, "snap_schedule": "shift-1", "snap_days": 90}


@pytest.fixture(autouse=True)
def sites() -> None:
    two_sites()


def set_columns(**columns: object) -> None:
    Camera.objects.filter(pk="vid1").update(**{"snap_every": 15, "snap_schedule": "shift-1", "snap_days": 90} | columns)


def test_the_choices_are_those_of_a_file() -> None:
    assert tuple(SnapEvery.values) == MINUTES
    camera = Camera.objects.get(pk="vid1")
    assert {name: getattr(camera, name) for name in COLUMNS} == DEFAULTS
    with pytest.raises(IntegrityError):
        Camera.objects.update(snap_every=7)


def test_they_are_set_on_the_cameras_page_and_make_no_version() -> None:
    client, camera, before = browser("operator"), Camera.objects.get(pk="vid1"), versions("box-1")
    page = path(Camera, "change", camera)
    shown = visible(client, page)
    assert Form(shown).fields["snap_every"] == ["0"]
    assert "Shift 2" not in shown  # of another site
    save(client, page, snap_every="5", snap_schedule="shift-1", snap_days="")
    camera.refresh_from_db()
    assert (camera.snap_every, camera.snap_schedule_id, camera.snap_days) == (5, "shift-1", 30)
    assert versions("box-1") == before
    assert "Every 5 minutes" in visible(client, path(Camera, "history", camera))
    assert field_error(save(client, page, snap_days="0"), "snap_days")


def test_a_schedule_is_of_the_cameras_site_and_stays_while_it_is_followed() -> None:
    set_columns()
    foreign = Camera.objects.get(pk="vid2")
    foreign.snap_schedule = Schedule.objects.get(schedule_id="shift-1")
    with pytest.raises(ValidationError, match="belongs to another site"):
        foreign.full_clean()
    with pytest.raises(ProtectedError):
        Schedule.objects.get(schedule_id="shift-1").delete()
    device = Device.objects.get(pk="box-1")
    device.site = make_site("Warehouse")
    with pytest.raises(ValidationError, match="Snapshots here follow schedules of another site: Shift 1"):
        device.clean()


def test_a_clone_takes_them_too() -> None:
    set_columns()
    clone, _ = clone_camera(camera_id="vid1", new_id="vid9", name="", rtsp_url="rtsp://10.0.0.9/1", author="kim")
    assert (clone.snap_every, clone.snap_schedule_id, clone.snap_days) == (15, "shift-1", 90)


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_they_are_in_the_file_of_a_site(kind: str) -> None:
    set_columns()
    before, file = site_state(make_site()), export_site(make_site(), kind, secrets=True)
    assert before.rows["cameras"]["vid1"].items() >= FULL.items()
    set_columns(**DEFAULTS)
    upload = Upload(f"s.{kind}", file.encode())
    plan = carry_out(site=make_site(), upload=upload, author="kim", publish=lambda devices: None)
    assert site_state(make_site()) == before
    assert plan.devices == set()
    told = [str(c) for c in plan.changes]
    assert "Camera Line 1: minutes between snapshots 0 → 15" in told
    assert "Camera Line 1: snapshot schedule empty → shift-1" in told


@pytest.mark.parametrize(
    ("file", "delete", "problem"),
    [
        ("cameras:\n- {camera_id: vid1, snap_schedule: gone}", False, "there is no schedule “gone”"),
        ("cameras:\n- {camera_id: vid1, snap_every: 7}", False, "must be one of"),
        ("schedules: []", True, "the snapshots of camera “vid1” follow it"),
    ],
)
def test_a_file_that_cannot_be_is_refused(file: str, delete: bool, problem: str) -> None:
    set_columns()
    upload = Upload("s.yaml", f"format: 1\n{file}\n".encode(), delete)
    with pytest.raises(TransferError) as caught:
        carry_out(site=make_site(), upload=upload, author="kim", publish=lambda devices: None)
    assert problem in str(caught.value)
