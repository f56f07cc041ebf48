"""The ROI editor's server side: who may, and copying to other cameras."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from cameras.models import ROI, Binding, Camera, Site
from tests.cameras.pages import browser, two_sites, versions
from tests.cameras.regions_page import Editor, refused
from tests.rows import make_binding, make_camera, make_person, make_roi

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return two_sites()


CALLS: list[tuple[str, str, Any]] = [
    ("get", "data", None), ("put", "data", {"revision": "", "rois": []}), ("post", "copy", {"roi_ids": [], "camera_ids": []}),
    ("post", "frame", {}), ("get", "frame/x", None),
]  # fmt: skip


@pytest.mark.parametrize(("method", "what", "body"), CALLS)
def test_another_sites_camera_does_not_exist(site: Site, method: str, what: str, body: Any) -> None:
    editor = Editor(browser("operator", sites=[site]), "vid2")
    call = {
        "get": lambda: editor.get(what),
        "put": lambda: editor.put([], revision=""),
        "post": lambda: editor.post(what, body),
    }
    assert call[method]()[0] == 404
    assert editor.client.get(editor.base).status_code == 404
    assert ROI.objects.filter(camera="vid2").exists()


def test_a_site_limited_person_sees_no_other_site_in_the_data(site: Site) -> None:
    data = Editor(browser("operator", sites=[site])).load()
    assert data["cameras"] == []
    assert "Warehouse" not in str(data)
    assert "shift-2" not in str(data)


def test_a_viewer_looks_and_changes_nothing(site: Site) -> None:
    editor = Editor(browser("viewer"))
    data = editor.load()
    assert (data["may"], data["cameras"]) == ({"change": False, "publish": False}, [])
    assert editor.put([])[0] == 403
    assert editor.post("copy", {"roi_ids": ["roi-1"], "camera_ids": ["vid2"]})[0] == 403
    assert ROI.objects.filter(camera="vid1").count() == 1


def test_a_login_that_ended_is_told_in_json(site: Site) -> None:
    editor = Editor(Client())
    status, body = editor.get()
    assert (status, "Log in again" in body["detail"]) == (401, True)
    assert editor.put([], revision="")[0] == 401
    assert editor.client.get(editor.base).status_code == 302


def test_a_page_of_another_site_cannot_save(site: Site) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_person("eve", "operator"))
    answer = client.put("/admin/cameras/camera/vid1/regions/data", "{}", content_type="application/json")
    assert answer.status_code == 403
    assert ROI.objects.filter(camera="vid1").exists()


@pytest.mark.parametrize(
    ("rois", "missing"),
    [
        ([], "delete_roi"),
        ([{"roi_id": "roi-1"}, {"roi_id": None, "coordinates": [[0, 0], [1, 0], [1, 1]]}], "add_roi"),
        ([{"roi_id": "roi-1", "binds": []}], "delete_binding"),
        ([{"roi_id": "roi-1", "binds": [{"algo_code": "intrusion"}, {"bind_id": "bind-1"}]}], "add_binding"),
        ([{"roi_id": "roi-1"}], "change_binding"),
    ],
)
def test_a_save_needs_what_it_does(site: Site, rois: Any, missing: str) -> None:
    person = make_person("part")
    codes = ["view_camera", *(f"{a}_{m}" for a in ("add", "change", "delete") for m in ("roi", "binding"))]
    allowed = Permission.objects.filter(content_type__app_label="cameras", codename__in=codes)
    person.user_permissions.set(allowed.exclude(codename=missing))
    client = Client()
    client.force_login(person)
    assert Editor(client).put(rois)[0] == 403
    assert Binding.objects.filter(bind_id="bind-1").exists()
    person.user_permissions.set(allowed)
    assert Editor(client).put(rois)[0] == 200


@pytest.mark.parametrize("what", ["data", "copy", "frame", "frame/x"])
def test_other_methods_do_not_exist(site: Site, what: str) -> None:
    client = browser("superuser")
    assert client.delete(f"/admin/cameras/camera/vid1/regions/{what}").status_code == 405


def test_copies_take_their_bindings_along(site: Site) -> None:
    make_camera("vid3")
    camera = Camera.objects.get(pk="vid1")
    make_binding(
        "rule", roi=make_roi("roi-b", camera=camera), algo_code="procedure", params={"steps": [{"roi_id": "roi-1"}]}
    )
    editor, before = Editor(browser("operator")), versions()
    status, body = editor.post("copy", {"roi_ids": ["roi-1", "roi-b"], "camera_ids": ["vid2", "vid3"]})
    assert (status, body) == (200, {"copied": 4})
    copied = {roi.name: roi for roi in ROI.objects.filter(camera="vid3")}
    [rule] = Binding.objects.filter(roi__camera="vid3", algo_code="procedure")
    assert rule.params == {"steps": [{"roi_id": copied["Door 1"].roi_id}]}
    assert ROI.objects.filter(camera="vid2").count() == 3
    assert versions() == before + 1
    assert versions("box-2") == 2
    assert Binding.objects.get(bind_id="rule").params == {"steps": [{"roi_id": "roi-1"}]}


def test_a_copy_that_would_leave_something_behind_is_refused(site: Site) -> None:
    camera = Camera.objects.get(pk="vid1")
    make_binding(
        "rule", roi=make_roi("roi-b", camera=camera), algo_code="procedure", params={"steps": [{"roi_id": "roi-1"}]}
    )
    Binding.objects.filter(bind_id="bind-1").update(schedule="shift-1")
    editor = Editor(browser("operator"))
    both = {"roi_ids": ["roi-b", "roi-1"], "camera_ids": ["vid2"]}
    assert refused(editor.post("copy", both)) == [
        (-1, "camera_ids", "a rule of “Door 1” follows the schedule “shift-1”, which another site has not")
    ]
    [(_, field, said)] = refused(editor.post("copy", both | {"roi_ids": ["roi-b"]}))
    assert (field, said) == ("roi_ids", "a rule of “roi-b” names the ROI “roi-1”: copy that one too")
    for body in (
        {"roi_ids": ["roi-2"], "camera_ids": ["vid2"]},
        {"roi_ids": ["roi-1"], "camera_ids": ["vid1"]},
        {"roi_ids": ["roi-1"], "camera_ids": ["nope"]},
        {"roi_ids": "roi-1", "camera_ids": ["vid2"]},
        {"roi_ids": [], "camera_ids": ["vid2"]},
        {"roi_ids": ["roi-1"], "camera_ids": []},
    ):
        assert editor.post("copy", body)[0] == 422, body
    assert ROI.objects.filter(camera="vid2").count() == 1


def test_copies_reach_no_camera_of_another_site(site: Site) -> None:
    editor = Editor(browser("operator", sites=[site]))
    status, body = editor.post("copy", {"roi_ids": ["roi-1"], "camera_ids": ["vid2"]})
    assert status == 422
    assert "Warehouse" not in str(body)
    assert ROI.objects.filter(camera="vid2").count() == 1
