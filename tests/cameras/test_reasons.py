"""Why something is refused, in the reader's language: every sentence of the core can be translated, and is when shown."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, override
from django.utils.translation.trans_real import translation
from pydantic import ValidationError as Invalid

from cameras.admin.sentences import WORDS as SHAPE_WORDS
from cameras.admin.sentences import problem_text
from cameras.core import geometry
from cameras.core.algorithms import registry
from cameras.core.document import parse_content
from cameras.core.geometry import GeometryError, validate_shape
from cameras.core.parameter_form import form_schema
from cameras.core.reasons import Word, reason_of, worded
from cameras.core.strict_json import DocumentError
from cameras.reason_texts import DOCUMENT, SHAPES, VALUES, WORDS
from cameras.transfer.texts import TEXTS
from cameras.validators import clean_shape
from tests.cameras.documents import content

CORE = Path(__file__).resolve().parents[2] / "cameras" / "core"
BOW = [[0, 0], [1, 1], [1, 0], [0, 1]]


def templates(name: str, error: str, place: int) -> set[str]:
    """The texts that a module raises an error with; a name stands for the constant or local that it was given."""
    tree = ast.parse((CORE / f"{name}.py").read_text(encoding="utf-8"))
    values: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name | ast.Tuple):
            targets = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else [node.targets[0]]
            given = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            for target, value in zip(targets, given, strict=False):
                if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                    values.setdefault(target.id, set()).add(value.value)
    return set(_raised(tree, error, place, values))


def _raised(tree: ast.AST, error: str, place: int, values: dict[str, set[str]]) -> Iterator[str]:
    for call in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
        if getattr(call.func, "id", "") != error:
            continue
        text = call.args[place]
        parts = (text.body, text.orelse) if isinstance(text, ast.IfExp) else (text,)
        for part in parts:
            if isinstance(part, ast.Constant):
                yield str(part.value)
            elif isinstance(part, ast.Name):
                yield from values.get(part.id, set()) - {""}
            else:  # no text is put together where it cannot be translated
                assert isinstance(part, ast.Attribute), ast.unparse(call)


def test_every_sentence_of_the_core_is_named_for_translation() -> None:
    shapes = templates("geometry", "GeometryError", 0)
    assert len(shapes) >= 18
    assert shapes == set(SHAPES)
    assert {word for _, word in geometry.KINDS} | {geometry.OTHER_KIND} == set(WORDS)
    assert {"polygon", "rectangle"} <= set(SHAPE_WORDS)
    known = {*DOCUMENT, *VALUES, *TEXTS}
    assert templates("strict_json", "DocumentError", 1) <= known
    document = templates("document", "DocumentError", 1)
    assert len(document) >= 8
    assert document <= known


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A language in which what has a translation stands between brackets."""
    found: Any = translation("zh-hans")
    catalog = found._catalog
    for text in (*SHAPES, *WORDS, *DOCUMENT, *VALUES, *SHAPE_WORDS):
        monkeypatch.setitem(catalog._catalogs[0], text, f"⟦{text}⟧")
    with override("zh-hans"):
        yield


@pytest.mark.usefixtures("mirror")
def test_a_shapes_reason_is_told_in_the_readers_language() -> None:
    with pytest.raises(ValidationError) as caught:
        clean_shape("polygon", BOW)
    assert caught.value.messages == ["⟦the ⟦polygon⟧ crosses itself near (0.5, 0.5)⟧"]
    with pytest.raises(ValidationError) as caught:
        clean_shape("polygon", [[0, 0], [0, "a"], [1, 1]])
    assert caught.value.messages == ["⟦y of point 2 must be a number, not ⟦a text⟧⟧"]


@pytest.mark.usefixtures("mirror")
def test_a_documents_reason_is_told_in_the_readers_language() -> None:
    raw = content()
    raw["rois"][0]["coordinates"] = BOW
    with pytest.raises(DocumentError) as caught:
        parse_content(raw, registry)
    assert str(caught.value) == "rois[0].coordinates: the polygon crosses itself near (0.5, 0.5)"
    assert problem_text(caught.value) == "rois[0].coordinates: ⟦the ⟦polygon⟧ crosses itself near (0.5, 0.5)⟧"
    raw = content()
    raw["cameras"][0]["rtsp_url"] = "rtsp:///x"
    with pytest.raises(DocumentError) as caught:
        parse_content(raw, registry)
    assert problem_text(caught.value) == "cameras[0].rtsp_url: ⟦names no host⟧"


@pytest.mark.usefixtures("mirror")
def test_what_an_algorithm_says_of_its_parameters_has_a_translation() -> None:
    procedure = {"steps": [{"roi_id": "a"}, {"roi_id": "a"}]}
    for code, given in (
        ("occupancy", {}),
        ("procedure", procedure),
        ("attribute", {"model": "m", "attribute": "Hat!"}),
    ):
        with pytest.raises(Invalid) as caught:
            registry.parameters(code, given)
        template, values = reason_of(caught.value.errors()[0])
        assert worded(template, values, gettext).startswith("⟦"), worded(template, values)


def test_a_pattern_is_told_in_words_of_its_own() -> None:
    with pytest.raises(Invalid) as caught:
        registry.parameters("attribute", {"model": "m", "attribute": "Hat!"})
    template, values = reason_of(caught.value.errors()[0])
    assert worded(template, values).startswith("must be up to 40 small letters")
    algorithm = registry.get("attribute")
    assert algorithm is not None
    properties = form_schema(algorithm.parameters)["properties"]
    assert properties["attribute"]["pattern_text"].startswith("must be up to 40 small letters")
    assert properties["model"]["pattern_text"].startswith("must be up to 100 letters")


def test_a_sign_of_percent_in_a_text_without_values_is_one() -> None:
    assert worded("write / as %2F", {}) == "write / as %2F"
    assert worded("%(problem)s", {"problem": Word("100 %")}) == "100 %"


def test_a_geometry_error_is_a_sentence_with_values() -> None:
    with pytest.raises(GeometryError) as caught:
        validate_shape("circle", BOW)
    assert str(caught.value) == "unknown kind of region 'circle': it must be one of polygon, rectangle, line"
    assert caught.value.values["given"] == "'circle'"
