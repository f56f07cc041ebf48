"""Starting and stopping detection: a row, a version, never somebody else's half-done work, never twice."""

from __future__ import annotations

import json

import pytest

from cameras.intent import NEVER_PUBLISHED, OTHERS_WAIT, REVOKED, Intent, set_analysis, set_analysis_of_all
from cameras.issued import ConfigVersion
from cameras.models import ROI, Camera, Device
from cameras.services import issue_version
from cameras.states import camera_state
from tests.cameras.pages import browser, path, text
from tests.rows import make_all, make_camera, make_person, make_site

pytestmark = pytest.mark.django_db


def wish(analyse: bool = False, camera_id: str = "vid1") -> Intent:
    return set_analysis(camera_id=camera_id, analyse=analyse, author="kim")


@pytest.fixture
def device() -> Device:
    device = make_all()
    assert issue_version(device_id=device.pk, author="setup")
    return device


@pytest.fixture
def draft(device: Device) -> Device:
    """A device whose changes wait until somebody publishes them."""
    Device.objects.update(publish_on_save=False)
    return device


def desired() -> list[bool]:
    """What the newest version says of each camera."""
    newest = ConfigVersion.objects.order_by("-version").first()
    assert newest is not None
    return [c["analyse"] for c in json.loads(newest.document)["cameras"]]


def test_a_wish_is_in_the_rows_in_a_version_and_in_the_history(device: Device) -> None:
    assert wish() == Intent("vid1", False, True, True, 2)
    assert not Camera.objects.get().analyse
    version = ConfigVersion.objects.get(version=2)
    assert (version.author, version.reason) == ("kim", "stop detection: Line 1")
    assert desired() == [False]
    entry = Camera.history.order_by("-history_id").first()
    assert (entry.history_author, entry.history_change_reason) == ("kim", "stop detection")
    assert "analyse" in entry.history_changes
    assert wish(True) == Intent("vid1", True, True, True, 3)
    assert desired() == [True]


def test_asking_again_changes_nothing(device: Device) -> None:
    wish()
    assert wish() == Intent("vid1", False, False, True, 2)
    assert wish(True, "vid1").version == 3
    assert ConfigVersion.objects.count() == 3


def test_many_cameras_of_a_device_make_one_version(device: Device) -> None:
    make_camera("vid2", device=device)
    other = make_all("box-2", site="Warehouse", number=3)
    assert issue_version(device_id=other.pk, author="setup")
    intents = set_analysis_of_all(camera_ids=["vid3", "vid1", "vid2", "gone"], analyse=False, author="kim")
    assert [(i.camera_id, i.version) for i in intents] == [("vid1", 2), ("vid2", 2), ("vid3", 2)]
    assert not Camera.objects.filter(analyse=True).exists()


def test_a_camera_that_is_not_there(device: Device) -> None:
    with pytest.raises(Camera.DoesNotExist):
        wish(camera_id="gone")


def test_when_nothing_else_waits_a_wish_is_issued_at_once(draft: Device) -> None:
    assert wish() == Intent("vid1", False, True, True, 2)
    assert desired() == [False]


def test_a_wish_takes_no_half_done_work_along(draft: Device) -> None:
    ROI.objects.update(name="half done")
    assert wish() == Intent("vid1", False, True, False, 1, OTHERS_WAIT)
    assert not Camera.objects.get().analyse
    assert desired() == [True]
    assert wish() == Intent("vid1", False, False, False, 1, OTHERS_WAIT)
    ROI.objects.update(name="Door 1")  # taken back
    assert wish() == Intent("vid1", False, False, True, 2)
    assert desired() == [False]


def test_a_wish_that_is_in_force_already_is_published_whatever_else_waits(draft: Device) -> None:
    ROI.objects.update(name="half done")
    assert wish(True) == Intent("vid1", True, False, True, 1)


def test_another_cameras_wish_that_waits_is_somebodys_work_too(draft: Device) -> None:
    make_camera("vid2", device=draft)
    assert issue_version(device_id="box-1", author="setup")
    Camera.objects.filter(pk="vid2").update(analyse=False)
    assert wish().problem == OTHERS_WAIT


def test_before_anything_was_published_a_wish_waits() -> None:
    make_all()
    Device.objects.update(publish_on_save=False)
    assert wish() == Intent("vid1", False, True, False, None, NEVER_PUBLISHED)


def test_a_device_that_was_shut_out_is_told_nothing(device: Device) -> None:
    Device.objects.update(revoked_at="2026-11-22T08:00:00Z")
    assert wish() == Intent("vid1", False, True, False, 1, REVOKED)
    assert wish(True) == Intent("vid1", True, True, False, 1, REVOKED)


def test_rows_that_make_no_document_say_why(device: Device) -> None:
    Camera.objects.update(max_fps=-1)
    intent = wish()
    assert (intent.changed, intent.published) == (True, False)
    assert "max_fps" in intent.problem


# The admin


def chosen(action: str, *pks: str) -> dict[str, object]:
    return {"action": action, "_selected_action": list(pks)}


def test_the_actions_of_the_list(device: Device) -> None:
    make_camera("vid2", device=device)
    client = browser("operator")
    answer = client.post(path(Camera), chosen("stop_detection", "vid1", "vid2"), follow=True)
    assert "Detection stops on 2 cameras." in text(answer)
    assert not Camera.objects.filter(analyse=True).exists()
    assert ConfigVersion.objects.get(version=2).author == "the operator"
    answer = client.post(path(Camera), chosen("stop_detection", "vid1"), follow=True)
    assert "Detection was not to run there already." in text(answer)
    answer = client.post(path(Camera), chosen("start_detection", "vid1"), follow=True)
    assert "Detection starts on 1 camera." in text(answer)
    assert camera_state(Camera.objects.get(pk="vid2")).word != "live"


def test_the_button_of_the_page_is_the_one_that_makes_sense(device: Device) -> None:
    client, camera = browser("operator"), Camera.objects.get()
    page = text(client.get(path(Camera, "change", camera)))
    assert path(Camera, "stop", camera) in page
    assert path(Camera, "start", camera) not in page
    answer = client.post(path(Camera, "stop", camera), follow=True)
    assert "Detection stops on 1 camera." in text(answer)
    assert path(Camera, "start", camera) in text(answer)


def test_what_waits_is_told(draft: Device) -> None:
    ROI.objects.update(name="half done")
    answer = browser("operator").post(path(Camera, "stop", Camera.objects.get()), follow=True)
    assert "Saved, but not published for vid1: other changes of this device wait to be published." in text(answer)


def test_who_may_only_look_has_no_button_and_no_action(device: Device) -> None:
    client, camera = browser("viewer"), Camera.objects.get()
    assert path(Camera, "stop", camera) not in text(client.get(path(Camera, "change", camera)))
    assert client.post(path(Camera, "stop", camera)).status_code == 403
    client.post(path(Camera), chosen("stop_detection", "vid1"))
    assert Camera.objects.get().analyse


def test_a_button_is_pressed_not_followed_and_not_for_strangers(device: Device) -> None:
    camera = Camera.objects.get()
    client = browser("operator", sites=[make_site("Elsewhere")])
    assert client.post(path(Camera, "stop", camera)).status_code == 404
    client.force_login(make_person("anybody", "operator"))
    assert client.get(path(Camera, "stop", camera)).status_code == 405
    assert Camera.objects.get().analyse
