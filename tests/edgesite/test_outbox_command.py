"""`manage.py outbox`: what waits and what was refused, sent again or given up by a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from edgesite.core.chain import Content
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.evidence import EvidenceStore
from edgesite.edge_store.losses import report_losses
from edgesite.edge_store.outbox import NewAlert, Outbox
from edgesite.spool import Spool


@pytest.fixture
def store(tmp_path: Path, settings: Any) -> Iterator[EdgeDatabase]:
    settings.EDGE_DATABASE = tmp_path / "edge.sqlite3"
    database = EdgeDatabase(settings.EDGE_DATABASE)
    outbox = Outbox(database)
    for number in range(1, 5):
        key = f"captures/e{number}.jpg"
        body = {"severity": "warning", "data": {}}
        outbox.add_alerts([NewAlert(f"e{number}", f"vid{number % 2}", body, key)], now=1_795_305_600.0)
        Spool(tmp_path / "spool").put(key, b"x")
        EvidenceStore(database).spooled(Content(f"e{number}", key, "a" * 64, 1))
    outbox.refuse("e2", "device_id is not that of the stream")
    outbox.refuse("e3", "")
    yield database
    database.close()


def run(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    call_command("outbox", *words)
    return capsys.readouterr().out.splitlines()


def test_it_lists_the_oldest_first_with_the_hubs_reason(
    store: EdgeDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = run(capsys, "list")
    assert [line.split()[1] for line in lines[:-1]] == ["e1", "e2", "e3", "e4"]
    assert "refused: device_id is not that of the stream" in lines[1]
    assert lines[-1] == "2 wait for the hub, 2 dead letters"
    assert [line.split()[1] for line in run(capsys, "list", "--dead")[:-1]] == ["e2", "e3"]
    assert [line.split()[1] for line in run(capsys, "list", "--camera", "vid1", "--limit", "1")[:-1]] == ["e1"]


def test_dead_letters_are_sent_again_in_their_place(store: EdgeDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "retry", "e2") == ["1 sent again"]
    assert [r.event_id for r in Outbox(store).head("vid0", 9)] == ["e2", "e4"]
    assert run(capsys, "retry", "--dead") == ["1 sent again"]
    with pytest.raises(CommandError, match="as a dead letter"):
        run(capsys, "retry", "e1")


def test_what_is_given_up_goes_with_its_picture_and_the_hub_is_told(
    store: EdgeDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "drop", "e1") == ["1 given up"]
    assert run(capsys, "drop", "--dead") == ["2 given up"]
    assert [p.name for p in (tmp_path / "spool").rglob("*.jpg")] == ["e4.jpg"]
    assert report_losses(store, now=5.0)
    [row] = store.rows("SELECT body FROM outbox WHERE kind = 'loss'")
    told = json.loads(row["body"])
    assert told["counts"] == {"by_hand": 3}
    assert [number for number, _ in told["links"]] == [1, 2, 3]
    with pytest.raises(CommandError, match="None of these"):
        run(capsys, "drop", "e1")


def test_it_asks_for_either_names_or_all_dead_letters(store: EdgeDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["retry"], ["drop"], ["drop", "e1", "--dead"]):
        with pytest.raises(CommandError, match="--dead"):
            run(capsys, *words)


def test_where_there_is_no_store_it_makes_none(tmp_path: Path, settings: Any) -> None:
    settings.EDGE_DATABASE = tmp_path / "none.sqlite3"
    with pytest.raises(CommandError, match="is this a box"):
        call_command("outbox", "list")
    assert not settings.EDGE_DATABASE.exists()
