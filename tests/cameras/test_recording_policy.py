"""What of a camera is recorded without anybody asking: columns, document, rollback, import, page."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models import ProtectedError
from hypothesis import given
from hypothesis import strategies as st

from cameras import services
from cameras.core.algorithms import registry
from cameras.core.bare import parse_bare
from cameras.core.compiler import compile_content
from cameras.core.difference import difference
from cameras.core.document import content_hash, parse_content
from cameras.core.recording import DEFAULTS, RecordingPolicy, columns_of, policy_of, with_policy
from cameras.core.strict_json import DocumentError
from cameras.core.transfer_file import TransferError
from cameras.models import Camera, Device
from cameras.publish import Outcome
from cameras.schedules import Schedule
from cameras.selectors import device_rows, row_fingerprints
from cameras.services import issue_version
from cameras.transfer.rows import FIELDS, site_state
from cameras.transfer.services import Upload, carry_out, export_site
from cameras.versions import changes_between, roll_back
from tests.cameras.documents import REGISTRY, content
from tests.cameras.pages import browser, field_error, path, save, text, two_sites, versions, visible
from tests.rows import make_all, make_site
from tests.servers.stack import Form

NIGHT = [{"day": "mon", "start": "22:00", "end": "06:00"}]
FULL: dict[str, Any] = {
    "record": "schedule", "record_schedule": "night", "record_events": True, "event_pre_s": 5, "event_post_s": 30,
    "record_sound": True, "keep_days": 90, "keep_gib": 200, "least_days": 30,
}  # fmt: skip
POLICY = {
    "schedule_id": "night", "events": {"pre_s": 5, "post_s": 30}, "sound": True, "keep_days": 90, "keep_gib": 200,
    "least_days": 30,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "write_document", lambda *args, **values: Outcome.WRITTEN)


def set_policy(**columns: Any) -> None:
    """Of `vid1`."""
    if "record_schedule" in columns:
        columns["record_schedule_id"] = columns.pop("record_schedule")
    Camera.objects.filter(pk="vid1").update(**columns)


def compiled(device_id: str = "box-1") -> dict[str, Any]:
    return compile_content(device_rows(Device.objects.get(pk=device_id)))


@pytest.fixture
def night(db: None) -> Schedule:
    make_all("box-1", site="Kitchen", number=1)
    make_all("box-2", site="Warehouse", number=2)
    return Schedule.objects.create(schedule_id="night", site=make_site(), name="Night shift", weekly=NIGHT)


# -- pure -------------------------------------------------------------------------------------------------------------

columns = st.fixed_dictionaries(
    {
        "record": st.sampled_from(["off", "always"]),
        "record_schedule": st.none(),
        "record_events": st.booleans(),
        "event_pre_s": st.integers(0, 60),
        "event_post_s": st.integers(1, 300),
        "record_sound": st.booleans(),
        "keep_days": st.none() | st.integers(1, 3650),
        "keep_gib": st.none() | st.integers(1, 1_000_000),
        "least_days": st.none() | st.integers(1, 3650),
    }
)


@given(columns)
def test_a_policy_and_its_columns_say_the_same(row: dict[str, Any]) -> None:
    policy = policy_of(row)
    RecordingPolicy.model_validate(policy)
    again = columns_of(policy)
    seconds = {} if row["record_events"] else {name: DEFAULTS[name] for name in ("event_pre_s", "event_post_s")}
    assert again == row | seconds
    assert policy_of(again) == policy


def test_a_schedule_that_is_not_chosen_records_nothing() -> None:
    assert policy_of(DEFAULTS | {"record": "schedule"}) == {}
    assert policy_of(DEFAULTS | {"record": "off", "record_schedule": "night"}) == {}
    assert policy_of(FULL) == POLICY
    assert columns_of(POLICY) == FULL


def test_a_camera_without_a_policy_has_no_key_so_that_every_box_takes_its_document() -> None:
    assert with_policy({"camera_id": "vid1", **DEFAULTS}) == {"camera_id": "vid1"}


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        ({"schedule_id": "gone"}, "cameras[0].recording.schedule_id: no schedule 'gone' in this document"),
        ({"events": {"pre_s": 61}}, "cameras[0].recording.events.pre_s: must be 60 or less"),
        ({"events": {"post_s": 0}}, "cameras[0].recording.events.post_s: must be 1 or more"),
        ({"keep_days": 0}, "cameras[0].recording.keep_days: must be 1 or more"),
        ({"keep_gib": 1.5}, "cameras[0].recording.keep_gib: must be a whole number"),
        ({"least_days": 3651}, "cameras[0].recording.least_days: must be 3650 or less"),
        ({"sometimes": True}, "cameras[0].recording.sometimes: is an unknown key"),
        (True, "cameras[0].recording: must be keys with values"),
    ],
)
def test_a_wrong_policy_refuses_the_document_with_its_path(policy: Any, problem: str) -> None:
    given = content()
    given["cameras"][0]["recording"] = policy
    with pytest.raises(DocumentError) as caught:
        parse_content(given, REGISTRY)
    assert str(caught.value) == problem


def test_what_another_control_plane_means_by_recording_is_ignored() -> None:
    raw = {"cameras": [{"camera_id": "c1", "rtsp_url": "webcam:0", "recording": "24/7"}], "rois": [], "binds": []}
    parsed = parse_bare(raw, registry)
    assert parsed.warnings == ("unknown key cameras[0].recording",)
    assert parsed.content.cameras[0].recording == RecordingPolicy()


def test_the_difference_names_each_thing_that_changed() -> None:
    before, after = content(), content()
    after["cameras"][0]["recording"] = {"always": True, "events": {"pre_s": 0, "post_s": 20}}
    told = ["seconds after an alert empty → 20", "seconds before an alert empty → 0"]
    assert [str(c) for c in difference(before, after)] == [
        "Camera 厨房: recorded all the time empty → yes", *(f"Camera 厨房: {t}" for t in told),
    ]  # fmt: skip
    old, new = (parse_content(c, REGISTRY).model_dump(mode="json") for c in (before, after))
    assert [str(c) for c in difference(old, new)] == [str(c) for c in difference(before, after)]  # the box's journal


# -- rows and document ------------------------------------------------------------------------------------------------


def test_the_document_has_the_policy_and_the_schedule_that_it_follows(night: Schedule) -> None:
    before = compiled()
    assert "recording" not in before["cameras"][0]
    set_policy(**FULL)
    given = compiled()
    assert given["cameras"][0]["recording"] == POLICY
    assert [s["schedule_id"] for s in given["schedules"]] == ["night"]
    parsed = parse_content(given, registry)
    assert parsed.cameras[0].recording.keep_days == 90
    set_policy(**DEFAULTS)
    assert content_hash(compiled()) == content_hash(before)


@pytest.mark.parametrize(
    "column", [{"record": "always"}, {"record_sound": True}, {"keep_days": 3}, {"keep_gib": 3}, {"least_days": 3}, FULL]
)
def test_the_reconcile_step_sees_a_change(night: Schedule, column: dict[str, Any]) -> None:
    before = row_fingerprints()
    set_policy(**column)
    after = row_fingerprints()
    assert {code for code in after if after[code] != before[code]} == {"box-1"}


def test_the_reconcile_step_sees_a_change_of_the_schedule(night: Schedule) -> None:
    set_policy(**FULL)
    before = row_fingerprints()
    Schedule.objects.filter(pk=night.pk).update(weekly=[])
    after = row_fingerprints()
    assert {code for code in after if after[code] != before[code]} == {"box-1"}


def test_a_camera_follows_a_schedule_of_its_own_site_wherever_it_moves(night: Schedule) -> None:
    foreign = Camera.objects.get(pk="vid2")
    foreign.record, foreign.record_schedule = "schedule", night
    with pytest.raises(ValidationError, match="belongs to another site"):
        foreign.full_clean()
    set_policy(**FULL)
    with pytest.raises(ProtectedError):
        night.delete()
    device = Device.objects.get(pk="box-1")
    device.site = make_site("Warehouse")
    with pytest.raises(ValidationError, match="Recordings here follow schedules of another site: Night shift"):
        device.clean()


def test_a_rollback_brings_the_policy_back(night: Schedule) -> None:
    set_policy(**FULL)
    first = issue_version(device_id="box-1", author="kim")
    assert first is not None
    set_policy(**DEFAULTS)
    night.delete()
    issue_version(device_id="box-1", author="kim")
    again = roll_back(device_id="box-1", version=first.version, author="lee")
    assert changes_between(first, again) == []
    camera = Camera.objects.get(pk="vid1")
    assert (camera.record, camera.record_schedule_id, camera.event_post_s, camera.keep_days) == (
        "schedule", "night", 30, 90,
    )  # fmt: skip


# -- export and import ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_policies_are_in_the_file_of_a_site(night: Schedule, kind: str) -> None:
    set_policy(**FULL)
    before, file = site_state(make_site()), export_site(make_site(), kind, secrets=True)
    assert before.rows["cameras"]["vid1"].items() >= FULL.items()
    set_policy(**DEFAULTS)
    plan = carry_out(
        site=make_site(), upload=Upload(f"s.{kind}", file.encode()), author="kim", publish=lambda devices: None
    )
    assert site_state(make_site()) == before
    assert plan.devices == {"box-1"}
    assert "Camera Line 1: recording schedule empty → night" in [str(c) for c in plan.changes]


def test_every_column_of_a_camera_is_in_the_file() -> None:
    names = {f.name for f in Camera._meta.concrete_fields}
    assert names == set(FIELDS["cameras"])


@pytest.mark.parametrize(
    ("file", "delete", "problem"),
    [
        ("cameras:\n- {camera_id: vid1, record: schedule}", False, "“vid1” is to be recorded on a schedule"),
        ("cameras:\n- {camera_id: vid1, record_schedule: gone}", False, "there is no schedule “gone”"),
        ("cameras:\n- {camera_id: vid1, record: at-times}", False, "must be one of"),
        ("cameras:\n- {camera_id: vid1, event_pre_s: 61}", False, "must be 60 or less"),
        ("cameras:\n- {camera_id: vid1, keep_days: 3, least_days: 4}", False, "guarantees more days than are kept"),
    ],
)
def test_a_file_with_a_wrong_policy_is_refused(night: Schedule, file: str, delete: bool, problem: str) -> None:
    with pytest.raises(TransferError) as caught:
        carry_out(
            site=make_site(), upload=Upload("s.yaml", f"format: 1\n{file}\n".encode(), delete), author="kim",
            publish=lambda devices: None,
        )  # fmt: skip
    assert problem in str(caught.value)


def test_a_schedule_that_a_recording_follows_is_not_deleted_by_an_import(night: Schedule) -> None:
    set_policy(**FULL)
    upload = Upload("s.yaml", b"format: 1\nschedules: []\n", True)
    with pytest.raises(TransferError, match="the recording of camera “vid1” follows it"):
        carry_out(site=make_site(), upload=upload, author="kim", publish=lambda devices: None)


# -- the page ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_policy_is_set_on_the_cameras_page_and_published() -> None:
    two_sites()
    client, camera, before = browser("operator"), Camera.objects.get(pk="vid1"), versions("box-1")
    page = path(Camera, "change", camera)
    shown = visible(client, page)
    assert Form(shown).fields["record"] == ["off"]
    assert "Shift 1" in shown
    assert "Shift 2" not in shown  # of another site
    schedule = str(Schedule.objects.get(schedule_id="shift-1").schedule_id)
    response = save(client, page, record="schedule", record_schedule=schedule, record_events="on", event_pre_s="")
    assert "Published to box-1 as version" in text(response)
    camera.refresh_from_db()
    assert (camera.record, camera.record_schedule_id, camera.record_events) == ("schedule", "shift-1", True)
    assert camera.event_pre_s == 10  # an empty field leaves what was there
    assert versions("box-1") == before + 1


@pytest.mark.django_db
def test_a_policy_without_its_schedule_is_told_beside_the_field() -> None:
    two_sites()
    response = save(browser("operator"), path(Camera, "change", Camera.objects.get(pk="vid1")), record="schedule")
    assert field_error(response, "record_schedule") == "Choose a schedule."


@pytest.mark.django_db
def test_days_that_are_guaranteed_and_not_kept_are_told_beside_the_field() -> None:
    two_sites()
    page = path(Camera, "change", Camera.objects.get(pk="vid1"))
    client = browser("operator")
    response = save(client, page, keep_days="3", least_days="4")
    assert field_error(response, "least_days") == "More days are guaranteed than are kept."
    save(client, page, keep_days="", least_days="4", keep_gib="50")
    assert compiled()["cameras"][0]["recording"] == {"keep_gib": 50, "least_days": 4}


@pytest.mark.django_db
def test_an_edited_schedule_is_published_to_the_boxes_that_record_by_it() -> None:
    two_sites()
    set_policy(record="schedule", record_schedule="shift-1")
    services.publish_edit(device_ids=["box-1"], author="setup")
    before = versions("box-1")
    page = path(Schedule, "change", Schedule.objects.get(schedule_id="shift-1"))
    save(browser("operator"), page, hours="Tue 08:00-09:00")
    assert versions("box-1") == before + 1
