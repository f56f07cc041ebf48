"""A second stage: a small picture of one object in, one of three answers out. Its manifest is docs/models.md's, see there."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detection.core.scene import Answer, View
from detection.inference.errors import ModelError
from detection.inference.loading import open_model
from detection.inference.manifest import ModelManifest, describe, load_manifest
from detection.inference.outputs import find_output
from detection.inference.preprocess import Preprocessor
from detection.inference.session import Session

FAMILY = "classifier"
NUMBERS = ("tensor(float)", "tensor(double)", "tensor(float16)")


class ClassifierOutputs(BaseModel):
    """scores: name of the output, one number a class. activation: what makes shares of them. means: what each class says.

    min_sharpness: variance of the Laplacian of the grey picture at the network's size; a more blurred one says nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scores: str = Field(min_length=1)
    activation: Literal["softmax", "none"] = "softmax"
    means: dict[str, Answer]
    min_sharpness: float = Field(default=0.0, ge=0, allow_inf_nan=False)


def is_blurred(picture: NDArray[np.uint8], least: float) -> bool:
    """Whether the variance of the Laplacian of a BGR picture's grey is below `least`; 0: never."""
    if least <= 0:
        return False
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var()) < least


class Classifier:
    """One classifier, loaded. Not thread-safe, since its buffers are reused."""

    def __init__(self, manifest: ModelManifest, session: Session) -> None:
        """Use `load`. Raises ModelError when manifest and file do not fit each other."""
        try:
            self._outputs = ClassifierOutputs.model_validate(manifest.outputs)
        except ValidationError as error:
            raise ModelError(f"The outputs of {manifest.name} are broken: {describe(error)}.") from None
        if manifest.answers is not None or manifest.input.batch != 1:
            raise ModelError(f"{manifest.name} is a classifier: its manifest has no answers, and its input.batch is 1.")
        if set(self._outputs.means) != set(manifest.classes):
            raise ModelError(f"outputs.means of {manifest.name} must say what each of its classes means, and no other.")
        if [tensor.name for tensor in session.inputs] != [manifest.input.name]:
            raise ModelError(f"The input of {manifest.name} is not {manifest.input.name!r}. Correct its input.name.")
        kind = find_output(session.outputs, self._outputs.scores, model=manifest.name).type
        if kind not in NUMBERS:
            raise ModelError(
                f"Output {self._outputs.scores!r} of {manifest.name} is {kind}, not one number a class. Correct "
                "outputs.scores, or export the model without labels and maps (ZipMap)."
            )
        self._answers = [self._outputs.means[name] for name in manifest.classes]
        self._least = manifest.thresholds.score
        self._name, self._input = manifest.name, manifest.input.name
        self._session = session
        self._preprocessor = Preprocessor(manifest.input, trim=False)

    @classmethod
    def load(cls, folder: Path, *, provider: str = "auto", threads: int = 1) -> Classifier:
        """Loads the model in `folder`. provider, threads: as for `open_model`. Raises ModelError."""
        manifest = load_manifest(folder)
        if manifest.family != FAMILY:
            raise ModelError(f"Model {manifest.name} is of the family {manifest.family!r}, not {FAMILY!r}.")
        return cls(manifest, open_model(folder, manifest, provider=provider, threads=threads))

    def look(self, picture: NDArray[np.uint8]) -> View:
        """The answer for a BGR picture ``(h, w, 3)`` of any size; unknown below the manifest's `thresholds.score`.

        Raises ModelError when the run fails or gives other than one finite number a class.
        """
        size = self._preprocessor.fit(picture.shape[1], picture.shape[0])
        scaled = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        if is_blurred(scaled, self._outputs.min_sharpness):
            return View("unknown", 0.0)
        (raw,) = self._session.run([self._outputs.scores], {self._input: self._preprocessor.prepare(scaled)})
        scores = np.asarray(raw, np.float64).ravel()
        if scores.shape != (len(self._answers),) or not np.isfinite(scores).all():
            raise ModelError(f"{self._name} gave {scores.size} scores for {len(self._answers)} classes, or no numbers.")
        if self._outputs.activation == "softmax":
            powers = np.exp(scores - scores.max())
            scores = powers / powers.sum()
        best = int(scores.argmax())
        score = float(scores[best])
        return View(self._answers[best] if score >= self._least else "unknown", score)
