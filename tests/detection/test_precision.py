"""How often a binding was right: the score interval against values worked out by hand."""

from __future__ import annotations

import pytest

from detection.core.precision import precision


@pytest.mark.parametrize(
    ("right", "wrong", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (10, 0, 0.7225, 1.0),  # n / (n + z²)
        (0, 10, 0.0, 0.2775),
        (5, 5, 0.2366, 0.7634),  # 0.5 ± z / (2 √(n + z²))
        (50, 50, 0.4038, 0.5962),
    ],
)
def test_the_interval(right: int, wrong: int, low: float, high: float) -> None:
    found = precision(right=right, wrong=wrong)
    assert [found.low, found.high] == pytest.approx([low, high], abs=1e-4)
    assert found.judged == right + wrong


def test_suspicious_is_who_was_mostly_wrong_with_enough_verdicts() -> None:
    assert not precision(right=0, wrong=4).suspicious
    assert precision(right=2, wrong=3).suspicious
    assert not precision(right=3, wrong=3).suspicious
    assert precision(right=0, wrong=0).share is None
    with pytest.raises(ValueError, match="negative"):
        precision(right=-1, wrong=0)
