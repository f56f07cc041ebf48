"""What the edge store keeps over kills and restarts, and a box whose store cannot be written."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import RedisError

from cameras.boot import FAILED_BOOTS
from cameras.core.document import Document
from cameras.reporting import RENEW_SECONDS
from cameras.sync_window import HEALTH_WINDOW_SECONDS
from edgesite import redis_keys
from edgesite.edge_store.database import EdgeStoreError
from tests.cameras.box import START, Box
from tests.cameras.documents import DEVICE, REGISTRY


def test_a_store_that_cannot_be_written_applies_nothing(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.publish(1)
    box.pass_window()
    real = box.documents.record

    def full(**values: Any) -> None:
        if values["version"] == 2 and values["state"] == "applied":
            raise EdgeStoreError("disk full", retryable=True)
        real(**values)

    monkeypatch.setattr(box.documents, "record", full)
    box.publish(2)
    with pytest.raises(EdgeStoreError):
        box.step()
    assert box.version == 1
    assert box.sync.current is not None
    assert box.sync.current.header.version == 1
    monkeypatch.setattr(box.documents, "record", real)
    box.hint(2)
    box.step()
    assert box.version == 2


def test_a_store_that_cannot_be_written_does_not_lose_the_confirmation(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.publish(1)
    box.step()
    real = box.documents.record

    def full(**values: Any) -> None:
        raise EdgeStoreError("disk full", retryable=True)

    monkeypatch.setattr(box.documents, "record", full)
    box.clock.advance(HEALTH_WINDOW_SECONDS)
    with pytest.raises(EdgeStoreError):
        box.step()
    monkeypatch.setattr(box.documents, "record", real)
    box.step()
    assert box.numbers == (1, 1, 1, "applied")


def test_a_cold_boot_without_any_network_runs_what_was_confirmed(box: Box, restart: Box) -> None:
    box.publish(1)
    box.pass_window()
    restart.cloud.down = restart.local.down = True
    restart.sync.boot()
    assert restart.version == 1
    with pytest.raises(RedisError):
        restart.step()
    restart.cloud.down = False
    restart.step()
    assert restart.numbers == (1, 1, 1, "applied")
    assert len(restart.running) == 1  # the same text again is no news


def test_a_boot_within_the_window_confirms_after_a_window_of_its_own(box: Box, restart: Box) -> None:
    box.publish(1)
    box.step()
    restart.sync.boot()
    assert restart.sync.report.confirmed == 0
    restart.clock.advance(HEALTH_WINDOW_SECONDS)
    restart.step()
    assert restart.numbers == (1, 1, 1, "applied")


def test_a_kill_while_trying_boots_the_old_one_and_tries_again(box: Box, restart: Box) -> None:
    box.publish(1)
    box.pass_window()
    box.publish(2)
    box.sync.running.record(restart_document(box), box.cloud.strings[redis_keys.config(DEVICE)], "trying")
    restart.sync.boot()
    assert restart.version == 1
    restart.step()
    assert restart.version == 2


def restart_document(box: Box) -> Document:
    from cameras.core.document import parse_document

    text = box.cloud.strings[redis_keys.config(DEVICE)]
    return parse_document(text, device_id=DEVICE, registry=REGISTRY)


def test_a_stored_document_that_cannot_run_any_more_gives_way_to_the_confirmed_one(box: Box, restart: Box) -> None:
    box.publish(1)
    box.pass_window()
    box.publish(2)
    box.step()
    restart.cannot_apply.add(2)
    restart.sync.boot()
    assert restart.version == 1


def test_a_store_under_another_key_does_not_end_the_worker(box: Box, restart: Box, settings: Any) -> None:
    from cryptography.fernet import Fernet

    box.publish(1)
    box.pass_window()
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    restart.sync.boot()
    assert restart.running == []
    restart.step()
    assert restart.version == 1  # from the hub


def test_what_was_reverted_is_still_reported_after_a_restart(box: Box, restart: Box) -> None:
    box.publish(1)
    box.pass_window()
    box.publish(2)
    box.step()
    box.sick = "broken"
    box.step()
    restart.sync.boot()
    restart.step()
    assert restart.version == 1
    assert restart.numbers == (2, 1, 1, "reverted")
    assert restart.report["reason"] == "version 2: broken"


def test_a_full_disk_is_reported_and_the_newest_document_comes_by_itself_when_there_is_room(box: Box) -> None:
    box.publish(1)
    box.pass_window()
    box.full_from("trying")
    box.publish(2)
    for _ in range(3):
        box.clock.advance(RENEW_SECONDS)
        with pytest.raises(EdgeStoreError):
            box.step()
        assert box.numbers == (2, 1, 1, "trying")
        assert box.report["reason"] == "disk full"
        assert datetime.fromisoformat(box.report["at"]).timestamp() == pytest.approx(START + box.clock.now, abs=1)
    assert len(box.running) == 1
    box.full_from("")
    box.step()  # neither a hint nor the poll is due
    assert box.numbers == (2, 2, 1, "applied")
    assert box.report["reason"] == ""


def test_a_start_on_a_full_disk_runs_what_is_stored(box: Box, restart: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.publish(1)
    box.step()

    def full(*values: Any) -> int:
        raise EdgeStoreError("disk full", retryable=True)

    monkeypatch.setattr(restart.documents, "count_boot", full)
    restart.sync.boot()
    assert restart.version == 1


def test_a_document_that_ends_the_worker_while_it_is_applied_is_given_up_after_the_third_time(
    box: Box, tmp_path: Path
) -> None:
    class Killed(BaseException):
        pass

    def killed(document: Document) -> None:
        raise Killed

    box.publish(1)
    box.pass_window()
    box.publish(2)
    tries = 0
    for _ in range(FAILED_BOOTS + 1):
        start = Box(tmp_path / "edge.sqlite3", box.cloud, box.clock)
        start.sync.boot()
        assert start.version == 1
        start.sync.apply = killed
        try:
            start.step()
        except Killed:
            tries += 1
        start.database.close()
    assert tries == FAILED_BOOTS
    assert box.numbers == (2, 1, 1, "reverted")
    assert box.report["reason"] == "version 2: 3 tries in a row ended this worker"
