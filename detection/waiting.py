"""Waiting at the start for what is missing and may come: a model's file, the edge store's disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import structlog

from detection.inference.errors import ModelError
from detection.model_choice import Stamps, detection_model, stamps_of
from edgesite.core.backoff import Backoff
from edgesite.edge_store.database import EdgeStoreError

log = structlog.get_logger(__name__)

LOOK_S = 1.0  # between two looks whether somebody mended a model

Made = TypeVar("Made")


def wait_for(
    make: Callable[[], Made], stop: threading.Event, note: Callable[[str], None] = lambda reason: None
) -> Made | None:
    """What `make` makes, as soon as it can; None when stopped meanwhile. note: told each new reason to wait.

    A model is always waited for: a worker that ended for it would only be started again, and again. Raises EdgeStoreError
    that no waiting helps.
    """
    backoff = Backoff(base=0.5, cap=10.0)
    told = ""
    while not stop.is_set():
        seen = stamps_of(detection_model())
        try:
            return make()
        except (ModelError, EdgeStoreError) as error:
            if isinstance(error, EdgeStoreError) and not error.retryable:
                raise
            if str(error) != told:
                log.warning("waiting", reason=str(error))
                told = str(error)
                note(told)
            stop.wait(backoff.next())
            if not error.retryable:
                _until_changed(seen, stop)
    return None


def _until_changed(seen: Stamps, stop: threading.Event) -> None:
    """A model that is wrong stays so until somebody changes one of its files."""
    while not stop.is_set() and stamps_of(detection_model()) == seen:
        stop.wait(LOOK_S)
