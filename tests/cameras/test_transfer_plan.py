"""What a plan says, and cameras as CSV."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from cameras.core.transfer import SiteState
from cameras.transfer.table import COLUMNS, guarded, unguarded
from cameras.transfer.writing import write_site
from tests.cameras.transfer_files import STORED, TEXT, TRICKY, URL, plan, problems, said

# What a plan says


def test_what_the_file_leaves_out_stays() -> None:
    assert said("s.yaml", "format: 1\ncameras:\n- {camera_id: vid1, name: Line 9}") == [
        "Camera Line 9: name Line 1 → Line 9"
    ]
    assert plan("s.yaml", "format: 1\ncameras: []\nrois: []").changes == []


def test_deletion_only_when_asked_for_and_only_in_sections_that_are_there() -> None:
    assert said("s.yaml", "format: 1\nbindings: []", delete=True) == ["Binding intrusion · Door removed"]
    assert said("s.yaml", "format: 1\nsite: {name: Kitchen}", delete=True) == []
    assert said("s.csv", "camera_id,device,rtsp_url\nvid2,box-1,webcam:0", delete=True) == [
        "Camera Line 1 removed", "Camera vid2 added", "ROI Door removed", "Binding intrusion · roi-1 removed",
    ]  # fmt: skip
    assert plan("s.yaml", "format: 1\ndevices: []", delete=True).after == STORED


def test_a_row_of_the_file_that_hangs_on_a_removed_one_is_a_problem() -> None:
    text = "format: 1\ncameras: []\nrois:\n- roi_id: roi-1"
    assert problems("s.yaml", text, delete=True) == [
        "line 4, rois[0].camera: there is no camera “vid1” at this site or in the file"
    ]


def test_a_new_shape_that_a_stored_binding_cannot_watch_is_a_problem() -> None:
    text = "format: 1\nrois:\n- roi_id: roi-1\n  roi_type: line\n  coordinates: [[0, 0], [1, 1]]"
    assert problems("s.yaml", text) == ["line 4, rois[0].roi_type: “bind-1”: intrusion cannot watch a line"]


def test_a_masked_url_keeps_the_stored_one_and_no_other() -> None:
    masked = "rtsp://admin:***@10.0.0.5:554/1"
    row = "format: 1\ncameras:\n- camera_id: vid1\n  rtsp_url: "
    assert plan("s.yaml", row + f"'{masked}'").after.rows["cameras"]["vid1"]["rtsp_url"] == URL
    assert problems("s.yaml", row + f"'{masked}2'") == [
        "line 4, cameras[0].rtsp_url: is masked: write the password in place of *** to change the URL"
    ]
    assert said("s.yaml", row + "rtsp://u:new@h/1") == ["Camera Line 1: stream URL changed"]


def test_only_devices_whose_rows_change_are_concerned() -> None:
    base = "format: 1\ndevices:\n- device_id: box-2\n"
    assert plan("s.yaml", base).devices == {"box-2"}
    assert said("s.yaml", "format: 1\ndevices: [{device_id: box-1, name: Box, publish_on_save: false}]") == [
        "Device Box: name empty → Box", "Device Box: publish on save yes → no",
    ]  # fmt: skip
    moved = plan("s.yaml", base + "cameras:\n- {camera_id: vid1, device: box-2}")
    assert moved.devices == {"box-1", "box-2"}
    assert "Camera Line 1: device box-1 → box-2" in [str(c) for c in moved.changes]
    assert plan("s.yaml", "format: 1\nsite: {name: Kitchen, time_zone: Asia/Shanghai}").devices == {"box-1"}


# CSV


def test_csv_takes_what_spreadsheets_make_of_it() -> None:
    text = "\ufeffMax_FPS;Enabled;Camera_ID;Name\r\n7,5;FALSE;vid1;Küche\r\n;;vid1x;\r\n".replace("vid1x", "vid1")
    assert problems("s.csv", text) == ["line 3, cameras[1].camera_id: “vid1” stands twice"]
    row = plan("s.csv", text.rsplit("\r\n", 2)[0]).after.rows["cameras"]["vid1"]
    assert (row["max_fps"], row["enabled"], row["name"], row["rtsp_url"]) == (7.5, False, "Küche", URL)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "'=1", "''@x", "\r=1"])
def test_formulas_are_written_as_text_and_read_back(text: str) -> None:
    assert guarded(text).startswith("'")
    assert unguarded(guarded(text)) == text


@given(TEXT | TRICKY)
def test_guarding_loses_nothing(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert guarded(text)[:1] not in {"=", "+", "-", "@", "\t", "\r"}


def test_an_export_holds_no_formula() -> None:
    camera = {**STORED.rows["cameras"]["vid1"], "name": '=HYPERLINK("http://x")'}
    text = write_site(SiteState(STORED.site, {**STORED.rows, "cameras": {"vid1": camera}}), "csv")
    assert text.splitlines()[0] == "\ufeff" + ",".join(COLUMNS)
    assert not re.search(r'[,"][=+@-]', text)
