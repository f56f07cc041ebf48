"""What of a file is uploaded in parts already, noted beside it: a restart goes on with the next part."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

SUFFIX = ".upload"


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload in parts. size, part: bytes of the whole and of a part; sha256: of the whole, hexadecimal."""

    key: str
    sha256: str
    size: int
    part: int
    upload_id: str

    @property
    def count(self) -> int:
        """How many parts there are."""
        return -(-self.size // self.part)

    def length(self, number: int) -> int:
        """Bytes of the part of that number, the first is 1."""
        return min(self.part, self.size - (number - 1) * self.part)


class UploadRecord:
    """`NAME.upload` beside the file: a line that says what was begun, then a line for each part, each synced.

    It only saves work. A disk that is too full for it does not keep the file from being uploaded, which makes room.
    """

    def __init__(self, file: Path) -> None:
        self.path = file.with_name(file.name + SUFFIX)

    def read(self) -> tuple[Begun, list[str]] | None:
        """What was begun, and the entity tags of the parts that are done; None when nothing is known of it."""
        try:
            lines = self.path.read_text("utf-8").split("\n")
            begun = Begun(**json.loads(lines[0]))
        except (OSError, ValueError, TypeError):
            return None
        tags = []
        for line in lines[1:-1]:  # behind the last line feed stands nothing, or what a kill left of a line
            try:
                tags.append(str(json.loads(line)))
            except ValueError:
                break
        return begun, tags

    def begin(self, begun: Begun, tags: Iterable[str] = ()) -> None:
        """What was noted before is forgotten."""
        self._write("w", json.dumps(asdict(begun)), *(json.dumps(tag) for tag in tags))

    def add(self, tag: str) -> None:
        """The next part is done."""
        self._write("a", json.dumps(tag))

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)

    def _write(self, mode: str, *lines: str) -> None:
        try:
            with self.path.open(mode, encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            log.warning("a part of an upload could not be noted", file=self.path.name, reason=error.strerror)
