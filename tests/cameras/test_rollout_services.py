"""Staged publishes: what is in the way of one, stopping it, undoing it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from cameras.core.rollout import decide
from cameras.issued import ConfigVersion
from cameras.models import Binding, Camera, Device
from cameras.rollouts import stepping
from cameras.rollouts.models import Rollout, RolloutDevice
from cameras.rollouts.services import RolloutError, roll_back_rollout, start_rollout, stop_rollout
from cameras.rollouts.texts import loaded
from cameras.services import issue_version
from cameras.versions import roll_back
from tests.cameras.fleet import Fleet, only_rollout

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def stop_reason() -> str:
    return str(loaded(only_rollout().stop_reason))


def note() -> str:
    return str(loaded(only_rollout().note))


def _edit(device_id: str) -> None:
    Binding.objects.filter(roi__camera__device=device_id).update(params={"dwell_s": 9})


def test_an_issued_canary_that_somebody_rolls_back_stops_it(fleet: Fleet) -> None:
    fleet.start()
    fleet.step()
    fleet.report("box-1")
    fleet.step()
    roll_back(device_id="box-1", version=1, author="somebody")
    fleet.step()
    assert stop_reason() == "box-1: somebody rolled it back"


def test_everything_in_the_way_is_said_at_once_and_nothing_begins(fleet: Fleet) -> None:
    Device.objects.filter(pk="box-2").update(publish_on_save=True)
    issue_version(device_id="box-3", author="kim")
    Camera.objects.filter(pk="vid4").update(max_fps=-1)
    with pytest.raises(RolloutError) as caught:
        start_rollout(
            device_ids=[*fleet.ids, "box-9"], canary_ids=["box-7"], author="kim", healthy_seconds=-1,
            answer_seconds=0, error_threshold=0, wave_size=0, expected={"box-1": "another"},
        )  # fmt: skip
    assert [str(p) for p in caught.value.problems] == [
        "the healthy time must be from 0 to 604800 seconds",
        "the answer time must be from 1 to 604800 seconds",
        "the error threshold must be 1 or more",
        "the wave size must be 1 or more",
        "box-9 is not known",
        "box-7 is a canary but not part of the publish",
        "box-2 publishes every saved change at once: turn off publish on save first",
        "box-3 has nothing to publish",
        "box-4 cannot be published: cameras[0].max_fps: must be more than 0",
        "box-1 was edited while you were looking at its changes",
    ]
    assert not Rollout.objects.exists()
    for devices, words in (([], "at least one device"), (["box-1"], "at least one canary")):
        with pytest.raises(RolloutError, match=words):
            start_rollout(device_ids=devices, canary_ids=[], author="kim")


def test_a_device_is_in_one_running_publish_only(fleet: Fleet) -> None:
    first = fleet.start(device_ids=["box-1", "box-2"])
    with pytest.raises(RolloutError, match="box-2 is part of staged publish"):
        fleet.start("box-3", device_ids=["box-2", "box-3"])
    with pytest.raises(IntegrityError), transaction.atomic():
        RolloutDevice.objects.create(rollout=first, device_id="box-3", claim="box-2", content_sha256="", epoch="")
    assert stop_rollout(rollout_id=first.pk, author="kim", reason="wrong day")
    assert not stop_rollout(rollout_id=first.pk, author="kim")
    assert stop_reason() == "stopped by kim: wrong day"
    assert fleet.start("box-3", device_ids=["box-2", "box-3"])


def test_nothing_is_issued_after_a_stop_that_came_in_between(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    rollout = fleet.start("box-1", "box-2")

    def stop_first(*given: Any) -> Any:
        decision = decide(*given)
        stop_rollout(rollout_id=rollout.pk, author="kim")
        return decision

    monkeypatch.setattr(stepping, "decide", stop_first)
    fleet.step()
    assert fleet.versions() == dict.fromkeys(fleet.ids, 1)
    assert only_rollout().state == "stopped"


def test_rolling_back_stops_it_and_gives_back_what_was_before(fleet: Fleet) -> None:
    rollout = fleet.start("box-1", "box-2", "box-3")
    fleet.step()
    _edit("box-3")
    issue_version(device_id="box-3", author="somebody")
    results = roll_back_rollout(rollout_id=rollout.pk, author="lee", device_ids=["box-1", "box-3"])
    assert only_rollout().state == "stopped"
    assert str(results.pop("box-3")) == "has a newer version, so it stays as it is"
    back = results.pop("box-1")
    assert isinstance(back, ConfigVersion)
    assert (back.version, back.rollback_of, back.author) == (3, 1, "lee")
    assert not results
    assert Binding.objects.get(roi__camera__device="box-1").params == {}
    assert fleet.states()["box-1"] == "rolled_back"
    assert set(roll_back_rollout(rollout_id=rollout.pk, author="lee")) == {"box-2", "box-3"}
    assert fleet.versions() == {"box-1": 3, "box-2": 3, "box-3": 3, "box-4": 1}


def test_what_was_a_devices_first_version_cannot_be_rolled_back(fleet: Fleet) -> None:
    Device.objects.filter(pk="box-1").update(epoch="0" * 36, last_version=0)
    rollout = fleet.start(device_ids=["box-1"])
    fleet.step()
    fleet.report("box-1")
    results = roll_back_rollout(rollout_id=rollout.pk, author="lee")
    assert str(results["box-1"]) == "had nothing before, so there is nothing to go back to"
