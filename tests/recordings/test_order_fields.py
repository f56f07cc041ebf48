"""What integrators write, and what follows from it alone."""

from __future__ import annotations

import pytest

from recordings.core.orders import Order, age_of, callback_address, parse_order, time_to_tell


def test_the_pure_parts() -> None:
    assert parse_order({"request_id": "r", "camera_code": "a\x00b"}) == Order("r", "a?b")
    assert [age_of(text, now=10.0) for text in ("4000-1", "12000-0", "x")] == [6.0, 0.0, 0.0]
    assert [time_to_tell(age) for age in (0.0, 4.5, 6.0)] == [5.0, 1.0, 5.0]
    assert callback_address("http://a/b/") == "http://a/b/api/ai/roi/snap/callback"
    for base in ("http://a?x=1", "http://a#x"):
        with pytest.raises(ValueError, match="no query"):
            callback_address(base)
