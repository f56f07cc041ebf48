"""Devices over HTTP: who may ask and act, what is answered, and that pages have no doubles and no gaps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from cameras import api as module
from cameras.admin import configuration
from cameras.issued import ConfigVersion
from cameras.models import Binding, Camera, Device, DeviceStatus, Site
from cameras.services import issue_version
from cameras.versions import begin_epoch
from edgesite.models import ApiToken
from edgesite.tokens import create_token
from tests.cameras import pages
from tests.detection.calls import caller, get, problem
from tests.rows import PASSWORD, make_device, make_person
from tests.servers.process import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Iterator[Site]:
    """Two sites with a published device each; the first is answered. Publishing finds no Redis."""
    with override_settings(CLOUD_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0"):
        yield pages.two_sites()


def post(client: Client, path: str, body: Any, **headers: str) -> Any:
    return client.post(f"/api/{path}", body, content_type="application/json", headers=headers)


def bearer(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {create_token(name=f'the {role}', role=role)}"}


ACTS = [("devices/box-1/publish", {"reason": "x"}), ("devices/box-1/rollback", {"version": 1, "reason": "x"})]

# Who may


def test_a_stranger_is_401(site: Site) -> None:
    for call in ("devices", "devices/box-1/versions"):
        assert problem(get(Client(), call))[0] == 401
    for call, body in ACTS:
        assert problem(post(Client(), call, body))[0] == 401
        assert problem(post(Client(), call, body, Authorization="Bearer wrong"))[0] == 401


def test_viewers_see_devices_but_no_history_and_act_on_nothing(site: Site) -> None:
    headers = bearer("viewer")
    assert get(caller("viewer"), "devices").status_code == 200
    assert Client().get("/api/devices", headers=headers).status_code == 200
    assert problem(Client().get("/api/devices/box-1/versions", headers=headers))[0] == 403
    for call, body in ACTS:
        assert problem(post(Client(), call, body, **headers)) == (403, "Your role does not allow this.")
        assert problem(post(caller("viewer"), call, body))[0] == 403
    assert problem(get(caller(""), "devices"))[0] == 403
    assert ConfigVersion.objects.count() == 2


def test_who_publishes_in_the_admin_publishes_here() -> None:
    assert module.PUBLISH == configuration.PUBLISH


def test_another_sites_device_is_not_there(site: Site) -> None:
    client = caller("admin", sites=[site])
    assert [d["device_id"] for d in get(client, "devices", pending=1).json()["items"]] == ["box-1"]
    for device in ("box-2", "box-9"):
        assert problem(get(client, f"devices/{device}/versions")) == (404, "There is no such device.")
        for call, body in ACTS:
            assert problem(post(client, call.replace("box-1", device), body)) == (404, "There is no such device.")
    assert get(caller("admin", sites=[]), "devices").json() == {"items": [], "next": None}
    assert ConfigVersion.objects.count() == 2


def test_a_browser_needs_its_csrf_token_and_a_machine_none(site: Site) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(make_person("ann", "operator"))
    for call, body in ACTS:
        assert problem(post(browser, call, body))[0] == 403
    assert ConfigVersion.objects.count() == 2
    machine = Client(enforce_csrf_checks=True, headers=bearer("operator"))
    assert post(machine, *ACTS[0]).status_code == 200


# What a device is


def test_a_device_says_what_it_should_run_and_what_it_runs(site: Site) -> None:
    device = Device.objects.get(pk="box-1")
    DeviceStatus.objects.filter(pk="box-1").update(
        observed=1, confirmed=1, device_at="2026-11-22T08:00:00.500Z", sha256=device.versions.get().sha256
    )
    [item, other] = get(caller("viewer"), "devices").json()["items"]
    seen = item.pop("last_seen")
    assert abs(seen - timezone.now().timestamp()) < 60
    assert item == {
        "device_id": "box-1", "name": "box-1", "site": "Kitchen", "epoch": device.epoch, "last_version": 1,
        "reported": {
            "observed": 1, "applied": 1, "confirmed": 1, "state": "applied", "reason": "",
            "at": datetime(2026, 11, 22, 8, 0, 0, 500_000, UTC).timestamp(),
        },
        "in_sync": "in_sync", "pending": None,
    }  # fmt: skip
    assert other["reported"]["at"] is None


def test_a_device_that_never_reported(site: Site) -> None:
    DeviceStatus.objects.all().delete()
    item = get(caller(), "devices").json()["items"][0]
    assert (item["reported"], item["last_seen"], item["in_sync"]) == (None, None, "never")


def test_pending_is_told_when_asked_for(site: Site) -> None:
    def pending(**query: str | int) -> list[Any]:
        return [d["pending"] for d in get(caller(), "devices", **query).json()["items"]]

    assert pending() == [None, None]
    assert pending(pending=1) == [False, False]
    Camera.objects.filter(pk="vid1").update(name="Line 9")
    assert pending(pending=1) == [True, False]
    make_device("a-new", site=site)
    assert pending(pending=1) == [True, True, False]
    with override_settings(FIELD_ENCRYPTION_KEYS=["A" * 43 + "="]):
        assert pending(pending=1) == [True, None, None]


# Versions


def make_versions(count: int) -> None:
    """Versions 2 to `count` of box-1."""
    for number in range(2, count + 1):
        Camera.objects.filter(pk="vid1").update(name=f"Line {number}")
        assert issue_version(device_id="box-1", author="kim", reason=f"the {number}th")


def test_versions_newest_first_without_a_credential(site: Site) -> None:
    make_versions(2)
    answer = get(caller(), "devices/box-1/versions")
    newest, first = answer.json()["items"]
    assert abs(newest.pop("issued_at") - timezone.now().timestamp()) < 60
    sha256 = ConfigVersion.objects.get(device="box-1", version=2).sha256
    assert newest == {"version": 2, "rollback_of": None, "sha256": sha256, "author": "kim", "reason": "the 2th"}
    assert (first["version"], first["author"]) == (1, "setup")
    assert PASSWORD not in answer.content.decode()


def test_versions_of_an_epoch_that_ended_are_not_offered(site: Site) -> None:
    make_versions(3)
    assert begin_epoch(device_id="box-1", author="kim")
    assert [v["version"] for v in get(caller(), "devices/box-1/versions").json()["items"]] == [1]
    assert problem(post(caller(), "devices/box-1/rollback", {"version": 3}))[0] == 404


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6])
def test_pages_have_no_doubles_and_no_gaps(site: Site, limit: int) -> None:
    make_versions(5)
    for number in range(3, 6):
        make_device(f"box-{number}", site=site)
    client = caller()
    for call, name, wanted in [
        ("devices/box-1/versions", "version", [5, 4, 3, 2, 1]),
        ("devices", "device_id", [f"box-{n}" for n in range(1, 6)]),
    ]:
        seen: list[Any] = []
        page = get(client, call, limit=limit).json()
        while True:
            assert len(page["items"]) <= limit
            seen += [item[name] for item in page["items"]]
            if page["next"] is None:
                break
            page = get(client, call, limit=limit, after=page["next"]).json()
        assert seen == wanted


@pytest.mark.parametrize("cursor", ["", "x", "5", "YTE", "YTE=", "dg", "dngx", "ZGJveC0x!", "é", "x" * 5000, "%00"])
@pytest.mark.parametrize("call", ["devices", "devices/box-1/versions"])
def test_a_bad_cursor_is_422(site: Site, call: str, cursor: str) -> None:
    assert problem(get(caller(), call, after=cursor)) == (422, "`after` is not a cursor of this list.")


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "501"}, {"limit": "x"}, {"pending": "perhaps"}])
def test_a_bad_query_is_422(site: Site, query: dict[str, str]) -> None:
    status, detail = problem(get(caller(), "devices", **query))
    assert (status, detail[0]["loc"][-1]) == (422, next(iter(query)))


def test_the_list_asks_the_database_few_questions(
    site: Site, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    for number in range(3, 30):
        make_device(f"box-{number}", site=site)
    client = caller()
    for call in ("devices", "devices/box-1/versions"):
        with django_assert_max_num_queries(9):
            assert get(client, call).json()["items"]


# Acts


def test_publishing_issues_what_is_pending_once(site: Site) -> None:
    Camera.objects.filter(pk="vid1").update(name="Line 9")
    client = Client(headers=bearer("operator"))
    answer = post(client, "devices/box-1/publish", {"reason": " new name "})
    assert (answer.status_code, answer.json()) == (200, {"version": 2})
    version = ConfigVersion.objects.get(device="box-1", version=2)
    assert (version.author, version.reason) == ("token:the operator", "new name")
    again = post(client, "devices/box-1/publish", {"reason": "again"})
    assert (again.status_code, again.json()) == (200, {"version": 2, "changed": False})
    assert post(client, "devices/box-1/publish", {}).json() == {"version": 2, "changed": False}


def test_rolling_back_issues_the_old_content_as_a_new_version(site: Site) -> None:
    make_versions(2)
    answer = post(caller(), "devices/box-1/rollback", {"version": 1, "reason": "it was better"})
    assert (answer.status_code, answer.json()) == (200, {"version": 3})
    version = ConfigVersion.objects.get(device="box-1", version=3)
    assert (version.rollback_of, version.reason) == (1, "it was better")
    assert version.author.startswith("the operator")
    assert Camera.objects.get(pk="vid1").name == "Line 1"


def test_what_cannot_be_rolled_back_is_said(site: Site) -> None:
    client = caller()
    text = "There is no such version in the device's present epoch."
    assert problem(post(client, "devices/box-1/rollback", {"version": 9})) == (404, text)
    status, detail = problem(post(client, "devices/box-1/rollback", {"version": 1}))
    assert status == 409
    assert "there is nothing to roll back" in detail
    make_versions(2)
    Camera.objects.filter(pk="vid1").update(device="box-2")
    status, detail = problem(post(client, "devices/box-1/rollback", {"version": 1}))
    assert status == 409
    assert "belongs to another device now" in detail


def test_publishing_without_a_body_gives_no_reason(site: Site) -> None:
    Camera.objects.filter(pk="vid1").update(name="Line 9")
    answer = caller().post("/api/devices/box-1/publish", content_type="application/json")
    assert (answer.status_code, answer.json()) == (200, {"version": 2})
    assert ConfigVersion.objects.get(device="box-1", version=2).reason == ""


def test_a_redis_that_is_ahead_is_a_conflict(site: Site) -> None:
    Device.objects.filter(pk="box-1").update(redis_ahead=True)
    Camera.objects.filter(pk="vid1").update(name="Line 9")
    status, detail = problem(post(caller(), "devices/box-1/publish", {"reason": "x"}))
    assert (status, detail.partition(":")[0]) == (409, "Version 2 is not published")
    status, detail = problem(post(caller(), "devices/box-1/rollback", {"version": 1}))
    assert (status, "Begin a new epoch" in detail) == (409, True)


def test_who_may_not_act_is_told_so_whatever_the_body(site: Site) -> None:
    for call in ("publish", "rollback"):
        assert problem(post(caller("viewer"), f"devices/box-1/{call}", {"wrong": 1}))[0] == 403
        assert problem(post(Client(), f"devices/box-1/{call}", {"wrong": 1}, **bearer("viewer")))[0] == 403
        ApiToken.objects.all().delete()


def test_nothing_is_published_to_a_device_that_was_shut_out(site: Site) -> None:
    Device.objects.filter(pk="box-1").update(revoked_at=timezone.now())
    for call, body in ACTS:
        status, detail = problem(post(caller(), call, body))
        assert (status, "was shut out" in detail) == (409, True)
    assert get(caller(), "devices/box-1/versions").status_code == 200


def test_rows_that_make_no_document_are_422_with_path_and_reason(site: Site) -> None:
    Binding.objects.filter(bind_id="bind-1").update(algo_code="magic")
    status, [detail] = problem(post(caller(), "devices/box-1/publish", {"reason": "x"}))
    assert status == 422
    assert detail["loc"] == ["document", "binds[0].algo_code"]
    assert re.search("magic|known", detail["msg"])
    assert ConfigVersion.objects.count() == 2


def test_secrets_that_cannot_be_read_are_503_and_issue_nothing(site: Site) -> None:
    with override_settings(FIELD_ENCRYPTION_KEYS=["A" * 43 + "="]):
        for call, body in ACTS:
            assert problem(post(caller(), call, body))[0] == 503
        status, detail = problem(get(caller(), "cameras"))
        assert (status, "FIELD_ENCRYPTION_KEY is not the one" in detail) == (503, True)
    assert ConfigVersion.objects.count() == 2


@pytest.mark.parametrize(
    ("call", "body", "field"),
    [
        ("publish", {"reason": "x" * 501}, "reason"),
        ("publish", {"reason": "a\x00b"}, "reason"),
        ("publish", {"reason": "a\nb"}, "reason"),
        ("publish", {"reason": 5}, "reason"),
        ("publish", {"reason": "x", "force": True}, "force"),
        ("rollback", {"reason": "x"}, "version"),
        ("rollback", {"version": "1"}, "version"),
        ("rollback", {"version": True}, "version"),
        ("rollback", {"version": 1.0}, "version"),
        ("rollback", {"version": 0}, "version"),
        ("rollback", {"version": 2**63}, "version"),
        ("rollback", {"version": 1, "to": 2}, "to"),
    ],
)
def test_a_body_that_makes_no_sense_is_422(site: Site, call: str, body: dict[str, Any], field: str) -> None:
    status, detail = problem(post(caller(), f"devices/box-1/{call}", body))
    assert (status, detail[0]["loc"][-1]) == (422, field)
    assert set(detail[0]) == {"loc", "msg"}
    assert ConfigVersion.objects.count() == 2


def test_the_calls_are_in_the_documentation(site: Site) -> None:
    paths = get(caller("viewer"), "openapi.json").json()["paths"]
    assert set(paths["/api/devices/{device_id}/rollback"]["post"]["responses"]) == {
        "200",
        "401",
        "403",
        "404",
        "409",
        "422",
    }
    assert {"/api/devices", "/api/devices/{device_id}/versions", "/api/devices/{device_id}/publish"} <= set(paths)
