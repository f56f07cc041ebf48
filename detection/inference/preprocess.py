"""From a scaled picture to the network's input: letterbox, normalise, planes instead of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.inference.manifest import InputSpec

MAX_BUFFERS = 8  # one for each size of picture; cameras of more sizes than this only cost the filling of a new one

Blob = NDArray[Any]  # float32 or uint8, as the manifest says


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where the picture lies in the network's input, in pixels: at `left`, `top`, `width` × `height`; filling around it."""

    width: int
    height: int
    blob_width: int
    blob_height: int
    left: int = 0
    top: int = 0


class Preprocessor:
    """Fills reused buffers, so an instance belongs to one thread, and a blob is good until the next `prepare`.

    trim: leave out filling that the network need not see, where the manifest allows it: on the CPU time grows with the
    area, and a 16:9 picture covers little more than half of a square.
    """

    def __init__(self, spec: InputSpec, *, trim: bool) -> None:
        self._spec = spec
        self._step = spec.trim_to if trim else None
        # (pixel - mean) / std as one multiplication and one addition in float32; in float64 it takes 15 times as long.
        std, mean = np.asarray(spec.std, np.float64), np.asarray(spec.mean, np.float64)
        self._factor = ((1.0 if spec.pixels == "0..255" else 1 / 255) / std).astype(np.float32)
        self._offset = (-mean / std).astype(np.float32)
        self._dtype = np.dtype(spec.type)
        self._buffers: dict[tuple[int, int], _Buffer] = {}

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """Width and height to which a picture of that size is to be scaled, in pixels; its shape kept unless stretched."""
        if width < 1 or height < 1:
            raise ValueError(f"a picture cannot be {width} × {height} pixels large")
        if self._spec.letterbox == "stretch":
            return self._spec.width, self._spec.height
        scale = min(self._spec.width / width, self._spec.height / height)
        return max(1, round(width * scale)), max(1, round(height * scale))

    def letterbox(self, width: int, height: int) -> Letterbox:
        """Where a picture of that scaled size lies. Raises ValueError when it is no size that `fit` gives."""
        spec = self._spec
        fits = (width == spec.width, height == spec.height)
        if not (
            0 < width <= spec.width
            and 0 < height <= spec.height
            and (all(fits) if spec.letterbox == "stretch" else any(fits))
        ):
            raise ValueError(f"a picture of {width} × {height} was not scaled to fit {spec.width} × {spec.height}")
        blob_width, blob_height = spec.width, spec.height
        if self._step:
            blob_width, blob_height = -(-width // self._step) * self._step, -(-height // self._step) * self._step
        if spec.letterbox == "centre":
            left, top = (blob_width - width) // 2, (blob_height - height) // 2
            return Letterbox(width, height, blob_width, blob_height, left, top)
        return Letterbox(width, height, blob_width, blob_height)

    def prepare(self, scaled: NDArray[np.uint8]) -> Blob:
        """BGR uint8 ``(h, w, 3)``, of a size that `fit` gives, to the network's input, of the manifest's layout and type.

        The rows of `scaled` may be further apart than they are long. Raises ValueError for another shape or type.
        """
        if scaled.dtype != np.uint8 or scaled.ndim != 3 or scaled.shape[2] != 3:  # three colours
            raise ValueError(f"expected uint8 (h, w, 3), got {scaled.dtype} {scaled.shape}")
        height, width = scaled.shape[:2]
        buffer = self._buffers.get((width, height)) or self._add_buffer(width, height)
        # Split bytes, convert, then multiply and add in place: the fastest of the eleven ways that were measured.
        cv2.split(scaled, buffer.planes)
        for plane, target, place in zip(buffer.planes, buffer.targets, buffer.places, strict=True):
            np.copyto(target, plane)
            if target.dtype == np.float32:
                np.multiply(target, self._factor[place], out=target)
                np.add(target, self._offset[place], out=target)
        return buffer.blob

    def _add_buffer(self, width: int, height: int) -> _Buffer:
        box = self.letterbox(width, height)
        if len(self._buffers) >= MAX_BUFFERS:
            self._buffers.clear()
        planar = np.empty((3, box.blob_height, box.blob_width), self._dtype)
        if self._spec.layout == "nhwc":  # the same three planes, seen in another order
            planar = np.empty((box.blob_height, box.blob_width, 3), self._dtype).transpose(2, 0, 1)
        filling = self._spec.fill * self._factor + self._offset if self._dtype == np.float32 else self._spec.fill
        planar[:] = np.broadcast_to(np.asarray(filling, self._dtype), 3)[:, None, None]
        places = (0, 1, 2) if self._spec.color == "bgr" else (2, 1, 0)
        area = (slice(box.top, box.top + height), slice(box.left, box.left + width))
        buffer = _Buffer(
            blob=(planar.transpose(1, 2, 0) if self._spec.layout == "nhwc" else planar)[None],
            targets=tuple(planar[place, *area] for place in places),
            planes=tuple(np.empty((height, width), np.uint8) for _ in places),
            places=places,
        )
        self._buffers[width, height] = buffer
        return buffer


@dataclass(frozen=True, slots=True, eq=False)
class _Buffer:
    """Working memory of one size of picture; `targets` are the picture's area of `blob`, in the order B, G, R."""

    blob: Blob
    targets: tuple[Blob, ...]
    planes: tuple[NDArray[np.uint8], ...]
    places: tuple[int, ...]
