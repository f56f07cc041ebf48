"""What a sleeping camera decodes, and that nothing is missed by it: composed clips, played as fast as the machine can."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from detection.core.heartbeat import CLEAR_HEARTBEAT_S, HEARTBEAT_S
from detection.ingest.attention import ROOM, Attention, WatchBudget
from detection.ingest.glance import Shown
from detection.ingest.pictures import Decoded
from tests.servers.replay import WALL, Replay
from tests.servers.scenes import Scene, Walk, make_scene

SCENE = Scene(size=(640, 360), noise=0.7)
WALK = Walk(start=16.7, seconds=0.3)  # far from the key frames at 16 and 18
LOOK = 12.0  # a heartbeat of the still clip
LENGTH = 24.0


pytestmark = pytest.mark.integration  # real streams, encoded for the occasion


SCENES = {
    "still": SCENE,
    "walk": replace(SCENE, walks=(WALK,)),
    "reordered": replace(SCENE, walks=(WALK,), b_frames=2),
    "rare keys": replace(SCENE, walks=(WALK,), gop=1000),
    "noisy": replace(SCENE, walks=(WALK,), noise=5.0),
    "noisy, reordered": replace(SCENE, walks=(WALK,), noise=5.0, b_frames=2),
    "noisy, hardly needed": replace(SCENE, walks=(WALK,), noise=5.0, b_frames=12),
    "noisy, comes to stay": replace(SCENE, walks=(Walk(16.7, 6.0, height=0.4),), noise=5.0),
}


class Clips(dict[str, Path]):
    """Each scene is encoded when a test first asks for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __missing__(self, name: str) -> Path:
        self[name] = make_scene(self._folder / f"{name}.mp4", SCENES[name], LENGTH)
        return self[name]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return Clips(tmp_path_factory.mktemp("scenes"))


def increasing(stamps: list[float]) -> bool:
    return all(a < b for a, b in pairwise(stamps))


def test_a_still_camera_falls_asleep_and_shows_a_key_frame_now_and_then(clips: dict[str, Path]) -> None:
    played = Replay(clips["still"], WatchBudget(1.0)).run()
    assert [watch for _, watch in played.watches] == ["learning", "watching", "idle"]
    slept = played.watches[-1][0]
    assert slept < 11
    asleep = [(at, d) for at, d in played.seen if at > slept]
    assert [d.stamp for _, d in asleep] == pytest.approx([at for at, _ in asleep])
    assert all(at % 2 == 0 for at, _ in asleep if at > 12)
    assert max(b[0] - a[0] for a, b in pairwise(asleep)) <= CLEAR_HEARTBEAT_S
    assert [d.look for _, d in asleep if d.look == "changed"] == []
    decoded = played.attention.unshown + len(played.seen)
    assert decoded <= slept * SCENE.fps + 60  # the first look asleep may need what came since the last key frame
    assert played.attention.wakes == 0


def test_what_comes_while_nobody_looks_is_known_to_have_come(clips: dict[str, Path]) -> None:
    played = Replay(clips["still"])
    behind = [WALL + now - (played.attention.received_at or 0) for now in played.steps() if now > 2]
    assert max(behind) == pytest.approx(0.0, abs=0.001)
    assert len(behind) > 10 * len([at for at, _ in played.seen if at > 2])
    damaged = Replay(
        clips["still"], drop=lambda now: now < 12 and now % 2 == 0
    ).run()  # nothing can be decoded until then
    assert min(at for at, _ in damaged.seen) >= 12


@pytest.mark.parametrize("name", ["walk", "reordered", "rare keys"])
def test_an_event_between_two_looks_is_seen_whole(clips: dict[str, Path], name: str) -> None:
    played = Replay(clips[name]).run()
    stamps = played.stamps()
    assert increasing(stamps)
    shown = [s for s in stamps if WALK.start <= s < WALK.start + WALK.seconds]
    assert len(shown) in (7, 8)
    assert 1 <= played.attention.wakes <= 3
    delay = played.delay(WALK.start, WALK.seconds)
    assert delay is not None
    assert delay < 0.5


def test_what_was_kept_has_the_moments_at_which_it_came(clips: dict[str, Path]) -> None:
    played = Replay(clips["walk"]).run()
    for at, decoded in played.seen:
        assert decoded.arrived == pytest.approx(decoded.stamp, abs=0.001)
        assert decoded.wall == pytest.approx(WALL + (decoded.stamp or 0), abs=0.001)
        assert decoded.arrived is not None
        assert decoded.arrived <= at
    caught_up = [d for at, d in played.seen if d.keep]
    assert caught_up[0].stamp == pytest.approx(16.04)  # the key frame itself was shown before


