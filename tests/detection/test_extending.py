"""The worked example of docs/extending.md works as it stands there."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cameras.core.algorithms import Registry
from detection.core.rules import make_rule, registry
from detection.core.rules.base import Binding

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extending.md"


def blocks() -> list[str]:
    """The Python blocks of the recipe, in order."""
    recipe = PAGE.read_text(encoding="utf-8").partition("## Add an algorithm\n")[2].partition("\n## ")[0]
    found = re.findall(r"^ *```python\n(.*?)^ *```$", recipe, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in found]


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example as a module, registered as the page says."""
    module = ModuleType("lone_worker")
    monkeypatch.setitem(sys.modules, "lone_worker", module)
    exec(compile("\n\n".join(blocks()), str(PAGE), "exec"), module.__dict__)
    monkeypatch.setattr(registry, "RULES", (*registry.RULES, (module.ALGORITHM, module.LoneWorker)))
    return module


def made(**params: Any) -> Any:
    known = Registry()
    registry.register_all(known)
    return make_rule(
        Binding(
            bind_id="b1", roi_id="r1", camera_id="c1", algo_code="lone_worker", severity="warning", priority=0,
            roi_type="rectangle", points=((0.2, 0.2), (0.7, 0.7)), params=known.parameters("lone_worker", params),
        )
    )  # fmt: skip


def test_its_own_tests_pass(example: ModuleType) -> None:
    tests: list[Callable[[Any], None]] = [value for name, value in vars(example).items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test(made())


def test_its_parameters_are_checked_and_its_state_survives(example: ModuleType) -> None:
    from tests.detection.rule_scenes import INSIDE, at, play, times, tracks

    with pytest.raises(ValueError, match="greater than or equal to 0"):
        made(dwell_s=-1)
    first, second = made(dwell_s=30), made(dwell_s=30)
    play(first, times(0, 20), lambda _: tracks({1: INSIDE}))
    second.restore(first.snapshot(), media_time=100.0, away_s=5.0)
    assert at(play(second, times(100, 130), lambda _: tracks({1: INSIDE}))) == [110.0]


def test_the_page_names_what_there_is() -> None:
    assert len(blocks()) == 3
    for name in re.findall(r"`(\w+\.py)`", PAGE.read_text(encoding="utf-8").partition("## Add a model")[0]):
        assert (PAGE.parents[1] / "detection" / "core" / "rules" / name).exists(), name
