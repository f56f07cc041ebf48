"""Schedules as configuration: rows, document, rollback, import, history."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models import ProtectedError

from cameras import services
from cameras.core.algorithms import registry
from cameras.core.bare import parse_bare
from cameras.core.compiler import DeviceRows, compile_content
from cameras.core.difference import difference
from cameras.core.document import content_hash, parse_content
from cameras.core.strict_json import DocumentError
from cameras.core.transfer_file import TransferError
from cameras.models import Binding, Camera, Device, Site
from cameras.publish import Outcome
from cameras.restoring import VersionError
from cameras.schedules import Schedule
from cameras.selectors import device_rows, row_fingerprints
from cameras.services import issue_version, publish_edit
from cameras.transfer.rows import FIELDS, site_state
from cameras.transfer.services import Upload, carry_out, export_site
from cameras.versions import changes_between, roll_back
from detection.plan import make_plan
from edgesite.roles import permissions
from tests.cameras.documents import REGISTRY, content
from tests.rows import make_all, make_site

pytestmark = pytest.mark.django_db

NIGHT = [{"day": "mon", "start": "22:00", "end": "06:00"}]
LATER = [{"day": "mon", "start": "21:00", "end": "06:00"}]
CHRISTMAS = [{"date": "2026-12-25", "intervals": []}]


@pytest.fixture(autouse=True)
def _no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "write_document", lambda *args, **values: Outcome.WRITTEN)


@pytest.fixture
def schedule() -> Schedule:
    """`night` of the site of box-1 and box-3, followed by the binding of box-1; box-2 is elsewhere."""
    make_all("box-1", site="Kitchen", number=1)
    make_all("box-2", site="Warehouse", number=2)
    make_all("box-3", site="Kitchen", number=3)
    made = Schedule.objects.create(schedule_id="night", site=make_site(), name="Night shift", weekly=NIGHT)
    Schedule.objects.create(schedule_id="spare", site=make_site(), weekly=NIGHT)
    Binding.objects.filter(bind_id="bind-1").update(schedule=made)
    return made


def compiled(device_id: str = "box-1") -> dict[str, Any]:
    return compile_content(device_rows(Device.objects.get(pk=device_id)))


def issue(device_id: str = "box-1") -> Any:
    version = issue_version(device_id=device_id, author="kim")
    assert version is not None
    return version


# The document


def test_a_document_holds_the_schedules_that_its_bindings_follow_and_the_plan_takes_them(schedule: Schedule) -> None:
    given = compiled()
    assert given["schedules"] == [
        {"schedule_id": "night", "name": "Night shift", "weekly": NIGHT, "holidays": []},
    ]
    assert given["binds"][0]["schedule_id"] == "night"
    plan = make_plan(parse_content(given, registry), "vid1", registry)
    found = plan.bindings[0].schedule
    assert found is not None
    assert found.name == "Night shift"


def test_without_a_schedule_the_document_is_what_it_was_before_there_were_any(schedule: Schedule) -> None:
    given = compiled("box-3")
    assert set(given) == {"site", "cameras", "rois", "binds"}
    assert given["binds"][0]["schedule_id"] is None
    rows = DeviceRows(site={}, binds=[{"bind_id": "b", "schedule_id": None}], schedules=[{"schedule_id": "s"}])
    before = {"site": {}, "cameras": [], "rois": [], "binds": [{"bind_id": "b", "schedule_id": None}]}
    assert content_hash(compile_content(rows)) == content_hash(before)
    assert parse_content(content(), REGISTRY).schedules == ()


@pytest.mark.parametrize(
    ("schedules", "path", "reason"),
    [
        ([], "binds[0].schedule_id", "no schedule 'night' in this document"),
        ([{"schedule_id": "night"}, {"schedule_id": "night"}], "schedules[1].schedule_id", "stands twice"),
        ([{"schedule_id": "night", "colour": 1}], "schedules[0].colour", "is an unknown key"),
        ([{"schedule_id": "night", "weekly": [{"day": "mon", "start": "8", "end": "09:00"}]}],
         "schedules[0].weekly[0].start", "is not a time of day"),
        ([{"schedule_id": "night", "weekly": [{"day": "mon", "start": "08:00", "end": "08:00"}]}],
         "schedules[0].weekly[0]", "start and end are the same"),
        ([{"schedule_id": "night", "holidays": CHRISTMAS * 2}], "schedules[0]", "holiday 2026-12-25 stands twice"),
    ],
)  # fmt: skip
def test_a_wrong_schedule_refuses_the_document_with_its_path(schedules: list[Any], path: str, reason: str) -> None:
    binds = [{"bind_id": "b1", "roi_id": "r1", "algo_code": "intrusion", "schedule_id": "night"}]
    with pytest.raises(DocumentError) as caught:
        parse_content(content(binds=binds, schedules=schedules), REGISTRY)
    assert str(caught.value).startswith(path)
    assert reason in str(caught.value)


def test_a_bare_document_may_have_schedules_and_names_of_others_are_left_out() -> None:
    raw = {
        "cameras": [{"camera_id": "c1", "rtsp_url": "rtsp://10.0.0.5/live"}],
        "rois": [{"roi_id": 7, "camera_id": "c1", "roi_type": "line", "coordinates": [[0, 0], [1, 1]]}],
        "binds": [
            {"bind_id": number, "roi_id": 7, "algo_code": "line_crossing", "schedule_id": wanted}
            for number, wanted in enumerate((5, "elsewhere", None))
        ],
    }
    parsed = parse_bare(raw | {"schedules": [{"schedule_id": 5, "weekly": NIGHT, "note": "x"}]}, registry)
    assert [bind.schedule_id for bind in parsed.content.binds] == ["5", None, None]
    assert parsed.warnings == (
        "unknown key schedules[0].note",
        "binds[1].schedule_id is not known here: the binding runs all the time",
    )
    foreign = parse_bare(raw | {"schedules": {"5": "09-17"}}, registry)
    assert [bind.schedule_id for bind in foreign.content.binds] == [None, None, None]
    assert "unknown key 'schedules'" in foreign.warnings


def test_the_difference_says_which_days_and_dates_changed(schedule: Schedule) -> None:
    before = compiled()
    Schedule.objects.filter(pk=schedule.pk).update(weekly=LATER, holidays=CHRISTMAS)
    after = compiled()
    assert [str(c) for c in difference(before, after)] == [
        "Schedule Night shift: holiday 2026-12-25 closed added",
        "Schedule Night shift: Mon 22:00-06:00 → Mon 21:00-06:00",
    ]
    Binding.objects.update(schedule=None)
    assert [str(c) for c in difference(after, compiled())] == [
        "Binding intrusion · Door 1: schedule night → empty",
        "Schedule Night shift removed",
    ]
    assert [str(c) for c in difference(before, before | {"schedules": [before["schedules"][0] | {"weekly": []}]})] == [
        "Schedule Night shift: Mon 22:00-06:00 → Mon closed"
    ]


BOXING_DAY = {"date": "2026-12-26", "like": "mon", "name": "Boxing Day"}


def test_a_box_knows_dates_with_hours_and_no_names(schedule: Schedule) -> None:
    """A box of an older release refuses keys that it does not know: nothing of the new ones is in the document."""
    Schedule.objects.filter(pk=schedule.pk).update(holidays=[*CHRISTMAS, BOXING_DAY])
    before = compiled()
    assert before["schedules"][0]["holidays"] == [
        *CHRISTMAS, {"date": "2026-12-26", "intervals": [{"start": "22:00", "end": "06:00"}]},
    ]  # fmt: skip
    parse_content(before, registry)
    Schedule.objects.filter(pk=schedule.pk).update(holidays=[CHRISTMAS[0] | {"name": "Christmas"}, BOXING_DAY])
    assert content_hash(compiled()) == content_hash(before)  # a name makes no version
    Schedule.objects.filter(pk=schedule.pk).update(weekly=LATER)
    assert [str(c) for c in difference(before, compiled())] == [
        "Schedule Night shift: holiday 2026-12-26 22:00-06:00 → 21:00-06:00",
        "Schedule Night shift: Mon 22:00-06:00 → Mon 21:00-06:00",
    ]


@pytest.mark.parametrize(
    "holiday",
    [
        {"date": "2026-12-25", "like": "sun", "intervals": [{"start": "08:00", "end": "09:00"}]},
        {"date": "2026-12-25", "like": "feast"},
        {"date": "2026-12-25", "name": "two\nlines"},
        {"date": "2026-12-25", "name": "x" * 101},
        {"date": "2026-12-25", "colour": "red"},
    ],
)
def test_a_holiday_that_makes_no_sense_is_refused(schedule: Schedule, holiday: dict[str, Any]) -> None:
    schedule.holidays = [holiday]
    with pytest.raises(ValidationError):
        schedule.full_clean()


# Rows


@pytest.mark.parametrize("column", [{"name": "x"}, {"weekly": LATER}, {"holidays": CHRISTMAS}])
def test_the_reconcile_step_sees_a_change_of_a_schedule_that_is_followed(
    schedule: Schedule, column: dict[str, Any]
) -> None:
    before = row_fingerprints()
    Schedule.objects.filter(schedule_id="spare").update(**column)
    assert row_fingerprints() == before
    Schedule.objects.filter(pk=schedule.pk).update(**column)
    after = row_fingerprints()
    assert {code for code in after if after[code] != before[code]} == {"box-1"}
    Binding.objects.filter(bind_id="bind-3").update(schedule=schedule)
    assert row_fingerprints()["box-3"] != after["box-3"]


def test_a_schedule_that_is_followed_cannot_go(schedule: Schedule) -> None:
    with pytest.raises(ProtectedError):
        schedule.delete()
    Schedule.objects.get(schedule_id="spare").delete()


def test_a_binding_follows_a_schedule_of_its_own_site_wherever_its_row_moves(schedule: Schedule) -> None:
    foreign = Binding.objects.get(bind_id="bind-2")
    foreign.schedule = schedule
    with pytest.raises(ValidationError, match="belongs to another site"):
        foreign.full_clean()
    Binding.objects.get(bind_id="bind-1").full_clean()
    device, camera = Device.objects.get(pk="box-1"), Camera.objects.get(pk="vid1")
    roi = Binding.objects.get(bind_id="bind-1").roi
    device.site = make_site("Warehouse")
    camera.device = Device.objects.get(pk="box-2")
    roi.camera = Camera.objects.get(pk="vid2")
    for row in (device, camera, roi):
        with pytest.raises(ValidationError, match="Night shift"):
            row.clean()
    camera.device = Device.objects.get(pk="box-3")
    camera.clean()


def test_hours_are_checked_and_changes_are_told_in_words(schedule: Schedule) -> None:
    schedule.weekly = [{"day": "mon", "start": "22:00", "end": "22:00"}]
    with pytest.raises(ValidationError, match="start and end are the same"):
        schedule.full_clean()
    schedule.weekly = LATER
    schedule.save()
    entry = schedule.history.first()
    assert entry.history_changes == {"weekly": [NIGHT, LATER]}
    assert entry.history_site == schedule.site_id


def test_operators_may_edit_schedules_and_viewers_see_them() -> None:
    assert ("cameras", "view_schedule") in permissions("viewer")
    assert ("cameras", "change_schedule") not in permissions("viewer")
    assert {("cameras", f"{act}_schedule") for act in ("add", "change", "delete")} <= permissions("operator")


# Rollback


def test_a_rollback_brings_the_reference_back_and_makes_a_schedule_that_is_gone_again(schedule: Schedule) -> None:
    first = issue()
    Binding.objects.filter(bind_id="bind-1").update(schedule=None)
    schedule.delete()
    issue()
    third = roll_back(device_id="box-1", version=first.version, author="lee")
    assert changes_between(first, third) == []
    again = Schedule.objects.get(schedule_id="night")
    assert (again.site.name, again.weekly, again.name) == ("Kitchen", NIGHT, "Night shift")
    assert Binding.objects.get(bind_id="bind-1").schedule == again
    assert issue_version(device_id="box-1", author="reconcile") is None


def test_a_rollback_leaves_a_schedule_that_is_there_as_it_is_because_others_follow_it_too(schedule: Schedule) -> None:
    first = issue()
    Binding.objects.filter(bind_id="bind-3").update(schedule=schedule)
    Binding.objects.filter(bind_id="bind-1").update(schedule=None)
    Schedule.objects.filter(pk=schedule.pk).update(weekly=LATER)
    issue("box-3")
    issue()
    third = roll_back(device_id="box-1", version=first.version, author="lee")
    assert json.loads(third.document)["schedules"][0]["weekly"] == LATER
    assert issue_version(device_id="box-3", author="reconcile") is None


def test_a_rollback_takes_no_schedule_from_another_site(schedule: Schedule) -> None:
    first = issue()
    Binding.objects.filter(bind_id="bind-1").update(schedule=None)
    Schedule.objects.filter(pk=schedule.pk).update(site=make_site("Warehouse"))
    issue()
    with pytest.raises(VersionError, match="night belongs to another site"):
        roll_back(device_id="box-1", version=first.version, author="lee")


# Export and import


def load(text: str, *, delete: bool = False) -> list[str]:
    concerned: set[str] = set()
    upload = Upload("site.yaml", text.encode(), delete)
    plan = carry_out(site=make_site(), upload=upload, author="kim", publish=concerned.update)
    assert concerned == plan.devices
    return [str(change) for change in plan.changes] + sorted(concerned)


def test_every_column_of_a_schedule_is_in_the_file() -> None:
    assert {f.name for f in Schedule._meta.concrete_fields} - {"id", "site"} == set(FIELDS["schedules"])


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_a_site_with_schedules_is_made_again_from_its_file(schedule: Schedule, kind: str) -> None:
    Schedule.objects.filter(pk=schedule.pk).update(holidays=[*CHRISTMAS, BOXING_DAY])
    before, text = site_state(make_site()), export_site(make_site(), kind, secrets=True)
    Device.objects.filter(site=make_site()).delete()
    make_site().delete()
    carry_out(
        site=Site(name="Kitchen"), upload=Upload(f"s.{kind}", text.encode()), author="kim",
        publish=lambda devices: None,
    )  # fmt: skip
    assert site_state(make_site()) == before


def test_an_import_changes_a_schedule_and_concerns_the_devices_that_follow_it(schedule: Schedule) -> None:
    text = "format: 1\nschedules:\n- {schedule_id: night, weekly: [{day: mon, start: 21:00, end: 06:00}]}\n"
    assert load(text) == ["Schedule Night shift: Mon 22:00-06:00 → Mon 21:00-06:00", "box-1"]
    publish_edit(device_ids=["box-1"], author="kim")
    assert load(text) == []
    named = "[{date: 2026-12-26, like: sun, name: Boxing Day}]"
    assert load(f"format: 1\nschedules:\n- {{schedule_id: night, holidays: {named}}}\n") == [
        "Schedule Night shift: holiday 2026-12-26 like Sun  # Boxing Day added",
        "box-1",
    ]
    assert load("format: 1\nschedules:\n- {schedule_id: new}\nbindings:\n- {bind_id: bind-3, schedule: new}\n") == [
        "Binding intrusion · Door 3: schedule empty → new",
        "Schedule new added",
        "box-3",
    ]


@pytest.mark.parametrize(
    ("text", "delete", "problem"),
    [
        ("bindings:\n- bind_id: bind-1\n  schedule: gone", False,
         "line 4, bindings[0].schedule: there is no schedule “gone” at this site or in the file"),
        ("schedules: []", True, "line 2, schedules: “night” cannot be deleted: binding “bind-1” follows it"),
        ("schedules:\n- schedule_id: night\n  weekly:\n  - {day: mon, start: 8, end: 09:00}", False,
         "line 5, schedules[0].weekly[0].start: must be text"),
        ("schedules:\n- schedule_id: elsewhere", False,
         "line 3, schedules[0].schedule_id: “elsewhere” belongs to another site"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_schedules_in_a_file_is_told(
    schedule: Schedule, text: str, *, delete: bool, problem: str
) -> None:
    Schedule.objects.create(schedule_id="elsewhere", site=make_site("Warehouse"))
    with pytest.raises(TransferError) as caught:
        load("format: 1\n" + text, delete=delete)
    assert str(caught.value).startswith(problem)
    assert Schedule.objects.filter(schedule_id="night").exists()


def test_an_import_deletes_schedules_that_nobody_follows(schedule: Schedule) -> None:
    assert load("format: 1\nschedules:\n- schedule_id: night\n", delete=True) == ["Schedule spare removed"]
    assert not Schedule.objects.filter(schedule_id="spare").exists()
