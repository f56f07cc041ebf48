"""What a form says of a parameter has a translation: titles and descriptions are named where the tools find them."""

from __future__ import annotations

from cameras.core.algorithms import registry
from cameras.core.parameter_form import form_schema
from cameras.core.reasons import PATTERNS
from detection.parameter_texts import ALGORITHMS, TEXTS


def test_every_title_and_description_can_be_translated() -> None:
    asked: set[str] = set()

    def note(text: str) -> str:
        asked.add(text)
        return text

    for algorithm in registry.all():
        form_schema(algorithm.parameters, note)
    assert asked - set(PATTERNS.values()) == set(TEXTS)
    assert len(TEXTS) == len(set(TEXTS))


def test_every_name_and_sentence_of_an_algorithm_can_be_translated() -> None:
    assert sorted(ALGORITHMS) == sorted(text for a in registry.all() for text in (a.label, a.summary))
