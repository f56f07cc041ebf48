"""ROIs that a binding's parameters name (the steps of a procedure): refused at the field, kept by every way that rows take."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from cameras.models import ROI, Binding, Device, Site
from cameras.services import issue_version, publish_edit
from cameras.transfer.services import Upload, carry_out, export_site
from cameras.versions import content_of_version, roll_back
from tests.cameras.pages import browser, field_error, path, save, text, versions
from tests.cameras.transfer_files import STORED, plan, problems
from tests.rows import make_all, make_binding, make_camera, make_roi

pytestmark = pytest.mark.django_db
STEPS = [{"roi_id": "sink", "min_s": 20}, {"roi_id": "towel"}]
WASH = json.dumps({"steps": STEPS})


@pytest.fixture
def device() -> Device:
    """Camera vid1 with a sink, a towel, a door line and the goal roi-1; camera vid9 with an ROI far away."""
    device = make_all()
    vid1 = ROI.objects.get().camera
    make_roi("sink", camera=vid1)
    make_roi("towel", camera=vid1)
    make_roi("door", camera=vid1, roi_type="line", coordinates=[[0.1, 0.1], [0.9, 0.9]])
    make_roi("far", camera=make_camera("vid9", device=device))
    make_binding("wash", algo_code="procedure", params={"steps": STEPS}, roi=ROI.objects.get(roi_id="roi-1"))
    publish_edit(device_ids=[device.pk], author="setup")
    return device


@pytest.fixture
def client() -> Client:
    return browser("operator")


@pytest.mark.parametrize(
    ("roi_id", "words"),
    [
        ("nowhere", "steps.1.roi_id: there is no ROI “nowhere” on this camera"),
        ("far", "steps.1.roi_id: there is no ROI “far” on this camera"),
        ("door", "steps.1.roi_id: ROI “door” is a line, which is no area"),
    ],
)
def test_a_step_elsewhere_is_refused_at_the_field(device: Device, client: Client, roi_id: str, words: str) -> None:
    given = json.dumps({"steps": [{"roi_id": "sink"}, {"roi_id": roi_id}]})
    url = path(Binding, "change", Binding.objects.get(bind_id="wash"))
    assert field_error(save(client, url, params=given), "params") == words
    added = save(client, path(Binding, "add"), roi="roi-1", algo_code="procedure", params=given)
    assert field_error(added, "params") == words
    assert versions() == 1
    assert "was changed successfully" in text(save(client, url, params='{"steps": [{"roi_id": "towel"}]}'))
    assert versions() == 2


@pytest.mark.parametrize(("roi_id", "saved"), [("far", False), ("sink", True)])
def test_a_new_roi_with_its_binding_on_one_page_is_checked_too(
    device: Device, client: Client, roi_id: str, *, saved: bool
) -> None:
    response = save(client, path(ROI, "add"), **{
        "name": "New goal", "camera": "vid1", "coordinates": "[[0, 0], [1, 0], [1, 1]]", "bindings-TOTAL_FORMS": "1",
        "bindings-0-algo_code": "procedure", "bindings-0-params": json.dumps({"steps": [{"roi_id": roi_id}]}),
        "bindings-0-severity": "info", "bindings-0-priority": "0",
    })  # fmt: skip
    assert ROI.objects.filter(name="New goal").exists() is saved
    assert ("there is no ROI “far” on this camera" in text(response)) is not saved


def test_a_step_that_is_deleted_leaves_the_box_as_it_is_and_says_which_binding(device: Device, client: Client) -> None:
    save(client, path(Binding, "change", Binding.objects.get(bind_id="bind-1")), priority="5")
    response = client.post(path(ROI, "delete", ROI.objects.get(roi_id="towel")), {"post": "yes"}, follow=True)
    why = "no ROI 'towel' in this document; binding 'wash' names it"
    told = f"Saved, but not published to box-1: binding procedure · Door 1, Steps: {why}"
    assert told in text(response).replace("&#x27;", "'")
    assert versions() == 2
    assert Device.objects.get().publish_error == f"binds[1].params.steps[1].roi_id: {why}"
    version = roll_back(device_id="box-1", version=1, author="kim")
    assert ROI.objects.get(roi_id="towel").camera_id == "vid1"
    assert Binding.objects.get(bind_id="wash").params == {"steps": STEPS}
    assert content_of_version(version)["binds"][1]["params"] == {"steps": STEPS}


def test_a_camera_goes_with_its_steps_and_the_rest_is_published(device: Device, client: Client) -> None:
    response = client.post(path(ROI.objects.get(roi_id="sink").camera.__class__, "delete", ROI.objects.get(
        roi_id="sink").camera), {"post": "yes"}, follow=True)  # fmt: skip
    assert "not published" not in text(response)
    assert versions() == 2


def upload(text: str) -> Upload:
    return Upload("site.json", text.encode())


def test_export_and_import_keep_the_steps(device: Device) -> None:
    exported = export_site(Site.objects.get(), "json", secrets=True)
    Site.objects.all().update(name="Old")
    for row in (*Binding.objects.all(), *ROI.objects.all()):
        row.delete()
    published: list[set[str]] = []
    given = json.loads(exported) | {"site": {"name": "Old"}}
    carry_out(site=Site.objects.get(), upload=upload(json.dumps(given)), author="kim", publish=published.append)
    assert Binding.objects.get(bind_id="wash").params == {"steps": STEPS}
    assert published == [{"box-1"}]
    assert issue_version(device_id="box-1", author="kim") is not None


AREA: dict[str, Any] = {**STORED.rows["rois"]["roi-1"]}
PROCEDURE = {**STORED.rows["bindings"]["bind-1"], "algo_code": "procedure", "params": {"steps": [{"roi_id": "sink"}]}}
WITH_STEPS = type(STORED)(
    STORED.site,
    {
        **STORED.rows,
        "cameras": {name: {**STORED.rows["cameras"]["vid1"], "camera_id": name} for name in ("vid1", "vid2")},
        "rois": {name: {**AREA, "roi_id": name} for name in ("roi-1", "sink")},
        "bindings": {"bind-1": PROCEDURE},
    },
)
LINE = "{roi_id: sink, roi_type: line, coordinates: [[0, 0], [1, 1]]}"
MUST_STAY = "line 3, rois[0]: “sink” must stay an area of its camera: binding “bind-1” names it"


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        ("bindings:\n- {bind_id: bind-1, params: {steps: [{roi_id: x}]}}", {},
         "line 3, bindings[0].params.steps[0].roi_id: there is no ROI “x” on the binding's camera"),
        (f"rois:\n- {LINE}", {}, MUST_STAY),
        ("rois:\n- {roi_id: sink, camera: vid2}", {}, MUST_STAY),
        ("rois:\n- {roi_id: roi-1}", {"delete": True},
         "line 0, rois: “sink” cannot be deleted: binding “bind-1” names it"),
        ("rois:\n- {roi_id: roi-1, camera: vid2}", {},
         "line 3, rois[0]: there is no ROI “sink” on the binding's camera"),
    ],
)  # fmt: skip
def test_an_import_that_would_break_a_step_is_refused(content: str, options: dict[str, Any], expected: str) -> None:
    (problem,) = problems("s.yaml", f"format: 1\n{content}", stored=WITH_STEPS, **options)
    assert problem.endswith(expected.removeprefix("line 0, "))


def test_steps_may_come_or_go_with_their_binding() -> None:
    together = "rois:\n- {roi_id: towel, camera: vid1, coordinates: [[0, 0], [1, 0], [1, 1]]}\nbindings:\n"
    done = plan(
        "s.yaml",
        f"format: 1\n{together}- {{bind_id: bind-1, params: {{steps: [{{roi_id: towel}}]}}}}",
        stored=WITH_STEPS,
    )
    assert done.after.rows["bindings"]["bind-1"]["params"] == {"steps": [{"roi_id": "towel"}]}
    gone = plan("s.yaml", "format: 1\nrois: []\nbindings: []", stored=WITH_STEPS, delete=True)
    assert gone.after.rows["bindings"] == {}
    both = "rois:\n- {roi_id: roi-1, camera: vid2}\n- {roi_id: sink, camera: vid2}"
    assert plan("s.yaml", f"format: 1\n{both}", stored=WITH_STEPS).devices == {"box-1"}


def test_what_was_broken_before_holds_up_no_other_import() -> None:
    broken = {**WITH_STEPS.rows, "rois": {"roi-1": AREA}}
    stored = type(STORED)(STORED.site, broken)
    done = plan("s.yaml", "format: 1\ncameras:\n- {camera_id: vid1, name: Other}", stored=stored)
    assert done.after.rows["cameras"]["vid1"]["name"] == "Other"
