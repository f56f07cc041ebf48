"""With a bucket a box is asked before anything is stored, and what it says is told before that: nothing is lost by it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from cameras import asking
from cameras.models import Camera
from edgesite import commands, redis_keys
from recordings import snapshots
from recordings.core import orders as words
from recordings.core.snapshots import SnapshotAnswer
from recordings.models import SnapshotRequest
from recordings.orders import asking_first, early, hearing, opening, services, strays
from recordings.orders.models import SnapshotOrder
from tests.recordings.orders import CALLBACK, KEY, Desk, failed, use_bucket

pytestmark = pytest.mark.django_db

URL = f"https://s3.example.org/{KEY}?1&3600"


@pytest.fixture(autouse=True)
def signed(desk: Desk, settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(strays.strays, "_due", 0.0)
    return use_bucket(settings, monkeypatch)


def rows() -> list[tuple[str, str, str]]:
    """Of each order its name, its state and that of its picture."""
    orders = SnapshotOrder.objects.order_by("request_id").select_related("snapshot")
    return [(row.request_id, row.state, row.snapshot.state if row.snapshot else "") for row in orders]


def test_the_answer_is_there_before_anything_is_stored(desk: Desk, django_assert_max_num_queries: Any) -> None:
    desk.ask()
    with django_assert_max_num_queries(5):  # the pruning's, whether it is known, and its camera
        desk.step()
    [command] = desk.commands()
    assert json.loads(command["body"])["key"] == KEY
    assert 3.0 < float(command["deadline"]) - timezone.now().timestamp() <= 3.5
    assert (rows(), desk.result()) == ([], None)
    desk.box_answers(store=False)
    assert desk.result() == {"request_id": "r1", "camera_code": "vid1", "status": "ok", "url": URL}
    assert desk.cloud.expiry[redis_keys.snap_result("r1")] == 60
    assert rows() == []
    assert len(desk.waiting()) == len(desk.pending()) == 1  # it stands for the order
    desk.cloud.strings.clear()  # whoever asked has taken it
    desk.run()
    assert rows() == [("r1", "ready", "ready")]
    assert desk.result() is None  # nobody is told twice
    desk.ask()
    desk.run()
    assert desk.result()["url"] == URL
    assert len(desk.commands()) == 1
    row = SnapshotOrder.objects.get()
    assert row.snapshot is not None
    assert (row.snapshot.width, row.snapshot.key, row.snapshot.requested_by) == (1920, KEY, asking_first.AUTHOR)


def test_what_went_wrong_at_the_box_is_there_as_early(desk: Desk) -> None:
    desk.ask()
    desk.step()
    desk.box_answers(status="error", at=None, message="The disk is full.")
    assert (desk.result(), rows()) == (failed("The disk is full."), [])
    desk.run()
    assert rows() == [("r1", "error", "error")]
    assert SnapshotOrder.objects.get().message == "The disk is full."


@pytest.mark.parametrize("step", ["xgroup_create", "xreadgroup", "time", "xadd", "xread", "set", "execute"])
def test_a_kill_between_any_two_steps_costs_no_answer_and_makes_one_picture(desk: Desk, step: str) -> None:
    desk.ask()
    desk.cloud.die_before = step

    def begin() -> None:
        desk.step()
        desk.step()  # listens
        desk.box_answers(store=False)
        desk.run()

    with pytest.raises(SystemExit):
        begin()
    desk.restart()
    desk.step()
    if desk.waiting():
        desk.box_answers(store=False)
    desk.run()
    assert desk.result()["status"] == "ok"
    assert [state for _, state, _ in rows()] == ["ready"]
    assert len({command["request_id"] for command in desk.commands()}) == 1
    assert (desk.waiting(), desk.pending(), desk.dead()) == ([], {}, [])


def test_a_hub_that_ends_before_it_stored_what_it_told_says_the_same_again(desk: Desk) -> None:
    desk.ask()
    desk.step()
    desk.box_answers(store=False)
    first = desk.result()
    desk.restart()
    desk.run()
    assert (desk.result(), rows()) == (first, [("r1", "ready", "")])
    assert len(desk.commands()) == 1
    desk.cloud.strings.clear()
    desk.ask()
    desk.run()
    assert desk.result() == first


def test_a_hub_that_ends_before_the_box_answers_asks_under_the_same_name(desk: Desk) -> None:
    desk.ask()
    desk.step()
    [first] = desk.commands()
    desk.restart()
    desk.step()
    assert [command["request_id"] for command in desk.commands()] == [first["request_id"]] * 2
    assert rows() == [("r1", "waiting", "waiting")]
    desk.box_answers(store=False)
    desk.run()
    assert desk.result()["status"] == "ok"


def test_an_answer_that_came_before_its_order_was_stored_is_not_lost(desk: Desk) -> None:
    """It was taken in by another hub, or by this one before it began anew."""
    desk.ask()
    desk.step()
    with desk.capture(execute=True):
        desk.box_answers(store=False, here=False)
    assert (desk.result(), rows()) == (None, [])
    desk.clock.advance(opening.HOLD_S + 0.01)
    desk.run()
    assert desk.result()["url"] == URL
    assert rows() == [("r1", "ready", "ready")]


def test_what_belongs_to_nothing_is_forgotten(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = strays.Strays(monotonic=desk.clock)
    desk.ask()
    desk.step()
    answer = answer_to(desk)
    kept.add(answer, device_id="box-1")
    [stray] = kept.take()
    assert kept.take() == []
    kept.put_back([stray])
    assert kept.take() == []  # so often it is not looked at
    desk.clock.advance(strays.EVERY_S)
    assert kept.take() == [stray]
    kept.put_back([stray])
    desk.clock.advance(words.TAKE_S)
    assert kept.take() == []
    for _ in range(strays.MOST + 5):
        kept.add(answer, device_id="box-1")
    desk.clock.advance(strays.EVERY_S)
    assert len(kept.take()) == strays.MOST


def answer_to(desk: Desk) -> SnapshotAnswer:
    asked = desk.request()
    return SnapshotAnswer(
        event_id="e", request_id=asked.request_id, camera_id="vid1", status="ok", key=KEY, at=1.0, width=1, height=1
    )


def test_what_takes_longer_is_stored_without_and_answered_all_the_same(desk: Desk) -> None:
    desk.ask()
    desk.step()
    desk.clock.advance(opening.HOLD_S + 0.01)
    desk.step()
    assert rows() == [("r1", "waiting", "waiting")]
    assert len(desk.commands()) == 1
    with desk.capture(execute=True):
        desk.box_answers(store=False)
    assert (desk.result(), rows()) == (None, [("r1", "ready", "ready")])
    desk.run()
    assert desk.result()["url"] == URL


def test_only_its_own_box_s_answer_in_time_is_told(desk: Desk) -> None:
    desk.ask()
    desk.step()
    desk.box_answers(store=False, device="box-2")
    desk.box_answers(store=False, key="shop/other.jpg")
    desk.box_answers(store=False, camera_id="vid2")
    desk.request().deadline = timezone.now() - timedelta(seconds=0.1)
    desk.box_answers(store=False)
    assert desk.result() is None
    desk.request().deadline = timezone.now() + timedelta(seconds=1)
    desk.box_answers(store=False)
    assert desk.result()["url"] == URL
    desk.box_answers(status="error", at=None, message="again")  # twice: the first stands
    assert desk.result()["url"] == URL


def test_with_a_callback_it_is_stored_before_anybody_is_called(desk: Desk) -> None:
    desk.ask(callback_url=CALLBACK)
    desk.step()
    assert rows() == [("r1", "waiting", "waiting")]
    with desk.capture(execute=True):
        desk.box_answers(store=False)
    assert (desk.result(), desk.told, rows()) == (None, [], [("r1", "ready", "ready")])
    desk.run()
    assert [body["url"] for _, body, _ in desk.told] == [URL]


def test_without_a_bucket_a_box_is_asked_for_what_is_stored(
    desk: Desk, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may upload to the hub what the database knows, no more."""
    settings.S3_BUCKET = ""
    stored: list[int] = []
    real = commands.send_command

    def send(*args: Any, **values: Any) -> None:
        stored.append(SnapshotRequest.objects.count())
        real(*args, **values)

    monkeypatch.setattr(asking, "send_command", send)
    desk.ask()
    desk.step()
    assert (len(desk.commands()), stored) == (1, [1])


