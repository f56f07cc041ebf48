"""The API's OpenAPI document: what every call may answer besides what it says itself.

ninja documents what a view declares. What happens before a view is reached is of one kind for all of them and is added here:
nobody known (401), not allowed (403), no such path (404), a body or parameter that cannot be used (422).
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

PROBLEM = "Problem"  # the component that all errors have in common
OBJECT = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
# `openapi_extra` of a call that answers with a stored object.
GIVES_AN_OBJECT: dict[str, Any] = {
    "responses": {
        200: {"content": OBJECT},
        206: {"description": "The part that the header Range asks for", "content": OBJECT},
        416: {"description": "The range lies outside the object"},
        503: {"description": "The storage cannot give it now"},
    }
}


class DocumentedApi(NinjaAPI):
    """With the whole of its answers in `/openapi.json`."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        schema = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        problem = {"type": "object", "title": PROBLEM, "properties": {"detail": {}}, "required": ["detail"]}
        schema["components"]["schemas"].setdefault(PROBLEM, problem)
        for operations in schema["paths"].values():
            for operation in operations.values():
                _complete(operation)
        return schema


def _complete(operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}}}
    for status in _before_the_view(operation):
        answers.setdefault(status, {"description": HTTPStatus(status).phrase, "content": content})
    for status, answer in answers.items():
        if int(status) >= 500:
            answer.setdefault("content", content)


def _before_the_view(operation: dict[str, Any]) -> Iterator[int]:
    if operation.get("security"):
        yield from (401, 403)
    if any(parameter["in"] == "path" for parameter in operation["parameters"]):
        yield 404
    if operation["parameters"] or operation.get("requestBody"):
        yield 422
