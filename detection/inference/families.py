"""Model families: what an adapter must offer, and which ones exist. docs/models.md has the recipe for another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detection.core.detections import Detections, ScoreLimit
from detection.inference.decoded import Decoded
from detection.inference.detr import Detr
from detection.inference.errors import ModelError
from detection.inference.manifest import ModelManifest
from detection.inference.nanodet import NanoDet
from detection.inference.preprocess import Letterbox
from detection.inference.session import Tensor
from detection.inference.yolov8 import YoloV8
from detection.inference.yolox import Yolox


class Adapter(Protocol):
    """Knows what the outputs of one family of networks mean. One instance belongs to one model and one thread."""

    output_names: tuple[str, ...]

    def __init__(self, manifest: ModelManifest) -> None:
        """Raises ModelError when the manifest's `outputs` are not what the family needs."""

    def check(self, outputs: Sequence[Tensor]) -> None:
        """Raises ModelError when the file's outputs are not the ones that the manifest promises."""

    def decode(self, outputs: Sequence[NDArray[np.float32]], box: Letterbox, min_score: ScoreLimit) -> Detections:
        """What `output_names` gave for one picture, to detections (0..1 of the picture, overlaps removed)."""


FAMILIES: dict[str, type[Adapter]] = {
    "nanodet": NanoDet,
    "yolox": Yolox,
    "yolov8": YoloV8,
    "detr": Detr,
    "decoded": Decoded,
}


def make_adapter(manifest: ModelManifest) -> Adapter:
    """The adapter of the manifest's family. Raises ModelError for an unknown one and for broken `outputs`."""
    family = FAMILIES.get(manifest.family)
    if family is None:
        raise ModelError(
            f"Model {manifest.name} is of the family {manifest.family!r}; known are {', '.join(FAMILIES)}. "
            "Correct the manifest, or add an adapter (docs/models.md)."
        )
    return family(manifest)
