"""The edge's configuration sync, on a fake Redis, fake clocks and a real edge store: applying, hints, following, reporting."""

from __future__ import annotations

from datetime import datetime

import pytest
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from cameras.reporting import RENEW_SECONDS
from cameras.sync import POLL_SECONDS
from cameras.sync_window import HEALTH_WINDOW_SECONDS
from edgesite import redis_keys
from tests.cameras.box import START, Box
from tests.cameras.documents import DEVICE, LATER_EPOCH, content, document

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
    box.sync.window.watch()
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
    box.publish(3)
    box.step()  # from here on hints are heard again
    assert box.version == 3


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
    box.sync.sender.send(box.sync.report, box.sync.running.now())
    assert box.cloud.calls["set"] == written
    box.clock.advance(RENEW_SECONDS)
    box.sync.sender.send(box.sync.report, box.sync.running.now())
    assert box.cloud.calls["set"] == written + 1
    box.sync.report.become(state="refused", reason="why")
    box.sync.sender.send(box.sync.report, box.sync.running.now())
    assert box.cloud.calls["set"] == written + 2
    assert RENEW_SECONDS <= 5
