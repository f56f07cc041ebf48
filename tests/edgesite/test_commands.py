"""Commands to a device: obeyed once, in time, whatever becomes of the stream."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgesite import redis_keys
from edgesite.command_listener import WAITING, CommandListener, Lane
from edgesite.commands import LONGEST_BODY, Command, CommandError, parse_command, send_answer, send_command
from edgesite.edge_store.commands import KEPT, CommandStore
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from tests.fakes import Clock, FakeRedis

STREAM = redis_keys.commands("box-1")


class Notes:
    """A handler that only takes notes."""

    def __init__(self) -> None:
        self.done: list[tuple[str, float]] = []
        self.refused: list[str] = []
        self.others: set[str] = set()

    def mine(self, command: Command) -> bool:
        return command.body.get("camera_id") not in self.others

    def obey(self, command: Command, left_s: float) -> None:
        self.done.append((command.request_id, round(left_s, 3)))

    def refuse(self, command: Command) -> None:
        self.refused.append(command.request_id)

    @property
    def ids(self) -> list[str]:
        return [request_id for request_id, _ in self.done]


class Process:
    """One process of the box."""

    def __init__(self, cloud: FakeRedis, clock: Clock, path: Path) -> None:
        self.notes, self.clock = Notes(), clock
        self.database = EdgeDatabase(path)
        self.lane = Lane(self.notes, monotonic=clock)
        self.listener = CommandListener(
            "box-1", cloud.client(), CommandStore(self.database), {"note": self.lane}, clock=clock, monotonic=clock
        )

    def step(self) -> list[str]:
        self.listener.step()
        while self.lane.step(wait_s=0):
            pass
        return self.notes.ids


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Any]:
    """Makes processes of one box on one Redis: `box()`; `box.cloud`, `box.clock`."""
    cloud, clock = FakeRedis(), Clock()
    cloud.now = clock
    made: list[Process] = []

    def process() -> Process:
        made.append(Process(cloud, clock, tmp_path / "edge.sqlite3"))
        return made[-1]

    process.cloud, process.clock = cloud, clock  # type: ignore[attr-defined]
    yield process
    for one in made:
        one.database.close()


def send(box: Any, request_id: str, *, seconds: float = 5.0, kind: str = "note", **body: Any) -> None:
    send_command(box.cloud.client(), device_id="box-1", request_id=request_id, kind=kind, seconds=seconds, body=body)


def test_a_command_is_obeyed_once_with_the_time_that_is_left(box: Any) -> None:
    process = box()
    send(box, "a")
    box.clock.advance(2)
    send(box, "b")
    assert process.step() == ["a", "b"]
    assert process.notes.done == [("a", 3.0), ("b", 5.0)]
    assert process.step() == ["a", "b"]
    send(box, "a")
    assert process.step() == ["a", "b"]


def test_what_comes_too_late_is_not_done(box: Any) -> None:
    process = box()
    send(box, "old", seconds=1)
    box.clock.advance(1)
    send(box, "new")
    assert process.step() == ["new"]
    assert process.listener.store.claim(["old"], position="9-0", now=0.0) == {"old"}  # nobody took it on


def test_the_boxs_own_clock_does_not_matter(box: Any) -> None:
    process = box()
    process.listener.clock = Clock(1e9)
    send(box, "a", seconds=1)
    assert process.notes.done == []
    assert process.step() == ["a"]


def test_another_process_and_a_restart_do_not_do_it_again(box: Any) -> None:
    first, second = box(), box()
    send(box, "a")
    assert (first.step(), second.step()) == (["a"], [])
    assert box().step() == []
    assert box().listener.store.position() == "1-0"


def test_what_another_process_has_is_left_to_it(box: Any) -> None:
    first, second = box(), box()
    first.notes.others = {"vid2"}
    send(box, "a", camera_id="vid2")
    assert (first.step(), second.step()) == ([], ["a"])


class Preparing:
    """`Lane.prepare` that notes what it began and what it finished."""

    def __init__(self, process: Process) -> None:
        self.begun: list[str] = []
        self.finished: list[str] = []
        self.any = threading.Event()
        process.lane.prepare = self.prepare

    def prepare(self, command: Command, left_s: float) -> Callable[[], None]:
        self.begun.append(command.request_id)
        self.any.set()
        return lambda: self.finished.append(command.request_id)


def test_what_can_be_prepared_begins_while_the_command_is_taken_on(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    process = box()
    preparing, real = Preparing(process), process.listener.store.claim

    def claim(*args: Any, **values: Any) -> set[str]:
        assert preparing.any.wait(10)
        assert preparing.finished == []
        return set(real(*args, **values))

    monkeypatch.setattr(process.listener.store, "claim", claim)
    lane = threading.Thread(target=process.lane.step, kwargs={"wait_s": 10.0}, daemon=True)
    lane.start()
    send(box, "a")
    process.listener.step()
    lane.join(10)
    assert (preparing.begun, preparing.finished, process.notes.ids) == (["a"], ["a"], [])


def test_what_another_process_took_on_is_prepared_in_vain(box: Any) -> None:
    first, second = box(), box()
    assert (first.step(), second.step()) == ([], [])  # both wait for the next
    one, other = Preparing(first), Preparing(second)
    send(box, "a")
    assert (first.step(), second.step()) == ([], [])
    assert (one.finished, other.begun, other.finished) == (["a"], ["a"], [])


def test_what_the_store_does_not_take_is_not_done_before_it_does(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **values: Any) -> set[str]:
        raise EdgeStoreError("the disk is full", retryable=True)

    process, plain = box(), box()
    preparing = Preparing(process)
    send(box, "a")
    for one in (process, plain):
        with monkeypatch.context() as patch:
            patch.setattr(one.listener.store, "claim", full)
            with pytest.raises(EdgeStoreError):
                one.step()
        while one.lane.step(wait_s=0):
            pass
    assert (preparing.begun, preparing.finished, plain.notes.ids) == (["a"], [], [])
    process.step()
    assert preparing.finished == ["a"]


def test_what_took_too_long_to_take_on_is_not_done(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    process = box()
    real = process.listener.store.claim

    def slow(*args: Any, **values: Any) -> set[str]:
        box.clock.advance(6)
        return set(real(*args, **values))

    monkeypatch.setattr(process.listener.store, "claim", slow)
    send(box, "a")
    assert process.step() == []


def test_a_kill_between_taking_on_and_doing_does_it_at_most_once(box: Any) -> None:
    process = box()
    send(box, "a")
    process.listener.step()  # and dies before the lane does it
    assert box().step() == []


def test_commands_that_came_while_nobody_read_are_done_if_in_time(box: Any) -> None:
    first = box()
    send(box, "a")
    first.step()
    send(box, "b", seconds=1)
    send(box, "c", seconds=60)
    box.clock.advance(10)
    assert box().step() == ["c"]


@pytest.mark.parametrize("how", ["deleted", "trimmed", "another Redis"])
def test_a_stream_that_is_gone_does_not_deafen(box: Any, how: str) -> None:
    process = box()
    for request_id in "abc":
        send(box, request_id)
    process.step()
    if how == "trimmed":
        box.cloud.streams[STREAM] = box.cloud.streams[STREAM][-1:]
    else:
        box.cloud.streams.clear()
    if how == "another Redis":
        box.cloud._next = 1  # its entries come before the known place
    box.clock.advance(2.5)
    send(box, "d")
    assert process.step() == ["a", "b", "c", "d"]
    assert box().step() == []


def test_a_place_ahead_of_the_server_begins_again_and_knows_what_was_done(box: Any) -> None:
    process = box()
    send(box, "a")
    send(box, "b")
    process.step()
    kept = box.cloud.streams[STREAM][:1]
    box.cloud.streams[STREAM] = kept  # Redis came back from an older copy of its data
    box.cloud._next = 2
    box.clock.advance(2.5)
    other = box()
    assert (process.step(), other.step()) == (["a", "b"], [])
    send(box, "c")
    assert other.step() == ["c"]
    assert process.step() == ["a", "b"]  # by then another has it


BAD = [
    {}, {"request_id": "a", "kind": "note", "deadline": "x", "body": "{}"},
    {"request_id": "a", "kind": "note", "deadline": "nan", "body": "{}"},
    {"request_id": "a", "kind": "note", "deadline": "9e9", "body": "[]"},
    {"request_id": "a", "kind": "note", "deadline": "9e9", "body": "{"},
    {"request_id": "a", "kind": "note", "deadline": "9e9", "body": "[" * 15_000},
    {"request_id": "a" * 65, "kind": "note", "deadline": "9e9", "body": "{}"},
    {"request_id": "a", "kind": "", "deadline": "9e9", "body": "{}"},
    {"request_id": "a", "kind": "note", "deadline": "9e9", "body": json.dumps({"x": "y" * LONGEST_BODY})},
]  # fmt: skip


@pytest.mark.parametrize("fields", BAD)
def test_what_is_no_command_stops_nobody(box: Any, fields: dict[str, str]) -> None:
    with pytest.raises(CommandError):
        parse_command(fields)
    process = box()
    box.cloud.xadd(STREAM, fields)
    send(box, "good")
    assert process.step() == ["good"]


def test_other_kinds_are_for_others(box: Any) -> None:
    process = box()
    send(box, "a", kind="record")
    assert process.step() == []
    assert process.listener.store.claim(["a"], position="1-0", now=0.0) == {"a"}


def test_too_many_are_refused_and_counted(box: Any) -> None:
    process = box()
    for number in range(WAITING + 3):
        send(box, f"n{number}")
    while box.cloud.streams[STREAM][-1][0] != process.listener._position:
        process.listener.step()
    assert process.lane.dropped == 3
    assert process.notes.refused == [f"n{WAITING + n}" for n in range(3)]
    box.clock.advance(6)
    assert process.step() == []  # they waited too long


def test_the_store_forgets_what_no_stream_holds_any_more(tmp_path: Path) -> None:
    database = EdgeDatabase(tmp_path / "edge.sqlite3")
    store = CommandStore(database)
    store.claim([f"n{n}" for n in range(KEPT + 10)], position="5-0", now=1.0)
    [row] = database.rows("SELECT count(*) AS n FROM commands")
    assert row["n"] == KEPT
    assert store.claim(["n9", f"n{KEPT + 9}"], position="6-0", now=1.0) == {"n9"}
    database.close()


def test_an_answer_is_an_event_and_tried_twice(box: Any) -> None:
    send_answer(box.cloud.client(), device_id="box-1", kind="note", body={"request_id": "a"})
    [(_, fields)] = box.cloud.streams[redis_keys.events("box-1")]
    assert (fields["kind"], json.loads(fields["body"])) == ("note", {"request_id": "a"})
    assert len(fields["event_id"]) == 36
