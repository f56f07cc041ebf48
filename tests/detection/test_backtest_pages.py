"""Back-tests in the admin: starting with an upload or an earlier video, watching, comparing, and who may."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any, cast

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cameras.models import Binding, Camera, Site
from cameras.services import publish_edit
from detection.backtest import forms, services
from detection.backtest.models import BackTest
from detection.backtest.work import work
from detection.core.rules.intrusion import Intrusion
from detection.inference.detector import Detector
from tests.cameras.pages import browser, text, two_sites, visible
from tests.detection.backtests import LEFT, NOW, clip_bytes, make_backtest, scene
from tests.fakes import FakeDetector
from tests.rows import make_site
from tests.servers.clips import make_audio

pytestmark = pytest.mark.django_db

START = "/admin/detection/backtest/start/vid1/"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return clip_bytes(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def kitchen() -> Site:
    site = two_sites()
    camera = Camera.objects.get(pk="vid1")
    camera.rois.update(coordinates=LEFT)
    publish_edit(device_ids=["box-1"], author="setup")
    Binding.objects.filter(bind_id="bind-1").update(params={"dwell_s": 0.2})
    return site


def page(test: BackTest, what: str = "change") -> str:
    return f"/admin/detection/backtest/{test.pk}/{what}/"


def start(client: Client, content: bytes, name: str = "clip.mp4", **fields: Any) -> Any:
    given = {"fps": "10", "binding": "", "again": "", "began_at": "", "video": SimpleUploadedFile(name, content)}
    return client.post(START, given | fields)


def finished(test: BackTest) -> BackTest:
    attempt = services.claim(test.pk, now=NOW)
    assert attempt is not None
    detectors = [cast(Detector, FakeDetector(scene))]
    work(test, attempt=attempt, stop=threading.Event(), load=lambda: detectors, clock=lambda: NOW)
    test.refresh_from_db()
    return test


def made(clip: bytes, **values: Any) -> BackTest:
    return make_backtest(Camera.objects.get(pk="vid1"), clip, **values)


def test_an_upload_is_stored_and_queued(kitchen: Site, clip: bytes) -> None:
    client = browser("operator", sites=[kitchen])
    assert START in visible(client, "/admin/cameras/camera/vid1/change/")
    assert 'value="10.0"' in visible(client, START)
    answer = start(client, clip, "../../Gate & yard.mp4", began_at="2026-11-22T16:00:00")
    test = BackTest.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, page(test))
    assert (test.state, test.author, test.fps, test.published_version) == ("queued", "the operator", 10.0, 2)
    assert (test.video_name, test.video_s) == ("Gate-yard.mp4", 2.0)
    with default_storage.open(test.video_key) as video:
        assert video.read() == clip
    seen = visible(client, page(test))
    assert "waits for its turn" in seen
    assert 'data-url="/admin/detection/backtest/' in seen
    assert not re.search(r"<script(?![^>]*src=)|style=|onclick", seen.split('id="content-main"')[1])


def test_the_time_is_the_site_s(kitchen: Site, clip: bytes) -> None:
    Site.objects.filter(pk=kitchen.pk).update(time_zone="Asia/Shanghai")
    client = browser("operator")
    start(client, clip, began_at="2026-11-22T16:00:00")
    test = BackTest.objects.get()
    assert test.began_at == NOW
    assert "2026-11-22 16:00:00 Asia/Shanghai" in visible(client, page(test))


def test_a_video_is_used_again(kitchen: Site, clip: bytes) -> None:
    client = browser("operator")
    start(client, clip)
    first = BackTest.objects.get()
    given = {"fps": "5", "again": str(first.pk), "binding": "bind-1", "began_at": ""}
    assert client.post(START, given).status_code == 302
    second = BackTest.objects.exclude(pk=first.pk).get()
    assert (second.video_key, second.bind_id, second.fps) == (first.video_key, "bind-1", 5.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>not a video</html>", "clip.mp4 is not a video that can be played."),
        (b"", "clip.mp4 is not a video that can be played."),
        (b"#EXTM3U\nhttp://10.0.0.1/a.ts\n", "clip.mp4 is not a video that can be played."),
    ],
)
def test_what_is_no_video_is_refused_in_words(kitchen: Site, content: bytes, words: str) -> None:
    answer = start(browser("operator"), content)
    assert words in text(answer)
    assert not BackTest.objects.exists()
    assert "/tmp" not in text(answer)


def test_sound_without_a_picture_and_a_file_that_is_too_large_are_refused(
    kitchen: Site, clip: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browser("operator")
    sound = make_audio(tmp_path / "sound.mp4").read_bytes()
    assert "is not a video that can be played" in text(start(client, sound))
    monkeypatch.setattr(forms, "MOST_BYTES", len(clip) - 1)
    assert "larger than 1 GB" in text(start(client, clip))
    assert "Choose a video file." in text(client.post(START, {"fps": "10"}))
    assert not BackTest.objects.exists()


def test_an_earlier_video_of_another_camera_is_no_choice(kitchen: Site, clip: bytes) -> None:
    other = make_backtest(Camera.objects.get(pk="vid2"), clip)
    answer = browser("operator").post(START, {"fps": "10", "again": str(other.pk)})
    assert answer.status_code == 200
    assert BackTest.objects.count() == 1


def test_without_an_enabled_binding_there_is_nothing_to_try(kitchen: Site, clip: bytes) -> None:
    Binding.objects.update(enabled=False)
    publish_edit(device_ids=["box-1"], author="setup")
    assert "has an enabled binding to try" in text(start(browser("operator"), clip))


def test_the_result_stands_side_by_side(kitchen: Site, clip: bytes) -> None:
    test = finished(made(clip))
    seen = visible(browser("operator", sites=[kitchen]), page(test))
    assert "The draft raises 1, the published configuration 1; 1 agrees." in seen
    assert seen.count('class="backtest-box"') == seen.count('class="backtest-roi"') == 2
    assert seen.count(f"/api/media/backtests/{test.name}/") == 4  # a picture and a link for each
    assert "20 frames, 1.9 s" in seen
    assert "backtest.js" not in seen


def test_only_one_side_is_said_in_words(kitchen: Site, clip: bytes) -> None:
    Binding.objects.filter(bind_id="bind-1").update(params={"dwell_s": 60.0})
    seen = visible(browser("operator"), page(finished(made(clip))))
    assert "The draft raises 0, the published configuration 1; 0 agree." in seen
    assert "Only published: the draft raises nothing at 1.0 s." in seen
    assert "Only draft" not in seen


def test_nothing_at_all_and_what_failed_are_said_in_words(kitchen: Site, clip: bytes) -> None:
    client = browser("operator")
    Binding.objects.filter(bind_id="bind-1").update(params={"dwell_s": 60.0})
    publish_edit(device_ids=["box-1"], author="setup")
    seen = visible(client, page(finished(made(clip))))
    assert "Neither side raises an alert on this video." in seen
    assert "mean the same" in seen
    broken = made(b"no video")
    finished(broken)
    assert "The video cannot be analysed: clip.mp4 is not a video that can be played" in visible(client, page(broken))


def test_rules_that_cannot_be_made_are_named_with_the_reason(
    kitchen: Site, clip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    unmade = Intrusion.__init__

    def begin(rule: Intrusion, binding: Any) -> None:
        if binding.params.dwell_s == 0.2:
            raise ValueError("no <such> place")
        unmade(rule, binding)

    monkeypatch.setattr(Intrusion, "__init__", begin)
    Binding.objects.get(bind_id="bind-1").roi.camera.rois.update(name="Yard & gate")
    test = finished(made(clip))
    reason = "ValueError: the rule cannot be made: no <such> place"
    assert (test.state, test.result["draft"]["broken"]) == ("done", {"bind-1": reason})
    assert (test.result["draft"]["raised"], test.result["published"]["raised"]) == (0, 1)
    client = browser("operator", sites=[kitchen])
    seen = visible(client, page(test))
    assert "Rules failed, so alerts of these bindings are missing here:" in seen
    told = "Draft: Intrusion on Yard &amp; gate (binding bind-1): ValueError: the rule cannot be made: no &lt;such&gt; place"
    assert f"<li>{told}</li>" in seen
    assert "Published: " not in seen
    del test.result["published"]["broken"], test.result["draft"]["broken"]  # one of an older program
    test.save()
    assert "Rules failed" not in visible(client, page(test))


def test_progress_and_cancel(kitchen: Site, clip: bytes) -> None:
    client = browser("operator")
    test = made(clip)
    services.claim(test.pk, now=NOW)
    services.note_progress(test.pk, attempt=1, progress=0.426, now=NOW)
    told = client.get(page(test, "progress")).json()
    assert (told["state"], told["progress"], told["text"]) == ("running", 0.426, "43%")
    assert "Running 43%" in told["chip"]
    assert client.get(page(test, "cancel")).status_code == 405
    assert "Cancelled." in text(client.post(page(test, "cancel"), follow=True))
    test.refresh_from_db()
    assert test.state == "cancelled"
    assert "It had ended already." in text(client.post(page(test, "cancel"), follow=True))


def test_deleting_asks_and_takes_the_files(kitchen: Site, clip: bytes) -> None:
    client = browser("operator")
    test = finished(made(clip))
    assert "the video clip.mp4 go. This cannot be undone." in visible(client, page(test, "delete"))
    assert BackTest.objects.exists()
    client.post(page(test, "delete"))
    assert not BackTest.objects.exists()
    assert test.name not in default_storage.listdir("backtests")[0]


def test_the_list_and_its_empty_state(kitchen: Site, clip: bytes) -> None:
    client = browser("operator", sites=[kitchen])
    make_backtest(Camera.objects.get(pk="vid2"), clip)
    assert "Choose a camera" in visible(client, "/admin/detection/backtest/")
    made(clip)
    seen = visible(client, "/admin/detection/backtest/")
    assert "Line 1" in seen
    assert "Line 2" not in seen


def calls(test: BackTest) -> list[str]:
    return [page(test), page(test, "progress"), page(test, "delete"), START]


def test_another_site_s_people_know_of_nothing(kitchen: Site, clip: bytes) -> None:
    test = finished(made(clip))
    picture = test.result["draft"]["alerts"][0]["picture"]
    client = browser("operator", sites=[make_site("Warehouse")])
    assert [client.get(url).status_code for url in calls(test)] == [404, 404, 404, 404]
    assert client.post(page(test, "cancel")).status_code == 404
    assert client.post(page(test, "delete")).status_code == 404
    assert client.get(f"/api/media/{picture}").status_code == 404
    assert start(client, clip).status_code == 404
    assert BackTest.objects.count() == 1


def test_who_may_not_change_bindings_has_no_back_tests(kitchen: Site, clip: bytes) -> None:
    test = finished(made(clip))
    picture = test.result["draft"]["alerts"][0]["picture"]
    client = browser("viewer")
    assert [client.get(url).status_code for url in calls(test)] == [404, 404, 404, 403]
    assert client.get(f"/api/media/{picture}").status_code == 404
    assert client.get("/admin/detection/backtest/").status_code == 403
    assert START not in visible(client, "/admin/cameras/camera/vid1/change/")


def test_pictures_go_through_the_hub_and_the_video_is_not_given_out(kitchen: Site, clip: bytes) -> None:
    test = finished(made(clip))
    client = browser("operator", sites=[kitchen])
    answer = client.get(f"/api/media/{test.result['draft']['alerts'][0]['picture']}")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    answer.close()
    assert client.get(f"/api/media/{test.video_key}").status_code == 404


def test_a_camera_is_deleted_with_its_back_tests(kitchen: Site, clip: bytes) -> None:
    made(clip)
    client = browser("operator")
    client.post("/admin/cameras/camera/vid1/delete/", {"post": "yes"})
    assert not Camera.objects.filter(pk="vid1").exists()
    assert not BackTest.objects.exists()
