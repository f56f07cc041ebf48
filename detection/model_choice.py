"""Which model detects, and where models of one's own lie."""

from __future__ import annotations

import functools
from pathlib import Path

from django.conf import settings

from detection.inference.errors import ModelError
from detection.inference.manifest import DEFAULT_MODEL, load_manifest


def model_folders() -> list[Path]:
    """Where models of one's own lie (`$VAR_DIR/models`), and the package's."""
    return [Path(settings.VAR_DIR) / "models", DEFAULT_MODEL.parent]


def detection_model() -> Path:
    """The folder that the setting DETECTION_MODEL names, whether it is there or not; without it the default model's."""
    name = settings.DETECTION_MODEL
    if not name:
        return DEFAULT_MODEL
    own, *others = [folder / name for folder in model_folders()]
    return next((each for each in (own, *others) if each.is_dir()), own)


def known_classes() -> tuple[str, ...]:
    """The names that the detection model knows; none when its manifest cannot be read, which is told elsewhere."""
    return _classes_of(detection_model())


@functools.lru_cache(maxsize=8)
def _classes_of(folder: Path) -> tuple[str, ...]:
    try:
        return tuple(load_manifest(folder).classes)
    except ModelError:
        return ()
