"""`publish_config --canary`: what it refuses, what it tells line by line, and its exit status."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from cameras.models import Binding, Device
from cameras.rollouts.following import Follower
from cameras.rollouts.models import Rollout
from tests.cameras.fleet import Fleet, only_rollout

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(2)


def follow(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, out: StringIO, script: list[Any], *more: str) -> None:
    """Runs the command for both boxes; whenever it would sleep, the next thing of the script happens and the hub steps."""
    acts = iter(script)

    def sleep(seconds: float) -> None:
        next(acts)()
        fleet.step()

    monkeypatch.setattr("cameras.management.commands.publish_config.time.sleep", sleep)
    call_command("publish_config", "--canary", "box-1", "--healthy-seconds", "0", *more, stdout=out)


def nothing() -> None:
    """The hub has its turn."""


def test_it_tells_each_change_once_and_ends_well(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.now = timezone.now()
    script = [nothing, lambda: fleet.report("box-1"), lambda: fleet.report("box-2"), nothing]
    out = StringIO()
    follow(fleet, monkeypatch, out, script)
    lines = out.getvalue().splitlines()
    assert lines[0] == f"staged publish {only_rollout().pk}: 2 devices, canaries box-1"
    assert lines[-1] == "staged publish: done"
    assert [line for line in lines if line.startswith("box-1")] == [
        "box-1: issued version 2",
        "box-1: confirmed version 2",
    ]
    assert len(lines) == len(set(lines))


def test_a_stop_is_no_success_and_names_who_has_it_not(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.now, out = timezone.now(), StringIO()
    with pytest.raises(CommandError, match=r"Not published to: box-1, box-2\."):
        follow(fleet, monkeypatch, out, [nothing, lambda: fleet.refuse("box-1", "no")])
    assert "box-1: failed version 2: refused: no" in out.getvalue()
    assert "staged publish: stopped: box-1: refused: no" in out.getvalue()


def test_it_ends_when_somebody_has_to_decide(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.now, out = timezone.now(), StringIO()
    with pytest.raises(CommandError, match="A canary gives no answer"):
        follow(fleet, monkeypatch, out, [nothing, lambda: fleet.pass_time(61)], "--answer-seconds", "60")
    assert out.getvalue().endswith("staged publish: asking: waits for box-1 to confirm\n")
    assert only_rollout().state == "asking"


def test_without_a_device_it_takes_what_has_something_to_publish(fleet: Fleet) -> None:
    Binding.objects.filter(bind_id="bind-2").update(params={})
    follower = Follower(fleet.start("box-1", device_ids=["box-1"]).pk)
    assert follower.news() == ["staged publish: canaries"]
    assert follower.news() == []
    Rollout.objects.all().delete()
    with pytest.raises(CommandError, match="box-2 is a canary but not part of the publish"):
        call_command("publish_config", "--canary", "box-2")


def test_all_problems_are_listed_and_the_numbers_need_a_canary(fleet: Fleet) -> None:
    Device.objects.filter(pk="box-2").update(publish_on_save=True)
    with pytest.raises(CommandError) as caught:
        call_command("publish_config", "box-1", "box-2", "--canary", "box-3", "--wave", "0")
    assert str(caught.value).splitlines() == [
        "Not started:",
        "  the wave size must be 1 or more",
        "  box-3 is a canary but not part of the publish",
        "  box-2 publishes every saved change at once: turn off publish on save first",
    ]
    with pytest.raises(CommandError, match="need at least one --canary"):
        call_command("publish_config", "box-1", "--wave", "3")
    assert not Rollout.objects.exists()
