"""A back-test from its queue to its result, with a detector that sees what the test says."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from django.core.files.storage import default_storage

from cameras.models import Binding, Camera
from cameras.schedules import Schedule
from cameras.services import publish_edit
from detection.backtest import engine, files, services
from detection.backtest import work as work_module
from detection.backtest.models import BackTest
from detection.backtest.work import work
from detection.inference.detector import Detector
from detection.inference.errors import ModelError
from tests.detection.backtests import NOW, Row, clip_bytes, make_backtest, make_draft, scene
from tests.detection.test_second_stage import write
from tests.fakes import FakeDetector, failing_accelerator
from tests.rows import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return clip_bytes(tmp_path_factory.mktemp("clips"))


def run(test: BackTest, script: Any = scene, **options: Any) -> BackTest:
    attempt = services.claim(test.pk, now=NOW)
    assert attempt is not None
    detectors = [cast(Detector, FakeDetector(script))]
    work(test, attempt=attempt, stop=threading.Event(), load=lambda: detectors, clock=lambda: NOW, **options)
    test.refresh_from_db()
    return test


def moments(test: BackTest, side: str) -> list[float]:
    return [alert["t"] for alert in test.result[side]["alerts"]]


def test_both_sides_raise_what_they_would_have_raised(clip: bytes) -> None:
    test = run(make_backtest(make_draft(published={"dwell_s": 1.0}, draft={"dwell_s": 0.5}), clip))
    assert (test.state, test.progress, test.published_version) == ("done", 1.0, 1)
    assert (moments(test, "draft"), moments(test, "published")) == ([0.5], [1.0])
    (alert,) = test.result["draft"]["alerts"]
    assert alert["box"] == pytest.approx([0.2, 0.3, 0.3, 0.7])
    assert (alert["bind_id"], alert["roi_id"], alert["severity"]) == ("bind-1", "roi-1", "warning")
    assert test.result["figures"] | {"wall_s": 0, "speed": 0} == {
        "frames": 20, "media_s": 1.9, "width": 64, "height": 48, "wall_s": 0, "speed": 0,
    }  # fmt: skip
    with default_storage.open(alert["picture"]) as picture:
        assert picture.read(3) == b"\xff\xd8\xff"


def test_what_is_tried_is_the_configuration_of_the_moment_it_was_asked(clip: bytes) -> None:
    test = make_backtest(make_draft(published={"dwell_s": 1.0}, draft={"dwell_s": 0.5}), clip)
    Binding.objects.update(params={"dwell_s": 1.5})
    publish_edit(device_ids=["box-1"], author="another")
    assert moments(run(test), "draft") == [0.5]
    assert moments(test, "published") == [1.0]


def test_no_password_is_kept(clip: bytes) -> None:
    test = run(make_backtest(make_draft(published={}, draft={}), clip))
    stored = BackTest.objects.filter(pk=test.pk).values()[0]
    assert PASSWORD not in repr(stored)


def test_a_camera_of_which_nothing_is_published_has_one_side(clip: bytes) -> None:
    camera = make_draft(published={}, draft={"dwell_s": 0.5})
    new = Camera.objects.create(camera_id="vid2", device=camera.device, rtsp_url="rtsp://10.0.0.6/1")
    camera.rois.update(camera=new)
    test = run(make_backtest(new, clip))
    assert (test.published_version, test.result["published"]) == (0, None)
    assert moments(test, "draft") == [0.5]


def test_schedules_count_when_the_video_has_a_time(clip: bytes) -> None:
    camera = make_draft(published={"dwell_s": 0.5}, draft={"dwell_s": 0.5})
    hours = [{"day": "sun", "start": "08:00", "end": "09:00"}]  # 2026-11-22 is one
    shift = Schedule.objects.create(schedule_id="s", site=camera.device.site, name="Shift", weekly=hours)
    Binding.objects.update(schedule=shift)
    inside = run(make_backtest(camera, clip, began_at=NOW))
    outside = run(make_backtest(camera, clip, began_at=NOW + timedelta(hours=2)))
    unsaid = run(make_backtest(camera, clip))
    assert [moments(test, "draft") for test in (inside, outside, unsaid)] == [[0.5], [], [0.5]]
    assert moments(outside, "published") == [0.5]  # published without the schedule


def test_an_alert_that_ends_says_when(clip: bytes) -> None:
    def leaves(number: int) -> list[Row]:
        return scene(number) if number < 8 else []

    camera = make_draft(published={}, draft={})
    Binding.objects.update(algo_code="occupancy", params={"max_persons": 0, "dwell_s": 0.2, "exit_s": 0.2})
    test = run(make_backtest(camera, clip), leaves)
    (alert,) = test.result["draft"]["alerts"]
    assert (alert["algo_code"], alert["box"]) == ("occupancy", None)
    assert 0.7 < alert["ended_t"] <= 1.2


def attribute_draft() -> Camera:
    """Published is an intrusion of nobody's, drafted a rule that looks at each person through the model `nets`."""
    camera = make_draft(published={"classes": ["car"], "min_score": 0.7}, draft={})
    params = {"model": "nets", "crop": "body", "dwell_s": 0.5, "looks_per_s": 10.0, "needed": 2, "views": 3}
    Binding.objects.update(algo_code="attribute", params=params)
    return camera


