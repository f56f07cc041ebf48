"""Reading JSON that somebody else wrote: nothing is guessed, repeated or left out in silence."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cameras.core.reasons import worded

LARGEST = 16 * 1024 * 1024


class DocumentError(ValueError):
    """A document cannot be used. `path` says where (`rois[2].coordinates`), `reason` what is wrong, for people.

    `template` and `values`: what the reason is made of, for a translation (`told`); `subject`: the same of what people call
    the place, where somebody knows (`cameras.core.subject`).
    """

    def __init__(self, path: str, template: str, **values: object) -> None:
        self.template, self.values = template, values
        self.subject: tuple[str, dict[str, object]] | None = None
        # Both may repeat what the document says, at any length.
        self.path, self.reason = path[:200], worded(template, values)[:500]
        super().__init__(f"{self.path}: {self.reason}" if path else self.reason)

    def told(self, translate: Callable[[str], str]) -> str:
        """What it says, in words that went through `translate`, of the subject where there is one."""
        reason = worded(self.template, self.values, translate)[:500]
        place = worded(*self.subject, translate)[:500] if self.subject else self.path
        return f"{place}: {reason}" if place else reason


def _no_constant(name: str) -> Any:
    raise DocumentError("", "%(name)s is not a number that JSON knows", name=name)


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise DocumentError("", "key %(key)s stands twice in one object", key=repr(twice))
    return result


def check_json(text: str | bytes, *, constants: bool = False) -> Any:
    """The JSON value in the text; repeated keys, too deep and too large texts raise DocumentError.

    So do NaN and Infinity, unless `constants`: for a caller that then names the value that is not a number.
    """
    if len(text) > LARGEST:
        raise DocumentError("", "is larger than %(size)s MB", size=LARGEST // 2**20)
    try:
        return json.loads(text, parse_constant=float if constants else _no_constant, object_pairs_hook=_no_repetition)
    except DocumentError:
        raise
    except (ValueError, RecursionError) as error:  # also numbers of more digits than Python reads
        raise DocumentError("", "is not JSON: %(problem)s", problem=error) from None


def load_json(text: str | bytes) -> dict[str, Any]:
    """The JSON object in the text. Raises DocumentError as `check_json` does, and for other kinds of values."""
    value = check_json(text)
    if not isinstance(value, dict):
        raise DocumentError("", "is not a JSON object")
    return value
