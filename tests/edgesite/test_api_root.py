"""The API's root: errors of one shape everywhere, its documentation, and the health of the hub."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from edgesite import health
from edgesite.api import api
from edgesite.tokens import create_token
from tests.rows import make_person
from tests.servers.process import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture
def machine() -> dict[str, str]:
    return {"Authorization": f"Bearer {create_token(name='machine', role='viewer')}"}


@pytest.mark.parametrize(
    "path", ["/api/nothing", "/api/", "/api/alerts/", "/api/cameras/a/b/c", "/api/media", "/api/../admin/", "/api/%00"]
)
def test_an_unknown_call_is_404_with_a_detail(machine: dict[str, str], path: str) -> None:
    for client in (Client(), Client(headers=machine)):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert answer["Content-Type"].startswith("application/json")
        assert list(answer.json()) == ["detail"]


def test_an_unknown_call_is_404_by_any_method(machine: dict[str, str]) -> None:
    client = Client(headers=machine, enforce_csrf_checks=True)
    for method in (client.post, client.put, client.patch, client.delete):
        answer = method("/api/nothing")
        assert (answer.status_code, list(answer.json())) == (404, ["detail"])


@pytest.mark.parametrize("body", ["{", "x", '{"a": }', "\x00", b"\xff"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/recordings/start_task",
        "/api/recordings/query_task",
        "/api/alerts/e1/assign",
        "/api/devices/box-1/rollback",
    ],
)
def test_a_body_that_is_no_json_is_422_with_a_detail(path: str, body: str | bytes) -> None:
    client = Client(headers={"Authorization": f"Bearer {create_token(name='boss', role='admin')}"})
    answer = client.post(path, body, content_type="application/json")
    assert (answer.status_code, list(answer.json())) == (422, ["detail"])


def test_who_is_not_known_is_401_whatever_the_body() -> None:
    answer = Client().post("/api/recordings/start_task", "{", content_type="application/json")
    assert (answer.status_code, list(answer.json())) == (401, ["detail"])


def test_the_documentation_is_for_people_with_a_login() -> None:
    assert Client().get("/api/docs").status_code == 302
    client = Client()
    client.force_login(make_person("ann", "viewer"))
    assert client.get("/api/docs").status_code == 200
    schema = client.get("/api/openapi.json").json()
    assert {"/api/alerts", "/api/cameras", "/api/cameras/{camera_id}/stats"} <= set(schema["paths"])
    assert schema["components"]["securitySchemes"]


def test_every_call_documents_what_keeps_it_from_being_made() -> None:
    schema = api.get_openapi_schema()
    operations = {f"{method} {path}": op for path, ops in schema["paths"].items() for method, op in ops.items()}
    for name, operation in operations.items():
        wanted = {401, 403} if "/signed/" not in name else set()
        wanted |= {404} if "{" in name else set()
        wanted |= {422} if operation["parameters"] or "requestBody" in operation else set()
        assert wanted <= set(operation["responses"]), name
    media = operations["get /api/media/{key}"]["responses"]
    assert {200, 206, 416, 503} <= set(media)
    assert list(media[200]["content"]) == ["*/*"]


def test_the_process_is_alive_for_anybody() -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_readiness_gives_a_reason_for_each_part_that_is_missing(settings: Any) -> None:
    settings.CLOUD_REDIS_URL = f"redis://:hunter2@127.0.0.1:{free_port()}/0"
    settings.CHANNEL_REDIS_URL = f"redis://:hunter2@127.0.0.1:{free_port()}/2"
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    reasons = answer.json()["reasons"]
    assert reasons["cloud_redis"] == reasons["channel_redis"] == reasons["run_hub"] == "Redis cannot be reached"
    assert "database" not in reasons
    assert "hunter2" not in json.dumps(answer.json())


def test_a_warning_leaves_the_hub_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECKS", {"database": health._database})
    monkeypatch.setattr(health, "WARNINGS", {"a": lambda: "", "b": lambda: "look at it"})
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "reasons": {}, "warnings": {"b": "look at it"}}


def test_readiness_when_everything_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECKS", {"database": health._database})
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "reasons": {}})
