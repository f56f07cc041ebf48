"""What boxes answered to orders, from the thread of this process that stored it to the one that waits for it."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

MOST = 1_000  # older ones are found in the database, like those that another process stored


class Outcome(NamedTuple):
    """Of the order whose request to the box has this id, as it stands in the database."""

    request_id: str
    state: str
    message: str


class Told:
    """Any thread may `put`, one takes. It saves that one a look at the database, no more."""

    def __init__(self) -> None:
        self._news: deque[Outcome] = deque(maxlen=MOST)
        self._some = threading.Event()

    def put(self, outcome: Outcome | None) -> None:
        """None: something was answered, look for it."""
        if outcome is not None:
            self._news.append(outcome)
        self._some.set()

    def wait(self, seconds: float) -> bool:
        """Whether there is something to take."""
        return self._some.wait(seconds)

    def take(self) -> dict[str, Outcome]:
        """By `request_id`, all that was not taken yet."""
        self._some.clear()
        found: dict[str, Outcome] = {}
        while self._news:
            outcome = self._news.popleft()
            found[outcome.request_id] = outcome
        return found


told = Told()
