"""Publishing from the ROI editor: what would change, who may, and what is told of the box."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from cameras import services
from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Device, DeviceStatus, Site
from cameras.publish import Outcome
from tests.cameras.pages import browser, two_sites, versions
from tests.cameras.regions_page import Editor
from tests.rows import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(services, "write_document", lambda *args, **values: Outcome.WRITTEN)
    found = two_sites()
    Device.objects.update(publish_on_save=False)
    return found


def reports(**values: Any) -> None:
    DeviceStatus.objects.filter(pk="box-1").update(**{"reported_at": timezone.now(), **values})


def waiting(editor: Editor) -> dict[str, Any]:
    status, data = editor.get("publish?changes")
    assert status == 200, data
    assert isinstance(data, dict)
    return data


def test_what_waits_is_shown_asked_and_issued(site: Site) -> None:
    editor = Editor(browser("operator"))
    assert (waiting(editor)["changes"], waiting(editor)["version"]) == ([], 1)
    ROI.objects.filter(pk=ROI.objects.get(roi_id="roi-1").pk).update(name="Gate")
    found = waiting(editor)
    assert found["changes"] == [{"sign": "~", "text": "ROI Gate: name Door 1 → Gate"}]
    status, data = editor.post("publish", {"expected": found["expected"], "reason": " the new gate "})
    assert (status, data["version"], data["word"]) == (200, 2, "waiting")
    version = ConfigVersion.objects.get(device="box-1", version=2)
    assert (version.author, version.reason) == ("the operator", "the new gate")
    assert waiting(editor)["changes"] == []


def test_nothing_is_issued_that_nobody_saw(site: Site) -> None:
    editor = Editor(browser("operator"))
    ROI.objects.filter(roi_id="roi-1").update(name="Gate")
    expected = waiting(editor)["expected"]
    ROI.objects.filter(roi_id="roi-1").update(name="Other gate")
    status, data = editor.post("publish", {"expected": expected, "reason": ""})
    assert (status, versions()) == (409, 1)
    assert "was edited while you were looking" in data["detail"]
    assert data["changes"][0]["text"].endswith("Other gate")
    assert editor.post("publish", {"expected": data["expected"], "reason": ""})[0] == 200
    for body in ({}, {"expected": ""}, {"expected": 5}, {"expected": "x", "reason": 1}, {"expected": "x", "more": 1}):
        assert editor.post("publish", body)[0] == 422, body
    assert versions() == 2


def test_rows_that_make_no_document_are_refused_with_the_reason(site: Site) -> None:
    editor = Editor(browser("operator"))
    Binding.objects.filter(bind_id="bind-1").update(algo_code="gone")
    status, data = editor.post("publish", {"expected": waiting(editor)["expected"], "reason": ""})
    assert (status, versions()) == (422, 1)
    assert "unknown algorithm 'gone'" in data["detail"]


@pytest.mark.parametrize(
    ("reported", "word", "settled", "text"),
    [
        ({"applied": 1, "confirmed": 1}, "confirmed", True, "version 1 is confirmed by the box"),
        ({"applied": 1, "confirmed": 0}, "applied", False, "version 1 is applied; the box watches how it goes"),
        ({"applied": 0, "observed": 1, "state": "trying"}, "trying", False, "the box tries version 1"),
        ({"applied": 0, "observed": 0, "state": "trying"}, "waiting", False, "version 1 is on its way to the box"),
        ({"applied": 0, "observed": 1, "state": "refused", "reason": "no such rule"}, "refused", True,
         "version 1: refused: no such rule"),
        ({"applied": 0, "observed": 1, "state": "reverted", "reason": "cameras lost"}, "reverted", True,
         "version 1: reverted: cameras lost"),
        ({"reported_at": None}, "never", False, "never reported"),
        ({"applied": 7, "confirmed": 7}, "drifted", True, "drifted: runs version 7"),
    ],
)  # fmt: skip
def test_where_the_box_is(site: Site, reported: dict[str, Any], word: str, *, settled: bool, text: str) -> None:
    reports(**reported)
    status, data = Editor(browser("viewer")).get("publish")
    assert (status, data["word"], data["settled"]) == (200, word, settled)
    assert data["text"].startswith(text)
    assert "changes" not in data


def test_whoever_looks_hears_that_somebody_else_saved(site: Site) -> None:
    editor = Editor(browser("viewer"))
    seen = editor.load()["revision"]
    assert editor.get("publish")[1]["revision"] == seen
    ROI.objects.filter(roi_id="roi-1").update(name="Gate")
    other = editor.get("publish")[1]["revision"]
    assert other == editor.load()["revision"] != seen
    ROI.objects.filter(roi_id="roi-2").update(name="Gate")  # of another camera
    assert editor.get("publish")[1]["revision"] == other


def test_a_silent_box_is_offline_and_nothing_issued_is_said_so(site: Site) -> None:
    editor = Editor(browser("viewer"))
    reports(reported_at=timezone.now() - timedelta(minutes=3))
    data = editor.get("publish")[1]
    assert (data["word"], data["settled"]) == ("offline", False)
    assert data["heard"] == pytest.approx(180, abs=5)
    ConfigVersion.objects.filter(device="box-1")._raw_delete("default")
    Device.objects.filter(pk="box-1").update(last_version=0)
    reports(applied=0, confirmed=0)
    data = editor.get("publish")[1]
    assert (data["text"], data["settled"]) == ("nothing published yet", True)


def test_who_may_not_is_told_why_and_nothing_is_issued(site: Site) -> None:
    ROI.objects.filter(roi_id="roi-1").update(name="Gate")
    editor = Editor(browser("viewer"))
    found = waiting(editor)
    assert found["why_not"] == "Your role may look at the configuration, not publish it."
    assert editor.post("publish", {"expected": found["expected"], "reason": ""}) == (
        403,
        {"detail": found["why_not"]},
    )
    person = make_person("drawer", "viewer")
    person.user_permissions.add(*Permission.objects.filter(codename__in=["change_roi", "change_binding"]))
    client = Client()
    client.force_login(person)
    assert Editor(client).post("publish", {"expected": found["expected"], "reason": ""})[0] == 403
    Device.objects.filter(pk="box-1").update(revoked_at=timezone.now())
    operator = Editor(browser("operator"))
    assert "was revoked" in waiting(operator)["why_not"]
    assert operator.post("publish", {"expected": found["expected"], "reason": ""})[0] == 403
    assert versions() == 1


def test_another_sites_box_does_not_exist(site: Site) -> None:
    editor = Editor(browser("operator", sites=[site]), "vid2")
    assert editor.get("publish")[0] == editor.get("publish?changes")[0] == 404
    assert editor.post("publish", {"expected": "x", "reason": ""})[0] == 404
    assert Editor(Client()).get("publish")[0] == 401
