"""Alerts in scripted crowds: how many visits of a second raise one, how many of those raised are right.

Figures of eight other crowds: `make bench` (tests/benchmarks/test_accuracy.py).
"""

from __future__ import annotations

from functools import partial

import pytest

from tests.detection.alert_scores import AlertScores
from tests.detection.crowds import Knowing, crowd, recorded, scores_of


def scores(rate: float, seeds: range, *, knowing: bool = False) -> AlertScores:
    total = AlertScores()
    for seed in seeds:
        recording = recorded(crowd(seed), rate=rate, seed=seed + 100)
        total.add(scores_of(recording, tracker=partial(Knowing, recording) if knowing else None))
    print(
        f"\n{rate}/s: recall {total.recall:.3f} of {total.expected}, precision {total.precision:.3f} of {total.alerts}"
    )
    return total


# Measured: 0.85 and 0.91 (5/s), 0.86 and 0.89 (10/s). Whoever is lost in a group and found again as somebody else costs most.
@pytest.mark.parametrize(("rate", "seeds"), [(5, range(4)), (10, range(2))])
def test_visits_in_a_crowd_raise_their_alerts(rate: float, seeds: range) -> None:
    total = scores(rate, seeds)
    assert total.recall >= 0.82
    assert total.precision >= 0.86
    assert total.early <= 0.12 * total.alerts


def test_the_rule_itself_misses_hardly_any_when_everybody_is_known() -> None:
    """The same boxes, each with the identity that it really shows."""
    total = scores(5, range(4), knowing=True)
    assert total.recall >= 0.95
    assert total.precision >= 0.97
    assert total.early == 0
