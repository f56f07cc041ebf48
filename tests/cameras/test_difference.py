from __future__ import annotations

import copy
from typing import Any

from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from cameras.admin.sentences import SENTENCES, WORDS, sentences
from cameras.core.difference import FIELDS, difference
from cameras.core.reasons import Word


def content() -> dict[str, Any]:
    return {
        "site": {"name": "Plant", "time_zone": "UTC"},
        "cameras": [
            {"camera_id": "c1", "camera_name": "Line 1", "rtsp_url": "rtsp://u:secret@h/1", "enabled": True, "max_fps": 10.0}
        ],
        "rois": [
            {
                "roi_id": "r1", "camera_id": "c1", "roi_name": "Door", "roi_type": "polygon", "enabled": True,
                "coordinates": [[0.1, 0.1], [0.3, 0.1], [0.3, 0.3]],
            }
        ],
        "binds": [
            {"bind_id": "b1", "roi_id": "r1", "algo_code": "intrusion", "params": {"dwell_s": 3}, "severity": "warning"}
        ],
    }  # fmt: skip


def words(new: dict[str, Any]) -> list[str]:
    return [f"{c.sign} {c}" for c in difference(content(), new)]


def test_nothing_changed() -> None:
    assert words(content()) == []


def test_who_issued_it_is_no_difference() -> None:
    assert words({**content(), "issued_by": "kim"}) == []


def test_everything_that_an_operator_does_has_its_sentence() -> None:
    new = content()
    new["site"]["time_zone"] = "Asia/Shanghai"
    new["cameras"][0]["rtsp_url"] = "rtsp://u:other@h/1"
    new["cameras"][0]["max_fps"] = 5.0
    new["cameras"].append({"camera_id": "c2", "rtsp_url": "webcam:0"})
    new["rois"][0]["coordinates"] = [[0.2, 0.15], [0.4, 0.15], [0.4, 0.35]]
    new["binds"][0]["params"] = {"dwell_s": 10, "exit_s": 4}
    new["binds"][0]["severity"] = "critical"
    assert words(new) == [
        "~ Site: time zone UTC → Asia/Shanghai",
        "~ Camera Line 1: analyses per second 10.0 → 5.0",
        "~ Camera Line 1: stream URL changed",
        "+ Camera c2 added",
        "~ ROI Door: moved by +10.0 % of the width, +5.0 % of the height",
        "~ Binding intrusion · Door: parameter dwell_s 3 → 10",
        "~ Binding intrusion · Door: parameter exit_s default → 4",
        "~ Binding intrusion · Door: severity warning → critical",
    ]


def test_removal_disabling_and_reshaping() -> None:
    new = content()
    new["binds"] = []
    new["cameras"][0]["enabled"] = False
    new["rois"][0]["coordinates"] = [[0.1, 0.1], [0.3, 0.1], [0.9, 0.9]]
    assert words(new) == [
        "~ Camera Line 1 disabled",
        "~ ROI Door: 1 of 3 points moved",
        "- Binding intrusion · Door removed",
    ]
    new["rois"][0]["coordinates"].append([0.1, 0.9])
    assert "~ ROI Door: reshaped, 3 → 4 points" in words(new)


@given(password=st.text(min_size=8, max_size=20, alphabet="abcdefghXYZ0123456789"))
def test_a_password_is_never_part_of_a_sentence(password: str) -> None:
    new = copy.deepcopy(content())
    new["cameras"][0]["rtsp_url"] = f"rtsp://u:{password}@h/1"
    new["cameras"].append({"camera_id": "added", "rtsp_url": f"rtsp://u:{password}@h/2"})
    text = " ".join(words(new))
    assert password not in text
    assert "secret" not in text


def test_every_sentence_is_named_for_translation() -> None:
    """Rows that differ in every key, added, removed and changed in each way, give no sentence that gettext never sees."""
    old, new = content(), content()
    for kind in ("cameras", "rois", "binds"):
        row = new[kind][0]
        for key in row:
            if key not in ("camera_id", "roi_id", "bind_id", "coordinates", "params"):
                row[key] = not row[key] if isinstance(row[key], bool) else "other"
        new[kind].append({**row, next(iter(row)): "added"})
        old[kind].append({**row, next(iter(row)): "removed"})
    new["site"]["name"] = "x"
    new["binds"][0]["params"] = {"dwell_s": 9}
    found = {c.template for c in [*difference(old, new), *difference(new, old)]}
    for points in (
        [[0.2, 0.2], [0.4, 0.2], [0.4, 0.4]],
        [[0.1, 0.1], [0.3, 0.1], [0.9, 0.9]],
        [[0, 0], [1, 0], [1, 1], [0, 1]],
    ):
        shaped = content()
        shaped["rois"][0]["coordinates"] = points
        found |= {c.template for c in difference(content(), shaped)}
    assert found <= set(SENTENCES)
    assert len(found) > 15


def test_fields_and_values_without_a_text_of_their_own_are_words_with_translations() -> None:
    new = content()
    new["cameras"][0] |= {"camera_name": "", "analyse": False, "location": "Hall 9", "priority": 0}
    new["rois"][0]["roi_type"] = "line"
    found = difference(content(), new)
    assert [str(c) for c in found] == [
        "Camera c1: analyse empty → no",
        "Camera c1: name Line 1 → empty",
        "Camera c1: location empty → Hall 9",
        "Camera c1: priority empty → 0",
        "ROI Door: shape polygon → line",
    ]
    words = {v for c in found for v in c.values.values() if isinstance(v, Word)}
    assert words | set(FIELDS.values()) <= set(WORDS)
    with translation.override("zh-hans"):
        texts = [s["text"] for s in sentences(found)]
    assert texts[1] == "摄像头 c1：名称 Line 1 → 空"
    assert texts[4] == "区域 Door：形状 多边形 → 线"


def test_parameters_keep_their_code_names() -> None:
    new = content()
    new["binds"][0]["params"] = {"name": "", "deep": True}
    assert words(new) == [
        "~ Binding intrusion · Door: parameter deep default → true",
        "~ Binding intrusion · Door: parameter dwell_s 3 → default",
        '~ Binding intrusion · Door: parameter name default → ""',
    ]
