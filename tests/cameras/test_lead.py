"""Of several workers on a box one leads, and another takes over when it ends."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cameras import lead as module
from cameras.lead import PRESENT_SECONDS, Lead, Presence
from edgesite.edge_store.database import try_lock


def test_one_leads_and_the_other_takes_over(tmp_path: Path) -> None:
    first, second = Lead(tmp_path / "edge.sqlite3"), Lead(tmp_path / "edge.sqlite3")
    with capture_logs() as logs:
        assert [first.held(), second.held(), first.held(), second.held()] == [True, False, True, False]
        first.release()
        assert second.held()
        second.release()
    assert len(logs) == 3  # one line a change


def test_only_the_leader_steps(tmp_path: Path) -> None:
    first, second = Lead(tmp_path / "edge.sqlite3"), Lead(tmp_path / "edge.sqlite3")
    steps = [lead.only(lambda: True, lambda: False) for lead in (first, second)]
    assert [step() for step in steps] == [True, False]
    assert second.only(lambda: True)() is False
    first.release()
    assert [second.only(lambda: True)(), first.only(lambda: True)()] == [True, False]
    second.release()


def test_whoever_takes_over_first_does_what_the_leader_did_last(tmp_path: Path) -> None:
    first, second = Lead(tmp_path / "edge.sqlite3"), Lead(tmp_path / "edge.sqlite3")
    done: list[str] = []

    def note(what: str) -> Callable[[], bool]:
        def step() -> bool:
            done.append(what)
            return True

        return step

    leads, follows = first.only(note("step"), note("follow")), second.only(note("second step"), note("second follow"))
    leads()
    follows()
    first.release()
    follows()
    follows()
    assert done == ["step", "second follow", "second follow", "second step", "second step"]
    second.release()


def test_loops_that_ask_at_once_do_not_lose_the_lead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(path: Path) -> object:
        lock = try_lock(path)
        time.sleep(0.02 if lock is None else 0)  # the one that failed answers last
        return lock

    monkeypatch.setattr(module, "try_lock", slow)
    lead, gate, answers = Lead(tmp_path / "edge.sqlite3"), threading.Barrier(4), []

    def ask() -> None:
        gate.wait(5)
        answers.append(lead.held())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert answers == [True] * 4
    lead.release()


def test_a_worker_that_stands_back_leads_only_while_no_detector_lives(tmp_path: Path) -> None:
    store = tmp_path / "edge.sqlite3"
    presence = Presence(store)
    recorder = Lead(store, stand_back=presence.fresh)
    assert recorder.held()
    presence.beat()
    detector = Lead(store)
    assert not detector.held()
    assert not recorder.held()  # gives it back ...
    assert detector.held()  # ... to whom it belongs
    detector.release()
    assert not recorder.held()  # it was there just now
    presence.leave()
    assert recorder.held()
    recorder.release()


def test_a_detector_that_was_killed_is_not_waited_for_long(tmp_path: Path) -> None:
    presence = Presence(tmp_path / "edge.sqlite3")
    presence.beat()
    [file] = (tmp_path / "run").iterdir()
    old = time.time() - PRESENT_SECONDS - 1
    os.utime(file, (old, old))
    assert not presence.fresh()
