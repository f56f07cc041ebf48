"""That recall, precision and average precision are computed right: by hand."""

from __future__ import annotations

import pytest

from tests.detection.alert_scores import Frame, Raised, Visit, alert_scores, visits_of
from tests.detection.average_precision import average_precision

REGION = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
IN, OUT, BESIDE = [0.1, 0.1, 0.2, 0.4], [0.6, 0.1, 0.7, 0.4], [0.3, 0.1, 0.4, 0.4]
TIMES = [0.5 * number for number in range(100)]


def where(*stays: tuple[float, float], box: list[float] | None = None) -> list[Frame]:
    """One person, in the region at these times, outside of it else."""
    return [{7: (box or IN) if any(a <= now <= b for a, b in stays) else OUT} for now in TIMES]


def test_a_visit_lasts_over_an_absence_that_is_short_enough() -> None:
    assert visits_of(TIMES, where((1, 2), (3.5, 5), (7, 8)), REGION) == [Visit(7, 1, 5), Visit(7, 7, 8)]
    assert visits_of(TIMES, where(), REGION) == []


@pytest.mark.parametrize(
    ("stays", "alerts", "counts"),
    [
        pytest.param([(1, 5)], [2], (1, 1, 1, 1, 0), id="right"),
        pytest.param([(1, 5)], [], (1, 0, 0, 0, 0), id="missed"),
        pytest.param([(1, 5)], [2, 4], (1, 1, 2, 1, 0), id="doubled"),
        pytest.param([(1, 1.5)], [], (0, 0, 0, 0, 0), id="too short"),
        pytest.param([(1, 5)], [20], (1, 0, 1, 0, 0), id="about nobody in the region"),
        pytest.param([(1, 5), (10, 12)], [2], (1, 1, 1, 1, 0), id="the second visit ends in the cool-down"),
        pytest.param([(1, 5), (10, 12)], [2, 11], (2, 2, 2, 2, 1), id="and has an early alert"),
        pytest.param([(1, 5), (10, 40)], [2], (2, 1, 1, 1, 0), id="the second visit outlasts the cool-down"),
        pytest.param([(1, 5), (10, 40)], [2, 32], (2, 2, 2, 2, 0), id="and has its alert when it is over"),
    ],
)
def test_alerts_about_one_person(
    stays: list[tuple[float, float]], alerts: list[float], counts: tuple[int, int, int, int, int]
) -> None:
    box_at = {now: frame[7] for now, frame in zip(TIMES, where(*stays), strict=True)}
    scores = alert_scores(TIMES, where(*stays), [Raised(at, box_at[at]) for at in alerts], REGION)
    assert (scores.expected, scores.found, scores.alerts, scores.right, scores.early) == counts


def test_an_alert_that_shows_somebody_else_is_wrong_and_finds_nobody() -> None:
    scores = alert_scores(TIMES, where((1, 5)), [Raised(2, BESIDE)], REGION)
    assert (scores.recall, scores.precision) == (0.0, 0.0)
    assert scores.missed == [Visit(7, 1, 5)]
    assert [alert.time for alert in scores.wrong] == [2]


def test_of_two_who_stand_close_each_has_one_alert_whatever_their_order() -> None:
    near = [0.12, 0.1, 0.22, 0.4]
    truth: list[Frame] = [{1: IN, 2: near} if 1 <= now <= 5 else {} for now in TIMES]
    scores = alert_scores(TIMES, truth, [Raised(2, near), Raised(2, IN), Raised(4, IN)], REGION)
    assert (scores.expected, scores.found, scores.right, scores.alerts) == (2, 2, 2, 3)
    scores.add(scores)
    assert scores.expected == 4
    assert scores.precision == pytest.approx(2 / 3)


def test_average_precision_by_hand() -> None:
    truth = [[IN, OUT], [IN]]
    assert average_precision(truth, [[(0.9, IN), (0.8, OUT)], [(0.7, IN)]]) == pytest.approx(1.0)
    assert average_precision(truth, [[(0.9, IN), (0.8, IN)], []]) == pytest.approx(1 / 3)
    # Precision 1, 1/2, 2/3, 3/4 at recall 1/3, 1/3, 2/3, 1: interpolated 1 and twice 3/4.
    assert average_precision(truth, [[(0.9, IN), (0.8, BESIDE), (0.7, OUT)], [(0.6, IN)]]) == pytest.approx(2.5 / 3)
    assert average_precision([[]], [[(0.9, IN)]]) == 0.0
    assert average_precision(truth, [[], []]) == 0.0
