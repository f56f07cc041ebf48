"""The ROI editor's server side: reading and replacing a camera's ROIs and bindings."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cameras.audit import AuditEntry  # noqa: F401  registers the histories
from cameras.models import ROI, Binding, Camera, Device
from cameras.selectors import row_fingerprints
from cameras.services import issue_version, publish_edit
from tests.cameras.pages import browser, two_sites, versions
from tests.cameras.regions_page import Editor, refused
from tests.rows import SQUARE, make_binding, make_roi

pytestmark = pytest.mark.django_db

TRIANGLE = [[0.1, 0.1], [0.9, 0.1], [0.5, 0.8]]
NEW = {"roi_id": None, "name": "Oven", "roi_type": "polygon", "coordinates": TRIANGLE}


@pytest.fixture
def editor() -> Editor:
    two_sites()
    return Editor(browser("operator"))


def names() -> list[str]:
    return list(ROI.objects.filter(camera="vid1").order_by("pk").values_list("name", flat=True))


def test_the_page_carries_what_data_answers(editor: Editor) -> None:
    html = editor.client.get(editor.base).content.decode()
    assert 'id="editor-data"' in html
    data = editor.load()
    assert data["camera"] == {
        "camera_id": "vid1", "name": "Line 1", "enabled": True, "state": "live", "state_text": "live",
    }  # fmt: skip
    [roi] = data["rois"]
    assert roi["binds"] == [
        {
            "bind_id": "bind-1", "algo_code": "intrusion", "params": {}, "severity": "warning", "schedule_id": None,
            "enabled": True, "priority": 0,
        }
    ]  # fmt: skip
    assert (roi["roi_id"], roi["color"], roi["coordinates"]) == ("roi-1", 0, SQUARE)
    [shift] = data["schedules"]
    assert (shift["schedule_id"], shift["name"]) == ("shift-1", "Shift 1")
    assert re.fullmatch(r"/admin/cameras/schedule/\d+/change/", shift["url"])
    assert [c["camera_id"] for c in data["cameras"]] == ["vid2"]
    assert data["may"] == {"change": True, "publish": True}
    assert data["publish"] == {"pending": False, "url": "/admin/cameras/device/box-1/configuration/"}
    assert data["frame"] is None


def test_forms_have_units_and_no_references(editor: Editor) -> None:
    algorithms = {a["code"]: a for a in editor.load()["algorithms"]}
    dwell = algorithms["intrusion"]["schema"]["properties"]["dwell_s"]
    assert (dwell["title"], dwell["unit"], dwell["default"], dwell["minimum"]) == ("Dwell", "s", 1.0, 0)
    assert algorithms["line_crossing"]["roi_types"] == ["line"]
    steps = algorithms["procedure"]["schema"]["properties"]["steps"]["items"]["properties"]
    assert steps["roi_id"]["type"] == "string"
    assert "$ref" not in str(algorithms)


def test_a_save_replaces_everything_in_one_version(editor: Editor) -> None:
    make_roi("roi-old", camera=Camera.objects.get(pk="vid1"))
    publish_edit(device_ids=["box-1"], author="setup")
    before = versions()
    [kept] = [roi for roi in editor.load()["rois"] if roi["roi_id"] == "roi-1"]
    bind = kept["binds"][0] | {"params": {"dwell_s": 5}, "severity": "critical"}
    line: dict[str, Any] = {
        "roi_id": None,
        "name": "Gate",
        "roi_type": "line",
        "coordinates": [[0, 0], [1, 1]],
        "priority": 9,
    }
    line |= {"binds": [{"bind_id": None, "algo_code": "line_crossing", "schedule_id": "shift-1"}]}
    status, data = editor.put([kept | {"name": "Entrance", "color": 5, "binds": [bind]}, line])
    assert status == 200, data
    assert [(r["name"], r["priority"], r["color"]) for r in data["rois"]] == [("Gate", 9, 0), ("Entrance", 0, 5)]
    assert versions() == before + 1
    assert not ROI.objects.filter(roi_id="roi-old").exists()
    stored = Binding.objects.get(bind_id="bind-1")
    assert (stored.params, stored.severity) == ({"dwell_s": 5}, "critical")
    made = Binding.objects.get(algo_code="line_crossing")
    assert (made.roi.name, made.schedule_id, made.severity) == ("Gate", "shift-1", "warning")
    assert data["publish"]["version"] == Device.objects.get(pk="box-1").last_version
    assert data["publish"]["pending"] is False


def test_what_a_row_leaves_out_stays(editor: Editor) -> None:
    ROI.objects.filter(roi_id="roi-1").update(priority=7, color=3, enabled=False)
    Binding.objects.filter(bind_id="bind-1").update(params={"dwell_s": 4})
    status, data = editor.put([{"roi_id": "roi-1", "name": "Hall"}])
    assert status == 200, data
    [roi] = data["rois"]
    assert (roi["name"], roi["priority"], roi["color"], roi["enabled"]) == ("Hall", 7, 3, False)
    assert roi["binds"][0]["params"] == {"dwell_s": 4}


def test_a_binding_moves_to_another_roi_and_keeps_its_code(editor: Editor) -> None:
    [roi] = editor.load()["rois"]
    make_roi("roi-b", camera=Camera.objects.get(pk="vid1"))
    status, _ = editor.put([{"roi_id": "roi-b", "binds": roi["binds"]}])
    assert status == 200
    assert Binding.objects.get(bind_id="bind-1").roi_id == "roi-b"
    assert not ROI.objects.filter(roi_id="roi-1").exists()


def test_a_colour_makes_no_version_and_no_fingerprint(editor: Editor) -> None:
    before, prints = versions(), row_fingerprints()
    status, data = editor.put([{"roi_id": "roi-1", "color": 6}])
    assert (status, data["rois"][0]["color"]) == (200, 6)
    assert versions() == before
    assert row_fingerprints() == prints
    assert issue_version(device_id="box-1", author="kim") is None
    assert editor.put([{"roi_id": "roi-1"}])[0] == 200
    assert ROI.objects.get(roi_id="roi-1").color == 6


def test_who_changed_what_is_told_and_colours_that_nobody_chose_are_not(editor: Editor) -> None:
    rois = editor.load()["rois"]
    editor.put([rois[0] | {"name": "Hall"}])
    entries = list(ROI.history.filter(history_type="~"))
    assert [(e.history_author, e.history_changes) for e in entries] == [("the operator", {"name": ["Door 1", "Hall"]})]
    assert ROI.objects.get(roi_id="roi-1").color == 0
    editor.put([rois[0] | {"name": "Hall"}])
    assert ROI.history.filter(history_type="~").count() == 1
    editor.put([])
    assert ROI.history.filter(history_type="-").get().history_author == "the operator"
    assert Binding.history.filter(history_type="-").get().bind_id == "bind-1"


def test_two_people_neither_loses_work(editor: Editor) -> None:
    revision = editor.load()["revision"]
    assert editor.put([{"roi_id": "roi-1", "name": "First"}], revision=revision)[0] == 200
    status, body = editor.put([{"roi_id": "roi-1", "name": "Second"}], revision=revision)
    assert status == 409
    assert "Somebody else" in body["detail"]
    assert body["current"]["rois"][0]["name"] == "First"
    assert body["current"]["revision"] == editor.load()["revision"] != revision
    assert names() == ["First"]
    for broken in ("", "x" * 32):
        assert editor.put([], revision=broken)[0] == 409


@pytest.mark.parametrize("change", [{"params": {"dwell_s": 3}}, {"severity": "info"}, {"enabled": False}])
def test_an_edit_of_a_binding_elsewhere_is_noticed_too(editor: Editor, change: dict[str, Any]) -> None:
    revision = editor.load()["revision"]
    Binding.objects.filter(bind_id="bind-1").update(**change)
    assert editor.put([], revision=revision)[0] == 409


BAD_SHAPES = [
    ([], "there are no points"),
    ([[0.1, 0.1], [0.2, 0.2]], "a polygon needs three or more distinct points"),
    ([[0, 0], [1, 1], [1, 0], [0, 1]], "the polygon crosses itself near (0.5, 0.5)"),
    ([[0, 0], [0.5, 0.5], [1, 1]], "encloses no area"),
    ([[0, 0], [1.2, 0], [1, 1]], "x of point 2 lies outside the picture"),
    ([[0, 0], [1, "a"], [1, 1]], "y of point 2 must be a number"),
    ("x", "points must be a list"),
    (None, "points must be a list"),
    ([[0, 0], [0.3, 0.3], [0, 0.5], [0.3, 0.3], [0.5, 0]], "touches itself"),
]


@pytest.mark.parametrize(("points", "message"), BAD_SHAPES)
def test_a_bad_shape_is_refused_with_words(editor: Editor, points: Any, message: str) -> None:
    [(index, field, said)] = refused(editor.put([{"roi_id": "roi-1"}, NEW | {"coordinates": points}]))
    assert (index, field) == (1, "coordinates")
    assert message in said
    assert names() == ["Door 1"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_is_refused_by_place(editor: Editor, number: str) -> None:
    revision = editor.load()["revision"]
    text = (
        f'{{"revision": "{revision}", "rois": [{{"roi_id": "roi-1", "coordinates": [[0, 0], [{number}, 0], [1, 1]]}}]}}'
    )
    [(index, field, said)] = refused(editor.put_text(text))
    assert (index, field, said) == (0, "coordinates", "x of point 2 is not a finite number")


BIND = {"bind_id": "bind-1", "algo_code": "intrusion"}
BAD_ROWS: list[tuple[dict[str, Any], str, str]] = [
    ({"roi_id": "roi-1", "x": 1}, "x", "is an unknown key"),
    ({"roi_id": "roi-2"}, "roi_id", "there is no ROI “roi-2” on this camera"),
    ({"roi_id": "roi-1", "name": "n" * 201}, "name", "is longer than 200 characters"),
    ({"roi_id": "roi-1", "name": "a\x00"}, "name", "holds a character that cannot be stored"),
    ({"roi_id": "roi-1", "name": "\ud800"}, "name", "holds a character that cannot be stored"),
    ({"roi_id": "roi-1", "name": 7}, "name", "must be text; put it in quotes"),
    ({"roi_id": "roi-1", "roi_type": "circle"}, "roi_type", "must be one of 'polygon', 'rectangle' or 'line'"),
    ({"roi_id": "roi-1", "color": 8}, "color", "must be less than 8"),
    ({"roi_id": "roi-1", "color": True}, "color", "must be a whole number"),
    ({"roi_id": "roi-1", "priority": 1.5}, "priority", "must be a whole number"),
    ({"roi_id": "roi-1", "enabled": "yes"}, "enabled", "must be true or false"),
    ({"roi_id": "roi-1", "roi_type": "line", "coordinates": [[0, 0], [1, 1]]}, "binds.0.algo_code",
     "this algorithm cannot watch a line"),
    ({"roi_id": "roi-1", "binds": [{"bind_id": "bind-2"}]}, "binds.0.bind_id", "there is no binding “bind-2”"),
    ({"roi_id": "roi-1", "binds": [BIND | {"severity": "loud"}]}, "binds.0.severity", "must be one of"),
    ({"roi_id": "roi-1", "binds": [BIND | {"algo_code": "magic"}]}, "binds.0.algo_code", "is an unknown algorithm"),
    ({"roi_id": "roi-1", "binds": [BIND | {"params": {"dwell_s": -1}}]}, "binds.0.params.dwell_s", "must be 0 or more"),
    ({"roi_id": "roi-1", "binds": [BIND | {"params": {"dwel": 1}}]}, "binds.0.params.dwel", "is an unknown key"),
    ({"roi_id": "roi-1", "binds": [BIND | {"params": {"classes": ["\x00"]}}]}, "binds", "cannot be stored"),
    ({"roi_id": "roi-1", "binds": [BIND | {"params": {"classes": ["trck"]}}]}, "binds.0.params.classes",
     "the model knows no class “trck”; those spelled most alike: truck"),
    ({"roi_id": "roi-1", "binds": [BIND | {"schedule_id": "shift-2"}]}, "binds.0.schedule_id",
     "there is no schedule “shift-2” at this site"),
    ({"roi_id": "roi-1", "binds": [BIND, BIND]}, "binds.1.bind_id", "“bind-1” stands twice"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "field", "message"), BAD_ROWS)
def test_a_bad_row_is_refused_by_field(editor: Editor, row: dict[str, Any], field: str, message: str) -> None:
    problems = refused(editor.put([row]))
    assert field in [where for _, where, _ in problems]
    assert message in " ".join(said for _, where, said in problems if where == field)
    assert Binding.objects.get(bind_id="bind-1").params == {}


def test_everything_wrong_is_told_at_once(editor: Editor) -> None:
    bad = NEW | {"coordinates": [], "binds": [{"algo_code": "loitering", "params": {"dwell_s": -1, "exit_s": "x"}}]}
    problems = refused(editor.put([{"roi_id": "roi-1", "color": 9}, bad, {"roi_id": "roi-1"}]))
    assert [(i, f) for i, f, _ in problems] == [
        (0, "color"), (1, "coordinates"), (1, "binds.0.params.dwell_s"), (1, "binds.0.params.exit_s"),
    ]  # fmt: skip
    assert refused(editor.put([{"roi_id": "roi-1"}, {"roi_id": "roi-1"}]))[0][:2] == (1, "roi_id")


def test_parameters_name_rois_of_this_camera_only(editor: Editor) -> None:
    steps = {"steps": [{"roi_id": "roi-1"}]}
    rule = NEW | {"binds": [{"algo_code": "procedure", "params": steps}]}
    status, data = editor.put([{"roi_id": "roi-1"}, rule])
    assert status == 200, data
    own = next(roi for roi in data["rois"] if roi["roi_id"] != "roi-1")
    [(_, field, said)] = refused(editor.put([{"roi_id": own["roi_id"]}]))
    assert (field, said) == ("binds.0.params.steps.0.roi_id", "there is no ROI “roi-1” on this camera")
    line = {"roi_id": "roi-1", "roi_type": "line", "coordinates": [[0, 0], [1, 1]], "binds": []}
    assert refused(editor.put([line, {"roi_id": own["roi_id"]}]))[0][2] == "a line is no area"


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"revision": 1, "revision": 2}', '{"rois": [], "x": 1}', "[" * 10_000]
)
def test_a_body_that_makes_no_sense_is_refused(editor: Editor, text: str) -> None:
    status, body = editor.put_text(text)
    assert status in (409, 422)
    assert body["detail"]
    assert names() == ["Door 1"]


@pytest.mark.parametrize("rois", [None, {}, "x", [None], ["x"], [[]], [{"roi_id": "roi-1", "binds": None}] * 501])
def test_a_list_that_is_none_is_refused(editor: Editor, rois: Any) -> None:
    assert editor.put(rois)[0] == 422
    assert names() == ["Door 1"]


def test_a_document_that_cannot_be_published_is_told(editor: Editor) -> None:
    make_binding("bind-bad", roi=make_roi("roi-x", camera=Camera.objects.get(pk="vid1")))
    Camera.objects.filter(pk="vid1").update(max_fps=0)
    status, data = editor.put([{"roi_id": "roi-1", "name": "Hall"}])
    assert status == 200
    assert data["publish"]["pending"] is True
    assert data["publish"]["problem"] == "camera Line 1, analyses per second: must be more than 0"


def test_up_to_eight_shapes_differ_in_colour(editor: Editor) -> None:
    status, data = editor.put([{"roi_id": "roi-1"}] + [NEW | {"name": f"n{i}"} for i in range(7)])
    assert status == 200
    assert {roi["color"] for roi in data["rois"]} == set(range(8))
