"""Rules are found by their code, and the configuration learns which there are."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from cameras.core.algorithms import RegionParameters, Registry
from detection.core.rules import make_rule, register_all
from detection.core.rules.base import Binding
from detection.core.rules.intrusion import Intrusion

BINDING = Binding(
    bind_id="b",
    roi_id="r",
    camera_id="c",
    algo_code="intrusion",
    severity="warning",
    priority=0,
    roi_type="polygon",
    points=((0.1, 0.1), (0.9, 0.1), (0.5, 0.9)),
    params=RegionParameters(),
)


COMMON = {"classes": ("person",), "min_score": 0.4, "dwell_s": 1.0, "exit_s": 2.0, "cooldown_s": 30.0}
REGION = COMMON | {"anchor": "bottom_center", "min_overlap": 0.5}


@pytest.mark.parametrize(
    ("code", "shapes", "given", "defaults"),
    [
        ("intrusion", {"polygon", "rectangle"}, {}, REGION),
        ("loitering", {"polygon", "rectangle"}, {}, REGION | {"dwell_s": 60.0, "exit_s": 30.0, "max_gap_s": 10.0}),
        ("leave_post", {"polygon", "rectangle"}, {}, REGION | {"absent_s": 60.0, "back_s": 3.0, "max_gap_s": 10.0}),
        (
            "occupancy", {"polygon", "rectangle"}, {"max_persons": 4},
            REGION | {"dwell_s": 5.0, "min_persons": None, "max_persons": 4, "max_gap_s": 10.0},
        ),
        (
            "line_crossing", {"line"}, {},
            COMMON | {"dwell_s": 0.2, "anchor": "bottom_center", "margin": 0.25, "direction": "both", "alert": "every"}
            | {"limit": None, "reset_at": ("00:00",)},
        ),
        (
            "procedure", {"polygon", "rectangle"}, {"steps": [{"roi_id": "sink"}]},
            REGION | {"steps": ({"roi_id": "sink", "min_s": 20.0},), "within_s": 600.0, "pause_s": 10.0}
            | {"entry": "seen", "number": "handwash", "max_gap_s": 10.0},
        ),
        (
            "attribute", {"polygon", "rectangle"}, {"model": "nets"},
            REGION | {"dwell_s": 2.0, "attribute": "hairnet", "model": "nets", "crop": "head", "views": 5, "needed": 3}
            | {"looks_per_s": 2.0, "min_height": 0.1},
        ),
    ],
)  # fmt: skip
def test_every_rule_is_registered_once_with_its_shapes_and_defaults(
    code: str, shapes: set[str], given: dict[str, Any], defaults: dict[str, Any]
) -> None:
    registry = Registry()
    register_all(registry)
    register_all(registry)
    assert sorted(a.code for a in registry.all()) == [
        "attribute", "intrusion", "leave_post", "line_crossing", "loitering", "occupancy", "procedure",
    ]  # fmt: skip
    algorithm = registry.get(code)
    assert algorithm is not None
    assert algorithm.roi_types == shapes
    assert registry.parameters(code, given).model_dump() == defaults
    for name, field in algorithm.parameters.model_fields.items():
        assert field.title, name
        assert (field.description or "").endswith("."), name


@pytest.mark.parametrize(
    ("code", "given", "words"),
    [
        ("occupancy", {}, "give “Fewest” (min_persons), “Most” (max_persons) or both"),
        (
            "occupancy",
            {"min_persons": 3, "max_persons": 2},
            "“Fewest” (min_persons) is larger than “Most” (max_persons)",
        ),
        ("occupancy", {"max_persons": 1.5}, "valid integer"),
        ("line_crossing", {"alert": "limit"}, "give “Limit”, or choose another kind of “Alert”"),
        ("line_crossing", {"limit": 9}, "“Limit” has a use only where “Alert” is at a limit; leave it empty"),
        ("line_crossing", {"reset_at": ["06:00", "6:00"]}, "is not a time of day such as 08:30"),
        ("line_crossing", {"reset_at": ["24:00"]}, "24:00 can only end an interval"),
        ("line_crossing", {"reset_at": ["06:00", "06:00"]}, "a time stands twice in “Reset at”"),
        ("line_crossing", {"anchor": "overlap"}, "'bottom_center' or 'center'"),
        ("leave_post", {"absent": 3}, "Extra inputs are not permitted"),
        ("loitering", {"dwell_s": -1}, "greater than or equal to 0"),
        ("intrusion", {"anchor": "overlap", "min_overlap": 0}, "greater than 0"),
        ("procedure", {}, "Field required"),
        ("attribute", {}, "Field required"),
        ("attribute", {"model": "../nets"}, "should match pattern"),
        ("attribute", {"model": "nets", "views": 6}, "more than half of “Views”"),
        ("attribute", {"model": "nets", "needed": 6}, "and no more than that"),
        ("procedure", {"steps": []}, "at least 1 item"),
        ("procedure", {"steps": [{"roi_id": "a"}, {"roi_id": "a"}]}, "a region stands twice in the steps"),
        ("procedure", {"steps": [{"roi_id": "a", "min_s": -1}]}, "greater than or equal to 0"),
        ("procedure", {"steps": [{"roi_id": "a"}], "number": "Hand wash"}, "should match pattern"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(code: str, given: dict[str, Any], words: str) -> None:
    registry = Registry()
    register_all(registry)
    with pytest.raises(ValueError, match=re.escape(words)):
        registry.parameters(code, given)


def test_the_live_page_knows_what_each_rule_counts_in() -> None:
    registry = Registry()
    register_all(registry)
    seconds = {algorithm.code for algorithm in registry.all() if algorithm.unit == "s"}
    assert seconds == {"intrusion", "loitering", "leave_post", "occupancy", "procedure"}


def test_a_rule_is_made_by_code_and_each_is_a_new_one() -> None:
    first, second = make_rule(BINDING), make_rule(BINDING)
    assert isinstance(first, Intrusion)
    assert first is not second


@pytest.mark.parametrize(
    ("binding", "words"),
    [
        (replace(BINDING, algo_code="flying"), "there is no algorithm 'flying'"),
        (replace(BINDING, roi_type="line", points=((0.1, 0.1), (0.9, 0.9))), "cannot be bound to a line"),
        (replace(BINDING, params={"dwell_s": 1}), "needs parameters of RegionParameters"),  # type: ignore[arg-type]
    ],
)
def test_a_binding_that_fits_no_rule_is_refused(binding: Binding, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        make_rule(binding)
