"""Staged publishes against the database: how they move on, whatever happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from redis.exceptions import RedisError

from cameras.core.strict_json import DocumentError
from cameras.issued import ConfigVersion
from cameras.models import Binding, Camera
from cameras.rollouts import stepping
from cameras.rollouts.models import Rollout, RolloutDevice
from cameras.rollouts.reading import rows_of
from cameras.rollouts.texts import loaded
from cameras.services import issue_version
from cameras.versions import begin_epoch
from tests.cameras.fleet import Fleet, only_rollout

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def stop_reason() -> str:
    return str(loaded(only_rollout().stop_reason))


def note() -> str:
    return str(loaded(only_rollout().note))


def test_canaries_first_then_the_rest_when_they_stayed_healthy(fleet: Fleet) -> None:
    fleet.start("box-1", "box-2", healthy_seconds=60)
    fleet.step()
    assert fleet.versions() == {"box-1": 2, "box-2": 2, "box-3": 1, "box-4": 1}
    assert note() == "waits for box-1, box-2 to confirm"
    fleet.report("box-1")
    fleet.step()
    assert note() == "waits for box-2 to confirm"
    fleet.report("box-2")
    fleet.step()
    assert only_rollout().state == "soaking"
    fleet.pass_time(59)
    assert only_rollout().state == "soaking"
    assert fleet.versions()["box-3"] == 1
    fleet.step()
    assert only_rollout().state == "rest"
    assert fleet.versions() == dict.fromkeys(fleet.ids, 2)
    fleet.report("box-3")
    fleet.report("box-4")
    fleet.step()
    rollout = only_rollout()
    assert (rollout.state, rollout.note, rollout.stop_reason) == ("done", {}, {})
    assert set(fleet.states().values()) == {"confirmed"}
    assert not RolloutDevice.objects.exclude(claim=None).exists()
    newest = ConfigVersion.objects.get(device="box-3", version=2)
    assert (newest.author, newest.reason) == ("kim", "longer dwell")


def test_a_canary_that_refuses_leaves_the_rest_untouched_and_says_why(fleet: Fleet) -> None:
    fleet.start()
    fleet.step()
    fleet.refuse("box-1", "unknown algorithm")
    fleet.step()
    assert only_rollout().state == "stopped"
    assert stop_reason() == "box-1: refused: unknown algorithm"
    assert fleet.versions() == {"box-1": 2, "box-2": 1, "box-3": 1, "box-4": 1}
    assert fleet.states() == {"box-1": "failed", "box-2": "skipped", "box-3": "skipped", "box-4": "skipped"}
    fleet.pass_time(5)
    assert fleet.versions()["box-2"] == 1


def test_a_canary_that_falls_silent_while_it_is_watched_stops_it(fleet: Fleet) -> None:
    fleet.start()
    fleet.step()
    fleet.report("box-1")
    fleet.pass_time(10)
    fleet.pass_time(30, silent=("box-1",))
    assert only_rollout().state == "soaking"
    fleet.step(silent=("box-1",))
    assert stop_reason() == "box-1: the box fell silent"
    assert fleet.versions()["box-2"] == 1


def test_a_camera_that_was_live_before_and_is_lost_for_long_stops_it(fleet: Fleet) -> None:
    fleet.start()
    fleet.step()
    fleet.report("box-1")
    fleet.pass_time(10)
    fleet.lose_camera("box-1")
    fleet.pass_time(30)
    assert only_rollout().state == "soaking"
    fleet.step()
    assert "vid1 was live before" in stop_reason()
    assert fleet.states()["box-1"] == "failed"


def test_a_camera_that_was_lost_before_or_is_switched_off_by_the_edit_is_no_sign(fleet: Fleet) -> None:
    Camera.objects.filter(pk="vid2").update(analyse=False)
    fleet.start("box-1", "box-2", healthy_seconds=40)
    fleet.lose_camera("box-1")
    fleet.step()
    for box in ("box-1", "box-2"):
        fleet.lose_camera(box)
    fleet.pass_time(42)
    assert only_rollout().state == "rest"


def test_a_canary_that_gives_no_answer_is_not_waited_for_for_ever(fleet: Fleet) -> None:
    fleet.start("box-1", "box-2", answer_seconds=60, healthy_seconds=10)
    fleet.step()
    fleet.report("box-1")
    fleet.pass_time(59)
    assert only_rollout().state == "canaries"
    fleet.step()
    assert (only_rollout().state, note()) == ("asking", "waits for box-2 to confirm")
    fleet.pass_time(120)
    assert (only_rollout().state, fleet.versions()["box-3"]) == ("asking", 1)
    fleet.report("box-2")
    fleet.step()
    assert only_rollout().state == "soaking"
    fleet.step(10)
    assert only_rollout().state == "rest"


def test_one_that_does_not_recover_while_it_is_watched_is_asked_about_too(fleet: Fleet) -> None:
    fleet.start(answer_seconds=60, error_threshold=2)
    fleet.step()
    fleet.report("box-1")
    fleet.pass_time(10)
    fleet.lose_camera("box-1")
    fleet.pass_time(61)
    assert (only_rollout().state, note()) == ("asking", "waits for box-1 to recover")


def test_time_in_which_no_hub_listened_is_no_answer_time(fleet: Fleet) -> None:
    fleet.start(answer_seconds=60)
    fleet.step()
    fleet.step(500)
    assert only_rollout().state == "canaries"
    fleet.pass_time(60)
    assert only_rollout().state == "asking"


def test_a_short_loss_begins_the_healthy_time_again(fleet: Fleet) -> None:
    fleet.start(healthy_seconds=60)
    fleet.step()
    fleet.report("box-1")
    fleet.pass_time(50)
    fleet.lose_camera("box-1")
    fleet.pass_time(5)
    assert note() == "waits for box-1 to recover"
    fleet.report("box-1")
    fleet.pass_time(60)
    assert only_rollout().state == "soaking"
    fleet.step()
    assert only_rollout().state == "rest"


def test_below_the_threshold_a_refusal_is_set_aside_and_an_unhealthy_canary_must_recover(fleet: Fleet) -> None:
    fleet.start("box-1", "box-2", "box-3", error_threshold=3, healthy_seconds=10)
    fleet.step()
    fleet.refuse("box-1")
    fleet.report("box-2")
    fleet.report("box-3")
    fleet.step()
    fleet.lose_camera("box-2")
    fleet.pass_time(100)
    assert only_rollout().state == "soaking"
    fleet.report("box-2")
    fleet.pass_time(12)
    assert only_rollout().state == "rest"
    fleet.report("box-4")
    fleet.step()
    assert only_rollout().state == "done"
    assert fleet.states() == {"box-1": "failed", "box-2": "confirmed", "box-3": "confirmed", "box-4": "confirmed"}


def test_waves_and_a_box_of_the_rest_that_is_away(fleet: Fleet) -> None:
    fleet.start(healthy_seconds=0, wave_size=1)
    away = ("box-2",)
    fleet.now += timedelta(minutes=5)
    for box in fleet.ids:
        if box not in away:
            fleet.report(box)
    fleet.pass_time(40, silent=away)
    fleet.report("box-1")
    fleet.step(silent=away)
    fleet.step(silent=away)
    assert fleet.versions() == {"box-1": 2, "box-2": 2, "box-3": 2, "box-4": 1}
    fleet.report("box-3")
    fleet.step(silent=away)
    fleet.report("box-4")
    fleet.step(silent=away)
    assert only_rollout().state == "done"
    assert fleet.states()["box-2"] == "issued"


def test_a_canary_that_is_away_gets_nothing_and_holds_everything(fleet: Fleet) -> None:
    fleet.start("box-1", "box-2")
    fleet.pass_time(40, silent=("box-2",))
    assert note() == "waits for box-2 to come online"
    fleet.report("box-1")
    fleet.pass_time(400, silent=("box-2",))
    assert (only_rollout().state, fleet.versions()["box-2"]) == ("canaries", 1)
    fleet.report("box-2")
    fleet.step()
    assert fleet.versions()["box-2"] == 2


def test_an_error_in_the_rest_stops_the_waves(fleet: Fleet) -> None:
    fleet.start(healthy_seconds=0, wave_size=1)
    fleet.step()
    fleet.report("box-1")
    fleet.step()
    fleet.refuse("box-2")
    fleet.step()
    assert stop_reason() == "box-2: refused: too new"
    assert fleet.versions() == {"box-1": 2, "box-2": 2, "box-3": 1, "box-4": 1}


def _edit(device_id: str) -> None:
    Binding.objects.filter(roi__camera__device=device_id).update(params={"dwell_s": 9})


def _publish(device_id: str) -> None:
    assert issue_version(device_id=device_id, author="somebody")


def _renew(device_id: str) -> None:
    assert begin_epoch(device_id=device_id, author="somebody")


@pytest.mark.parametrize(
    ("meanwhile", "words"),
    [(_edit, "was edited after"), (_publish, "version 2 was published meanwhile"), (_renew, "a new epoch began")],
)
def test_what_changed_meanwhile_is_left_out_with_the_reason(fleet: Fleet, meanwhile: Any, words: str) -> None:
    fleet.start(healthy_seconds=0)
    fleet.step()
    meanwhile("box-3")
    before = fleet.versions()["box-3"]
    for box in ("box-1", "box-2", "box-4"):
        fleet.report(box)
        fleet.step()
    fleet.step()
    row = RolloutDevice.objects.get(device="box-3")
    assert (row.state, row.version) == ("skipped", 0)
    assert words in str(loaded(row.reason))
    assert fleet.versions()["box-3"] == before


def test_two_hubs_at_once_issue_nothing_twice(fleet: Fleet) -> None:
    rollout = fleet.start("box-1", "box-2")
    fleet.now += timedelta(seconds=1)
    seen = Rollout.objects.get(pk=rollout.pk)
    rows = rows_of(seen)
    stepping.advance(Rollout.objects.get(pk=rollout.pk), now=fleet.now)
    for row in rows[:2]:  # another hub, which read before the first one wrote
        assert row.state == "waiting"
        assert not stepping._issue(seen, row, online=True, now=fleet.now)
    assert fleet.versions() == {"box-1": 2, "box-2": 2, "box-3": 1, "box-4": 1}


def test_what_became_invalid_meanwhile_fails_with_its_reason(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def invalid(**given: Any) -> Any:
        raise DocumentError("binds[0]", "unknown algorithm")

    fleet.start()
    monkeypatch.setattr(stepping, "issue_version", invalid)
    fleet.step()
    assert stop_reason() == "box-1: refused: binds[0]: unknown algorithm"
    assert fleet.versions()["box-1"] == 1


def test_a_kill_between_claim_and_issue_leaves_the_device_to_the_next_hub(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.start()

    def killed(**given: Any) -> Any:
        issue_version(**given)
        raise SystemExit

    monkeypatch.setattr(stepping, "issue_version", killed)
    with pytest.raises(SystemExit):
        fleet.step()
    assert fleet.states()["box-1"] == "waiting"
    assert fleet.versions()["box-1"] == 1
    monkeypatch.undo()
    fleet.step()
    assert fleet.versions()["box-1"] == 2


def test_silence_while_no_hub_listened_is_not_the_boxes(fleet: Fleet) -> None:
    fleet.start(healthy_seconds=900)
    fleet.step()
    fleet.report("box-1")
    fleet.step()
    fleet.now += timedelta(minutes=10)  # the hub was away: nothing stepped, nothing wrote reports
    assert not fleet.stepper.step() or only_rollout().state == "soaking"
    assert only_rollout().state == "soaking"
    fleet.redis.down = True
    with pytest.raises(RedisError):
        fleet.stepper.step()
    fleet.redis.down = False
    fleet.now += timedelta(seconds=9)
    fleet.stepper.step()
    assert only_rollout().state == "soaking"
    fleet.pass_time(35, silent=("box-1",))
    assert stop_reason() == "box-1: the box fell silent"


def test_a_step_without_a_staged_publish_is_one_query(fleet: Fleet, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert not fleet.stepper.step()
