"""Putting the values of a file together, with limits, whatever format they come from."""

from __future__ import annotations

import re
from typing import Any

from cameras.core.transfer_file import Path, Problem, TransferError, Tree, path_text

LARGEST = 5 * 1024 * 1024
MOST_VALUES = 300_000
DEEPEST = 20
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")  # no database column holds these


def refusal(line: int, template: str, **values: Any) -> TransferError:
    return TransferError([Problem(line, "", template, values)])


def decode(data: bytes) -> str:
    """The text of a UTF-8 file with or without a byte order mark. Raises TransferError."""
    if len(data) > LARGEST:
        raise refusal(0, "The file is larger than %(size)s MB.", size=LARGEST // 2**20)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refusal(data.count(b"\n", 0, error.start) + 1, "is not UTF-8 text; save the file as UTF-8") from None


class Builder:
    """Puts values together as they come, without recursion, so that no nesting can exhaust the stack."""

    def __init__(self) -> None:
        self.root: Tree | None = None
        self._open: list[tuple[Tree, Path]] = []
        self._key: tuple[str, int] | None = None
        self._count = 0

    @property
    def wants_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][0].value, dict) and self._key is None

    def key(self, text: Any, line: int) -> None:
        parent, path = self._open[-1]
        if not isinstance(text, str):
            raise TransferError([Problem(line, path_text(path), "has a key that is not text")])
        if text in parent.value:
            raise TransferError([Problem(line, path_text((*path, text)), "stands twice")])
        self._key = (text, line)

    def value(self, value: Any, line: int) -> None:
        if self.wants_key:
            self.key(value, line)
            return
        path, node = self._placed(value, line)
        if isinstance(value, str) and UNSTORABLE.search(value):
            raise TransferError([Problem(node.line, path_text(path), "holds a character that cannot be stored")])
        if isinstance(value, dict | list):
            self._open.append((node, path))
            if len(self._open) > DEEPEST:
                raise refusal(line, "is nested too deeply")

    def _placed(self, value: Any, line: int) -> tuple[Path, Tree]:
        self._count += 1
        if self._count > MOST_VALUES:
            raise refusal(line, "The file holds more than %(count)s values.", count=MOST_VALUES)
        if not self._open:
            if self.root is not None:
                raise refusal(line, "There is more than one document in the file.")
            self.root = Tree(value, line)
            return (), self.root
        parent, path = self._open[-1]
        part: str | int
        if self._key is not None:
            (part, line), self._key = self._key, None
            parent.value[part] = value
        else:
            part = len(parent.value)
            parent.value.append(value)
        node = parent.children[part] = Tree(value, line)
        return (*path, part), node

    def close(self) -> None:
        self._open.pop()

    def result(self) -> Tree:
        if self.root is None:
            raise refusal(0, "The file is empty.")
        return self.root
