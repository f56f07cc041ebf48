"""Documents that a box refuses or reverts."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from cameras.reporting import LONGEST_REASON
from cameras.sync_window import HEALTH_WINDOW_SECONDS
from edgesite import redis_keys
from edgesite.edge_store.database import EdgeStoreError
from tests.cameras.box import Box
from tests.cameras.documents import DEVICE, spoiled

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


def test_a_document_is_confirmed_only_after_a_window_in_which_it_ran(box: Box) -> None:
    """Processes may take longer to start than the window is long; what they then say still sends the box back."""
    box.publish(1)
    box.pass_window()
    box.arrived = False
    box.publish(2)
    box.pass_window()
    box.pass_window()
    assert box.numbers == (2, 2, 1, "applied")
    box.arrived = True
    box.step()
    assert box.numbers == (2, 2, 1, "applied")  # the window begins where it begins to run
    box.sick = "camera vid1: ValueError"
    box.step()
    assert box.numbers == (2, 1, 1, "reverted")
    box.sick = ""
    box.publish(3)
    box.pass_window()
    assert box.numbers == (3, 3, 3, "applied")


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
    assert box.numbers == (1, 1, 0, "applied")
    assert box.report["reason"] == "version 1: broken"
    box.sick = ""
    box.pass_window()
    assert box.numbers == (1, 1, 1, "applied")
    assert box.report["reason"] == ""


def test_a_refused_document_that_was_taken_back_is_refused_again_when_it_returns(box: Box) -> None:
    box.publish(1)
    box.pass_window()
    good = box.cloud.strings[redis_keys.config(DEVICE)]
    for _ in range(2):
        box.put("nonsense", 2)
        box.step()
        assert box.report["state"] == "refused"
        box.put(good, 1)
        box.step()
        assert (box.report["state"], box.report["reason"]) == ("applied", "")
    assert len(box.running) == 1


def test_a_first_document_that_failed_is_still_reported_after_a_restart(box: Box, restart: Box) -> None:
    box.cannot_apply.add(1)
    box.publish(1)
    box.step()
    restart.sync.boot()
    restart.step()
    assert restart.numbers == (1, 0, 0, "reverted")
    assert restart.report["reason"] == "version 1: could not be applied: a rule cannot be made"


def test_parts_that_a_failing_document_reached_are_set_back_before_anything_is_stored(box: Box) -> None:
    box.publish(1)
    box.pass_window()
    box.cannot_apply.add(2)
    box.publish(2)
    box.full_from("reverted")
    with pytest.raises(EdgeStoreError):
        box.step()
    assert [d.header.version for d in box.running] == [1, 1]
    assert box.report["state"] == "reverted"
    box.cannot_apply.clear()
    box.full_from("")
    box.step(2)
    assert box.version == 1  # not tried again
    assert box.documents.running().version == 1  # type: ignore[union-attr]
    assert box.report["reason"] == "version 2: could not be applied: a rule cannot be made"


def test_a_sick_document_gives_way_also_on_a_full_disk_and_is_not_tried_again(box: Box, restart: Box) -> None:
    box.publish(1)
    box.pass_window()
    box.publish(2)
    box.step()
    box.sick = "broken"
    box.full_from("reverted")
    with pytest.raises(EdgeStoreError):
        box.step()
    assert box.version == 1
    assert box.numbers == (2, 1, 1, "reverted")
    box.sick = ""
    with pytest.raises(EdgeStoreError):
        box.step()
    assert box.version == 1
    box.full_from("")
    box.step()
    assert [d.header.version for d in box.running] == [1, 2, 1]
    restart.sync.boot()
    assert restart.version == 1


def test_a_document_whose_parts_are_set_up_again_within_its_window_gets_a_new_window(box: Box) -> None:
    box.publish(1)
    box.pass_window()
    box.publish(2)
    box.step()
    box.clock.advance(HEALTH_WINDOW_SECONDS - 1)
    box.cannot_apply.add(3)
    box.publish(3)
    box.step()
    assert box.version == 2
    box.clock.advance(HEALTH_WINDOW_SECONDS - 2)
    box.step()
    assert box.numbers == (3, 2, 1, "reverted")  # not confirmed yet
    box.sick = "broken"
    box.step()
    assert box.version == 1
