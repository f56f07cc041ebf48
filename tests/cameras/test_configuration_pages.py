"""A device's configuration page: pending in words, publish, history, comparison, rollback, new epoch."""

from __future__ import annotations

import re
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone, translation

from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Camera, Device, Site
from cameras.services import issue_version
from recordings.tasks.models import RecordingTask
from tests.cameras.pages import browser
from tests.rows import PASSWORD, make_all, make_person
from tests.servers.stack import Form

pytestmark = pytest.mark.django_db

PAGE = "/admin/cameras/device/box-1/"


@pytest.fixture
def device() -> Device:
    device = make_all()
    Device.objects.update(publish_on_save=False)
    assert issue_version(device_id="box-1", author="kim", reason="first")
    return device


def page(client: Client, path: str = "configuration/") -> str:
    response = client.get(PAGE + path)
    assert response.status_code == 200
    return response.content.decode()


def test_what_is_pending_stands_there_in_words_and_publish_issues_it(device: Device) -> None:
    Binding.objects.update(params={"dwell_s": 7})
    client = browser("operator")
    assert "parameter dwell_s default → 7" in page(client)
    answer = client.post(PAGE + "publish/", {"reason": "night shift"}, follow=True)
    version = ConfigVersion.objects.get(version=2)
    assert (version.author, version.reason) == ("the operator", "night shift")
    assert "Issued version 2" in answer.content.decode()
    assert "dwell_s" not in page(client).partition("History")[0]


def test_publish_with_nothing_pending_issues_nothing(device: Device) -> None:
    answer = browser("operator").post(PAGE + "publish/", follow=True)
    assert "Nothing changed" in answer.content.decode()
    assert ConfigVersion.objects.count() == 1


def test_rows_that_make_no_document_say_why(device: Device) -> None:
    Camera.objects.update(max_fps=-1)
    answer = browser("operator").post(PAGE + "publish/", follow=True)
    assert "camera Line 1, analyses per second: " in answer.content.decode()
    assert ConfigVersion.objects.count() == 1


def chosen(html: str) -> list[tuple[str, str]]:
    """Name and value of the ticked radios of the history."""
    return re.findall(r'<input type="radio" name="(\w+)" value="(\d+)"[^>]* checked>', html)


def test_the_newest_two_versions_are_chosen_to_be_compared(device: Device) -> None:
    assert chosen(page(_operator())) == [("new", "1")]
    for name in ("Gate", "Yard"):
        ROI.objects.update(name=name)
        issue_version(device_id="box-1", author="kim")
    assert chosen(page(_operator())) == [("new", "3"), ("old", "2")]
    assert chosen(page(_operator(), "configuration/?old=1&new=2")) == [("new", "2"), ("old", "1")]


def test_two_versions_are_compared_whichever_is_named_first(device: Device) -> None:
    ROI.objects.update(name="Gate")
    issue_version(device_id="box-1", author="kim")
    for query in ("old=1&new=2", "old=2&new=1"):
        assert "name Door 1 → Gate" in page(_operator(), f"configuration/?{query}")
    assert _operator().get(PAGE + "configuration/?old=1&new=99").status_code == 404
    assert _operator().get(PAGE + "configuration/?old=x&new=1").status_code == 404


def _operator() -> Client:
    client = Client()
    user = get_user_model().objects.filter(username="the operator").first() or make_person("the operator", "operator")
    client.force_login(user)
    return client


def test_a_rollback_asks_names_what_is_lost_and_does_it(device: Device) -> None:
    ROI.objects.update(name="Gate")
    issue_version(device_id="box-1", author="kim")
    Binding.objects.update(severity="critical")
    client = _operator()
    question = page(client, "rollback/1/")
    assert "name Gate → Door 1" in question
    assert "severity warning → critical" in question
    assert ConfigVersion.objects.count() == 2
    client.post(PAGE + "rollback/1/", {"reason": "wrong door"})
    version = ConfigVersion.objects.get(version=3)
    assert (version.rollback_of, version.reason, version.author) == (1, "wrong door", "the operator")
    assert ROI.objects.get().name == "Door 1"
    assert Binding.objects.get().severity == "warning"
    assert "rollback to 1" in page(client)


