"""Second looks at single objects: crops of a frame, each through the model that a rule asks for."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import structlog
from django.conf import settings
from numpy.typing import NDArray

from detection.core.scene import View, Want
from detection.inference.errors import ModelError
from detection.inference.looker import Looker, load_looker
from detection.ingest.frame import Frame
from detection.model_choice import model_folders

log = structlog.get_logger(__name__)

MOST = 8  # looks in one frame; the others come in later ones
REMEMBERED = 2000  # objects whose last look is known; far more than all cameras show at once
SMALLEST = 8  # pixels
AGAIN_S = 60.0  # a model that is missing or broken is looked for again


@dataclass(slots=True, eq=False)
class SecondStage:
    """Models by name, each in a folder of that name below one of `folders`, `model_folders()` where none are given.

    provider: as for `choose_provider`, the setting ORT_PROVIDER where none is given.

    Any thread may call it; one look at a time.

    A model that is not there or does not run makes every view of it unknown, with one log line, and is tried again later.
    """

    folders: Sequence[Path] = ()
    provider: str = field(default_factory=lambda: str(settings.ORT_PROVIDER))
    load: Callable[..., Looker] = load_looker
    monotonic: Callable[[], float] = time.monotonic
    _models: dict[str, Looker] = field(default_factory=dict)
    _failed: dict[str, float] = field(default_factory=dict)
    _told: dict[str, str] = field(default_factory=dict)
    _looked: dict[tuple[str, str, int, int], int] = field(default_factory=dict)
    _turn: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, frame: Frame, wants: Iterable[Want]) -> dict[Want, View]:
        """A view for each want, as many as one frame may have; the full picture is made once, when there are any.

        Who has waited longest comes first, so that no rule and nobody goes without where looks are short.
        """
        with self._lock:
            asked = list(dict.fromkeys(wants))
            views = {want: View("unknown", 0.0, absent=True) for want in asked if self._model(want.model) is None}
            open_wants = self._in_turn(frame.camera_id, [want for want in asked if want not in views])
            if open_wants:
                picture = frame.scaled_bgr(frame.width, frame.height)
                views |= {want: self._view(picture, want) for want in open_wants}
            return views

    def _in_turn(self, camera_id: str, wants: Sequence[Want]) -> list[Want]:
        """At most `MOST`, those first whose object was looked at longest ago; a rule's second crop of it waits by itself."""
        crops: Counter[tuple[str, int]] = Counter()
        keys = []
        for want in wants:
            keys.append((camera_id, want.model, want.track_id, crops[want.model, want.track_id]))
            crops[want.model, want.track_id] += 1
        order = sorted(range(len(wants)), key=lambda index: self._looked.get(keys[index], -1))[:MOST]
        for index in order:
            self._turn += 1
            self._looked.pop(keys[index], None)
            self._looked[keys[index]] = self._turn  # the latest are last
        for key in list(self._looked)[: max(len(self._looked) - REMEMBERED, 0)]:
            del self._looked[key]
        return [wants[index] for index in order]

    def _view(self, picture: NDArray[np.uint8], want: Want) -> View:
        model = self._model(want.model)
        crop = crop_of(picture, want)
        if model is None or crop is None:
            return View("unknown", 0.0, absent=model is None)
        try:
            return model.look(crop)
        except ModelError as error:
            self._fail(want.model, str(error))
            return View("unknown", 0.0, absent=True)

    def _model(self, name: str) -> Looker | None:
        if name in self._models:
            return self._models[name]
        if name in self._failed and self.monotonic() - self._failed[name] < AGAIN_S:
            return None
        folder = next((each / name for each in self.folders or model_folders() if (each / name).is_dir()), None)
        if folder is None:
            self._fail(name, "there is no such folder")
            return None
        try:
            self._models[name] = self.load(folder, provider=self.provider)
        except ModelError as error:
            self._fail(name, str(error))
            return None
        self._told.pop(name, None)
        return self._models[name]

    def _fail(self, name: str, reason: str) -> None:
        self._models.pop(name, None)
        self._failed[name] = self.monotonic()
        if self._told.get(name) != reason:
            log.warning("no model for second looks", model=name, reason=reason)
        self._told[name] = reason


def crop_of(picture: NDArray[np.uint8], want: Want) -> NDArray[np.uint8] | None:
    """The wanted part of a picture ``(h, w, 3)``; None when less than `SMALLEST` are there."""
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = want.box
    left, right = max(round(x1 * width), 0), min(round(x2 * width), width)
    top, bottom = max(round(y1 * height), 0), min(round(y2 * height), height)
    if right - left < SMALLEST or bottom - top < SMALLEST:
        return None
    return np.ascontiguousarray(picture[top:bottom, left:right])
