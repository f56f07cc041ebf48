"""The breaks of `alerts_breaks` still fit the product."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.faults.alerts_breaks import BREAKS, Edit

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", BREAKS)
def test_each_break_is_an_edit_of_what_is_there(name: str) -> None:
    files: dict[str, str] = {}
    for edit in BREAKS[name].edits:
        text = files.setdefault(edit.file, (ROOT / edit.file).read_text())
        assert text.count(edit.before) == 1, edit
        files[edit.file] = text.replace(edit.before, edit.after)
    for file, text in files.items():
        ast.parse(text, file)  # else every test would see it
    assert (ROOT / BREAKS[name].quick).is_file()


def test_no_two_breaks_are_the_same() -> None:
    edits: list[tuple[Edit, ...]] = [item.edits for item in BREAKS.values()]
    assert len(set(edits)) == len(edits)
