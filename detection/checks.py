"""System check: the model that DETECTION_MODEL names should be there, on boxes and on the hub."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from detection.inference.errors import ModelError
from detection.inference.manifest import load_manifest
from detection.model_choice import detection_model


@checks.register("detection")
def model_is_there(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """A warning, since it may still come: the manifest is missing or broken. `manage.py check_model` looks at the files too."""
    if not settings.DETECTION_MODEL:
        return []
    try:
        load_manifest(detection_model())
    except ModelError as error:
        hint = "Nothing is detected meanwhile. manage.py check_model tells when it is right."
        return [checks.Warning(f"DETECTION_MODEL: {error}", hint=hint, id="detection.W001")]
    return []
