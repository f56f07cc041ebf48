"""Reading JSON that somebody else wrote: nothing is guessed, repeated or left out in silence."""

from __future__ import annotations

import json
from typing import Any

LARGEST = 16 * 1024 * 1024


class DocumentError(ValueError):
    """A document cannot be used. `path` says where (`rois[2].coordinates`), `reason` what is wrong, for people."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path[:200], reason[:500]  # both may repeat what the document says, at any length
        super().__init__(f"{self.path}: {self.reason}" if path else self.reason)


def _no_constant(name: str) -> Any:
    raise DocumentError("", f"{name} is not a number that JSON knows")


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise DocumentError("", f"key {twice!r} stands twice in one object")
    return result


def check_json(text: str | bytes, *, constants: bool = False) -> Any:
    """The JSON value in the text; repeated keys, too deep and too large texts raise DocumentError.

    So do NaN and Infinity, unless `constants`: for a caller that then names the value that is not a number.
    """
    if len(text) > LARGEST:
        raise DocumentError("", f"is larger than {LARGEST // 2**20} MB")
    try:
        return json.loads(text, parse_constant=float if constants else _no_constant, object_pairs_hook=_no_repetition)
    except DocumentError:
        raise
    except (ValueError, RecursionError) as error:  # also numbers of more digits than Python reads
        raise DocumentError("", f"is not JSON: {error}") from None


def load_json(text: str | bytes) -> dict[str, Any]:
    """The JSON object in the text. Raises DocumentError as `check_json` does, and for other kinds of values."""
    value = check_json(text)
    if not isinstance(value, dict):
        raise DocumentError("", "is not a JSON object")
    return value
