"""The worked example of docs/extending.md works as it stands there."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from cameras.core.algorithms import Registry
from cameras.core.parameter_form import form_schema
from detection import live_texts
from detection.core.rules import registry
from detection.parameter_texts import TEXTS
from tests.detection import rule_scenes
from tests.detection.rule_scenes import INSIDE, at, made, play, times, tracks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extending.md"
RECIPE = PAGE.read_text(encoding="utf-8").partition("## Add an algorithm\n")[2].partition("\n## ")[0]
PATH = "detection.core.rules.lone_worker"


def blocks() -> list[str]:
    """The Python blocks of the recipe, in order."""
    found = re.findall(r"^ *```python\n(.*?)^ *```$", RECIPE, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in found]


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example as the module that the page says it is, registered as the page says."""
    module = ModuleType(PATH)
    monkeypatch.setitem(sys.modules, PATH, module)
    exec(compile("\n\n".join(blocks()[:2]), str(PAGE), "exec"), module.__dict__)
    monkeypatch.setattr(registry, "RULES", (*registry.RULES, (module.ALGORITHM, module.LoneWorker)))
    known = Registry()
    registry.register_all(known)
    monkeypatch.setattr(rule_scenes, "REGISTRY", known)
    return module


def test_its_own_tests_pass(example: ModuleType) -> None:
    module = ModuleType("tests_of_the_page")
    exec(compile(blocks()[2], str(PAGE), "exec"), module.__dict__)
    tests: list[Callable[[], None]] = [value for name, value in vars(module).items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


def test_its_parameters_are_checked_and_its_state_survives(example: ModuleType) -> None:
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        made("lone_worker", dwell_s=-1)
    first, second = made("lone_worker", dwell_s=30), made("lone_worker", dwell_s=30)
    play(first, times(0, 20), lambda _: tracks({1: INSIDE}))
    second.restore(first.snapshot(), media_time=100.0, away_s=5.0)
    assert at(play(second, times(100, 130), lambda _: tracks({1: INSIDE}))) == [110.0]


def test_its_words_are_those_that_the_page_has_translated(example: ModuleType) -> None:
    """What a rule added as the page says has to be named for translation is on the page, and nothing else is missing."""
    asked: list[str] = []

    def note(text: str) -> str:
        asked.append(text)
        return text

    form_schema(example.ALGORITHM.parameters, note)
    names = re.findall(r'^ *gettext_noop\("(.*)"\),$', RECIPE, re.MULTILINE)
    assert sorted(names) == sorted({*asked, example.ALGORITHM.label, example.ALGORITHM.summary} - set(TEXTS))


def test_its_progress_is_shown_as_the_page_says(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Registry()
    known.register(example.ALGORITHM)
    monkeypatch.setattr(live_texts, "registry", known)
    assert "lone_worker" in live_texts.vocabulary()["seconds_rules"]
    assert made("lone_worker").progress(0.0).keys() >= {"value", "target"}


def test_the_page_names_what_there_is() -> None:
    assert len(blocks()) == 3
    for name in re.findall(r"`(\w+\.py)`", RECIPE):
        assert (PAGE.parents[1] / "detection" / "core" / "rules" / name).exists(), name
    for name in re.findall(r"`((?:detection|tests|docs|cameras)/[\w/.]*)`", RECIPE):
        assert (PAGE.parents[1] / name).exists(), name
