"""Import and export at the database: all of a file or nothing, and only this site's rows."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError

from cameras import services
from cameras.core.transfer import SiteState
from cameras.core.transfer_file import TransferError
from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Camera, Device, Site
from cameras.publish import Outcome
from cameras.services import publish_edit
from cameras.transfer.rows import FIELDS, site_state
from cameras.transfer.services import OutdatedError, Upload, carry_out, export_site, prepare
from cameras.transfer.writing import FORMATS
from tests.rows import PASSWORD, SOURCE, make_all, make_camera

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "write_document", lambda *args, **values: Outcome.WRITTEN)


@pytest.fixture
def site() -> Site:
    """Two sites with everything in them and published; the first is answered."""
    for number, name in ((1, "Kitchen"), (2, "Warehouse")):
        device = make_all(f"box-{number}", site=name, number=number)
        publish_edit(device_ids=[device.pk], author="setup")
    return Site.objects.get(name="Kitchen")


def publish(device_ids: set[str]) -> None:
    assert not [r for r in publish_edit(device_ids=device_ids, author="kim").values() if isinstance(r, Exception)]


def load(site: Site, text: str, *, name: str = "site.yaml", delete: bool = False, **values: Any) -> list[str]:
    upload = Upload(name, text.encode(), delete)
    return [str(c) for c in carry_out(site=site, upload=upload, author="kim", publish=publish, **values).changes]


def everything() -> list[SiteState]:
    return [site_state(site) for site in Site.objects.order_by("pk")]


def versions() -> int:
    return ConfigVersion.objects.count()


@pytest.mark.parametrize("kind", FORMATS)
def test_round_trip_changes_no_row_and_issues_no_version(site: Site, kind: str) -> None:
    ROI.objects.filter(roi_id="roi-1").update(coordinates=[[0, 0], [1, 0], [1, 1], [0, 0]])  # closed by another program
    publish_edit(device_ids=["box-1"], author="setup")
    before, count = everything(), versions()
    assert load(site, export_site(site, kind), name=f"s.{kind}", delete=True) == []
    assert (everything(), versions()) == (before, count)


def test_the_fields_are_all_that_a_document_is_made_of() -> None:
    """A column that is added to one of these models must come into the file too (or be left out here on purpose)."""
    for kind, model in (("cameras", Camera), ("rois", ROI), ("bindings", Binding)):
        assert {field.name for field in model._meta.concrete_fields} - {"id"} == set(FIELDS[kind]), kind


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_an_export_with_secrets_makes_the_site_again_on_another_hub(site: Site, kind: str) -> None:
    text, before = export_site(site, kind, secrets=True), site_state(site)
    ConfigVersion.objects.filter(device="box-1")._raw_delete("default")
    Device.objects.get(pk="box-1").delete()
    site.delete()
    load(Site(name="Kitchen"), text, name=f"s.{kind}")
    assert site_state(Site.objects.get(name="Kitchen")) == before
    assert ConfigVersion.objects.filter(device="box-1").count() == 1


def test_an_import_adds_changes_and_moves_and_publishes_once_for_each_device(site: Site) -> None:
    text = f"""format: 1
site: {{name: Kitchen, time_zone: Asia/Shanghai}}
devices:
- {{device_id: box-3, name: Third}}
cameras:
- {{camera_id: vid1, device: box-3, location: Hall}}
- {{camera_id: vid3, device: box-1, rtsp_url: "{SOURCE}", max_fps: 5}}
rois:
- {{roi_id: r3, camera: vid3, roi_type: rectangle, coordinates: [[0, 0], [0.5, 0.5]]}}
bindings:
- {{bind_id: b3, roi: r3, algo_code: intrusion, params: {{dwell_s: 4}}}}
"""
    before = versions()
    assert load(site, text) == [
        "Site: time zone UTC → Asia/Shanghai",
        "Device Third added",
        "Camera Line 1: device box-1 → box-3",
        "Camera Line 1: location empty → Hall",
        "Camera vid3 added",
        "ROI r3 added",
        "Binding intrusion · r3 added",
    ]
    assert Camera.objects.get(pk="vid1").device_id == "box-3"
    assert Camera.objects.get(pk="vid3").rtsp_url == SOURCE
    assert Binding.objects.get(bind_id="b3").roi.camera_id == "vid3"
    assert Device.objects.get(pk="box-3").site.time_zone == "Asia/Shanghai"
    assert versions() == before + 2


def test_deletion_takes_what_hangs_on_a_row_but_not_what_moved_away(site: Site) -> None:
    text = f"""format: 1
