"""Reading a site's file: what is wrong is named by line, and nothing else ever comes out of a bad file."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cameras import reason_texts
from cameras.core.algorithms import registry
from cameras.core.reasons import OTHER_PATTERN, PATTERNS, REASONS
from cameras.core.transfer import SiteState
from cameras.core.transfer_file import MOST_PROBLEMS, TransferError
from cameras.transfer.building import LARGEST, MOST_VALUES
from cameras.transfer.texts import TEXTS
from cameras.transfer.writing import FORMATS, write_site
from tests.cameras.transfer_files import EMPTY, SECRET, STORED, TEXT, TRICKY, URL, plan, problems

LETTERS = "must be up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit"
ROOT = Path(__file__).resolve().parents[2]

# Round trip


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("delete", [False, True])
def test_what_was_exported_changes_nothing(kind: str, delete: bool) -> None:
    text = write_site(STORED, kind)
    assert SECRET not in text
    assert "***" in text
    result = plan(f"site.{kind}", text, delete=delete)
    assert (result.changes, result.devices) == ([], frozenset())
    assert result.after == STORED


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_with_secrets_an_export_makes_the_same_site_anew(kind: str) -> None:
    result = plan(f"site.{kind}", write_site(STORED, kind, secrets=True), stored=EMPTY)
    assert result.after == STORED
    assert result.devices == {"box-1"}
    assert [str(c) for c in result.changes] == [
        "Device box-1 added", "Camera Line 1 added", "ROI Door added", "Binding intrusion · Door added",
    ]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(name=TEXT | TRICKY, location=TEXT | TRICKY, fps=st.floats(0.1, 60), kind=st.sampled_from(FORMATS))
def test_any_text_survives_the_round_trip(name: str, location: str, fps: float, kind: str) -> None:
    camera = {**STORED.rows["cameras"]["vid1"], "name": name, "location": location, "max_fps": fps}
    stored = SiteState(STORED.site, {**STORED.rows, "cameras": {"vid1": camera}})
    assert plan(f"s.{kind}", write_site(stored, kind), stored=stored).after == stored


def test_the_same_rows_give_the_same_text_in_any_order() -> None:
    rois = STORED.rows["rois"] | {"a": {**STORED.rows["rois"]["roi-1"], "roi_id": "a"}}
    one = SiteState(STORED.site, {**STORED.rows, "rois": rois})
    other = SiteState(STORED.site, {**STORED.rows, "rois": dict(reversed(rois.items()))})
    assert all(write_site(one, kind) == write_site(other, kind) for kind in FORMATS)
    assert yaml.safe_load(write_site(one, "yaml")) == json.loads(write_site(one, "json"))


# Bad rows by line

YAML_SITE = f"""format: 1
site:
  name: Kitchen
cameras:
  - camera_id: vid1
    name: 12
  - camera_id: vid2
    device: box-1
    rtsp_url: http://admin:{SECRET}@h/1
    colour: red
  - camera_id: vid3
    device: box-9
    rtsp_url: rtsp://admin:***@h/1
rois:
- roi_id: roi-1
  coordinates: [[0, 0], [1, 1]]
- {{roi_id: r2, camera: vid2, roi_type: blob, coordinates: []}}
bindings:
- bind_id: bind-1
  params:
    dwell_s: -1
    wrong: 2
- bind_id: b2
  roi: nowhere
  algo_code: magic
