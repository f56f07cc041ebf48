"""The time after a swap in which a document has to show that it is healthy: confirmed at its end, or reverted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import structlog

from cameras.core.algorithms import Registry
from cameras.core.strict_json import DocumentError
from cameras.incoming import read_stored
from cameras.sync_running import Running

log = structlog.get_logger(__name__)

HEALTH_WINDOW_SECONDS = 5.0


class HealthWindow:
    """Open from a swap until the document is confirmed or reverted.

    unhealthy: a reason reverts, an empty text is health. arrived: whether all that is to run the document does so by now;
    the window is counted from then, since before that nothing can be told of it.
    """

    def __init__(
        self,
        *,
        running: Running,
        registry: Registry,
        unhealthy: Callable[[], str],
        arrived: Callable[[], bool],
        monotonic: Callable[[], float],
    ) -> None:
        self.running = running
        self.registry = registry
        self.unhealthy = unhealthy
        self.arrived = arrived
        self.monotonic = monotonic
        self._ends: float | None = None

    @property
    def is_open(self) -> bool:
        return self._ends is not None

    def open(self) -> None:
        """Begins anew, also when it is open."""
        self._ends = self.monotonic() + HEALTH_WINDOW_SECONDS

    def begin_again(self) -> None:
        """The same document's parts were set up anew: if it still had to show that it is healthy, it has to from here on."""
        if self.is_open:
            self.open()

    def close(self) -> None:
        self._ends = None

    def watch(self) -> None:
        """During the window a reason reverts; at its end the document is confirmed. Raises EdgeStoreError."""
        running = self.running
        if self._ends is None or running.current is None:
            return
        reason = self.unhealthy()
        if reason:
            self._back_to_confirmed(reason)
        elif not self.arrived():
            self.open()
        elif self.monotonic() >= self._ends:
            running.record(running.current, running.text, "confirmed")
            self._ends = None
            running.report.confirmed = running.current.header.version
            running.report.attempt = 0  # a refusal or a reversion within the window stays reported
            if running.report.state == "applied":  # it may have been unhealthy with nothing to return to
                running.report.become(state="applied")
            log.info("configuration confirmed", device=running.device_id, version=running.current.header.version)

    def _back_to_confirmed(self, reason: str) -> None:
        running = self.running
        assert running.current is not None  # noqa: S101  only called while a document is in its window
        bad, bad_text = running.current, running.text
        stored, good = running.documents.confirmed(), None
        if stored is not None and stored.text != bad_text:
            with contextlib.suppress(DocumentError):  # confirmed by an older edgesite, perhaps
                good = read_stored(stored, device_id=running.device_id, registry=self.registry)
        reason = f"version {bad.header.version}: {reason}"
        if stored is None or good is None:
            self.open()  # it is confirmed when it has got well
            if running.report.state == "applied" and running.report.reason != reason:
                running.report.become(state="applied", reason=reason)
                log.warning("unhealthy, but there is no confirmed configuration to return to", reason=reason)
            return
        self._ends = None
        running.revert(bad, good, stored.text, reason)
        running.report.confirmed = good.header.version
        running.record(bad, bad_text, "reverted", reason)  # after it: a full disk keeps no sick document running
