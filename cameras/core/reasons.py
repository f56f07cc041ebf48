"""What is wrong with a value: sentences in English with values, which have a translation (`cameras/reason_texts.py`). Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Word(str):
    """A value of a sentence that has a translation of its own."""

    __slots__ = ()


def worded(template: str, values: Mapping[str, Any], translate: Callable[[str], str] = str) -> str:
    """The sentence: the template and those of its values that are a `Word` each through `translate`.

    A template without values is taken as it is: a sign of percent in it means itself.
    """
    text = translate(template) if template else ""
    return text % {k: translate(v) if isinstance(v, Word) and v else v for k, v in values.items()} if values else text


REASONS = {
    "missing": "is missing",
    "extra_forbidden": "is an unknown key",
    "string_type": "must be text; put it in quotes",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "too_short": "has too few entries: at least %(min_length)s",
    "too_long": "has too many entries: at most %(max_length)s",
    "dict_type": "must be keys with values",
    "model_type": "must be keys with values",
    "string_too_long": "is longer than %(max_length)s characters",
    "string_too_short": "must not be empty",
    "literal_error": "must be one of %(expected)s",
    "greater_than_equal": "must be %(ge)s or more",
    "less_than_equal": "must be %(le)s or less",
    "greater_than": "must be more than %(gt)s",
    "less_than": "must be less than %(lt)s",
}

# What a value that must match one of these patterns may be.
PATTERNS = {
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$": (
        "must be up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit"
    ),
    r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$": (
        "must be up to 100 letters, digits, dots, dashes and underscores, beginning with a letter, digit or underscore"
    ),
    r"^[a-z][a-z0-9_]{0,39}$": "must be up to 40 small letters, digits and underscores, beginning with a letter",
    r"^[^\x00-\x1f\x7f/]+$": "must not be empty or hold a slash or a control character",
}
OTHER_PATTERN = "has characters that are not allowed here, or too many; allowed is %(pattern)s"


def _brief(value: Any) -> Any:
    """A limit as people write it: 0, not 0.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def reason_of(found: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The template, and the values that belong in it. found: one of a ValidationError's `errors()`."""
    if found["type"] == "string_pattern_mismatch":
        pattern = found["ctx"]["pattern"]
        return (PATTERNS[pattern], {}) if pattern in PATTERNS else (OTHER_PATTERN, {"pattern": pattern})
    template = REASONS.get(found["type"])
    if template is None:
        return "%(problem)s", {"problem": Word(found["msg"].removeprefix("Value error, "))}
    return template, {key: _brief(value) for key, value in found.get("ctx", {}).items()}
