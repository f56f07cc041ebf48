"""Pictures of several cameras through an accelerator at once: threads that run the same network share one run of it.

Nobody waits for a batch to fill: while the accelerator computes one, the next pictures gather, and go together when it is
free. With little to do each picture runs alone, at once; with much to do batches grow by themselves.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.inference.errors import ModelError
from detection.inference.session import Network, Target


@dataclass(slots=True, eq=False)
class _Call:
    """One thread's picture: what is to be run, then what came of it."""

    names: tuple[str, ...]
    feeds: Mapping[str, NDArray[Any]]
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    outputs: list[NDArray[np.float32]] | None = None
    error: ModelError | None = None

    @property
    def done(self) -> bool:
        return self.outputs is not None or self.error is not None


class JoinedRuns:
    """A Network that many threads may run at the same time, each with one picture.

    Pictures wait in the order in which they came, at most one for each thread. A run takes the first, and others of the same
    shape and for the same outputs, up to `most`.
    """

    def __init__(self, network: Network, most: int) -> None:
        """most: pictures a run, at least one; the network must take as many."""
        self.inputs, self.outputs = network.inputs, network.outputs
        self._network, self._most = network, most
        self._changed = threading.Condition()
        self._waiting: list[_Call] = []
        self._running = False

    @property
    def target(self) -> Target:
        """Where the network runs now."""
        return self._network.target

    @property
    def file(self) -> str:
        """The file that the network runs now."""
        return self._network.file

    def run(self, names: Sequence[str], feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        """As `Session.run`, for feeds of one picture, which must stay as they are until it returns. Raises ModelError."""
        shapes = tuple((name, array.shape) for name, array in feeds.items())
        call = _Call(tuple(names), feeds, shapes)
        with self._changed:
            self._waiting.append(call)
        while not call.done:
            self._lead(call)
        if call.error is not None:
            # Another one for each thread: they would add their tracebacks to the same.
            raise ModelError(str(call.error), retryable=call.error.retryable) from call.error
        return call.outputs or []

    def _lead(self, call: _Call) -> None:
        """Runs the pictures that wait, those that came first; or waits while another thread does."""
        with self._changed:
            self._changed.wait_for(lambda: call.done or not self._running)
            if call.done:
                return
            batch = self._take()
            self._running = True
        try:
            self._run(batch)
        finally:
            with self._changed:
                for each in batch:
                    if not each.done:  # an error that is no ModelError: it goes up from here, the others must not wait
                        each.error = ModelError("The run of several pictures was broken off.", retryable=True)
                self._running = False
                self._changed.notify_all()

    def _take(self) -> list[_Call]:
        first = self._waiting[0]
        alike = [c for c in self._waiting if (c.names, c.shapes) == (first.names, first.shapes)][: self._most]
        self._waiting = [c for c in self._waiting if not any(c is taken for taken in alike)]
        return alike

    def _run(self, batch: Sequence[_Call]) -> None:
        """Gives every call of the batch its outputs, or the error that all of them have."""
        first = batch[0]
        try:
            feeds = {name: np.concatenate([call.feeds[name] for call in batch]) for name in first.feeds}
            outputs = self._network.run(first.names, feeds if len(batch) > 1 else first.feeds)
            if any(len(array) != len(batch) for array in outputs):
                raise ModelError(f"{len(batch)} pictures gave {[len(array) for array in outputs]} results.")
        except ModelError as error:
            for call in batch:
                call.error = error
            return
        for place, call in enumerate(batch):
            call.outputs = [array[place : place + 1] for array in outputs]
