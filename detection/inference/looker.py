"""Models for second looks: a classifier of its own kind, or any detector whose manifest says what its classes mean."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.core.detections import limits_by_class
from detection.core.scene import View
from detection.inference.classifier import FAMILY, Classifier, is_blurred
from detection.inference.detector import Detector
from detection.inference.errors import ModelError
from detection.inference.manifest import Answers, load_manifest


class Looker(Protocol):
    """What a loaded model offers."""

    def look(self, picture: NDArray[np.uint8]) -> View:
        """The answer for a BGR picture ``(h, w, 3)`` of any size. Raises ModelError when the run fails."""


class FindingLooker:
    """A detector as a second look: the surest of what it finds in the picture is the answer. Not thread-safe."""

    def __init__(self, detector: Detector, answers: Answers) -> None:
        self._detector, self._answers = detector, answers
        self._limits = limits_by_class(detector.classes, frozenset(answers.means), detector.score)

    def look(self, picture: NDArray[np.uint8]) -> View:
        """See Looker; `answers.nothing`, with the score 0, when nothing reaches the manifest's `thresholds.score`."""
        size = self._detector.fit(picture.shape[1], picture.shape[0])
        scaled = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        if is_blurred(scaled, self._answers.min_sharpness):
            return View("unknown", 0.0)
        found = self._detector.detect(scaled, min_score=self._limits)
        if not len(found):
            return View(self._answers.nothing, 0.0)
        best = int(found.scores.argmax())
        name = self._detector.classes[found.class_ids[best]]
        return View(self._answers.means[name], float(found.scores[best]))


def load_looker(folder: Path, *, provider: str = "auto", threads: int = 1) -> Looker:
    """The model in `folder`, by its manifest. provider, threads: as for `open_model`. Raises ModelError."""
    manifest = load_manifest(folder)
    if manifest.family == FAMILY:
        return Classifier.load(folder, provider=provider, threads=threads)
    if manifest.answers is None:
        raise ModelError(
            f"Model {manifest.name} is a detector, but its manifest does not say what finding something means. "
            "Add answers (docs/models.md)."
        )
    return FindingLooker(Detector.load(folder, provider=provider, threads=threads), manifest.answers)
