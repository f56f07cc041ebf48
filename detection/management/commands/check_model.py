from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from numpy.typing import NDArray

from detection.inference.classifier import FAMILY as CLASSIFIER
from detection.inference.detector import Detector
from detection.inference.errors import ModelError
from detection.inference.loading import ACCELERATOR_WEIGHTS, PROCESSOR_WEIGHTS
from detection.inference.looker import load_looker
from detection.inference.manifest import ModelManifest, load_manifest
from detection.model_choice import detection_model, folder_of

RUNS = 5  # of which the fastest is told


class Command(BaseCommand):
    help = "Looks whether a model is what its manifest says and runs on this machine; tells what to mend."
    requires_migrations_checks = False
    requires_system_checks = ("edgesite",)  # not the one about the same model

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "model", nargs="?", default="", help="its name below VAR_DIR/models, or a folder (default: DETECTION_MODEL)"
        )
        parser.add_argument("--picture", type=Path, metavar="FILE", help="tell what it finds in this picture, too")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = _folder(options["model"])
        picture = _picture(options["picture"])
        try:
            manifest = load_manifest(folder)
            kind = f"{manifest.family}, {len(manifest.classes)} classes, {manifest.licence}"
            self.stdout.write(f"{manifest.name} {manifest.version} ({kind}) in {folder}")
            if manifest.family == CLASSIFIER:
                looker = load_looker(folder, provider=settings.ORT_PROVIDER)
                self.stdout.write("fit for second looks")
                if picture is not None:
                    view = looker.look(picture)
                    self.stdout.write(f"{view.answer} {view.score:.3f}")
                return
            self._detector(folder, manifest, picture)
        except ModelError as error:
            raise CommandError(str(error)) from error

    def _detector(self, folder: Path, manifest: ModelManifest, picture: NDArray[np.uint8] | None) -> None:
        """Every file by itself, since a detector takes the next best without asking. Raises ModelError: none runs."""
        found: dict[str, Detector] = {}
        errors: list[ModelError] = []
        for weights in manifest.files:
            try:
                detector = Detector.load(folder, weights=weights, provider=settings.ORT_PROVIDER)
                took = _took(detector)
            except ModelError as error:
                errors.append(error)
                self.stderr.write(f"{weights}: {error}")
                continue
            found[weights] = detector
            told = detector.describe()
            place = f"{told['provider']} {told['device']}".strip()
            self.stdout.write(f"{weights}: {detector.file} runs on {place}, {took * 1000:.1f} ms a picture")
        if not found:
            raise errors[0]
        first = next(iter(found.values()))
        order = PROCESSOR_WEIGHTS if first.processor else ACCELERATOR_WEIGHTS
        chosen = next(name for name in order if name in found)
        self.stdout.write(f"a detector takes {chosen}; rules may name: {', '.join(manifest.classes)}")
        if manifest.answers is not None:
            self.stdout.write("fit for second looks")
        if picture is not None:
            self._found(found[chosen], picture)

    def _found(self, detector: Detector, picture: NDArray[np.uint8]) -> None:
        height, width = picture.shape[:2]
        found = detector.detect(_scaled(detector, picture))
        boxes = found.boxes * np.array([width, height, width, height])
        for kind, score, box in zip(found.class_ids, found.scores, boxes, strict=True):
            self.stdout.write(f"{detector.classes[kind]} {score:.3f} at {', '.join(f'{value:.0f}' for value in box)}")
        if not len(found):
            self.stdout.write(f"nothing found from a score of {detector.score} on")


def _folder(given: str) -> Path:
    if not given:
        return detection_model()
    return Path(given) if "/" in given or Path(given).is_dir() else folder_of(given)


def _picture(file: Path | None) -> NDArray[np.uint8] | None:
    """BGR ``(h, w, 3)``. Raises CommandError."""
    if file is None:
        return None
    try:
        content = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    if picture is None:
        raise CommandError(f"{file} is no picture that can be read.")
    return np.asarray(picture, np.uint8)


def _scaled(detector: Detector, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = detector.fit(picture.shape[1], picture.shape[0])
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _took(detector: Detector) -> float:
    """Seconds for a grey picture, the fastest of a few. Raises ModelError."""
    picture = _scaled(detector, np.full((720, 1280, 3), 114, np.uint8))
    took = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        detector.detect(picture)
        took.append(time.perf_counter() - begun)
    return min(took)
