"""One rule's defect must not cost the others an alert: what a rule raises ends here, with a line in the log."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

T = TypeVar("T")

HELD_S = 10.0  # of media time without a failure, until a rule is said to work again: some fail now and then

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class RuleGuard:
    """The rules of one camera that fail. camera_id: for the log. now: media time of the frame, in seconds."""

    camera_id: str = ""
    now: float = 0.0
    _failed: dict[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def trouble(self) -> str:
        """The broken bindings and what their rules raised; empty when all work."""
        return "; ".join(f"binding {bind_id}: {reason}" for bind_id, reason in self.reasons.items())

    @property
    def reasons(self) -> dict[str, str]:
        """What the rules raised that fail, by `bind_id`."""
        return {bind_id: reason for bind_id, (reason, _) in self._failed.items()}

    def reason(self, bind_id: str) -> str:
        """What the rule of that binding raised; empty when it works."""
        return self._failed[bind_id][0] if bind_id in self._failed else ""

    def call(self, bind_id: str, do: Callable[[], T], otherwise: T) -> T:
        """What the rule of that binding answers; `otherwise` where it fails, which is logged once."""
        try:
            return do()
        except Exception as error:  # whatever a rule's defect is
            if bind_id not in self._failed:
                log.exception("a rule is broken", camera=self.camera_id, binding=bind_id)
            self._failed[bind_id] = f"{type(error).__name__}: {error}", self.now
            return otherwise

    def look_back(self) -> None:
        """Says which rules work again. To be called once a frame."""
        for bind_id, (_, at) in list(self._failed.items()):
            if not 0 <= self.now - at < HELD_S:
                del self._failed[bind_id]
                log.info("a rule works again", camera=self.camera_id, binding=bind_id)

    def forget(self, unchanged: Collection[str]) -> None:
        """Of rules that were made anew or are gone nothing is known."""
        self._failed = {bind_id: told for bind_id, told in self._failed.items() if bind_id in unchanged}
