"""What pydantic finds wrong with a value, in plain words that have a translation (`cameras/transfer/texts.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REASONS = {
    "missing": "is missing",
    "extra_forbidden": "is an unknown key",
    "string_type": "must be text; put it in quotes",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "list_type": "must be a list",
    "dict_type": "must be keys with values",
    "model_type": "must be keys with values",
    "string_too_long": "is longer than %(max_length)s characters",
    "string_too_short": "must not be empty",
    "literal_error": "must be one of %(expected)s",
    "greater_than_equal": "must be %(ge)s or more",
    "less_than_equal": "must be %(le)s or less",
    "greater_than": "must be more than %(gt)s",
    "less_than": "must be less than %(lt)s",
    "string_pattern_mismatch": (
        "must be up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit"
    ),
}


def _brief(value: Any) -> Any:
    """A limit as people write it: 0, not 0.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def reason_of(found: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The template, and the values that belong in it. found: one of a ValidationError's `errors()`."""
    template = REASONS.get(found["type"])
    if template is None:
        return "%(problem)s", {"problem": found["msg"].removeprefix("Value error, ")}
    return template, {key: _brief(value) for key, value in found.get("ctx", {}).items()}
