"""Cursors of lists: what one was made of comes back, and nothing else is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesite.core.cursor import decode_number, decode_place, encode_place


@given(st.text(max_size=64).filter(lambda s: s.isprintable()))
def test_a_place_comes_back_from_a_cursor_of_plain_signs(place: str) -> None:
    cursor = encode_place("d", place)
    assert decode_place("d", cursor) == place
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.integers(0, 2**63 - 1))
def test_a_number_comes_back(number: int) -> None:
    assert decode_number("v", encode_place("v", str(number))) == number


@given(st.text(max_size=40))
def test_any_text_is_a_cursor_or_a_value_error(text: str) -> None:
    try:
        place = decode_place("d", text)
    except ValueError:
        return
    assert encode_place("d", place) == text


@pytest.mark.parametrize("place", ["", "-1", "01", "1.0", " 1", "x", "٣", "9" * 20])
def test_what_is_no_number_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        decode_number("v", encode_place("v", place))


def test_a_cursor_belongs_to_its_list() -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        decode_place("d", encode_place("v", "5"))