def test_pending_changes_can_be_discarded_after_a_question(device: Device) -> None:
    client = _operator()
    assert "Discard pending changes" not in page(client)
    assert "Not discarded" in client.post(PAGE + "discard/", follow=True).content.decode()
    Binding.objects.update(params={"dwell_s": 7})
    assert f'href="{PAGE}discard/"' in page(client)
    question = page(client, "discard/")
    assert "parameter dwell_s default → 7" in question
    shown = Form(question).fields
    Binding.objects.update(params={"dwell_s": 9})
    answer = client.post(PAGE + "discard/", shown, follow=True).content.decode()
    assert "Not discarded: box-1 was edited while you were looking at its changes" in answer
    answer = client.post(PAGE + "discard/", Form(page(client, "discard/")).fields, follow=True).content.decode()
    assert "What was edited after version 1 is discarded. The box is sent nothing." in answer
    assert "dwell_s" not in answer.partition("History")[0]
    assert (Binding.objects.get().params, ConfigVersion.objects.count()) == ({}, 1)


def test_discarding_on_a_device_that_publishes_on_save_tells_what_was_issued(device: Device) -> None:
    client = _operator()
    Device.objects.update(publish_on_save=True)
    Binding.objects.update(params={"dwell_s": -1})
    Site.objects.update(time_zone="Europe/Vienna")
    question = page(client, "discard/")
    assert "What is new in them goes out at once" in question
    assert "dwell_s default → -1" in question
    assert "Vienna" not in question  # it stays
    answer = client.post(PAGE + "discard/", Form(question).fields, follow=True).content.decode()
    assert "What was edited after version 1 is discarded. Version 2 was issued with what is new in the site" in answer
    assert "sent nothing" not in answer
    assert ConfigVersion.objects.count() == 2


def test_what_cannot_be_put_back_is_said_before_somebody_confirms_it(device: Device) -> None:
    other = Device.objects.create(device_id="box-2", site=device.site, publish_on_save=False)
    camera = Camera.objects.create(camera_id="vid9", device=other, rtsp_url="rtsp://192.0.2.9/1")
    client = _operator()
    assert issue_version(device_id="box-1", author="kim", reason="again") is None
    camera.device = device
    camera.save()
    said = "This cannot be done: vid9 came from another device; move it back first, or delete it here."
    question = page(client, "discard/")
    assert said in question
    assert "Discard the changes" not in question
    assert issue_version(device_id="box-1", author="kim")
    question = page(client, "rollback/1/")
    assert said in question
    assert "Roll back to version" not in question


def test_who_takes_a_camera_away_is_told_of_its_protected_recordings(device: Device) -> None:
    new = Camera.objects.create(camera_id="vid9", name="Yard", device=device, rtsp_url="rtsp://192.0.2.9/1")
    RecordingTask.objects.create(
        task_id="t9", camera=new, device_id="box-1", task_name="shift", state="completed", protected=True,
        requested_by="kim", requested_at=timezone.now(),
    )  # fmt: skip
    client, sentence = _operator(), "1 protected recording goes too."
    assert sentence in page(client, "discard/")
    assert issue_version(device_id="box-1", author="kim")
    assert sentence in page(client, "rollback/1/")
    assert sentence not in page(client, "discard/")


def test_going_back_to_the_newest_version_is_discarding(device: Device) -> None:
    Binding.objects.update(params={"dwell_s": 7})
    answer = _operator().get(PAGE + "rollback/1/")
    assert (answer.status_code, answer["location"]) == (302, PAGE + "discard/")


def test_a_device_that_was_never_published_has_nothing_to_go_back_to() -> None:
    make_all("box-2", number=2)
    Device.objects.filter(pk="box-2").update(publish_on_save=False)
    client = _operator()
    url = "/admin/cameras/device/box-2/"
    assert "Discard" not in client.get(f"{url}configuration/").content.decode()
    assert client.get(f"{url}discard/").status_code == 404


def test_no_secret_stands_on_any_of_the_pages(device: Device) -> None:
    Camera.objects.update(name="x")
    issue_version(device_id="box-1", author="kim")
    client = _operator()
    for path in ("configuration/", "configuration/?old=1&new=2", "rollback/1/"):
        assert PASSWORD not in page(client, path)