def test_redis_away_while_it_is_told_tells_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(client: Any, answer: Any) -> None:
        raise RedisConnectionError("away")

    desk.ask()
    desk.step()
    with monkeypatch.context() as patch:
        patch.setattr(early, "keep_answer", away)
        desk.box_answers(store=False)
    assert desk.result() is None
    desk.run()
    assert (desk.result()["url"], rows()) == (URL, [("r1", "ready", "ready")])


def test_a_database_that_is_away_costs_no_answer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any, **values: Any) -> Any:
        raise OperationalError("database is locked")

    desk.ask()
    desk.ask(request_id="r2", cos_path="shop/2.jpg")
    desk.step()
    with monkeypatch.context() as patch:
        patch.setattr(services, "store_asked", away)
        desk.box_answers(store=False)
        assert desk.result()["url"] == URL
        with pytest.raises(OperationalError):
            desk.step()
        assert len(desk.pending()) == 2
    desk.box_answers("r2", store=False)
    desk.run()
    assert rows() == [("r1", "ready", "ready"), ("r2", "ready", "ready")]
    assert len(desk.commands()) == 2


def test_one_that_cannot_be_stored_holds_up_no_other_and_keeps_its_answer(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = services.store_asked

    def broken(order: Any, *args: Any, **values: Any) -> Any:
        if order.request_id == "r1":
            raise ValueError("defect")
        return real(order, *args, **values)

    monkeypatch.setattr(services, "store_asked", broken)
    for name in ("r1", "r2"):
        desk.ask(request_id=name)
    desk.step()
    for name in ("r1", "r2"):
        desk.box_answers(name, store=False)
    desk.run()
    assert (desk.result("r1")["status"], desk.result("r2")["status"]) == ("ok", "ok")
    assert rows() == [("r1", "ready", ""), ("r2", "ready", "ready")]
    assert len(desk.commands()) == 2


def test_two_of_one_name_in_one_turn_make_one_picture(desk: Desk) -> None:
    desk.ask()
    desk.ask(cos_path="other/x.jpg")
    desk.step()
    assert len(desk.commands()) == 1
    desk.box_answers(store=False)
    desk.run()
    assert (desk.result()["url"], rows()) == (URL, [("r1", "ready", "ready")])
    assert (desk.waiting(), desk.pending()) == ([], {})


@pytest.mark.parametrize("is_answered", [False, True])
def test_a_camera_that_is_deleted_before_its_order_is_stored(desk: Desk, is_answered: bool) -> None:
    desk.ask()
    desk.step()
    if is_answered:
        desk.box_answers(store=False)
    Camera.objects.all().delete()
    desk.clock.advance(opening.HOLD_S + 0.01)
    desk.run()
    if is_answered:
        assert (desk.result()["url"], rows()) == (URL, [("r1", "ready", "")])
    else:
        assert (desk.result(), rows()) == (failed(words.UNKNOWN_CAMERA), [("r1", "error", "")])


def test_what_waits_is_counted_as_soon_as_it_may_be_too_much(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MOST_WAITING", 2)
    monkeypatch.setattr(snapshots, "MOST_WAITING", 2)
    for number in range(2):
        desk.ask(request_id=f"r{number}", cos_path=f"a/{number}.jpg")
    desk.step()
    desk.clock.advance(opening.HOLD_S + 0.01)
    desk.step()
    desk.ask(request_id="r2", cos_path="a/2.jpg")
    desk.step()
    desk.step()
    assert desk.result("r2") == failed(snapshots.TOO_MANY, request_id="r2")
    assert len(desk.commands()) == 2


def test_a_try_that_was_taken_back_leaves_nothing_of_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of a row that was taken back may be another row's by now."""
    real = SnapshotOrder.save

    def away(self: Any, **values: Any) -> None:
        raise OperationalError("disk full")

    desk.ask()
    desk.step()
    desk.clock.advance(opening.HOLD_S + 0.01)
    monkeypatch.setattr(SnapshotOrder, "save", away)
    with pytest.raises(OperationalError):
        desk.step()
    monkeypatch.setattr(SnapshotOrder, "save", real)
    others = [snapshots.request_snapshot(camera=Camera.objects.get(pk="vid1"), author="kim") for _ in range(3)]
    desk.step()
    row = SnapshotOrder.objects.select_related("snapshot").get()
    assert row.snapshot is not None
    assert row.snapshot.request_id == desk.commands()[0]["request_id"]
    assert row.snapshot_id not in {other.pk for other in others}


def test_another_hub_that_stored_the_order_meanwhile_says_what_was_told(desk: Desk) -> None:
    desk.ask()
    desk.step()
    first = desk.orders
    desk.restart()  # the other one, which reads what its namesake has not finished
    desk.step()
    assert rows() == [("r1", "waiting", "waiting")]
    other, desk.orders = desk.orders, first
    desk.box_answers(store=False)
    desk.run()
    desk.orders = other
    desk.run()
    assert (desk.result()["url"], rows()) == (URL, [("r1", "ready", "ready")])


def test_a_box_whose_commands_cannot_be_written_holds_up_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    real = commands.send_command

    def send(*args: Any, **values: Any) -> None:
        if values["body"]["key"] == "bad.jpg":
            raise ResponseError("WRONGTYPE")
        real(*args, **values)

    monkeypatch.setattr(asking, "send_command", send)
    desk.ask(request_id="bad", cos_path="bad.jpg")
    desk.ask(request_id="good")
    desk.step()
    desk.step()
    assert desk.result("bad")["message"] == f"{asking.NO_REDIS}: Redis answered: WRONGTYPE"
    assert len(desk.commands()) == 1


def test_strays_outlive_a_database_that_is_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.ask()
    desk.step()
    with desk.capture(execute=True):
        desk.box_answers(store=False, here=False)
    desk.clock.advance(opening.HOLD_S + 0.01)
    desk.step()

    def away(*args: Any, **values: Any) -> None:
        raise OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(hearing, "take_picture", away)
        patch.setattr(strays.strays, "_due", 0.0)
        with pytest.raises(OperationalError):
            hearing.take_strays()
    desk.run()
    assert rows() == [("r1", "ready", "ready")]


@pytest.mark.parametrize(
    "text", ["{}", "[]", "no", '{"request_id": "r2", "status": "ok", "url": "x"}', '{"request_id": "r1"}']
)
def test_what_somebody_else_wrote_as_an_answer_is_none(desk: Desk, text: str) -> None:
    desk.ask()
    desk.step()
    desk.restart()
    desk.cloud.strings[redis_keys.snap_result("r1")] = text
    desk.step()
    desk.box_answers(store=False)
    desk.run()
    assert (desk.result()["status"], rows()) == ("ok", [("r1", "ready", "ready")])
