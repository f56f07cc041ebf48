"""A device's configuration page: pending in words, publish, history, comparison, rollback, new epoch."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from cameras.models import ROI, Binding, Camera, ConfigVersion, Device, Site
from cameras.services import issue_version
from tests.rows import PASSWORD, make_all, make_person

pytestmark = pytest.mark.django_db

PAGE = "/admin/cameras/device/box-1/"


@pytest.fixture
def device() -> Device:
    device = make_all()
    Device.objects.update(publish_on_save=False)
    assert issue_version(device_id="box-1", author="kim", reason="first")
    return device


def browser(role: str, *, sites: list[Site] | None = None) -> Client:
    client = Client()
    client.force_login(make_person(f"the {role}", role, sites=sites))
    return client


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
    assert "cameras[0].max_fps" in answer.content.decode()
    assert ConfigVersion.objects.count() == 1


def test_two_versions_are_compared_whichever_is_named_first(device: Device) -> None:
    ROI.objects.update(name="Gate")
    issue_version(device_id="box-1", author="kim")
    for query in ("old=1&new=2", "old=2&new=1"):
        assert "roi_name Door 1 → Gate" in page(_operator(), f"configuration/?{query}")
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
    assert "roi_name Gate → Door 1" in question
    assert "severity warning → critical" in question
    assert ConfigVersion.objects.count() == 2
    client.post(PAGE + "rollback/1/", {"reason": "wrong door"})
    version = ConfigVersion.objects.get(version=3)
    assert (version.rollback_of, version.reason, version.author) == (1, "wrong door", "the operator")
    assert ROI.objects.get().name == "Door 1"
    assert Binding.objects.get().severity == "warning"
    assert "rollback to 1" in page(client)


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
    assert client.post(PAGE + "publish/").status_code == 403
    assert client.post(PAGE + "rollback/1/").status_code == 403
    assert client.get(PAGE + "new-epoch/").status_code == 403
    assert ConfigVersion.objects.count() == 1


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
    for path in ("configuration/", "rollback/1/"):
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