cameras:
- {{camera_id: vid9, device: box-1, rtsp_url: "{SOURCE}"}}
rois:
- {{roi_id: r9, camera: vid9, coordinates: [[0, 0], [1, 0], [1, 1]]}}
bindings:
- {{bind_id: bind-1, roi: r9}}
"""
    pk = Binding.objects.get(bind_id="bind-1").pk
    load(site, text, delete=True)
    assert set(Camera.objects.values_list("pk", flat=True)) == {"vid2", "vid9"}
    assert set(ROI.objects.values_list("roi_id", flat=True)) == {"roi-2", "r9"}
    assert Binding.objects.get(bind_id="bind-1").pk == pk
    assert Binding.objects.filter(bind_id="bind-2").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("site: {name: Warehouse}", "line 2, site.name: another site has this name"),
        ("devices: [{device_id: box-2}]", "line 2, devices[0].device_id: “box-2” belongs to another site"),
        ("cameras:\n- camera_id: vid2", "line 3, cameras[0].camera_id: “vid2” belongs to another site"),
        ("rois:\n- roi_id: roi-2", "line 3, rois[0].roi_id: “roi-2” belongs to another site"),
        ("bindings:\n- bind_id: bind-2", "line 3, bindings[0].bind_id: “bind-2” belongs to another site"),
        ("cameras:\n- camera_id: vid1\n  device: box-2", "line 4, cameras[0].device: there is no device “box-2”"),
        ("rois:\n- roi_id: roi-1\n  camera: vid2", "line 4, rois[0].camera: there is no camera “vid2”"),
        ("bindings:\n- bind_id: bind-1\n  roi: roi-2", "line 4, bindings[0].roi: there is no ROI “roi-2”"),
    ],
)
def test_rows_of_another_site_cannot_be_reached(site: Site, text: str, problem: str) -> None:
    before = everything()
    with pytest.raises(TransferError) as caught:
        load(site, "format: 1\n" + text)
    assert str(caught.value).startswith(problem)
    assert everything() == before


def test_a_bad_last_row_leaves_everything_untouched(site: Site) -> None:
    before, count = everything(), versions()
    rows = "".join(f"c{n},box-1,{SOURCE}\n" for n in range(50))
    with pytest.raises(TransferError) as caught:
        load(site, f"camera_id,device,rtsp_url\n{rows}last,box-1,http://admin:{PASSWORD}@h\n", name="c.csv")
    assert str(caught.value).startswith("line 52, cameras[50].rtsp_url: must begin with")
    assert PASSWORD not in str(caught.value)
    assert (everything(), versions()) == (before, count)


@pytest.mark.parametrize("error", [IntegrityError("taken"), RuntimeError("power cut")])
def test_a_failure_while_the_last_row_is_written_leaves_everything_untouched(
    site: Site, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(self: Binding, **values: Any) -> None:
        assert Camera.objects.filter(pk="c9").exists()  # the rows before it are there by now
        raise error

    monkeypatch.setattr(Binding, "save", save)
    before, count = everything(), versions()
    text = (
        f'format: 1\nsite: {{name: New}}\ncameras: [{{camera_id: c9, device: box-1, rtsp_url: "{SOURCE}"}}]\n'
        "bindings: [{bind_id: bind-1, priority: 5}]"
    )
    with pytest.raises((TransferError, RuntimeError), match=r"Somebody else changed|power cut"):
        load(site, text)
    assert (everything(), versions()) == (before, count)


def test_a_failure_to_publish_leaves_everything_untouched(site: Site) -> None:
    def fail(device_ids: set[str]) -> None:
        raise RuntimeError("no version")

    before = everything()
    upload = Upload("s.yaml", b"format: 1\ncameras: [{camera_id: vid1, name: x}]")
    with pytest.raises(RuntimeError):
        carry_out(site=site, upload=upload, author="kim", publish=fail)
    assert everything() == before


def test_a_confirmation_holds_only_for_the_rows_that_it_was_shown_for(site: Site) -> None:
    text = "format: 1\ncameras: [{camera_id: vid1, name: New}]"
    _, state = prepare(site=site, upload=Upload("site.yaml", text.encode()))
    Binding.objects.filter(bind_id="bind-1").update(priority=7)
    with pytest.raises(OutdatedError) as caught:
        load(site, text, expected=state)
    assert Camera.objects.get(pk="vid1").name == "Line 1"
    load(site, text, expected=caught.value.state)
    assert Camera.objects.get(pk="vid1").name == "New"


def test_a_confirmation_holds_only_for_the_same_file_and_option(site: Site) -> None:
    upload = Upload("site.yaml", b"format: 1\ncameras: []")
    states = {
        prepare(site=site, upload=other)[1]
        for other in (upload, Upload(upload.name, upload.data, delete=True), Upload(upload.name, upload.data + b"\n"))
    }
    assert len(states) == 3
    assert prepare(site=site, upload=upload)[1] in states


def test_a_sealed_upload_opens_only_for_its_purpose() -> None:
    upload = Upload("s.yaml", SOURCE.encode() + b"\n\xff\n", delete=True)
    sealed = upload.sealed("site 1")
    assert PASSWORD not in sealed
    assert Upload.opened(sealed, "site 1") == upload
    for wrong, purpose in ((sealed, "site 2"), ("", ""), ("x", ""), (sealed[:-5], "site 1")):
        with pytest.raises(TransferError, match="does not belong"):
            Upload.opened(wrong, purpose)


def test_rows_that_cannot_be_decrypted_are_a_problem_in_words(site: Site, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(TransferError, match="FIELD_ENCRYPTION_KEY"):
        load(site, "format: 1\ncameras: []")


# Commands


def test_export_masks_unless_told_otherwise(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in FORMATS:
        call_command("export_site", "Kitchen", "--format", kind)
        shown = capsys.readouterr().out
        assert "vid1" in shown
        assert "vid2" not in shown
        assert PASSWORD not in shown
    file = tmp_path / "kitchen.yaml"
    file.touch(mode=0o644)
    call_command("export_site", "Kitchen", "--with-secrets", "--output", str(file))
    assert SOURCE in file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(CommandError, match="Known: Kitchen, Warehouse"):
        call_command("export_site", "Nowhere")


def test_import_shows_first_and_imports_when_told(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("format: 1\ncameras: [{camera_id: vid1, name: Line 9}]", encoding="utf-8")
    call_command("import_site", "Kitchen", str(file))
    assert "~ Camera Line 9: name Line 1 → Line 9\nNothing was changed." in capsys.readouterr().out
    assert Camera.objects.get(pk="vid1").name == "Line 1"
    call_command("import_site", "Kitchen", str(file), "--apply")
    assert "box-1: version 2 is issued" in capsys.readouterr().out
    assert Camera.objects.get(pk="vid1").name == "Line 9"
    call_command("import_site", "Kitchen", str(file), "--apply")
    assert "Nothing changes" in capsys.readouterr().out


def test_import_names_what_is_wrong_and_can_make_a_site(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("format: 1\nsite: {name: Hall}\ndevices: [{device_id: box-7}]\ncameras: [{}]", encoding="utf-8")
    with pytest.raises(CommandError, match=r"--create makes it"):
        call_command("import_site", "Hall", str(file))
    with pytest.raises(CommandError, match=r"line 4, cameras\[0\].camera_id: is missing"):
        call_command("import_site", "Hall", str(file), "--create", "--apply")
    assert not Site.objects.filter(name="Hall").exists()
    file.write_text("format: 1\nsite: {name: Hall}\ndevices: [{device_id: box-7}]", encoding="utf-8")
    call_command("import_site", "Hall", str(file), "--create")
    assert not Site.objects.filter(name="Hall").exists()
    call_command("import_site", "Hall", str(file), "--create", "--apply")
    assert Device.objects.get(pk="box-7").site.name == "Hall"
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_site", "Hall", str(tmp_path / "none.yaml"))


def test_many_cameras_at_once(site: Site) -> None:
    """More than one statement's worth of values."""
    device = Device.objects.get(pk="box-1")
    rows = "".join(f"c{n},box-1,webcam:0,New\n" for n in range(1200))
    make_camera("c7", device=device, name="Old")
    assert len(load(site, "camera_id,device,rtsp_url,name\n" + rows, name="c.csv")) == 1199 + 2
    assert Camera.objects.filter(device=device).count() == 1201
    assert load(site, "camera_id\nvid1\n", name="c.csv", delete=True)[0].endswith("removed")
    assert Camera.objects.filter(device=device).count() == 1
