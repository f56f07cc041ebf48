"""What the recorder says of itself to the worker that reports for the box: a file beside the edge store."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgesite.files import write_atomically

TELL_SECONDS = 2.0
FRESH_SECONDS = 10.0


class RecorderHealth:
    """One process writes, another reads. clock: Unix seconds."""

    def __init__(self, store: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._file = store.parent / "run" / f"recorder-{store.stem}.json"
        self._clock = clock
        self._due = 0.0

    def tell(self, health: Callable[[], dict[str, Any]]) -> bool:
        """Writes what `health` gives, every TELL_SECONDS; False: there is no more to do at once. Raises OSError."""
        now = self._clock()
        if now < self._due <= now + TELL_SECONDS:  # else the clock was set back
            return False
        self._due = now + TELL_SECONDS
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._file, json.dumps({"at": now, "health": health()}), mode=0o644)
        return False

    def leave(self) -> None:
        """The recorder ends on purpose. Raises OSError."""
        self._file.unlink(missing_ok=True)

    def read(self) -> dict[str, Any] | None:
        """What the recorder told last; None when it tells nothing."""
        try:
            told = json.loads(self._file.read_text("utf-8"))
            fresh = abs(self._clock() - told["at"]) < FRESH_SECONDS
            return dict(told["health"]) if fresh else None
        except (OSError, ValueError, TypeError, KeyError):
            return None
