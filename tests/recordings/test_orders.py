"""Snapshots through `edge_snap_request`: routed, answered once and for all, whatever goes wrong and whoever is killed."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from redis.exceptions import RedisError

from cameras import asking
from cameras.asking import LATE, SILENT
from cameras.models import Camera, Device, DeviceStatus
from detection import snapshots as box_words
from edgesite import redis_keys
from recordings import snapshots
from recordings.core import orders as words
from recordings.core.orders import NO_ID, Order
from recordings.models import SnapshotRequest
from recordings.orders import opening, services, stream, worker
from recordings.orders.models import SnapshotOrder
from tests.recordings.orders import CALLBACK, JPEG, KEY, Desk, failed

pytestmark = pytest.mark.django_db


async def content_of(response: Any) -> bytes:
    return b"".join([chunk async for chunk in response.streaming_content])


def test_what_the_box_says_is_passed_on_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.ask()
    desk.step()
    monkeypatch.setattr(worker, "LOOK_S", 30.0)
    with desk.capture(execute=True):
        desk.box_answers()
    began = time.monotonic()
    desk.step()
    assert time.monotonic() - began < 10.0
    assert desk.result()["status"] == "ok"


def test_a_picture_is_asked_of_the_one_box_and_answered(desk: Desk) -> None:
    desk.ask()  # before there is a group
    desk.step()
    [command] = desk.commands()
    assert command["kind"] == "snapshot"
    assert f'"key": "{KEY}"' in command["body"]
    assert 3.0 < float(command["deadline"]) - timezone.now().timestamp() <= 3.5
    assert desk.result() is None
    assert len(desk.pending()) == 1
    desk.box_answers()
    desk.run()
    answer = desk.result()
    assert answer | {"url": ""} == {"request_id": "r1", "camera_code": "vid1", "status": "ok", "url": ""}
    assert desk.cloud.expiry[redis_keys.snap_result("r1")] == 60
    assert answer["url"].startswith("https://hub.example.org/api/snapshots/signed/")
    fetched = Client().get(answer["url"].removeprefix("https://hub.example.org"))
    assert (fetched.status_code, fetched["Content-Type"]) == (200, "image/jpeg")
    assert async_to_sync(content_of)(fetched) == JPEG
    fetched.close()
    assert (desk.waiting(), desk.pending(), desk.dead(), desk.told) == ([], {}, [], [])


ONE = "The request lacks fields: "
WRONG: list[tuple[dict[str, str], str]] = [
    ({"camera_code": ""}, ONE + "camera_code"),
    ({"cos_path": ""}, ONE + "cos_path"),
    ({"camera_code": "", "cos_path": ""}, ONE + "camera_code, cos_path"),
    ({"camera_code": "nope"}, "No camera has this code."),
    ({"camera_code": "x" * 300}, "No camera has this code."),
    *(
        (
            {"cos_path": path},
            "The key must be a relative path without “..”, outside the folders that are the product's own.",
        )
        for path in (
            "/x.jpg", "a/../b.jpg", "../x.jpg", "a//b.jpg", "a\\b.jpg", "./a.jpg", "x" * 501, "x" * 5000, "a\x00.jpg",
            "captures/x.jpg", "recordings/x.jpg", "frames/x.jpg", "snapshots/x.jpg", "backtests/x.jpg", "captures",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "message"), WRONG)
def test_what_is_wrong_is_answered_at_once_and_nobody_is_asked(
    desk: Desk, fields: dict[str, str], message: str
) -> None:
    desk.ask(**fields)
    desk.step()
    assert desk.result() == failed(message, fields.get("camera_code", "vid1")[:200])
    assert (desk.commands(), desk.pending(), desk.waiting(), desk.dead()) == ([], {}, [], [])


def test_what_the_hub_knows_of_a_camera_is_answered_at_once(desk: Desk, settings: Any) -> None:
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (DeviceStatus.objects, {"reported_at": timezone.now() - timedelta(seconds=20)}, SILENT),
        (DeviceStatus.objects, {"reported_at": None}, snapshots.NEVER),
        (Camera.objects, {"analyse": False}, SILENT),
        (Camera.objects, {"enabled": False}, snapshots.DISABLED),
        (Device.objects, {"revoked_at": timezone.now()}, asking.REVOKED),
    ]
    for number, (rows, values, message) in enumerate(cases):
        rows.update(**values)
        if "analyse" in values:
            DeviceStatus.objects.update(reported_at=timezone.now() - timedelta(seconds=20))
        desk.ask(request_id=f"r{number}")
        desk.step()
        assert desk.result(f"r{number}") == failed(message, request_id=f"r{number}")
    settings.PUBLIC_URL = ""
    desk.ask(request_id="none")
    desk.step()
    assert desk.result("none")["message"] == words.NO_LINK
    assert desk.commands() == []


def test_what_the_box_says_is_the_answer(desk: Desk) -> None:
    for number, message in enumerate((box_words.NOT_STORED, f"{box_words.NO_FRAME}: {box_words.SLOW}")):
        desk.ask(request_id=f"b{number}")
        desk.step()
        desk.box_answers(f"b{number}", status="error", at=None, message=message)
        desk.run()
        assert desk.result(f"b{number}") == failed(message, request_id=f"b{number}")


def test_a_dead_box_is_told_for_while_there_is_time_to_tell(desk: Desk) -> None:
    desk.ask()
    desk.step()
    left = (desk.request().deadline - timezone.now()).total_seconds()
    assert 3.0 < left <= 4.0
    SnapshotRequest.objects.update(deadline=timezone.now() - timedelta(seconds=0.1))
    desk.run()
    assert desk.result() == failed(LATE)
    desk.box_answers()
    desk.cloud.strings.clear()
    desk.ask()
    desk.run()
    assert desk.result() == failed(LATE)  # late news change no answer


def test_a_camera_that_is_deleted_meanwhile_is_unknown(desk: Desk) -> None:
    desk.ask()
    desk.step()
    Camera.objects.all().delete()
    desk.run()
    assert desk.result() == failed(words.UNKNOWN_CAMERA)


def test_a_request_that_waited_too_long_is_not_begun(desk: Desk) -> None:
    real, desk.cloud.now = desk.cloud.now, lambda: timezone.now().timestamp() - 3.6
    desk.ask()
    desk.cloud.now = real
    desk.step()
    assert desk.result() == failed(words.EXPIRED)
    assert desk.commands() == []


def test_a_picture_that_the_hub_does_not_find_is_an_error(desk: Desk) -> None:
    desk.ask()
    desk.step()
    desk.box_answers(store=False)
    desk.run()
    assert desk.result() == failed(words.NOT_HERE)


def test_the_same_request_gives_the_same_answer_and_takes_no_second_picture(desk: Desk) -> None:
    desk.ask()
    desk.ask()
    desk.step()
    assert len(desk.commands()) == 1
    desk.box_answers()
    desk.run()
    first = desk.result()
    desk.cloud.strings.clear()
    desk.ask(cos_path="other/x.jpg", camera_code="nope")
    desk.run()
    assert desk.result() == first
    assert len(desk.commands()) == SnapshotRequest.objects.count() == 1
    SnapshotOrder.objects.update(received_at=timezone.now() - timedelta(seconds=3601))
    assert services.prune(now=timezone.now())
    assert SnapshotOrder.objects.count() == SnapshotRequest.objects.count() == 0
    desk.ask()
    desk.step()
    assert len(desk.commands()) == 2


STEPS = ["xgroup_create", "xreadgroup", "time", "xadd", "set", "execute"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("callback", ["", CALLBACK])
def test_a_kill_between_any_two_steps_costs_no_answer_and_makes_one_picture(
    desk: Desk, step: str, callback: str
) -> None:
    desk.says = "" if step != "set" else "refused"
    desk.ask(callback_url=callback)
    desk.cloud.die_before = step

    def begin() -> None:
        desk.step()
        if not SnapshotRequest.objects.filter(state="ready").exists():
            desk.box_answers()
        desk.run()

    with pytest.raises(SystemExit):
        begin()
    desk.restart()
    begin()
    answers = [desk.result()] if step == "set" or not callback else [body for _, body, _ in desk.told]
    assert {answer["status"] for answer in answers} == {"ok"}
    assert len({answer["url"] for answer in answers}) == 1
    assert SnapshotRequest.objects.count() == 1
    assert len({command["request_id"] for command in desk.commands()}) == 1
    assert (desk.waiting(), desk.pending(), desk.dead()) == ([], {}, [])


def test_what_a_dead_worker_left_is_claimed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.step()
    desk.ask()
    desk.cloud.xreadgroup(redis_keys.SNAP_GROUP, "another", {redis_keys.SNAP_STREAM: ">"}, count=1, block=0)
    desk.clock.advance(10)
    desk.step()
    assert next(iter(desk.pending().values()))["consumer"] == "another"  # it may live
    later = timezone.now().timestamp() + 8
    monkeypatch.setattr(desk.cloud, "now", lambda: later)
    desk.clock.advance(10)
    desk.run()
    assert desk.result() == failed(words.EXPIRED)


def test_without_a_request_id_there_is_a_dead_letter(desk: Desk) -> None:
    for value in ("", "x" * 129, "a\nb", "\x00"):
        desk.ask(request_id=value)
    desk.ask(request_id="good", camera_code="nope")
    desk.run()
    assert [letter["reason"] for letter in desk.dead()] == [NO_ID] * 4
    assert '"camera_code": "vid1"' in desk.dead()[0]["fields"]
    assert desk.result("good") == failed(words.UNKNOWN_CAMERA, "nope", "good")
    assert list(desk.cloud.strings) == ["snap:result:good"]
    assert len(desk.dead()[1]["fields"]) <= stream.LONGEST_LETTER


def test_an_entry_that_our_code_cannot_handle_holds_up_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    real = services.open_order

    def broken(order: Order, **values: Any) -> Any:
        if order.request_id == "bad":
            raise ValueError("defect")
        return real(order, **values)

    monkeypatch.setattr(services, "open_order", broken)
    desk.ask(request_id="bad", callback_url=CALLBACK)
    desk.ask(request_id="good", camera_code="nope")
    desk.run()
    assert desk.result("bad") == failed(words.FAILED, request_id="bad")
    assert desk.result("good")["message"] == words.UNKNOWN_CAMERA
    assert [letter["reason"] for letter in desk.dead()] == [worker.POISON]


def test_an_entry_that_ends_every_worker_is_set_aside(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(order: Order, **values: Any) -> Any:
        raise SystemExit

    monkeypatch.setattr(services, "open_order", ends)
    desk.ask()
    ended = 0
    while desk.waiting() and ended < 50:
        desk.restart()
        try:
            desk.step()
        except SystemExit:
            ended += 1
    assert ended == worker.DELIVERIES
    assert (desk.result(), len(desk.dead())) == (failed(words.FAILED), 1)


def test_redis_away_and_back_loses_nothing(desk: Desk) -> None:
    desk.ask()
    desk.step()
    desk.box_answers()
    desk.cloud.down = True
    with pytest.raises(RedisError):
        desk.step()
    desk.cloud.down = False
    desk.run()
    assert desk.result()["status"] == "ok"
    desk.cloud.streams.clear()
    desk.cloud.groups.clear()
    desk.ask(request_id="after", camera_code="nope")
    desk.step()
    desk.run()
    assert desk.result("after")["message"] == words.UNKNOWN_CAMERA


def test_no_more_is_taken_on_than_can_be_under_way(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "CAPACITY", 3)
    for number in range(5):
        desk.ask(request_id=f"r{number}", cos_path=f"a/{number}.jpg")
    desk.step()
    desk.step()
    assert (len(desk.pending()), len(desk.commands())) == (3, 3)
    desk.box_answers("r0")
    desk.step()
    desk.step()
    assert len(desk.commands()) == 4


def test_many_at_once_share_commits_and_calls(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    finished: list[int] = []
    real = stream.OrderStream.done

    def done(self: Any, entry_ids: Any, answers: Any = ()) -> None:
        finished.append(len(entry_ids))
        real(self, entry_ids, answers)

    monkeypatch.setattr(stream.OrderStream, "done", done)
    begun: list[str] = []
    real_open = services.open_order

    def opened(order: Order, **values: Any) -> Any:
        begun.append(order.request_id)
        return real_open(order, **values)

    monkeypatch.setattr(services, "open_order", opened)
    for number in range(opening.TOGETHER + 4):
        desk.ask(request_id=f"r{number}", cos_path=f"a/{number}.jpg")
    desk.ask(request_id="r0")  # twice in one turn
    desk.ask(request_id="wrong", camera_code="nope")
    desk.step()
    assert len(desk.commands()) == opening.TOGETHER + 4
    assert len(begun) == opening.TOGETHER + 6
    assert desk.result("wrong")["status"] == "error"
    assert finished == [1]
    for number in range(opening.TOGETHER + 4):
        desk.box_answers(f"r{number}")
    desk.step()
    assert finished == [1, opening.TOGETHER + 5]
    assert all(desk.result(f"r{number}")["status"] == "ok" for number in range(opening.TOGETHER + 4))
    assert (desk.waiting(), desk.pending()) == ([], {})


def test_a_database_that_fails_a_turn_asks_nobody_and_the_next_one_does(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tries = services.open_order, [0]

    def failing(order: Order, **values: Any) -> Any:
        tries[0] += 1
        if tries[0] == 3:
            raise OperationalError("database is locked")
        return real(order, **values)

    monkeypatch.setattr(services, "open_order", failing)
    for number in range(4):
        desk.ask(request_id=f"r{number}", cos_path=f"a/{number}.jpg")
    with pytest.raises(OperationalError):
        desk.step()
    assert (desk.commands(), SnapshotOrder.objects.count()) == ([], 0)
    desk.step()
    assert len(desk.commands()) == 4
    for number in range(4):
        desk.box_answers(f"r{number}")
    desk.run()
    assert all(desk.result(f"r{number}")["status"] == "ok" for number in range(4))


def test_one_that_ends_the_worker_takes_none_with_it_that_came_before(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = services.open_order

    def ends(order: Order, **values: Any) -> Any:
        if order.request_id == "bad":
            raise SystemExit
        return real(order, **values)

    monkeypatch.setattr(services, "open_order", ends)
    for request_id in ("a", "bad"):
        desk.ask(request_id=request_id, camera_code="nope")
    ended = 0
    while desk.waiting() and ended < 50:
        desk.restart()
        try:
            desk.run()
        except SystemExit:
            ended += 1
    assert ended == worker.DELIVERIES
    assert desk.result("a")["message"] == words.UNKNOWN_CAMERA
    assert desk.result("bad")["message"] == words.FAILED
    assert json.loads(desk.dead()[0]["fields"])["request_id"] == "bad"


def test_many_that_are_late_at_once_are_told_with_one_commit(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        desk.ask(request_id=f"r{number}", cos_path=f"a/{number}.jpg")
    desk.step()
    desk.box_answers("r0")
    SnapshotRequest.objects.filter(state="waiting").update(deadline=timezone.now() - timedelta(seconds=0.1))
    alone: list[str] = []
    real = services.answer_of

    def answer(row: SnapshotOrder) -> Any:
        if SnapshotOrder.objects.get(pk=row.pk).state == "waiting":
            alone.append(row.request_id)
        return real(row)

    monkeypatch.setattr(services, "answer_of", answer)
    desk.step()
    assert desk.result("r0")["status"] == "ok"
    assert [desk.result(f"r{number}") for number in range(1, 5)] == [
        failed(LATE, request_id=f"r{number}") for number in range(1, 5)
    ]
    assert alone == []


def test_one_that_cannot_be_looked_at_holds_up_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        desk.ask(request_id=f"r{number}", cos_path=f"a/{number}.jpg")
    desk.step()
    for number in range(3):
        desk.box_answers(f"r{number}")
    real = services._settle

    def broken(row: SnapshotOrder) -> None:
        if row.request_id == "r1":
            raise ValueError("defect")
        real(row)

    monkeypatch.setattr(services, "_settle", broken)
    desk.run()
    assert [desk.result(f"r{number}")["status"] for number in range(3)] == ["ok", "error", "ok"]
