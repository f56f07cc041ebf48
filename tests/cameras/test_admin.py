"""The configuration's admin: pages that work, errors beside their field, no secrets, no other site's rows."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cameras.forms import BindingForm
from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Camera, Device, Site
from detection.models import Alert
from tests.cameras.pages import (
    MODELS,
    NOT_ADDED,
    browser,
    field_error,
    path,
    save,
    text,
    two_sites,
    versions,
    visible,
)
from tests.rows import make_person
from tests.servers.stack import Form

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return two_sites()


# Pages


@pytest.mark.parametrize("model", MODELS)
def test_every_page_answers(site: Site, model: Any) -> None:
    client = browser("superuser")
    assert "Traceback" not in visible(client, path(model))
    row = model._default_manager.first()
    visible(client, path(model, "change", row))
    if model is not Alert:  # its steps stand on its own page
        visible(client, path(model, "history", row))
    if model in NOT_ADDED:
        assert client.get(path(model, "add")).status_code == (404 if model is Alert else 403)
    else:
        visible(client, path(model, "add"))


@pytest.mark.parametrize("model", MODELS)
def test_every_list_can_be_searched_sorted_and_filtered(site: Site, model: Any) -> None:
    client = browser("superuser")
    page = visible(client, path(model))
    columns = ".".join(str(number + 1) for number in range(page.count("sortable")))
    visible(client, f"{path(model)}?q=vid1&o={columns}")
    filters: dict[str, str] = {}
    for link in re.findall(r'<a href="\?([^"&]+)"', page):
        name, _, value = link.partition("=")
        if name != "o" and value:
            filters.setdefault(name, value)
    visible(client, f"{path(model)}?{urlencode(filters, safe='%+')}")


def test_the_index_answers(site: Site) -> None:
    visible(browser("superuser"), "/admin/")


# Saving


def test_a_save_issues_one_version_and_says_so(site: Site) -> None:
    client = browser("operator")
    response = save(client, path(Camera, "change", Camera.objects.get(pk="vid1")), name="Line 9")
    assert Camera.objects.get(pk="vid1").name == "Line 9"
    assert (versions("box-1"), versions("box-2")) == (2, 1)
    assert "Published to box-1 as version 2." in text(response)
    assert ConfigVersion.objects.filter(device_id="box-1").latest("version").author == "the operator"


def test_a_device_is_locked_before_its_rows(site: Site) -> None:
    """As rollback and import do: in another order two people's transactions wait for each other."""
    client = browser("operator")
    with CaptureQueriesContext(connection) as queries:
        save(client, path(Camera, "change", Camera.objects.get(pk="vid1")), name="Line 9")
    statements = [q["sql"] for q in queries]
    lock = 'SELECT "cameras_device"."device_id" AS'
    [locked] = [n for n, sql in enumerate(statements) if sql.startswith(lock) and "ORDER BY 1" in sql]
    [written] = [n for n, sql in enumerate(statements) if sql.startswith('UPDATE "cameras_camera"')]
    assert locked < written


@pytest.mark.parametrize("model", [Site, Device, Camera, ROI, Binding])
def test_a_save_without_a_change_issues_none(site: Site, model: Any) -> None:
    client = browser("superuser")
    response = save(client, path(model, "change", model.objects.first()))
    assert "was changed successfully" in text(response)
    assert "Published" not in text(response)
    assert (versions("box-1"), versions("box-2")) == (1, 1)


def test_adding_and_deleting_reach_the_box(site: Site) -> None:
    client = browser("operator")
    save(client, path(ROI, "add"), name="New", camera="vid1", coordinates="[[0, 0], [1, 0], [1, 1]]")
    roi = ROI.objects.get(name="New")
    assert versions() == 2
    save(client, path(Binding, "add"), roi=roi.roi_id, algo_code="intrusion", params='{"dwell_s": 3}')
    assert versions() == 3
    client.post(path(ROI, "delete", roi), {"post": "yes"})
    assert not Binding.objects.filter(roi_id=roi.roi_id).exists()
    assert versions() == 4
    chosen = {"action": "delete_selected", "_selected_action": ["vid1", "vid2"], "post": "yes"}
    client.post(path(Camera), chosen)
    assert Camera.objects.count() == 0
    assert (versions("box-1"), versions("box-2")) == (5, 2)
    assert Alert.objects.count() == 2  # an alert outlives its camera


def test_rows_are_added_inside_their_parents_page(site: Site) -> None:
    client = browser("operator")
    url = path(Camera, "change", Camera.objects.get(pk="vid1"))
    save(client, url, **{
        "rois-TOTAL_FORMS": "2", "rois-1-camera": "vid1", "rois-1-name": "Inline", "rois-1-roi_type": "polygon",
        "rois-1-coordinates": "[[0, 0], [1, 0], [1, 1]]", "rois-1-priority": "0", "rois-1-enabled": "on",
    })  # fmt: skip
    roi = ROI.objects.get(name="Inline")
    assert roi.camera_id == "vid1"
    assert versions() == 2
    save(client, path(ROI, "change", roi), **{
        "bindings-TOTAL_FORMS": "1", "bindings-0-roi": roi.roi_id, "bindings-0-algo_code": "intrusion",
        "bindings-0-params": "{}", "bindings-0-severity": "info", "bindings-0-priority": "0",
    })  # fmt: skip
    assert Binding.objects.get(roi=roi).severity == "info"
    assert versions() == 3