def test_pictures_wait_for_room_and_none_is_left_out(clips: dict[str, Path]) -> None:
    played = Replay(clips["walk"])
    taken = 0
    for now in played.steps():
        if 16 < now < 20:  # a slow analyser: one picture a packet
            taken = min(taken + 1, len(played.seen))
            played.attention.set_waiting(ROOM if len(played.seen) > taken + 2 else 0)
        else:
            played.attention.set_waiting(0)
    stamps = [s for s in played.stamps() if 16 <= s < 22]
    assert increasing(stamps)
    assert max(b - a for a, b in pairwise(stamps)) < 0.05


def test_an_analyser_that_never_has_room_is_not_waited_for_for_ever(
    clips: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detection.ingest.adaptive.CATCH_UP_S", 3.0)
    monkeypatch.setattr("detection.ingest.adaptive.ROOM_WAIT_S", 0.0)
    played = Replay(clips["walk"])
    for now in played.steps():
        played.attention.set_waiting(ROOM if now > 16 else 0)
    assert played.stamps()[-1] > 21
    assert played.attention.missed == 0


def test_somebody_who_is_seen_keeps_the_camera_awake(clips: dict[str, Path]) -> None:
    played = Replay(clips["still"], interest=lambda d: 5 < (d.stamp or 0) < 15).run()
    slept = [at for at, watch in played.watches if watch in ("learning", "idle")]
    assert slept == [0.0, 20.0]  # the first key frame four seconds after the last interest


def test_somebody_who_is_seen_in_a_look_wakes_the_camera(clips: dict[str, Path]) -> None:
    played = Replay(clips["still"], interest=lambda d: d.stamp == LOOK).run()
    assert [watch for _, watch in played.watches] == ["learning", "idle", "awake", "idle"]
    stamps = played.stamps()
    assert increasing(stamps)
    assert round(LOOK + 0.04, 2) in [round(s, 2) for s in stamps]


def test_a_noisy_stream_is_watched_where_the_budget_allows_it(clips: dict[str, Path]) -> None:
    budget = WatchBudget(1.0)
    played = Replay(clips["noisy"], budget=budget).run()
    assert list(dict.fromkeys(watch for _, watch in played.watches)) == ["learning", "watching", "awake"]
    # Seen from the last key frame on, decoded with care, although watching decodes with less.
    stamps = played.stamps()
    assert increasing(stamps)
    assert len([s for s in stamps if WALK.start <= s < WALK.start + WALK.seconds]) in (7, 8)
    assert played.delay(WALK.start, WALK.seconds) < 0.5  # type: ignore[operator]
    asleep = [at for at, d in played.seen if 11 < at < 16]
    assert 1 <= len(asleep) <= 4
    assert max(b - a for a, b in pairwise(played.stamps())) <= HEARTBEAT_S
    other = object()
    assert budget.enter(other)
    assert budget.costs(other, 1.0)  # what the camera had is given back


def test_pictures_that_no_other_needs_are_left_out_while_watching(clips: dict[str, Path]) -> None:
    plain, reordered = (Replay(clips[name], budget=WatchBudget(9.0)) for name in ("noisy", "noisy, reordered"))
    for played in (plain, reordered):
        played.run()
        assert len([s for s in played.stamps() if WALK.start <= s < WALK.start + WALK.seconds]) in (7, 8)
        assert increasing(played.stamps())
    asleep = [len(played.seen) + played.attention.unshown for played in (plain, reordered)]
    assert asleep[1] < 0.85 * asleep[0]


def test_a_stream_most_of_whose_pictures_no_other_needs_is_watched_all_the_same(clips: dict[str, Path]) -> None:
    played = Replay(clips["noisy, hardly needed"], budget=WatchBudget(9.0)).run()
    assert "watching" in [watch for _, watch in played.watches]
    assert len([s for s in played.stamps() if WALK.start <= s < WALK.start + WALK.seconds]) in (7, 8)


def test_without_a_budget_a_noisy_stream_is_weighed_and_looked_at(clips: dict[str, Path]) -> None:
    played = Replay(clips["noisy, comes to stay"]).run()
    assert [watch for _, watch in played.watches][:4] == ["learning", "idle", "coarse", "awake"]
    assert "watching" not in dict.fromkeys(watch for _, watch in played.watches)
    stamps = played.stamps()
    assert increasing(stamps)
    # Seen at the key frame at 18 s; what was kept since the one before shows where it came from.
    assert next(round(s, 2) for s in stamps if 16 < s < 18) == 16.04
    assert len([s for s in stamps if 16.7 <= s < 18]) in (32, 33)


def decoded_with_care(clip: Path) -> dict[float, np.ndarray]:
    """Every picture, by its stamp."""
    with av.open(str(clip)) as container:
        return {round(f.time or 0.0, 2): f.to_ndarray() for f in container.decode(video=0)}


def between(played: Replay, begin: str, end: str) -> list[Decoded]:
    """What was offered while the camera was watched so."""
    since = next(at for at, watch in played.watches if watch == begin)
    until = next(at for at, watch in played.watches if watch == end and at > since)
    return [d for at, d in played.seen if since < at < until]


def test_a_full_box_looks_with_less_care_and_decodes_with_all_of_it_what_wakes(clips: dict[str, Path]) -> None:
    played, true = Replay(clips["noisy, comes to stay"]).run(), decoded_with_care(clips["noisy, comes to stay"])

    def is_true(decoded: Decoded) -> bool:
        return np.array_equal(decoded.picture.to_ndarray(), true[round(decoded.stamp or 0.0, 2)])

    looks = between(played, "coarse", "awake")
    assert looks
    assert not any(is_true(d) for d in looks)
    woken = [d for _, d in played.seen if d.stamp and 16.03 < d.stamp < 20]
    assert len(woken) > 90
    assert all(is_true(d) for d in woken)


def test_who_asks_a_full_box_for_a_picture_gets_one_with_all_care(clips: dict[str, Path]) -> None:
    played, true = Replay(clips["noisy, comes to stay"]), decoded_with_care(clips["noisy, comes to stay"])
    glance, shown = played.attention.glance, list[Shown | None]()
    asker = threading.Thread(target=lambda: shown.append(glance.young(lambda wall: wall > WALL + 12.5, timeout=30)))
    for now in played.steps():
        if now > 12.5 and asker.ident is None:
            assert played.attention.watch == "coarse"
            asker.start()
            while not glance.wanted:
                time.sleep(0.01)
        if now > 14.1 and asker.ident is not None:
            asker.join()
    [one] = shown
    assert one is not None
    assert 12.5 < one.wall - WALL < 14.1
    assert np.array_equal(one.picture.to_ndarray(), true[round(one.wall - WALL, 2)])


def test_the_budget_lets_in_as_many_as_fit() -> None:
    budget = WatchBudget(0.2)
    cameras = [object() for _ in range(4)]
    for camera in cameras:
        budget.join(camera)
    assert [budget.enter(c) for c in cameras] == [True, True, False, False]
    assert budget.enter(cameras[0])  # does already
    assert not budget.costs(cameras[1], 0.15)
    budget.leave(cameras[1])
    assert budget.costs(cameras[0], 0.05)
    assert not budget.enter(cameras[1])  # known to need more than there is
    budget.part(cameras[0])
    assert budget.enter(cameras[1])
    assert not WatchBudget(0.0).enter(cameras[0])


def test_a_box_full_of_sleeping_cameras_has_nothing_left_for_watching() -> None:
    budget = WatchBudget(0.5)
    cameras = [object() for _ in range(60)]
    for camera in cameras:
        budget.join(camera)
    assert not any(budget.enter(c) for c in cameras)
    for camera in cameras[8:]:
        budget.part(camera)
    assert budget.enter(cameras[0])


def test_one_camera_that_costs_more_than_expected_is_watched_all_the_same() -> None:
    budget, camera = WatchBudget(0.1), object()
    budget.join(camera)
    assert budget.enter(camera)
    assert budget.costs(camera, 0.15)


def test_lost_packets_break_nothing(clips: dict[str, Path]) -> None:
    played = Replay(clips["walk"], drop=lambda now: 16.3 < now < 16.5 or 17.9 < now < 18.1).run()
    assert increasing(played.stamps())
    assert played.stamps()[-1] > 21


def test_under_overload_the_end_of_each_group_is_left_out_and_counted(clips: dict[str, Path]) -> None:
    attention = Attention()
    attention.share = 0.6
    played = Replay(clips["walk"], interest=lambda _: True, attention=attention).run()
    assert played.damaged == 0
    assert played.attention.watch == "awake"
    later = [stamp for stamp in played.stamps() if stamp >= 4.0]
    assert later
    assert max(stamp % 2.0 for stamp in later) == pytest.approx(29 / 25)
    assert len(later) == 30 * 10
    assert played.attention.shed + played.attention.unshown + len(played.seen) == LENGTH * SCENE.fps
