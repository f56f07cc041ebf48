"""A camera like another one, with its ROIs and bindings; and switching many cameras at once."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cameras.cloning import clone_camera, set_enabled_of_all
from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Camera, Device, Site
from cameras.schedules import Schedule
from tests.cameras.pages import MASKED, browser, path, save, text, two_sites, versions, visible
from tests.rows import PASSWORD, SOURCE, make_binding, make_camera, make_device, make_roi

pytestmark = pytest.mark.django_db

CLONE = "/admin/cameras/camera/vid1/clone/"


@pytest.fixture
def site() -> Site:
    return two_sites()


@pytest.fixture
def kitchen(site: Site) -> Camera:
    """`vid1` with settings of its own, and a procedure whose steps name two other ROIs."""
    camera = Camera.objects.get(pk="vid1")
    camera.location, camera.max_fps, camera.analyse = "Hall", 5.0, False
    camera.save()
    sink = make_roi("sink", camera=camera, name="Sink", priority=3, color=5)
    line = make_roi("line", camera=camera, roi_type="line", coordinates=[[0, 0], [1, 1]], enabled=False)
    steps = [{"roi_id": "sink", "min_s": 20}, {"roi_id": "roi-1", "min_s": 5}]
    make_binding("wash", roi=make_roi("goal", camera=camera), algo_code="procedure", params={"steps": steps})
    make_binding("cross", roi=line, algo_code="line_crossing", severity="critical", priority=-2, enabled=False)
    shift = Schedule.objects.get(schedule_id="shift-1")
    make_binding("stay", roi=sink, algo_code="intrusion", params={"dwell_s": 7}, schedule=shift)
    return camera


def clone(**values: Any) -> Camera:
    given = {"camera_id": "vid1", "new_id": "vid3", "name": "Line 3", "rtsp_url": "rtsp://10.0.0.8/3", "author": "kim"}
    return clone_camera(**given | values)[0]


def shapes(camera: str) -> list[dict[str, Any]]:
    columns = ("name", "roi_type", "coordinates", "enabled", "priority")
    return sorted(ROI.objects.filter(camera=camera).values(*columns), key=str)


def rules(camera: str) -> list[dict[str, Any]]:
    columns = ("roi__name", "roi__roi_type", "algo_code", "severity", "priority", "enabled", "schedule_id")
    return sorted(Binding.objects.filter(roi__camera=camera).values(*columns), key=str)


def test_a_clone_has_everything_but_what_is_its_own(kitchen: Camera) -> None:
    made = clone()
    own = {"camera_id", "name", "rtsp_url"}
    for field in Camera._meta.concrete_fields:
        if field.attname not in own:
            assert getattr(made, field.attname) == getattr(kitchen, field.attname), field.attname
    stored = Camera.objects.get(pk="vid3")
    assert (stored.name, stored.rtsp_url, stored.location) == ("Line 3", "rtsp://10.0.0.8/3", "Hall")
    assert shapes("vid3") == shapes("vid1")
    assert rules("vid3") == rules("vid1")
    assert len(rules("vid3")) == 4


def test_identifiers_are_new_and_a_procedures_steps_name_the_copies(kitchen: Camera) -> None:
    clone()
    old = set(ROI.objects.filter(camera="vid1").values_list("roi_id", flat=True))
    new = set(ROI.objects.filter(camera="vid3").values_list("roi_id", flat=True))
    assert len(old) == len(new) == 4
    assert not old & new
    steps = Binding.objects.get(roi__camera="vid3", algo_code="procedure").params["steps"]
    names = [ROI.objects.get(roi_id=step["roi_id"], camera="vid3").name for step in steps]
    assert names == ["Sink", "Door 1"]
    assert [step["min_s"] for step in steps] == [20, 5]
    kept = Binding.objects.get(bind_id="wash").params["steps"]
    assert [step["roi_id"] for step in kept] == ["sink", "roi-1"]


def test_a_clone_is_one_version_and_audited(kitchen: Camera) -> None:
    before = versions("box-1")
    clone()
    assert (versions("box-1"), versions("box-2")) == (before + 1, 1)
    newest = ConfigVersion.objects.filter(device_id="box-1").latest("version")
    assert (newest.author, newest.reason) == ("kim", "camera vid3 cloned from vid1")
    entry = Camera.history.get(camera_id="vid3")
    assert (entry.history_type, entry.history_author) == ("+", "kim")
    assert entry.history_change_reason == "cloned from vid1"
    assert ROI.history.filter(history_author="kim", camera_id="vid3").count() == 4
    assert Binding.history.filter(history_author="kim").count() == 4


def test_a_taken_or_impossible_id_makes_nothing(kitchen: Camera) -> None:
    before = (Camera.objects.count(), ROI.objects.count(), versions("box-1"))
    for values in ({"new_id": "vid2"}, {"new_id": "not an id"}, {"rtsp_url": "http://x/"}, {"name": "x" * 201}):
        with pytest.raises(ValidationError):
            clone(**values)
    with pytest.raises(Camera.DoesNotExist):
        clone(camera_id="vid7")
    assert (Camera.objects.count(), ROI.objects.count(), versions("box-1")) == before


def test_a_step_that_names_nothing_does_not_stop_the_clone(kitchen: Camera) -> None:
    ROI.objects.filter(roi_id="sink").delete()
    made, published = clone_camera(camera_id="vid1", new_id="vid3", name="", rtsp_url="rtsp://10.0.0.8/3", author="kim")
    assert Binding.objects.get(roi__camera=made, algo_code="procedure").params["steps"][0]["roi_id"] == "sink"
    assert isinstance(published["box-1"], Exception)


def test_the_device_is_locked_before_its_rows(kitchen: Camera) -> None:
    with CaptureQueriesContext(connection) as queries:
        clone()
    statements = [q["sql"] for q in queries]
    lock = 'SELECT "cameras_device"."device_id" AS'
    locked = next(n for n, sql in enumerate(statements) if sql.startswith(lock))
    written = next(n for n, sql in enumerate(statements) if sql.startswith('INSERT INTO "cameras_camera"'))
    assert locked < written


# Pages


def test_the_form_makes_a_clone_and_leads_to_it(kitchen: Camera) -> None:
    client = browser("operator")
    assert f'href="{CLONE}"' in visible(client, path(Camera, "change", kitchen))
    page = visible(client, CLONE)
    assert MASKED in page
    assert PASSWORD not in page
    assert "copies of all 4 ROIs" in page
    response = save(client, CLONE, camera_id="line_24", name="Line 24")
    assert response.resolver_match.url_name == "cameras_camera_change"
    assert "Line 24 was made like Line 1." in text(response)
    assert "Published to box-1 as version" in text(response)
    made = Camera.objects.get(pk="line_24")
    assert (made.rtsp_url, made.name) == (SOURCE, "Line 24")
    assert made.rois.count() == 4
    assert LogEntry.objects.filter(object_id="line_24", action_flag=ADDITION).exists()


def test_the_form_takes_a_url_a_login_or_a_make(kitchen: Camera) -> None:
    client = browser("operator")
    save(client, CLONE, camera_id="a", rtsp_url="rtsp://10.0.0.8/1", user="op", password="x/y")
    assert Camera.objects.get(pk="a").rtsp_url == "rtsp://op:x%2Fy@10.0.0.8/1"
    save(client, CLONE, camera_id="b", make="hikvision", host="10.0.0.8", channel="2", user="op", password="z")
    assert Camera.objects.get(pk="b").rtsp_url == "rtsp://op:z@10.0.0.8:554/Streaming/Channels/201"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"camera_id": "vid2"}, "There is a camera with this ID already."),
        ({"camera_id": ""}, "This field is required."),
        ({"camera_id": "a b"}, "Use up to 64 letters"),
        ({"camera_id": "c", "rtsp_url": MASKED.replace("stream1", "stream2")}, "Type it again"),
        ({"camera_id": "c", "rtsp_url": "http://10.0.0.9/"}, "The URL must begin with"),
        ({"camera_id": "c", "rtsp_url": "rtsp://10.0.0.9/", "password": "typed"}, "A password needs a user."),
    ],
)
def test_what_is_wrong_is_told_at_its_field(kitchen: Camera, changes: dict[str, str | None], told: str) -> None:
    client = browser("operator")
    response = save(client, CLONE, **changes)
    assert response.status_code == 422
    assert told in text(response)
    assert "typed" not in text(response)
    assert Camera.objects.count() == 2


def test_who_may_not_clone(kitchen: Camera) -> None:
    viewer = browser("viewer")
    assert viewer.get(CLONE).status_code == 403
    assert viewer.post(CLONE, {"camera_id": "x"}).status_code == 403
    other = browser("operator", sites=[Site.objects.get(name="Warehouse")])
    assert other.get(CLONE).status_code == 404
    assert other.post(CLONE, {"camera_id": "x", "rtsp_url": MASKED}).status_code == 404
    assert Camera.objects.count() == 2


# Actions on the list


def act(client: Any, action: str, *pks: str) -> Any:
    return client.post(path(Camera), {"action": action, "_selected_action": list(pks)}, follow=True)


def test_cloning_from_the_list_takes_exactly_one(kitchen: Camera) -> None:
    client = browser("operator")
    assert act(client, "clone_chosen", "vid1").redirect_chain == [(CLONE, 302)]
    assert "Choose one camera to clone." in text(act(client, "clone_chosen", "vid1", "vid2"))


def test_many_cameras_are_disabled_with_one_version_a_device(site: Site) -> None:
    box = Device.objects.get(pk="box-1")
    for number in range(3, 6):
        make_camera(f"vid{number}", device=box)
    Camera.objects.filter(pk="vid5").update(enabled=False)
    Device.objects.filter(pk="box-2").update(publish_on_save=False)
    client = browser("operator")
    response = act(client, "disable", "vid1", "vid2", "vid3", "vid4", "vid5")
    assert "4 cameras were disabled." in text(response)
    assert not Camera.objects.filter(enabled=True).exists()
    assert (versions("box-1"), versions("box-2")) == (2, 1)  # box-2's waits until somebody publishes
    assert Camera.history.filter(history_author="the operator").count() == 4
    assert "They were disabled already." in text(act(client, "disable", "vid1"))
    assert "1 camera was enabled." in text(act(client, "enable", "vid1"))
    assert versions("box-1") == 3


def test_the_lists_actions_are_for_those_who_may_change(site: Site) -> None:
    page = visible(browser("operator"), path(Camera))
    for action in ("start_detection", "stop_detection", "enable", "disable", "clone_chosen"):
        assert f'value="{action}"' in page
    act(browser("viewer"), "disable", "vid1")
    limited = browser("admin", sites=[site])
    act(limited, "disable", "vid1", "vid2")
    assert list(Camera.objects.filter(enabled=True).values_list("pk", flat=True)) == ["vid2"]


def test_switching_nothing_issues_nothing(site: Site) -> None:
    make_device("box-3")
    assert set_enabled_of_all(camera_ids=["vid1", "nobody"], enabled=True, author="kim") == (0, {})
    assert versions("box-1") == 1