"""
YAML_PROBLEMS = [
    "line 6, cameras[0].name: must be text; put it in quotes",
    "line 9, cameras[1].rtsp_url: must begin with rtsp://, rtsps://, file:/// or be webcam:N",
    "line 10, cameras[1].colour: is an unknown key",
    "line 12, cameras[2].device: there is no device “box-9” at this site or in the file",
    "line 13, cameras[2].rtsp_url: is masked: a new camera needs its whole URL",
    "line 16, rois[0].coordinates: a polygon needs three or more distinct points, not 2",
    "line 17, rois[1].roi_type: must be one of 'polygon', 'rectangle' or 'line'",
    "line 21, bindings[0].params.dwell_s: must be 0 or more",
    "line 22, bindings[0].params.wrong: is an unknown key",
    "line 24, bindings[1].roi: there is no ROI “nowhere” at this site or in the file",
    "line 25, bindings[1].algo_code: is an unknown algorithm; known: intrusion",
]


def test_every_bad_row_of_yaml_is_named_by_line_at_once() -> None:
    found = problems("site.yaml", YAML_SITE)
    known = ", ".join(a.code for a in registry.all())
    wanted = [text.replace("known: intrusion", f"known: {known}") for text in YAML_PROBLEMS]
    assert found == wanted


def test_a_class_that_the_model_does_not_know_is_named_by_line() -> None:
    row = {"bind_id": "bind-1", "params": {"classes": ["person", "dogg"]}}
    [found] = problems("site.json", json.dumps({"format": 1, "bindings": [row]}, indent=1))
    assert "bindings[0].params.classes: the model knows no class “dogg”; those spelled most alike: dog" in found


def test_bad_rows_of_json_are_named_by_line() -> None:
    text = json.dumps(
        {"format": 1, "cameras": [{"camera_id": "vid1", "enabled": "yes"}, {"camera_id": "v 2", "rtsp_url": URL}]},
        indent=1,
    )
    assert problems("site.json", text) == [
        "line 6, cameras[0].enabled: must be true or false",
        f"line 9, cameras[1].camera_id: {LETTERS}",
    ]


def test_bad_rows_of_csv_are_named_by_line() -> None:
    text = f'camera_id,name,device,rtsp_url,max_fps\nvid1,"two\nlines",box-1,,0\n\nvid2,x,box-1,,ten\nvid3,x,,{URL},1,more\n'
    assert problems("cameras.csv", text.replace(",more", "")) == [
        "line 2, cameras[0].max_fps: must be 0.1 or more",
        "line 5, cameras[1].max_fps: must be a number",
        "line 6, cameras[2].device: is missing: “vid3” is new",
    ]
    assert problems("cameras.csv", text) == ["line 6, cameras[2]: has more cells than there are columns"]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("s.yaml", "", "The file is empty."),
        ("s.json", " \n", "The file is empty."),
        ("s.csv", "\n", "The file is empty."),
        ("s.txt", "x", "The name of the file must end in"),
        ("s.yaml", "a\n- b: c", "line 2: is not YAML"),
        ("s.yaml", "format: 1\nsite: &a {name: x}", "line 2: anchors and aliases"),
        ("s.yaml", "format: 1\ncameras: *a", "line 2: anchors and aliases"),
        ("s.yaml", "format: 1\nsite: !!python/object:os.system {}", "line 2: tags are not allowed"),
        ("s.yaml", "format: 1\nformat: 1", "line 2, format: stands twice"),
        ("s.yaml", "format: 1\n---\nformat: 1", "line 3: There is more than one document"),
        ("s.yaml", "format: 1\n? [a]\n: b", "line 2: has a key that is not text"),
        ("s.yaml", "format: 1\nsite: {name: x\x01}", "YAML does not allow"),
        ("s.yaml", 'format: 1\nsite: {name: "x\\0"}', "line 2, site.name: holds a character that cannot be stored"),
        ("s.json", '{"format": 1,\n"site": {"name": "\\ud800"}}', "line 2, site.name: holds a character"),
        ("s.json", '{"format": 1,\n"format": 1}', "line 2, format: stands twice"),
        ("s.json", '{"format": 1,\n"site": NaN}', "line 2: NaN is not a number that JSON knows"),
        ("s.json", '{"format": 1,\n"site": }', "line 2: is not JSON"),
        ("s.json", "[1]", "line 1: is not the file of a site"),
        ("s.json", "[" * 100_000, "nested too deeply"),
        ("s.yaml", "[" * 500, "nested too deeply"),
        ("s.json", '{"format": ' + "9" * 5000 + "}", "too many digits"),
        ("s.yaml", "format: " + "9" * 5000, "line 1: is a number with too many digits"),
        ("s.yaml", "format: 2", "line 1, format: must be one of 1"),
        ("s.yaml", "site: {name: x}", "line 1, format: is missing"),
        ("s.yaml", b"format: 1\n# \xff", "line 2: is not UTF-8 text"),
        ("s.yaml", b"#" * (LARGEST + 1), "The file is larger than 5 MB."),
        ("s.json", "[" + "0," * (MOST_VALUES + 1) + "0]", "line 1: The file holds more than"),
        ("s.csv", "name\nx", "line 1, camera_id: is missing"),
        ("s.csv", "camera_id,name,Name\nx,,", "line 1, name: stands twice"),
        ("s.csv", "camera_id,colour\nx,red", "line 1, colour: is an unknown column"),
        ("s.csv", 'camera_id\n"x', "line 2: is not CSV"),
        ("s.csv", "camera_id,name\nvid1,\x00", "line 2, cameras[0].name: holds a character"),
    ],
)  # fmt: skip
def test_files_that_are_none(name: str, text: str | bytes, problem: str) -> None:
    assert problem in problems(name, text)[0]


def test_a_yaml_bomb_is_refused_before_it_grows() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
    )
    assert problems("s.yaml", bomb) == ["line 1: anchors and aliases are not allowed"]


def test_no_more_than_so_many_problems_are_told() -> None:
    rows = [{"camera_id": f"c{n}", "x": 1, "y": 2} for n in range(1000)]
    with pytest.raises(TransferError) as caught:
        plan("s.json", json.dumps({"format": 1, "cameras": rows}))
    assert len(caught.value.problems) == MOST_PROBLEMS
    assert caught.value.more


def test_a_key_that_holds_a_password_is_not_repeated() -> None:
    found = problems("s.yaml", f'format: 1\ncameras:\n- "{URL}": x\n')
    assert found[1] == "line 3, cameras[0].rtsp://admin:***@10.0.0.5:554/1: is an unknown key"
    assert "***" in problems("s.csv", f"camera_id,{URL}\nx,y")[0]


@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from(["yaml", "json", "csv"]), data=st.binary(max_size=200) | TEXT.map(str.encode))
def test_garbage_raises_our_error_only(kind: str, data: bytes) -> None:
    with pytest.raises(TransferError):
        plan(f"s.{kind}", data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            key: VALUES | st.sampled_from(["vid1", "roi-1", "bind-1", "box-1", "intrusion", "line"])
            for rows in STORED.rows.values() for row in rows.values() for key in row
        },
    )
    | VALUES,
    max_size=3,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    value=st.fixed_dictionaries({"format": st.just(1)}, optional=dict.fromkeys(STORED.rows, ROWS)),
    delete=st.booleans(),
)
def test_files_of_the_right_outline_make_a_plan_or_our_error(value: dict[str, Any], delete: bool) -> None:
    try:
        result = plan("s.json", json.dumps(value), delete=delete)
    except TransferError:
        return
    rows = result.after.rows
    assert all(row["device"] in rows["devices"] for row in rows["cameras"].values())
    assert all(row["camera"] in rows["cameras"] for row in rows["rois"].values())
    assert all(row["roi"] in rows["rois"] for row in rows["bindings"].values())


# Texts


def test_every_text_of_a_problem_can_be_translated() -> None:
    found = {*REASONS.values(), *PATTERNS.values(), OTHER_PATTERN}
    files = [*(ROOT / "cameras" / "transfer").glob("*.py"), *(ROOT / "cameras" / "core").glob("transfer*.py")]
    for file in [*files, ROOT / "cameras" / "admin" / "transfer.py"]:
        for call in [n for n in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]:
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            place = {"refusal": 1, "add": 1, "Problem": 2, "Change": 1}.get(name)
            text = call.args[place] if place is not None and len(call.args) > place else None
            if isinstance(text, ast.Constant):
                found.add(str(text.value))
    assert len(found) > 35
    assert found - {*TEXTS, *reason_texts.VALUES} <= {"%(problem)s"}
