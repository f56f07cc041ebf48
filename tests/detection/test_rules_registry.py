"""Rules are found by their code, and the configuration learns which there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cameras.core.algorithms import CommonParameters, Registry
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
    params=CommonParameters(),
)


def test_every_rule_is_registered_once_with_its_shapes_and_defaults() -> None:
    registry = Registry()
    register_all(registry)
    register_all(registry)
    (intrusion,) = registry.all()
    assert intrusion.code == "intrusion"
    assert intrusion.roi_types == frozenset({"polygon", "rectangle"})
    assert registry.parameters("intrusion", {}).model_dump() == {
        "classes": ("person",),
        "min_score": 0.4,
        "dwell_s": 1.0,
        "exit_s": 2.0,
        "cooldown_s": 30.0,
    }


def test_a_rule_is_made_by_code_and_each_is_a_new_one() -> None:
    first, second = make_rule(BINDING), make_rule(BINDING)
    assert isinstance(first, Intrusion)
    assert first is not second


@pytest.mark.parametrize(
    ("binding", "words"),
    [
        (replace(BINDING, algo_code="flying"), "there is no algorithm 'flying'"),
        (replace(BINDING, roi_type="line", points=((0.1, 0.1), (0.9, 0.9))), "cannot be bound to a line"),
        (replace(BINDING, params={"dwell_s": 1}), "needs parameters of CommonParameters"),  # type: ignore[arg-type]
    ],
)
def test_a_binding_that_fits_no_rule_is_refused(binding: Binding, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_rule(binding)
