"""A device without an epoch under another control plane (DESIGN 5.4, bare documents)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from redis.exceptions import RedisError

from edgesite import redis_keys
from edgesite.edge_store.database import EdgeStoreError
from tests.cameras.box import Box
from tests.cameras.documents import DEVICE


def bare(name: str, **changes: Any) -> str:
    camera = {"camera_id": "c1", "camera_name": name, "rtsp_url": "rtsp://10.0.0.5/live"}
    return json.dumps({"cameras": [camera], "rois": [], "binds": []} | changes)


def rollback_hint(box: Box, version: int, device_id: str = DEVICE) -> str:
    fields = {"device_id": device_id, "version": str(version), "action": "ROLLBACK"}
    return box.cloud.xadd(redis_keys.HINT_STREAM, fields)


def name(box: Box) -> str:
    return box.running[-1].content.cameras[0].camera_name


def test_it_is_applied_confirmed_and_reported_without_an_epoch(box: Box) -> None:
    box.put(bare("one"), 3)
    box.pass_window()
    assert box.numbers == (3, 3, 3, "applied")
    assert box.report["epoch"] == ""
    assert len(box.report["sha256"]) == 64


def test_a_broadcast_hint_is_for_every_device(box: Box) -> None:
    box.put(bare("one"), 1)
    box.step()
    box.cloud.strings[redis_keys.config(DEVICE)] = bare("two")
    box.cloud.strings[redis_keys.version(DEVICE)] = "2"
    box.hint(2, device_id="")
    box.step()
    assert name(box) == "two"


def test_without_a_number_it_waits(box: Box) -> None:
    box.cloud.strings[redis_keys.config(DEVICE)] = bare("one")
    box.step()
    assert box.running == []
    assert box.report["state"] == "trying"
    box.cloud.strings[redis_keys.version(DEVICE)] = "1"
    box.hint(1)
    box.step()
    assert box.version == 1


def test_what_is_no_number_is_refused_with_the_reason(box: Box) -> None:
    box.cloud.strings[redis_keys.config(DEVICE)] = bare("one")
    box.cloud.strings[redis_keys.version(DEVICE)] = "v7"
    box.step()
    assert box.running == []
    assert (box.report["state"], box.report["reason"]) == (
        "refused",
        f"version: 'v7' is not a number from 1 to {2**53}",
    )
    box.put(bare("one"), 7)
    box.step()
    assert box.numbers == (7, 7, 0, "applied")


def test_a_rolled_back_one_is_still_said_to_be_so_after_a_restart(box: Box, restart: Box) -> None:
    for number in (1, 2):
        box.put(bare(f"{number}"), number)
        box.pass_window()
    rollback_hint(box, 2)
    box.step()
    restart.sync.boot()
    restart.step()
    assert name(restart) == "1"
    assert restart.numbers == (2, 1, 1, "reverted")
    assert "rolled back" in restart.report["reason"]


def test_a_lower_number_is_never_applied(box: Box) -> None:
    box.put(bare("one"), 5)
    box.step()
    box.put(bare("two"), 4)
    box.step()
    assert (box.version, name(box)) == (5, "one")


def test_other_content_under_the_same_number_waits_for_the_number(box: Box) -> None:
    box.put(bare("one"), 1)
    box.step()
    box.put(bare("two"), 1)
    box.step()
    assert name(box) == "one"
    assert box.report["state"] == "applied"
    box.put(bare("two"), 2)
    box.step()
    assert name(box) == "two"


def test_the_same_content_under_a_new_number_only_moves_the_number(box: Box, restart: Box) -> None:
    box.put(bare("one"), 1)
    box.pass_window()
    box.put(bare("one"), 2)
    box.step()
    assert len(box.running) == 1
    assert box.numbers == (2, 2, 2, "applied")
    restart.sync.boot()
    assert restart.version == 2


def test_a_bad_one_is_refused_whole_and_tried_again_under_a_new_number(box: Box) -> None:
    box.put(bare("one"), 1)
    box.step()
    bad = bare("two", binds=[{"bind_id": "b", "roi_id": "r", "algo_code": "magic"}])
    box.put(bad, 2)
    box.step()
    assert box.report["state"] == "refused"
    assert "binds[0].roi_id" in box.report["reason"]
    assert box.numbers[:2] == (2, 1)
    box.put(bare("three"), 3)
    box.step()
    assert name(box) == "three"


def test_a_rollback_hint_goes_back_once_and_closes_the_numbers_up_to_the_one_left(box: Box, restart: Box) -> None:
    box.put(bare("one"), 1)
    box.pass_window()
    box.put(bare("two"), 2)
    box.pass_window()
    entry = rollback_hint(box, 2)
    box.step()
    assert name(box) == "one"
    assert box.numbers == (2, 1, 1, "reverted")
    for number in (1, 2):  # neither the number left nor one below it comes back
        box.put(bare(f"again {number}"), number)
        box.step()
        assert name(box) == "one"
    restart.sync.boot()
    assert name(restart) == "one"
    restart.put(bare("two"), 2)
    restart.step()
    assert name(restart) == "one"
    assert restart.documents.bare_floor() == (2, entry)
    restart.put(bare("three"), 3)
    restart.step()
    assert name(restart) == "three"


def test_a_rollback_hint_for_another_number_or_device_is_ignored(box: Box) -> None:
    box.put(bare("one"), 1)
    box.pass_window()
    box.put(bare("two"), 2)
    box.pass_window()
    rollback_hint(box, 1)
    rollback_hint(box, 2, device_id="someone-else")
    box.step()
    assert name(box) == "two"
    rollback_hint(box, 2, device_id="")
    box.step()
    assert name(box) == "one"


def test_a_rollback_hint_given_while_the_box_was_away_is_obeyed(box: Box, restart: Box) -> None:
    box.put(bare("one"), 1)
    box.pass_window()
    box.put(bare("two"), 2)
    box.pass_window()
    restart.local.strings.update(box.local.strings)
    rollback_hint(box, 2)
    restart.sync.boot()
    restart.step()
    assert name(restart) == "one"
    assert restart.report["state"] == "reverted"


def test_without_an_earlier_confirmed_one_a_rollback_hint_changes_nothing(box: Box) -> None:
    box.put(bare("one"), 1)
    box.pass_window()
    rollback_hint(box, 1)
    box.step()
    assert name(box) == "one"
    assert box.report["state"] == "applied"


def test_a_box_with_an_epoch_takes_no_bare_document_and_no_rollback_hint(box: Box) -> None:
    box.publish(1)
    box.pass_window()
    box.publish(2)
    box.pass_window()
    rollback_hint(box, 2)
    box.step()
    assert box.version == 2
    box.put(bare("foreign"), 9)
    box.step()
    assert box.version == 2
    assert box.report["state"] == "refused"
    assert "provisioned" in box.report["reason"]


def test_a_hub_takes_a_bare_box_over(box: Box) -> None:
    box.put(bare("foreign"), 40)
    box.pass_window()
    box.publish(1)
    box.pass_window()
    assert box.numbers == (1, 1, 1, "applied")
    assert box.report["epoch"]


def test_a_rollback_hint_on_a_full_disk_is_obeyed_when_there_is_room(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.put(bare("one"), 1)
    box.pass_window()
    box.put(bare("two"), 2)
    box.pass_window()

    def full(*values: Any, **options: Any) -> None:
        raise EdgeStoreError("disk full", retryable=True)

    with monkeypatch.context() as disk:
        disk.setattr(box.documents, "leave", full)
        rollback_hint(box, 2)
        with pytest.raises(EdgeStoreError):
            box.step()
        assert name(box) == "two"
        assert box.report["reason"] == "disk full"
    box.step(2)
    assert name(box) == "one"
    assert box.numbers == (2, 1, 1, "reverted")
    assert [d.content.cameras[0].camera_name for d in box.running] == ["one", "two", "one"]


def test_a_rollback_hint_of_an_outage_is_obeyed_without_a_local_redis(box: Box) -> None:
    box.local.down = True
    for number, text in enumerate(("one", "two"), start=1):
        box.cloud.strings[redis_keys.config(DEVICE)] = bare(text)
        box.cloud.strings[redis_keys.version(DEVICE)] = str(number)
        box.clock.advance(100)
        box.pass_window()
    box.cloud.down = True
    with pytest.raises(RedisError):
        box.step()
    box.cloud.down = False
    rollback_hint(box, 2)
    box.step()
    assert name(box) == "one"


def test_a_new_number_does_not_confirm_what_was_never_healthy(box: Box) -> None:
    box.put(bare("one"), 1)
    box.step()
    box.sick = "broken"
    box.step()
    box.put(bare("one"), 2)
    box.step()
    assert box.numbers == (2, 2, 0, "applied")
    assert box.documents.confirmed() is None