def near(number: int) -> list[Row]:
    return [(0, 0.9, [0.1, 0.2, 0.4, 0.9]), (1, 0.6, [0.5, 0.2, 0.9, 0.9])]


def test_second_looks_are_taken_through_the_hubs_model(clip: bytes, tmp_path: Path, settings: Any) -> None:
    settings.VAR_DIR, settings.ORT_PROVIDER = tmp_path, "cpu"
    grey_is_missing = {"means": {"net": "missing", "back": "unknown", "bare": "unknown"}}
    write(tmp_path / "models" / "nets", outputs=grey_is_missing, thresholds={"score": 0.2, "nms_iou": None})
    test = run(make_backtest(attribute_draft(), clip), near)
    (alert,) = test.result["draft"]["alerts"]
    assert (alert["algo_code"], alert["t"]) == ("attribute", 0.5)
    assert (moments(test, "published"), test.result["notes"]) == ([], [])


def test_a_model_that_the_hub_lacks_is_told(clip: bytes, tmp_path: Path, settings: Any) -> None:
    settings.VAR_DIR, settings.ORT_PROVIDER = tmp_path, "cpu"
    test = run(make_backtest(attribute_draft(), clip), near)
    assert test.result["draft"]["alerts"] == []
    (note,) = test.result["notes"]
    assert (note["template"], note["values"]) == (work_module.NO_SECOND_MODEL, {"model": "nets"})


