"""Waiting for a model at the start: nobody gives up, nobody tries in vain, every reason is told once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from detection import waiting
from detection.inference.errors import ModelError
from detection.waiting import wait_for
from edgesite.edge_store.database import EdgeStoreError


class Stop(threading.Event):
    """Time that passes at once: `happens` says what comes to pass at each wait."""

    def __init__(self, *happens: Any) -> None:
        super().__init__()
        self.happens = list(happens)
        self.waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        if self.happens:
            self.happens.pop(0)()
        else:
            self.set()
        return self.is_set()


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.VAR_DIR, settings.DETECTION_MODEL = tmp_path, "forklifts"
    made = tmp_path / "models" / "forklifts"
    made.mkdir(parents=True)
    (made / "manifest.json").write_text("{}")
    return made


def nothing() -> None:
    pass


def test_a_model_that_is_wrong_is_tried_again_when_a_file_of_it_changed(folder: Path) -> None:
    tries: list[int] = []
    told: list[str] = []

    def make() -> str:
        tries.append(stop.waits)
        if len(tries) == 1:
            raise ModelError("The model manifest is broken.")
        return "a detector"

    def mend() -> None:
        (folder / "manifest.json").write_text('{"mended": true}')

    stop = Stop(nothing, nothing, nothing, mend)
    with capture_logs() as logs:
        assert wait_for(make, stop, told.append) == "a detector"
    assert tries == [0, 4]  # not in between: nothing had changed
    assert told == ["The model manifest is broken."]
    assert [(line["event"], line["reason"]) for line in logs] == [("waiting", "The model manifest is broken.")]


def test_what_comes_by_waiting_is_tried_again_at_once(folder: Path) -> None:
    left = [ModelError("copied half", retryable=True), ModelError("copied half", retryable=True)]
    told: list[str] = []

    def make() -> str:
        if left:
            raise left.pop()
        return "a detector"

    stop = Stop(nothing, nothing)
    assert wait_for(make, stop, told.append) == "a detector"
    assert (stop.waits, told) == (2, ["copied half"])


def test_the_end_is_not_kept_waiting(folder: Path) -> None:
    def make() -> str:
        raise ModelError("No model manifest.")

    assert wait_for(make, Stop(nothing, nothing)) is None


def test_an_edge_store_that_no_waiting_helps_is_an_error(folder: Path) -> None:
    def make() -> str:
        raise EdgeStoreError("another product's file", retryable=False)

    with pytest.raises(EdgeStoreError, match="another product"):
        wait_for(make, Stop())
    assert waiting.LOOK_S <= 2
