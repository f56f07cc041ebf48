"""What a box says of its detection model, in words on its device's page."""

from __future__ import annotations

from typing import Any

import pytest

from cameras.admin import model_words
from cameras.admin.model_words import model_lines, model_list
from cameras.models import Device, DeviceStatus
from detection import model_watch
from detection.executors import process_unit
from tests.cameras.pages import browser, path, two_sites, visible

RUNS = {
    "model": "nanodet-g", "weights": "int8", "file": "nanodet_int8.onnx", "provider": "CPU", "device": "",
    "sessions": 2, "batch": 1,
}  # fmt: skip
LINE = "nanodet-g runs with int8 weights on CPU, 2 sessions"
WRONG = "The model manifest /var/models/x/manifest.json is broken: colour: Extra inputs are not permitted."


@pytest.mark.django_db
def test_the_devices_page_says_it() -> None:
    two_sites()
    health = {"inference": RUNS | {"notice": f"{model_watch.UNUSABLE}: {WRONG}"}}
    DeviceStatus.objects.filter(pk="box-1").update(health=health)
    page = visible(browser("viewer"), path(Device, "change", Device.objects.get(pk="box-1")))
    assert f"<div>{LINE}</div>" in page
    assert f"<div>{WRONG}</div>" in page
    assert "chip-warn" in str(model_list(health))


def test_a_box_without_a_model_says_why() -> None:
    waits = {"g1": {"state": "waiting", "reason": WRONG}}
    health = {"inference": {"notice": f"{model_watch.NONE}: {WRONG}"}, "executor": {"kind": "inline", "groups": waits}}
    assert model_lines(health) == ["the model cannot be used", WRONG]  # once
    assert "chip-bad" in str(model_list(health))


def test_processes_that_have_a_reason_are_named() -> None:
    groups = {"g1": {"state": "starting", "reason": process_unit.OTHER_MODEL}, "g2": {"state": "running", "reason": ""}}
    health = {"inference": RUNS | {"provider": "OpenVINO", "device": "GPU", "batch": 4}, "executor": {"groups": groups}}
    assert model_lines(health) == [
        f"g1: {process_unit.OTHER_MODEL}",
        "nanodet-g runs with int8 weights on OpenVINO GPU, 2 sessions, 4 pictures at once",
    ]


@pytest.mark.parametrize(
    "health",
    [
        None,
        "x",
        {},
        {"inference": 3},
        {"inference": {"model": 3, "notice": [], "sessions": -1}, "executor": {"groups": 7}},
    ],
)
def test_nothing_is_taken_for_granted(health: Any) -> None:
    assert model_lines(health) == []
    assert model_list(health) == "–"


def test_every_sentence_of_the_box_is_named_for_translation() -> None:
    said = {model_watch.CHANGED, model_watch.UNUSABLE, model_watch.NONE, process_unit.OTHER_MODEL}
    assert {*model_words.TEXTS, model_words.NONE} == said


def test_a_notice_that_says_nothing_breaks_no_page() -> None:
    assert model_list({"inference": {"notice": ": "}}) == "–"
    assert "chip" not in str(model_list({"inference": RUNS | {"notice": ": "}}))
