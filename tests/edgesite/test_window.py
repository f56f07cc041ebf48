"""How much is under way follows how quickly the hub confirms."""

from __future__ import annotations

from edgesite.core.window import LEAST, MOST, SendWindow


def test_it_begins_small_doubles_while_the_hub_is_quick_and_has_an_end() -> None:
    window = SendWindow()
    sizes = [window.size]
    for _ in range(10):
        window.confirmed(0.2)
        sizes.append(window.size)
    assert sizes[:4] == [LEAST, 2 * LEAST, 4 * LEAST, 8 * LEAST]
    assert sizes[-1] == MOST


def test_a_slow_hub_halves_it_and_never_to_nothing() -> None:
    window = SendWindow()
    window.size = 320
    window.confirmed(2.0)  # neither quick nor slow
    assert window.size == 320
    for _ in range(10):
        window.confirmed(9.0)
    assert window.size == LEAST


def test_an_interruption_begins_anew() -> None:
    window = SendWindow()
    window.size = MOST
    window.interrupted()
    assert window.size == LEAST
