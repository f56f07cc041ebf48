"""What becomes of a task, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from recordings.core.names import clip_folder, clip_key, clip_name
from recordings.core.tasks import FINAL, RUNNING, STATES, answer, next_state, rank

ASKED, STARTED = 100.0, 103.0


@pytest.mark.parametrize(
    ("state", "camera", "recording", "now", "expected"),
    [
        ("starting", "ok", False, 101, None),
        ("starting", "ok", True, 101, ("recording", "")),
        ("starting", "unknown", True, 101, ("recording", "")),
        ("starting", "unknown", False, 101, None),
        ("starting", "gone", True, 101, ("failed", "camera_removed")),
        ("starting", "disabled", False, 101, ("failed", "camera_disabled")),
        ("starting", "ok", False, 159.9, None),
        ("starting", "ok", False, 160, ("failed", "max_duration")),
        ("recording", "ok", True, 162.9, None),
        ("recording", "ok", False, 120, None),  # a camera that is away comes back
        ("recording", "unknown", False, 120, None),
        ("recording", "ok", True, 163, ("stopping", "max_duration")),
        ("recording", "ok", False, 163, ("stopping", "max_duration")),
        ("recording", "gone", True, 120, ("stopping", "camera_removed")),
        ("recording", "disabled", True, 120, ("stopping", "camera_disabled")),
        ("stopping", "ok", True, 999, None),
        ("uploading", "gone", True, 999, None),
        ("completed", "ok", True, 999, None),
    ],
)
def test_what_becomes_of_a_task(state: str, camera: Any, recording: bool, now: float, expected: Any) -> None:
    started = None if state == "starting" else STARTED
    assert expected == next_state(
        state, camera=camera, recording=recording, now=now, asked_at=ASKED, started_at=started, seconds=60
    )


def test_a_task_never_goes_back() -> None:
    assert [rank(s) for s in STATES[:4]] == [0, 1, 2, 3]
    assert {rank(s) for s in FINAL} == {len(STATES)}
    assert set(RUNNING) | {"uploading"} | set(FINAL) == set(STATES)


def test_an_answer_has_the_fields_that_are_set() -> None:
    told = answer(status="recording", camera_id="vid1", task_name="", error="", bucket=None, local_file_deleted=False)
    assert told == {"status": "recording", "camera_id": "vid1"}


def test_a_clips_name_is_safe_and_in_the_sites_time() -> None:
    name = clip_name(
        camera_id="vid1", task_name="../../etc/päss wd", started=1_763_798_400.9, time_zone="Asia/Shanghai"
    )
    assert name == "vid1_etc-päss-wd_2025-11-22_16-00-00.mp4"
    key = clip_key(camera_id="vid1", name=name, started=1_763_740_800, time_zone="Asia/Shanghai")
    assert key == f"recordings/vid1/20251122/{name}"
    assert clip_folder("a b") != clip_folder("a-b")
