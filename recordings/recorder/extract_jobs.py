"""A film that the hub ordered, while the box cuts and stores it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgesite.core.backoff import Backoff
from recordings.core.extracts import CUT_SHARE, ExtractOrder, State

CANCELLED_SECONDS = 120.0  # without the hub asking again for what is being cut


@dataclass(slots=True)
class Job:
    """An order under way. heard_at, due: seconds of the monotonic clock. whole: bytes that its file will have, about.

    share: of it that is done, where the pictures are painted over. told: what is reported of the finished file.
    """

    order: ExtractOrder
    file: Path
    heard_at: float
    state: State = "waiting"
    message: str = ""
    due: float = 0.0
    whole: int = 0
    share: float = 0.0
    told: dict[str, Any] = field(default_factory=dict)
    backoff: Backoff = field(default_factory=lambda: Backoff(1.0, 30.0))

    @property
    def progress(self) -> int:
        """Per cent. While it is cut by what is written: exact for what is copied, a guess for what is encoded."""
        if self.state == "cutting" and self.order.hide:
            return round(CUT_SHARE * self.share)
        if self.state == "cutting":
            draft = self.file.with_suffix(".draft")
            try:
                written = draft.stat().st_size
            except OSError:
                written = 0
            return min(CUT_SHARE, round(CUT_SHARE * written / max(1, self.whole)))
        return {"waiting": 0, "storing": CUT_SHARE, "ready": 100}.get(self.state, 0)


@dataclass(frozen=True, slots=True)
class Unwanted:
    """Set when the recorder ends, and when the hub has not asked for the job for long (`recordings.recorder.clips.Ending`)."""

    stop: threading.Event
    job: Job
    monotonic: Any

    def is_set(self) -> bool:
        return self.stop.is_set() or self.job.heard_at < self.monotonic() - CANCELLED_SECONDS
