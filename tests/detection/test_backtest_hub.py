"""What `run_hub` does for back-tests: one process at a time, none forgotten, none for ever; and files that go with rows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage

from cameras.models import Camera
from detection.backtest import files, services
from detection.backtest.models import BackTest
from detection.backtest.runner import BackTestRunner
from edgesite.ids import uuid7
from tests.detection.backtests import NOW, make_backtest, make_draft
from tests.fakes import Clock
from tests.servers.stack import wait_until

pytestmark = pytest.mark.django_db

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]
CRASHES = [sys.executable, "-c", "import os; os.abort()"]
LATER = services.LOST_AFTER + timedelta(seconds=1)


@pytest.fixture
def camera() -> Camera:
    return make_draft(published={}, draft={"dwell_s": 2.0})


@pytest.fixture
def runner() -> Iterator[Callable[[list[str]], BackTestRunner]]:
    made: list[BackTestRunner] = []

    def make(command: list[str]) -> BackTestRunner:
        made.append(BackTestRunner(command=lambda test_id, attempt: command, clock=lambda: NOW, monotonic=Clock()))
        return made[-1]

    yield make
    for one in made:
        one.close()


def states() -> list[tuple[str, int]]:
    return list(BackTest.objects.order_by("id").values_list("state", "tries"))


def pid(runner: BackTestRunner) -> int:
    assert runner._child is not None
    return runner._child.popen.pid


def test_one_at_a_time_the_oldest_first(camera: Camera, runner: Callable[[list[str]], BackTestRunner]) -> None:
    for _ in range(2):
        make_backtest(camera, b"x")
    one, other = runner(SLEEPS), runner(SLEEPS)
    assert one.step() is True
    assert [one.step(), other.step()] == [False, False]
    assert states() == [("running", 1), ("queued", 0)]


def test_a_process_that_dies_is_tried_twice_more_then_it_failed(
    camera: Camera, runner: Callable[[list[str]], BackTestRunner]
) -> None:
    make_backtest(camera, b"x")
    one = runner(CRASHES)
    seen = []
    for _ in range(3):
        assert one.step() is True
        wait_until(one.step, seconds=20, what="notice of the end")
        seen += states()
    assert seen == [("queued", 1), ("queued", 2), ("failed", 3)]
    assert one.step() is False
    assert BackTest.objects.get().reason["template"] == services.ENDED


@pytest.mark.parametrize("act", ["cancel", "delete", "silence"])
def test_what_is_cancelled_deleted_or_silent_is_killed(
    act: str, camera: Camera, runner: Callable[[list[str]], BackTestRunner]
) -> None:
    test = make_backtest(camera, b"x")
    one = runner(SLEEPS)
    one.step()
    running = pid(one)
    if act == "cancel":
        services.cancel_backtest(test_id=test.pk, author="anna", now=NOW)
    elif act == "delete":
        services.delete_backtest(test_id=test.pk, author="anna")
    else:
        BackTest.objects.update(seen_at=NOW - LATER)
    assert one.step() is True
    assert one.step() is True
    assert not Path(f"/proc/{running}").exists()
    assert states() == {"cancel": [("cancelled", 1)], "delete": [], "silence": [("queued", 1)]}[act]


def test_a_hub_that_stops_leaves_it_to_the_next_without_counting(
    camera: Camera, runner: Callable[[list[str]], BackTestRunner]
) -> None:
    make_backtest(camera, b"x")
    one = runner(SLEEPS)
    one.step()
    running = pid(one)
    one.close()
    assert not Path(f"/proc/{running}").exists()
    assert states() == [("queued", 0)]


def test_after_a_killed_hub_it_is_taken_up_when_it_gives_no_sign_of_life(
    camera: Camera, runner: Callable[[list[str]], BackTestRunner]
) -> None:
    test = make_backtest(camera, b"x")
    services.claim(test.pk, now=NOW)
    one = runner(SLEEPS)
    assert one.step() is False  # its process may live: another hub's
    BackTest.objects.update(seen_at=NOW - LATER)
    assert one.step() is True
    assert states() == [("running", 2)]


def test_a_command_that_cannot_be_started_counts_as_a_try(
    camera: Camera, runner: Callable[[list[str]], BackTestRunner]
) -> None:
    make_backtest(camera, b"x")
    one = runner(["/nowhere/python"])
    for _ in range(3):
        assert one.step() is True
    assert states() == [("failed", 3)]


def folders() -> set[str]:
    return set(default_storage.listdir("backtests")[0])


def test_deleting_takes_the_files_along_and_leaves_a_shared_video(camera: Camera) -> None:
    first = make_backtest(camera, b"first")
    second = make_backtest(camera, b"", like=first)
    files.store_picture(first.name, 3, b"picture")
    assert second.video_key == first.video_key
    services.delete_backtest(test_id=first.pk, author="anna")
    assert default_storage.listdir(f"backtests/{first.name}")[1] == ["video"]
    services.delete_backtest(test_id=second.pk, author="anna")
    assert first.name not in folders()


def test_files_whose_camera_is_gone_are_swept_but_not_a_fresh_upload(camera: Camera) -> None:
    orphan = make_backtest(camera, b"x").name
    camera.delete()
    fresh = uuid7()
    files.store_picture("not-ours", 1, b"x")
    made = files._made_at(fresh)
    assert made is not None
    assert services.sweep(before=made - timedelta(hours=1)) == 0
    assert orphan in folders()
    assert services.sweep(before=made + timedelta(seconds=1)) >= 1
    assert orphan not in folders()
    assert "not-ours" in folders()


@pytest.mark.parametrize("key", ["backtests/x/00000001.jpg", "backtests/../captures/00000001.jpg", "captures/a.jpg"])
def test_only_pictures_of_back_tests_have_a_back_test(key: str) -> None:
    assert files.name_in(key) is None
    name = uuid7()
    assert files.name_in(f"backtests/{name}/00000001.jpg") == name
    assert files.name_in(f"backtests/{name}/video") is None


def test_too_many_are_refused_in_words(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_WAITING", 1)
    make_backtest(camera, b"x")
    with pytest.raises(services.BackTestError, match="1 back-tests are waiting already"):
        make_backtest(camera, b"x")
    BackTest.objects.update(state="done")
    monkeypatch.setattr(services, "MOST_KEPT", 1)
    with pytest.raises(services.BackTestError, match="delete some of them first"):
        make_backtest(camera, b"x")
