"""A disk that is nearly full, whatever filled it: pictures go before the edge store can write no more, alerts never."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from structlog.testing import capture_logs

from edgesite import storage
from edgesite.edge_store.database import EdgeStoreError
from edgesite.edge_store.room import AT_ONCE, LOOKS, NO_ROOM, Room
from edgesite.files import RESERVE, free_and_reserve
from edgesite.spool import Spool
from edgesite.storage import DurableFileStorage, StorageError
from tests.edgesite.test_quota import SIZE, Bench


class Disk:
    """Of so many bytes, of which pictures take `SIZE` each and others `foreign`."""

    def __init__(self, bench: Bench, *, total: int) -> None:
        self.bench, self.total, self.foreign = bench, total, 0
        self.room = Room(bench.database, bench.database.path.parent, bench.files.discard, self.look)

    def look(self, folder: Path) -> tuple[int, int]:
        return self.total - self.foreign - SIZE * len(self.bench.files), self.total // 10

    def step(self, times: int = 1) -> bool:
        return sum(self.room.step(now=self.bench.now) for _ in range(times)) > 0

    def kept(self) -> set[str]:
        return {Path(key).stem for key in self.bench.files}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.database.close()


def evidence(bench: Bench) -> list[dict[str, Any]]:
    rows = bench.database.rows("SELECT body FROM outbox WHERE kind = 'evidence' ORDER BY seq")
    return [json.loads(row["body"]) for row in rows]


def test_while_there_is_room_nothing_goes(bench: Bench) -> None:
    disk = Disk(bench, total=10 * SIZE)
    for n in range(8):
        bench.alert(f"e{n}", "info")
    assert not disk.step(LOOKS + 1)
    assert len(bench.files) == 8


def test_copies_of_what_was_delivered_go_at_once_the_oldest_first(bench: Bench) -> None:
    disk = Disk(bench, total=10 * SIZE)
    for n in range(9):
        bench.alert(f"e{n}", "critical")
        bench.deliver(f"e{n}")
    disk.foreign = SIZE
    assert disk.step()
    assert disk.kept() == {f"e{n}" for n in range(2, 9)}
    assert bench.told()["counts"] == {"delivered_pictures": 2}
    assert not disk.step()


def test_what_the_hub_has_not_got_goes_only_when_the_disk_stays_short(bench: Bench) -> None:
    disk = Disk(bench, total=10 * SIZE)
    for event_id, severity in (("a", "critical"), ("b", "info"), ("c", "warning"), ("d", "info")):
        bench.alert(event_id, severity)
    bench.full("a")
    disk.foreign = 4 * SIZE  # five pictures, one byte in ten free: one is missing
    assert not disk.step(LOOKS - 1)
    disk.foreign = 0
    assert not disk.step()  # it was somebody else's for a moment
    disk.foreign = 4 * SIZE
    assert not disk.step(LOOKS - 1)
    assert disk.step()
    assert disk.kept() == {"a", "b", "c", "d"}  # the addition went
    disk.foreign = 6 * SIZE
    assert disk.step()
    assert disk.kept() == {"a", "c"}
    assert bench.waiting()[:4] == ["a", "b", "c", "d"]  # every alert is there
    told = [(e["alert_id"], e["status"], e["reason"]) for e in evidence(bench)]
    assert told == [("a.full", "lost", NO_ROOM), ("b", "lost", NO_ROOM), ("d", "lost", NO_ROOM)]
    assert bench.told()["counts"] == {"pictures": 3}


def test_alerts_stay_although_nothing_is_left_to_go(bench: Bench) -> None:
    disk = Disk(bench, total=10 * SIZE)
    bench.alert("a", "info")
    disk.foreign = 10 * SIZE
    with capture_logs() as logs:
        disk.step(LOOKS + 3)
    assert bench.waiting()[0] == "a"
    assert not bench.files
    assert [entry["event"] for entry in logs] == ["the disk of this box is nearly full"]


def test_more_than_one_look_takes_go_look_by_look(bench: Bench) -> None:
    disk = Disk(bench, total=2 * AT_ONCE * SIZE)
    for n in range(AT_ONCE + 20):
        bench.alert(f"e{n}", "info")
    disk.foreign = disk.total
    disk.step(LOOKS)
    assert len(bench.files) == 20
    assert disk.step()
    assert not bench.files


def test_on_a_disk_without_a_free_byte_the_files_go_first(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(bench, total=10 * SIZE)
    for n in range(9):
        bench.alert(f"e{n}", "info")
    disk.foreign = SIZE
    begin = bench.database.transaction

    def full() -> Any:
        if disk.look(Path())[0] <= 0:
            raise EdgeStoreError("database or disk is full", retryable=True)
        return begin()

    monkeypatch.setattr(type(bench.database), "transaction", lambda self: full())
    assert disk.step(LOOKS)
    assert disk.kept() == {f"e{n}" for n in range(2, 9)}
    assert [e["alert_id"] for e in evidence(bench)] == ["e0", "e1"]


def test_what_was_delivered_meanwhile_is_not_told_lost(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(bench, total=10 * SIZE)
    bench.alert("a", "info")
    disk.foreign = 10 * SIZE
    rows = bench.database.rows

    def late(query: str, *values: Any) -> Any:
        found = rows(query, *values)
        if "NOT LIKE" in query:
            bench.deliver("a")
        return found

    disk.step(LOOKS - 1)
    monkeypatch.setattr(type(bench.database), "rows", lambda self, query, *values: late(query, *values))
    disk.step()
    assert evidence(bench) == []


# No file takes the last room


def test_no_file_takes_the_last_room_of_its_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path / "spool")
    files = DurableFileStorage(location=str(tmp_path / "media"))
    monkeypatch.setattr(storage, "free_and_reserve", lambda folder: (1003, 1000))
    spool.put("captures/three.jpg", b"123")
    with pytest.raises(StorageError, match="nearly full") as refused:
        spool.put("captures/four.jpg", b"1234")
    assert refused.value.retryable  # room may be made any moment
    with pytest.raises(OSError, match="nearly full") as error:
        files.save("clips/four.mp4", ContentFile(b"1234"))
    assert error.value.errno == errno.ENOSPC
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["three.jpg"]


def test_a_small_disk_keeps_a_tenth_and_a_large_one_a_bounded_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, reserve = free_and_reserve(tmp_path)
    assert free > 0
    assert 0 < reserve <= RESERVE
    monkeypatch.setattr("edgesite.files.shutil.disk_usage", lambda folder: type("U", (), {"free": 7, "total": 200})())
    assert free_and_reserve(tmp_path) == (7, 20)
