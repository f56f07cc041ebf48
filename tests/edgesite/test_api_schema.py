"""The API against its own OpenAPI document: calls that fit it and calls that do not, made by schemathesis.

API_EXAMPLES: how many of each kind for each call.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from cameras.services import publish_edit
from edgesite.api import api
from edgesite.tokens import create_token
from recordings.tasks import api as task_api
from tests.recordings.uploads import TOKEN, give_token
from tests.rows import make_all
from tests.servers.redis import RedisServer

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

EXAMPLES = int(os.environ.get("API_EXAMPLES", "5"))
Operation = APIOperation[Any, Any, Any, Any]
BOXES = "uploads of boxes"
TAGS = ("alerts", "cameras", "devices", "media", "recordings", "snapshots", BOXES)
FEW = settings(
    max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def redis_of_api() -> Any:
    with RedisServer() as server:
        yield server


@pytest.fixture
def headers(tag: str, redis_of_api: RedisServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An administrator's, or a box's for its own calls, of a hub that has a Redis and a box that is silent."""
    settings.CLOUD_REDIS_URL = settings.CHANNEL_REDIS_URL = redis_of_api.url()
    monkeypatch.setattr(task_api, "ANSWER_SECONDS", 0.0)
    device = make_all()
    publish_edit(device_ids=["box-1"], author="kim")
    if tag == BOXES:
        give_token(device)
        return {"Authorization": f"Bearer {TOKEN}"}
    return {"Authorization": f"Bearer {create_token(name='boss', role='admin')}"}


def test_every_call_is_in_one_of_these_groups() -> None:
    operations = [op for path in api.get_openapi_schema()["paths"].values() for op in path.values()]
    assert {tag for operation in operations for tag in operation["tags"]} == set(TAGS)


def has_input(operation: Operation) -> bool:
    """Whether there is anything in it that could be wrong: any text is a path's parameter."""
    return bool(operation.query) or bool(operation.body)


# Not checked: that everything which fits is accepted. What a cursor is, which words are answers, no schema says.
def check(operation: Operation, mode: GenerationMode, headers: dict[str, str]) -> None:
    @FEW
    @given(case=operation.as_strategy(mode))
    def try_some(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

    try_some()


@pytest.mark.parametrize("tag", TAGS)
def test_answers_are_what_the_document_says(tag: str, headers: dict[str, str]) -> None:
    config = SchemathesisConfig.from_dict({})
    reader = {"Authorization": f"Bearer {create_token(name='reader', role='viewer')}"}
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", get_wsgi_application(), config=config, headers=reader)
    operations = list(schema.include(tag=tag).get_all_operations())
    assert operations
    for found in operations:
        assert isinstance(found, Ok)
        operation = found.ok()
        check(operation, GenerationMode.POSITIVE, headers)
        if has_input(operation):
            check(operation, GenerationMode.NEGATIVE, headers)
