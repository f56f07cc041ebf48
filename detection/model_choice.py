"""Which model detects, and where models of one's own lie."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from django.conf import settings

from detection.inference.errors import ModelError
from detection.inference.manifest import DEFAULT_MODEL, MANIFEST_NAME, load_manifest

Stamps = tuple[tuple[str, int, int], ...]


def model_folders() -> list[Path]:
    """Where models of one's own lie (`$VAR_DIR/models`), and the package's."""
    return [Path(settings.VAR_DIR) / "models", DEFAULT_MODEL.parent]


def folder_of(name: str) -> Path:
    """The folder of the model of that name, whether it is there or not."""
    own, *others = [folder / name for folder in model_folders()]
    return next((each for each in (own, *others) if each.is_dir()), own)


def detection_model() -> Path:
    """The folder that the setting DETECTION_MODEL names, whether it is there or not; without it the default model's."""
    return folder_of(settings.DETECTION_MODEL) if settings.DETECTION_MODEL else DEFAULT_MODEL


def model_mark() -> str:
    """Which model a detector takes that starts now, and where it is to run: such as `forklifts, cpu, 1f0e9c3ab2d47788`.

    For people, and to compare: the manifest names its files by their SHA-256, so the same mark is the same model.
    """
    folder = detection_model()
    try:
        content = hashlib.sha256((folder / MANIFEST_NAME).read_bytes()).hexdigest()[:16]
    except OSError:
        content = "no manifest"
    return f"{folder.name}, {settings.ORT_PROVIDER}, {content}"


def stamps_of(folder: Path) -> Stamps:
    """Name, time of change and size of every file in the folder: cheap to ask, and other when a file is."""
    found = []
    try:
        for each in sorted(folder.iterdir()):
            stat = each.stat()
            found.append((each.name, stat.st_mtime_ns, stat.st_size))
    except OSError:
        pass  # not there, or being replaced: the next look sees what became of it
    return tuple(found)


def known_classes() -> tuple[str, ...]:
    """The names that the detection model knows; none when its manifest cannot be read, which the system check tells."""
    folder = detection_model()
    return _classes_of(folder, stamps_of(folder))


@functools.lru_cache(maxsize=8)
def _classes_of(folder: Path, stamps: Stamps) -> tuple[str, ...]:
    try:
        return tuple(load_manifest(folder).classes)
    except ModelError:
        return ()