def test_an_accelerator_that_fails_gives_way_to_the_cpu(clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    test = make_backtest(make_draft(published={}, draft={"dwell_s": 0.5}), clip)
    attempt = services.claim(test.pk, now=NOW)
    assert attempt is not None
    made = {"auto": failing_accelerator(), "cpu": FakeDetector(scene)}
    monkeypatch.setattr(work_module, "load_detectors", lambda folder, provider: [made[provider]])
    work(test, attempt=attempt, stop=threading.Event(), clock=lambda: NOW)
    test.refresh_from_db()
    assert (test.state, test.result["figures"]["frames"], moments(test, "draft")) == ("done", 20, [0.5])


def test_the_model_is_asked_as_live_for_the_classes_and_scores_of_both_sides(clip: bytes) -> None:
    camera = make_draft(published={}, draft={"min_score": 0.05})
    Binding.objects.update(params={"min_score": 0.05})
    assert asked_for(make_backtest(camera, clip)) == [pytest.approx(0.05), float("inf")]  # nobody wants cars
    Binding.objects.update(params={"min_score": 0.05, "classes": ["car"]})
    assert asked_for(make_backtest(camera, clip)) == [pytest.approx(0.05), pytest.approx(0.05)]


def asked_for(test: BackTest) -> list[float]:
    """The detector's score limits by class, the same for every frame."""
    detector, attempt = FakeDetector(near), services.claim(test.pk, now=NOW)
    assert attempt is not None
    work(test, attempt=attempt, stop=threading.Event(), load=lambda: [cast(Detector, detector)], clock=lambda: NOW)
    first = np.asarray(detector.limits[0]).tolist()
    assert all(np.asarray(limits).tolist() == first for limits in detector.limits)
    return list(first)


def test_pictures_are_limited_and_one_frame_is_stored_once(clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MOST_PICTURES", 1)
    monkeypatch.setattr(engine, "MOST_ALERTS", 2)
    stored: list[int] = []

    def store(name: str, frame: int, jpeg: bytes) -> str:
        stored.append(frame)
        return real(name, frame, jpeg)

    real = files.store_picture
    monkeypatch.setattr(files, "store_picture", store)

    def crowd(number: int) -> list[Row]:
        return [(0, 0.9, [x, 0.3, x + 0.08, 0.7]) for x in (0.02, 0.15, 0.3)]

    test = run(make_backtest(make_draft(published={"dwell_s": 0.5}, draft={"dwell_s": 0.5}), clip), crowd)
    for side in ("draft", "published"):
        assert test.result[side]["raised"] == 3
        assert [bool(alert["picture"]) for alert in test.result[side]["alerts"]] == [True, False]
    assert sorted(default_storage.listdir(f"backtests/{test.name}")[1]) == ["00000005.jpg", "video"]
    assert stored == [5]


def test_a_cancelled_one_ends_within_a_second_of_work_and_keeps_no_result(clip: bytes) -> None:
    test = make_backtest(make_draft(published={}, draft={}), clip)
    seconds = iter(range(1000))

    def second() -> int:
        """One for each look at the clock, which is once a frame."""
        now = next(seconds)
        if now == 7:
            assert services.cancel_backtest(test_id=test.pk, author="anna", now=NOW)
        return now

    run(test, monotonic=second)
    assert (test.state, test.result, next(seconds) < 12) == ("cancelled", {}, True)
    assert 0 < test.progress < 0.5


def test_a_video_that_is_gone_and_a_model_that_is_missing_are_said_in_words(clip: bytes) -> None:
    camera = make_draft(published={}, draft={})
    gone = make_backtest(camera, clip)
    default_storage.delete(gone.video_key)
    assert (run(gone).state, gone.reason["template"]) == ("failed", services.VIDEO_GONE)
    broken = make_backtest(camera, clip)
    attempt = services.claim(broken.pk, now=NOW)

    def load() -> list[Detector]:
        raise ModelError("no weights there")

    assert attempt is not None
    work(broken, attempt=attempt, stop=threading.Event(), load=load, clock=lambda: NOW)
    broken.refresh_from_db()
    assert (broken.state, broken.reason["values"]) == ("failed", {"why": "no weights there"})


def test_a_video_that_is_none_fails_without_the_server_s_paths() -> None:
    test = run(make_backtest(make_draft(published={}, draft={}), b"not a video at all" * 99))
    assert test.state == "failed"
    assert test.reason["values"]["why"] == "clip.mp4 is not a video that can be played"


def test_a_later_try_s_result_is_not_overwritten(clip: bytes) -> None:
    test = make_backtest(make_draft(published={}, draft={}), clip)
    assert services.claim(test.pk, now=NOW) == 1
    services.recover(test.pk, attempt=1, now=NOW)
    assert services.claim(test.pk, now=NOW) == 2
    assert services.finish(test.pk, attempt=1, result={"old": 1}, now=NOW) is False
    assert services.finish(test.pk, attempt=2, result={"new": 1}, now=NOW) is True
    test.refresh_from_db()
    assert test.result == {"new": 1}


def test_the_media_folder_is_the_tests_own() -> None:
    assert "edgesite-tests-" in str(Path(default_storage.path("x")))
