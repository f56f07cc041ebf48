"""Canonical JSON (RFC 8785) of a config document's content, and the hash over it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785

AUTHOR = "issued_by"


class Canonical:
    """A content in canonical form, key by key: that is the dear part, and it serves for the hash under any author.

    Raises ValueError (rfc8785's is one) or RecursionError for values that have no canonical form.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._parts = {key: _member(key, value) for key, value in content.items()}

    def sha256(self, *, author: str | None = None) -> str:
        """SHA-256, hex, of the whole; with `author`, as if `issued_by` said so."""
        parts = self._parts if author is None else {**self._parts, AUTHOR: _member(AUTHOR, author)}
        # RFC 8785, 3.2.3: keys are ordered by their UTF-16 code units.
        whole = b",".join(parts[key] for key in sorted(parts, key=lambda key: key.encode("utf-16-be")))
        return hashlib.sha256(b"{" + whole + b"}").hexdigest()


def _member(key: str, value: Any) -> bytes:
    return rfc8785.dumps({key: value})[1:-1]