def test_a_camera_that_moves_changes_both_boxes(site: Site) -> None:
    save(browser("superuser"), path(Camera, "change", Camera.objects.get(pk="vid1")), device="box-2")
    assert (versions("box-1"), versions("box-2")) == (2, 2)


def test_rows_that_make_no_document_are_saved_and_said_so(site: Site) -> None:
    Binding.objects.filter(bind_id="bind-1").update(algo_code="teleport")
    client = browser("operator")
    response = save(client, path(Camera, "change", Camera.objects.get(pk="vid1")), name="Line 9")
    told = "binding teleport · Door 1, algorithm: unknown algorithm"
    assert f"Saved, but not published to box-1: {told}" in text(response)
    assert Camera.objects.get(pk="vid1").name == "Line 9"
    assert versions() == 1
    assert "not published: unknown algorithm" in visible(client, path(Device))
    assert told in visible(client, "/admin/cameras/device/box-1/configuration/")


# Errors beside their field


@pytest.mark.parametrize(
    ("model", "changes", "field", "words"),
    [
        (Camera, {"rtsp_url": "http://h/x"}, "rtsp_url", "must begin with rtsp://"),
        (Camera, {"rtsp_url": ""}, "rtsp_url", "required"),
        (Camera, {"max_fps": "0"}, "max_fps", "greater than or equal to 0.1"),
        (ROI, {"coordinates": "[[0, 0], [1, 1]]"}, "coordinates", "three or more distinct points"),
        (ROI, {"coordinates": "[[0, 0], [1, "}, "coordinates", "valid JSON"),
        (ROI, {"coordinates": "[[0, 0], [1, 0], [NaN, 1]]"}, "coordinates", "not a finite number"),
        (ROI, {"roi_type": "line"}, "coordinates", "exactly two distinct points"),
        (ROI, {"priority": "9000000"}, "priority", "less than or equal"),
        (Binding, {"params": '{"dwell_s": -1}'}, "params", "dwell_s"),
        (Binding, {"params": '{"dwell_s": NaN}'}, "params", "dwell_s"),
        (Binding, {"params": "[1]"}, "params", "JSON object"),
        (Binding, {"algo_code": "teleport"}, "algo_code", "valid choice"),
        (Site, {"time_zone": "Mars/Olympus"}, "time_zone", "not a time zone"),
    ],
)
def test_errors_stand_beside_their_field(
    site: Site, model: Any, changes: dict[str, str], field: str, words: str
) -> None:
    response = save(browser("superuser"), path(model, "change", model.objects.first()), **changes)
    assert words in field_error(response, field)
    assert (versions("box-1"), versions("box-2")) == (1, 1)


def test_an_identifier_that_is_taken_or_unusable_is_an_error(site: Site) -> None:
    client = browser("superuser")
    for code, words in (("vid1", "already exists"), ("a/b", "letters, digits")):
        response = save(client, path(Camera, "add"), camera_id=code, device="box-1", rtsp_url="webcam:0")
        assert words in field_error(response, "camera_id")


@pytest.mark.parametrize("text", ["[" * 2000, f"[[1{'0' * 5000}, 0.1], [0, 0], [1, 1]]", '{"a": 1, "a": 2}'])
def test_json_that_python_gives_up_on_is_an_error_of_the_field(site: Site, text: str) -> None:
    client = browser("operator")
    for row, field in ((ROI.objects.first(), "coordinates"), (Binding.objects.first(), "params")):
        form = Form(client.get(path(type(row), "change", row)).content.decode()).fields
        answer = client.post(path(type(row), "change", row), form | {field: [text]})
        assert answer.status_code == 200
        assert "not valid JSON" in answer.content.decode()


def test_only_a_superuser_sees_and_makes_superusers(site: Site) -> None:
    boss = make_person("boss", superuser=True)
    client = browser("admin")
    people = client.get("/admin/auth/user/").content.decode()
    assert "boss" not in people
    assert client.get(f"/admin/auth/user/{boss.pk}/password/").status_code in (302, 404)
    me = make_person("second", "admin")
    page = client.get(f"/admin/auth/user/{me.pk}/change/").content.decode()
    assert "is_superuser" not in page
    client.post(f"/admin/auth/user/{me.pk}/change/", Form(page).fields | {"is_superuser": ["on"]})
    me.refresh_from_db()
    assert not me.is_superuser


def test_a_new_binding_has_no_algorithm_that_nobody_chose() -> None:
    form = BindingForm({"bind_id": "b9", "params": "{}", "severity": "info", "priority": "0"})
    assert form.fields["algo_code"].choices[0][0] == ""  # type: ignore[attr-defined]
    assert "algo_code" in form.errors
