"""An algorithm's parameters as a form can be made of them: their JSON schema, translated, with units. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from cameras.core.algorithms import CommonParameters
from cameras.core.reasons import PATTERNS

UNIT = re.compile(r"(?P<title>.+?) ?[(\uff08](?P<unit>[^()\uff08\uff09]+)[)\uff09]")  # `Dwell (s)`


def form_schema(parameters: type[CommonParameters], translate: Callable[[str], str] = str) -> dict[str, Any]:
    """The JSON schema without references. A unit that a title ends with, in brackets, stands as `unit` instead;
    `pattern_text` says what a pattern means, where that is known."""
    schema = parameters.model_json_schema()
    parts: Mapping[str, Any] = schema.get("$defs", {})
    return {key: _plain(schema[key], parts, translate) for key in ("type", "properties", "required") if key in schema}


def _plain(value: Any, parts: Mapping[str, Any], translate: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [_plain(item, parts, translate) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("$ref"), str):
        part = parts[value["$ref"].rpartition("/")[2]]
        own = {key: item for key, item in part.items() if key not in ("title", "description")}  # for developers
        value = {**own, **{key: item for key, item in value.items() if key != "$ref"}}
    plain: dict[str, Any] = {}
    for key, item in value.items():
        if key in ("title", "description") and isinstance(item, str):
            plain[key] = translate(item)
        elif key in ("default", "enum"):
            plain[key] = item
        else:
            plain[key] = _plain(item, parts, translate)
    if isinstance(plain.get("pattern"), str) and plain["pattern"] in PATTERNS:
        plain["pattern_text"] = translate(PATTERNS[plain["pattern"]])
    found = UNIT.fullmatch(plain["title"]) if isinstance(plain.get("title"), str) else None
    return plain | found.groupdict() if found else plain
