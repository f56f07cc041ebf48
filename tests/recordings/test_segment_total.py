"""How much is recorded is kept, not counted anew, and is what the rows say whatever happened between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgesite.edge_store.database import EdgeDatabase
from recordings.core.segments import Segment
from recordings.recorder.segment_store import SegmentStore

T = 1_795_334_400.0
RUN = "20261122T080000.000Z-ab12"


def segment(number: int, size: int = 100) -> Segment:
    start = T + 10.0 * number
    path = f"vid1/20261122/{RUN}-{number}.mp4"
    return Segment("vid1", path, RUN, start, start + 10, size)


def counted(store: SegmentStore) -> tuple[int, int]:
    return SegmentStore(store.database).total()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SegmentStore]:
    database = EdgeDatabase(tmp_path / "edge.sqlite3")
    yield SegmentStore(database)
    database.close()


NUMBERS = st.lists(st.integers(0, 9), max_size=4)
STEPS = st.lists(st.tuples(st.sampled_from(["add", "forget", "delete", "look"]), NUMBERS), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_the_total_is_what_the_rows_say(
    store: SegmentStore, tmp_path: Path, steps: list[tuple[str, list[int]]]
) -> None:
    store.forget([segment(n).path for n in range(10)])
    for what, numbers in steps:
        some = [segment(n, 100 + n) for n in numbers]
        if what == "add":
            store.add(some)
        elif what == "forget":
            store.forget([s.path for s in some])
        elif what == "delete":
            store.delete(some, folder=tmp_path)
        assert store.total() == counted(store)


def test_it_is_counted_once(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add([segment(0), segment(1)])
    assert store.total() == (2, 200)
    monkeypatch.setattr(store.database, "rows", lambda *_: pytest.fail("the rows were read again"))
    assert store.total() == (2, 200)
    store.add([segment(1), segment(2, 50)])
    store.forget([segment(0).path])
    assert store.total() == (2, 150)


def test_after_a_change_that_failed_it_is_counted_anew(store: SegmentStore) -> None:
    store.add([segment(0)])
    assert store.total() == (1, 100)
    bad = Segment("vid1", "x", RUN, T, T + 10, object())  # type: ignore[arg-type]  # SQLite refuses it
    with pytest.raises(Exception, match="not supported"):
        store.add([segment(1), bad])
    assert store.total() == counted(store) == (1, 100)
