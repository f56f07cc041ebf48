"""A covered lens and a frozen picture: found from small grey pictures, and never an empty post."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from detection.core.detections import Detections
from detection.core.view import COVERED_S, FROZEN_S, PAIRS, Lens, spread_of
from detection.pipeline import CameraPipeline
from detection.plan import Plan
from tests.detection.rule_scenes import NAMES, binding

Picture = NDArray[np.uint8]
SHAPE = (30, 52)
YARD = np.tile(np.linspace(40, 200, SHAPE[1]), (SHAPE[0], 1))


def noisy(seed: int, *, sigma: float = 1.5) -> Picture:
    random = np.random.default_rng(seed)
    return np.asarray(YARD + random.normal(0, sigma, SHAPE)).clip(0, 255).astype(np.uint8)


def flat(shade: int, seed: int) -> Picture:
    """A covered lens: one shade, a little noise, lighter towards a corner."""
    random = np.random.default_rng(seed)
    return np.asarray(shade + np.linspace(0, 4, SHAPE[1]) + random.normal(0, 0.8, SHAPE)).clip(0, 255).astype(np.uint8)


def troubles(view: Lens, when: Iterable[float], picture: Callable[[int], Picture], **given: bool) -> list[str]:
    return [view.step(picture(round(now * 10)), now, **given) for now in when]


def moments(start: float, end: float, step: float = 0.2) -> list[float]:
    return [round(start + step * number, 3) for number in range(round((end - start) / step))]


@pytest.mark.parametrize("shade", [0, 16, 90, 250])
def test_a_covered_lens_is_told_after_some_seconds_and_ends_at_once(shade: int) -> None:
    view = Lens()
    assert set(troubles(view, moments(0, 20), noisy)) == {""}
    covered = troubles(view, moments(20, 40), lambda number: flat(shade, number))
    first = covered.index("covered")
    assert first * 0.2 == pytest.approx(COVERED_S, abs=0.2)
    assert set(covered[first:]) == {"covered"}
    assert view.step(noisy(1), 40.0) == ""


def test_a_hand_before_the_lens_for_a_moment_is_no_cover() -> None:
    view = Lens()
    assert set(troubles(view, moments(0, COVERED_S - 0.2), lambda number: flat(0, number))) == {""}
    assert set(troubles(view, moments(COVERED_S, COVERED_S + 1), noisy)) == {""}
    assert set(troubles(view, moments(COVERED_S + 1, 2 * COVERED_S), lambda number: flat(0, number))) == {""}


def test_what_the_model_recognises_something_in_is_not_covered() -> None:
    view = Lens()
    assert set(troubles(view, moments(0, 20), lambda number: flat(90, number), recognised=True)) == {""}


def test_a_small_light_thing_in_the_dark_is_something_to_see() -> None:
    picture = flat(10, 1)
    assert spread_of(picture) < 12
    picture[10:14, 20:26] = 120
    assert spread_of(picture) > 50


def test_a_frozen_picture_is_told_and_one_that_differs_ends_it() -> None:
    view = Lens()
    still = noisy(7)
    assert set(troubles(view, moments(0, 20), noisy)) == {""}
    frozen = troubles(view, moments(20, 60), lambda number: still.copy())
    assert frozen.index("frozen") * 0.2 == pytest.approx(FROZEN_S, abs=0.2)
    assert frozen[-1] == "frozen"
    assert view.step(noisy(8), 60.0) == ""


def test_a_drawn_scene_may_stand_still() -> None:
    """Somebody walks through a picture without noise, and leaves: what changes is where he was."""

    def drawn(number: int) -> Picture:
        picture = YARD.astype(np.uint8)
        if number < 200:
            picture[10:20, number % 40 : number % 40 + 5] = 255
        return picture

    assert set(troubles(Lens(), moments(0, 90), drawn)) == {""}


def test_a_coder_that_repeats_itself_until_the_next_key_frame_is_not_frozen() -> None:
    """Its key frames, each 20 s, differ everywhere; between them nothing does."""
    view = Lens()
    found = troubles(view, moments(0, 200), lambda number: noisy(number // 200))
    assert set(found) == {""}


def test_sleeping_cameras_show_their_pictures_rarely() -> None:
    view = Lens()
    for number in range(PAIRS + 1):
        assert view.step(noisy(number), 4.5 * number) == ""
    start, still = 4.5 * (PAIRS + 1), noisy(999)
    found = [view.step(still.copy(), start + 4.5 * number) for number in range(8)]
    assert found.index("frozen") * 4.5 == 18
    dark = Lens()
    assert [dark.step(flat(0, 1), 0.0), dark.step(flat(0, 1), 3.0)] == ["", "covered"]


def test_another_scene_begins_anew() -> None:
    view, still = Lens(), noisy(7)
    troubles(view, moments(0, 20), noisy)
    troubles(view, moments(20, 34), lambda number: still.copy())
    assert view.step(still.copy(), 36.0, generation=1) == ""
    dark = Lens()
    dark.step(flat(0, 1), 0.0)
    assert dark.step(flat(0, 2), 5.0, generation=1) == ""


def test_a_new_connection_uncovers_nothing() -> None:
    view = Lens()
    troubles(view, moments(0, 20), noisy)
    troubles(view, moments(20, 30), lambda number: flat(0, number))
    assert view.step(flat(0, 1), 31.0, generation=1) == "covered"
    assert view.step(noisy(1), 32.0, generation=2) == ""
    assert view.step(flat(0, 1), 33.0, generation=3) == ""


def test_a_new_connection_to_a_frozen_camera_shows_the_same_picture() -> None:
    view, still = Lens(), noisy(7)
    troubles(view, moments(0, 20), noisy)
    assert troubles(view, moments(20, 40), lambda number: still.copy())[-1] == "frozen"
    assert view.step(still.copy(), 41.0, generation=1) == "frozen"
    assert view.step(noisy(8), 42.0, generation=2) == ""
    found = [view.step(still.copy(), now, generation=2) for now in moments(43, 60)]
    assert found.index("frozen") * 0.2 == pytest.approx(FROZEN_S, abs=0.2)


def test_time_that_begins_anew_is_another_scene() -> None:
    view = Lens()
    assert troubles(view, moments(20, 30), lambda number: flat(0, number))[-1] == "covered"
    assert view.step(flat(0, 1), 5.0) == ""


def test_a_covered_camera_that_reconnects_again_and_again_proves_no_absence() -> None:
    pipeline, view, found = CameraPipeline(NAMES), Lens(), []
    pipeline.use(Plan("c1", (binding("leave_post", absent_s=20.0),)))
    for now in moments(0, 300):
        generation = int(now // 10)
        picture = flat(0, round(now * 10)) if now > 5 else noisy(round(now * 10))
        trouble = view.step(picture, now, generation=generation)
        seen = pipeline.step(
            Detections.empty(), media_time=now, generation=generation, reconnects=generation, visible=not trouble
        )
        found += seen.events
    assert found == []


def post(view: Lens, picture: Callable[[float], Picture]) -> list[str]:
    """The events of a post that nobody is at for 40 s, with an alert after 20."""
    pipeline = CameraPipeline(NAMES)
    pipeline.use(Plan("c1", (binding("leave_post", absent_s=20.0),)))
    found = []
    for now in moments(0, 40):
        trouble = view.step(picture(now), now)
        seen = pipeline.step(Detections.empty(), media_time=now, generation=0, visible=not trouble)
        found += [f"{event.phase} {event.media_time:.1f}" for event in seen.events]
    return found


def test_an_empty_post_that_cannot_be_seen_is_no_absence() -> None:
    assert post(Lens(), lambda now: noisy(round(now * 10))) == ["started 20.0"]
    assert post(Lens(), lambda now: flat(0, 1) if now > 10 else noisy(round(now * 10))) == []
    uncovered = post(Lens(), lambda now: flat(0, 1) if 10 < now < 15 else noisy(round(now * 10)))
    assert len(uncovered) == 1
    assert 21.5 < float(uncovered[0].split()[1]) < 23
    view, still = Lens(), noisy(1)
    troubles(view, moments(-20, 0), lambda number: noisy(number + 1000))
    assert post(view, lambda now: still.copy() if now > 4 else noisy(round(now * 10))) == []
