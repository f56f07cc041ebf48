"""Looks now and then whether the model on the disk is still the one with which the detector started."""

from __future__ import annotations

import structlog

from detection.inference.checking import check_folder
from detection.inference.errors import ModelError
from detection.model_choice import Stamps, detection_model, model_mark, stamps_of

log = structlog.get_logger(__name__)

LOOK_SECONDS = 10.0
# For the report; what follows the colon is the mark or the error.
CHANGED = "another model lies on the disk, which the detector takes when it is restarted"
UNUSABLE = "the model on the disk cannot be used, the detector goes on with the one it has"
NONE = "the model cannot be used"


class ModelWatch:
    """One thread calls `step`, any reads.

    mark: of the model that a detector would take now (`model_mark`); empty while it could take none. notice: what a person
    should know, for the report; empty when all is well.
    """

    def __init__(self) -> None:
        self.mark = self.notice = ""
        self._started = ""  # the first mark that was usable
        self._stamps: Stamps | None = None
        self.step()

    def step(self) -> bool:
        """One look; files are read again only when one of them changed. True when there is another notice."""
        folder = detection_model()
        stamps = stamps_of(folder)
        if stamps == self._stamps:
            return False
        self._stamps, mark, problem = stamps, model_mark(), ""
        try:
            check_folder(folder)
        except ModelError as error:
            problem = str(error)
            if error.retryable:
                self._stamps = None  # perhaps still being copied
        self.mark = "" if problem else mark
        self._started = self._started or self.mark
        before, self.notice = self.notice, self._notice(problem)
        if self.notice != before and self._started:  # before that, who waits for the model logs why
            if self.notice:
                log.warning("detection model on the disk", notice=self.notice)
            elif not before.startswith(NONE):
                log.info("detection model on the disk is the one that runs")
        return self.notice != before

    def _notice(self, problem: str) -> str:
        if problem:
            return f"{UNUSABLE if self._started else NONE}: {problem}"
        return f"{CHANGED}: {self.mark}" if self.mark != self._started else ""
