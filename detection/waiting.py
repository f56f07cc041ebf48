"""Waiting at the start for what is missing and may come: a model's file, the edge store's disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import structlog

from detection.inference.errors import ModelError
from edgesite.core.backoff import Backoff
from edgesite.edge_store.database import EdgeStoreError

log = structlog.get_logger(__name__)

Made = TypeVar("Made")


def wait_for(
    make: Callable[[], Made], stop: threading.Event, note: Callable[[str], None] = lambda reason: None
) -> Made | None:
    """What `make` makes, as soon as it can; None when stopped meanwhile. note: told each new reason to wait.

    Raises ModelError and EdgeStoreError that no waiting helps.
    """
    backoff = Backoff(base=0.5, cap=10.0)
    told = ""
    while not stop.is_set():
        try:
            return make()
        except (ModelError, EdgeStoreError) as error:
            if not error.retryable:
                raise
            if str(error) != told:
                log.warning("waiting", reason=str(error))
                told = str(error)
                note(told)
            stop.wait(backoff.next())
    return None
