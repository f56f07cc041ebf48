"""The edge's configuration sync, on a fake Redis, fake clocks and a real edge store."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from cameras.core.document import Document
from cameras.reporting import LONGEST_REASON, RENEW_SECONDS
from cameras.sync import HEALTH_WINDOW_SECONDS, POLL_SECONDS
from edgesite import redis_keys
from edgesite.edge_store.database import EdgeStoreError
from tests.cameras.box import START, Box
from tests.cameras.documents import DEVICE, LATER_EPOCH, REGISTRY, content, document, spoiled

# Applying


def test_without_a_document_it_waits_and_says_so(box: Box) -> None:
    box.sync.boot()
    box.step(3)
    assert box.numbers == (0, 0, 0, "trying")
    assert box.running == []


def test_a_new_document_is_applied_mirrored_and_confirmed_after_the_window(box: Box) -> None:
    box.publish(1)
    box.step()
    assert box.version == 1
    assert box.numbers == (1, 1, 0, "applied")
    assert box.documents.running() is not None
    assert box.documents.confirmed() is None
    assert box.local.strings[redis_keys.LOCAL_VERSION] == "1"
    assert box.local.strings[redis_keys.LOCAL_CURRENT] == box.cloud.strings[redis_keys.config(DEVICE)]
    box.clock.advance(HEALTH_WINDOW_SECONDS - 0.1)
    box.sync._watch_health()
    assert box.documents.confirmed() is None
    box.clock.advance(0.1)
    box.step()
    assert box.numbers == (1, 1, 1, "applied")
    assert box.report["attempt"] == 0
    box.publish(2)
    box.step()
    assert box.local.strings[redis_keys.LOCAL_BACKUP] == document(content(site={"name": "site 1"}))
    assert box.local.strings[redis_keys.LOCAL_VERSION] == "2"


def test_the_report_has_every_key_of_the_contract(box: Box) -> None:
    box.publish(1)
    box.step()
    report = box.report
    assert set(report) == {
        "device_id", "epoch", "observed", "applied", "confirmed", "sha256", "state", "reason", "attempt", "at",
        "schemas", "health",
    }  # fmt: skip
    assert report["device_id"] == DEVICE
    assert report["schemas"] == [1]
    assert report["sha256"] == box.running[0].header.sha256
    assert datetime.fromisoformat(report["at"]).timestamp() == pytest.approx(START + box.clock.now, abs=1)
    assert {"cloud_redis_connected", "local_redis_connected", "stream_listener_active"} <= set(report["health"])


def test_the_same_document_again_does_nothing(box: Box) -> None:
    box.publish(1)
    box.step()
    for _ in range(3):
        box.hint(1)
        box.step()
    assert len(box.running) == 1


def test_content_is_whole_objects_swapped_never_changed(box: Box) -> None:
    box.publish(1)
    box.step()
    first = box.sync.current
    box.publish(2)
    box.step()
    assert box.sync.current is not first
    assert first is not None
    assert first.content.site.name == "site 1"


def test_an_older_number_is_never_applied(box: Box) -> None:
    box.publish(5)
    box.step()
    box.publish(4)
    box.step()
    assert box.version == 5
    assert box.numbers[:2] == (5, 5)
    assert box.report["state"] == "applied"


def test_other_content_under_the_same_number_is_refused(box: Box) -> None:
    box.publish(5)
    box.step()
    box.put(document(content(site={"name": "other"}), version=5), 5)
    box.step()
    assert box.version == 5
    assert len(box.running) == 1
    assert box.report["state"] == "refused"
    assert "issued before with other content" in box.report["reason"]


def test_a_later_epoch_is_applied_whatever_its_number_and_an_earlier_one_never(box: Box) -> None:
    box.publish(9)
    box.pass_window()
    box.publish(1, epoch=LATER_EPOCH)
    box.step()
    assert box.numbers == (1, 1, 0, "applied")
    assert box.report["epoch"] == LATER_EPOCH
    box.publish(10)
    box.step()
    assert box.version == 1
    assert box.report["epoch"] == LATER_EPOCH


# Hints


def test_a_hint_for_another_device_reads_nothing(box: Box) -> None:
    box.step()
    reads = box.cloud.calls["mget"]
    box.hint(1, "box-2")
    box.step()
    assert box.cloud.calls["mget"] == reads
    box.hint(1, "")
    box.step()
    assert box.cloud.calls["mget"] == reads + 1


def test_lost_hints_are_made_up_for_by_the_poll(box: Box) -> None:
    box.step()
    box.publish(1)
    box.cloud.streams.clear()
    box.step()
    assert box.version == 0
    box.clock.advance(POLL_SECONDS * 1.2)
    box.step()
    assert box.version == 1


def test_a_position_ahead_of_a_flushed_stream_is_made_up_for_by_the_poll(box: Box) -> None:
    box.publish(1)
    box.step()
    box.sync.hints._position = "9999999999999-0"
    box.publish(2)
    box.step()
    assert box.version == 1
    box.clock.advance(POLL_SECONDS * 1.2)
    box.step()
    assert box.version == 2


def test_after_an_outage_it_reads_at_once(box: Box) -> None:
    box.publish(1)
    box.step()
    box.cloud.down = True
    with pytest.raises(RedisError):
        box.step()
    assert not box.sync.sender.connected
    box.cloud.strings.clear()
    box.cloud.streams.clear()
    box.cloud.down = False
    box.publish(2)
    box.cloud.streams.clear()
    box.step()
    assert box.version == 2
    assert box.report["health"]["cloud_redis_connected"] is True


def test_the_box_goes_on_without_a_local_redis(box: Box) -> None:
    box.local.down = True
    box.publish(1)
    with capture_logs() as logs:
        box.step(3)
    assert box.version == 1
    assert box.report["health"]["local_redis_connected"] is False
    assert [e["event"] for e in logs].count("local Redis is not there, going on without") == 1


# Refusing


def test_a_refused_document_leaves_the_old_one_is_reported_and_not_read_again(box: Box) -> None:
    box.publish(1)
    box.pass_window()
    box.put(spoiled("version", 2).replace('"rois"', '"regions"'), 2)
    with capture_logs() as logs:
        box.step()
        for _ in range(5):
            box.hint(2)
            box.step()
    assert box.version == 1
    assert box.numbers == (2, 1, 1, "refused")
    assert box.report["reason"].startswith("sha256: ")
    assert [e["event"] for e in logs].count("configuration refused") == 1
    box.publish(3)
    box.step()
    assert box.numbers == (3, 3, 1, "applied")
    assert box.report["reason"] == ""


def test_a_refusal_stays_reported_when_the_window_of_the_one_before_ends(box: Box) -> None:
    box.publish(1)
    box.step()
    box.put("nonsense", 2)
    box.pass_window()
    assert box.numbers == (2, 1, 1, "refused")
    assert "is not JSON" in box.report["reason"]


@pytest.mark.parametrize("text", ["", "{}", '{"a": ' + "9" * 5000 + "}", "[" * 50_000, '{"a": NaN}'])
def test_no_text_ends_the_worker(box: Box, text: str) -> None:
    box.put(text, 1)
    box.step(2)
    assert box.numbers == (1, 0, 0, "refused")


def test_a_reason_is_as_long_as_the_hub_takes(box: Box) -> None:
    box.sync.report.become(state="refused", reason="x" * 100_000)
    assert len(box.sync.report.reason) == LONGEST_REASON


# Reverting


def test_what_cannot_be_applied_leaves_the_old_one_and_is_not_tried_again(box: Box) -> None:
    box.publish(1)
    box.pass_window()
    box.cannot_apply.add(2)
    box.publish(2)
    box.step()
    assert box.version == 1
    assert box.numbers == (2, 1, 1, "reverted")
    assert box.report["reason"] == "version 2: could not be applied: a rule cannot be made"
    box.cannot_apply.clear()
    for _ in range(3):
        box.hint(2)
        box.step()
    assert box.version == 1
    box.publish(3)
    box.pass_window()
    assert box.numbers == (3, 3, 3, "applied")


def test_the_very_first_document_may_fail_too(box: Box) -> None:
    box.cannot_apply.add(1)
    box.publish(1)
    box.step(2)
    assert box.numbers == (1, 0, 0, "reverted")
    assert box.documents.running() is None
    box.publish(2)
    box.step()
    assert box.version == 2


def test_an_unhealthy_document_gives_way_to_the_confirmed_one(box: Box) -> None:
    box.publish(1)
    box.pass_window()
    box.publish(2)
    box.step()
    box.sick = "camera vid1: ValueError"
    box.step()
    assert box.version == 1
    assert box.numbers == (2, 1, 1, "reverted")
    assert box.report["reason"] == "version 2: camera vid1: ValueError"
    assert box.local.strings[redis_keys.LOCAL_VERSION] == "1"
    box.sick = ""
    box.hint(2)
    box.pass_window()
    assert box.version == 1
    assert box.numbers == (2, 1, 1, "reverted")


def test_two_bad_documents_in_a_row_return_to_the_confirmed_one_also_after_a_kill(box: Box, restart: Box) -> None:
    box.publish(1)
    box.pass_window()
    box.publish(2)
    box.step()
    box.publish(3)
    box.step()
    box.sick = "broken"
    box.step()
    assert box.version == 1
    restart.sync.boot()
    assert restart.version == 1


def test_sickness_after_the_window_reverts_nothing(box: Box) -> None:
    box.publish(1)
    box.pass_window()
    box.publish(2)
    box.pass_window()
    box.sick = "later"
    box.step(3)
    assert box.version == 2


def test_an_unhealthy_first_document_has_nothing_to_give_way_to(box: Box) -> None:
    box.publish(1)
    box.step()
    box.sick = "broken"
    with capture_logs() as logs:
        box.step(3)
    assert box.version == 1
    assert box.numbers[1:3] == (1, 0)
    assert [e["event"] for e in logs].count("unhealthy, but there is no confirmed configuration to return to") == 1


# The edge store


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
    box.sync._record(restart_document(box), box.cloud.strings[redis_keys.config(DEVICE)], "trying")
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


# Following


def test_a_follower_runs_what_the_leader_stored(box: Box, restart: Box) -> None:
    follower = restart
    assert follower.sync.follow() is False
    box.publish(1)
    box.step()
    assert follower.sync.follow() is True
    assert follower.sync.follow() is False
    assert follower.version == 1
    box.pass_window()
    box.publish(2)
    box.step()
    follower.sync.follow()
    assert follower.version == 2
    box.sick = "broken"
    box.step()
    follower.sync.follow()
    assert (box.version, follower.version) == (1, 1)


def test_a_follower_that_takes_the_lead_confirms_what_was_left_unconfirmed(box: Box, restart: Box) -> None:
    box.publish(1)
    box.step()
    restart.sync.follow()
    restart.clock.advance(HEALTH_WINDOW_SECONDS)
    restart.step()
    assert restart.numbers == (1, 1, 1, "applied")


# Reporting


def test_a_report_is_written_at_every_change_and_renewed_while_nothing_changes(box: Box) -> None:
    box.publish(1)
    box.step()
    written = box.cloud.calls["set"]
    box.sync.sender.send(box.sync.report, box.sync._now())
    assert box.cloud.calls["set"] == written
    box.clock.advance(RENEW_SECONDS)
    box.sync.sender.send(box.sync.report, box.sync._now())
    assert box.cloud.calls["set"] == written + 1
    box.sync.report.become(state="refused", reason="why")
    box.sync.sender.send(box.sync.report, box.sync._now())
    assert box.cloud.calls["set"] == written + 2
    assert RENEW_SECONDS <= 5
