"""What can be said of a model's folder without opening a network: quick enough for a look now and then."""

from __future__ import annotations

from pathlib import Path

from detection.inference.errors import ModelError
from detection.inference.families import make_adapter
from detection.inference.manifest import ModelManifest, checked_file, load_manifest


def check_folder(folder: Path) -> tuple[ModelManifest, dict[str, ModelError]]:
    """A detector's manifest, and what is wrong with single weights (missing, another file than the manifest names).

    Raises ModelError when a detector could not take any of them.
    """
    manifest = load_manifest(folder)
    try:
        make_adapter(manifest)
    except ModelError as error:
        raise ModelError(f"{folder}: {error}") from None
    wrong: dict[str, ModelError] = {}
    for weights in manifest.files:
        try:
            checked_file(folder, manifest, weights)
        except ModelError as error:
            wrong[weights] = error
    if len(wrong) == len(manifest.files):
        raise next(iter(wrong.values()))
    return manifest, wrong