def test_a_viewer_looks_but_does_not_publish(device: Device) -> None:
    Binding.objects.update(params={"dwell_s": 7})
    client = browser("viewer")
    text = page(client)
    assert "dwell_s" in text
    assert "Roll back to this" not in text
    assert 'name="reason"' not in text
    assert "SHA-256" not in text
    assert "From version" not in page(client, "configuration/?old=1&new=1")
    assert client.post(PAGE + "publish/").status_code == 403
    assert "Discard" not in text
    assert client.post(PAGE + "discard/").status_code == 403
    assert client.post(PAGE + "rollback/1/").status_code == 403
    assert client.get(PAGE + "new-epoch/").status_code == 403
    assert ConfigVersion.objects.count() == 1


def test_versions_that_no_key_opens_are_said_to_be_so(device: Device, settings: Any) -> None:
    ROI.objects.update(name="Gate")
    issue_version(device_id="box-1", author="kim")
    client = _operator()
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    text = "FIELD_ENCRYPTION_KEY is not the one"
    for url in ("configuration/?old=1&new=2", "rollback/1/"):
        assert text in client.get(PAGE + url, follow=True).content.decode()
    number = ConfigVersion.objects.values_list("pk", flat=True).get(version=1)
    assert text in client.get(f"/admin/cameras/configversion/{number}/change/").content.decode()


@pytest.mark.parametrize("model", ["camera", "roi"])
def test_lists_of_secrets_that_no_key_opens_say_so(device: Device, settings: Any, model: str) -> None:
    client = _operator()
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    answer = client.get(f"/admin/cameras/{model}/")
    assert answer.status_code == 503
    assert "FIELD_ENCRYPTION_KEY is not the one" in answer.content.decode()


def test_only_an_administrator_begins_a_new_epoch(device: Device) -> None:
    assert _operator().post(PAGE + "new-epoch/").status_code == 403
    client = browser("admin")
    assert "begin again at 1" in page(client, "new-epoch/")
    client.post(PAGE + "new-epoch/", {"reason": "new box"})
    renewed = Device.objects.get()
    assert renewed.epoch > device.epoch
    assert ConfigVersion.objects.get(epoch=renewed.epoch).version == 1


def test_another_sites_device_does_not_exist(device: Device) -> None:
    client = browser("operator", sites=[Site.objects.create(name="Elsewhere")])
    for path in ("configuration/", "discard/", "rollback/1/"):
        assert client.get(PAGE + path).status_code == 404
    assert client.post(PAGE + "publish/").status_code == 404


def test_publish_is_no_link(device: Device) -> None:
    assert _operator().get(PAGE + "publish/").status_code == 405


def test_nothing_is_issued_for_a_device_that_was_shut_out(device: Device) -> None:
    Device.objects.update(revoked_at=timezone.now())
    Camera.objects.update(location="Hall 9")
    before = ConfigVersion.objects.count()
    page = browser("admin").post(f"{PAGE}publish/", {"reason": "x"}, follow=True).content.decode()
    assert "was revoked. Provision it again first." in page
    assert ConfigVersion.objects.count() == before


def test_nothing_is_published_that_the_person_did_not_see(device: Device) -> None:
    Binding.objects.update(params={"dwell_s": 7})
    client = browser("operator")
    shown = Form(page(client)).fields
    Binding.objects.update(params={"dwell_s": 9})
    answer = client.post(PAGE + "publish/", shown, follow=True).content.decode()
    assert "Not published: box-1 was edited while you were looking at its changes" in answer
    assert "parameter dwell_s default → 9" in answer
    assert ConfigVersion.objects.count() == 1
    client.post(PAGE + "publish/", Form(answer).fields)
    assert ConfigVersion.objects.count() == 2


def test_why_it_was_not_published_stands_there_in_the_readers_language(device: Device) -> None:
    client = browser("operator")
    path = f"{PAGE}rollback/1/"
    with translation.override("en"):  # so that no later test answers in Chinese
        answer = client.post(path, follow=True, headers={"accept-language": "zh-hans"}).content.decode()
    assert "未发布：box-1 的内容已是版本 1" in answer
