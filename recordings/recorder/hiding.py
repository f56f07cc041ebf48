"""Takes the detail out of parts of pictures, so that nobody brings it back.

Each hidden part becomes large squares of one shade, the mean of what was there. A Gaussian blur would be no protection: it
is a convolution, and undoing one whose kernel is known or guessed is an exercise (Wiener deconvolution); text and faces come
back readable. Of a square only its mean is left. They are large, a tenth of the picture's shorter side, because small ones are
undone by trying what would give the same means (Hill et al., "On the (In)effectiveness of Mosaicing and Blurring as Tools for
Document Redaction", PoPETs 2016), and because what moves through them is sampled anew by each picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from cameras.core.geometry import Points
from recordings.core.hiding import Hide

Plane = NDArray[np.uint8]

SQUARES = 10  # on the picture's shorter side
BLACK = (16, 128, 128)  # Y, U, V
_EDGE = np.ones((3, 3), np.uint8)


def mask_of(hide: Hide, *, width: int, height: int) -> NDArray[np.bool_]:
    """What is hidden of a picture of that size: ``(height, width)``. A pixel on an edge is hidden.

    Raises ValueError when nothing would be, though a shape hides what lies in it.
    """
    hidden = np.zeros((height, width), np.uint8)
    if hide.outside is not None:
        shown = _filled(hide.outside, width, height)
        # What touches an edge is not wholly shown; beyond the picture's own edge there is nothing to hide.
        whole = cv2.erode(shown, _EDGE, borderType=cv2.BORDER_CONSTANT, borderValue=1)
        hidden = np.asarray(1 - whole, np.uint8)
    if hide.inside:
        hidden |= np.asarray(cv2.dilate(_filled(hide.inside, width, height), _EDGE), np.uint8)
        if not hidden.any():
            raise ValueError("the masks hide nothing of the picture")
    return hidden.astype(np.bool_)


def _filled(shapes: Iterable[Points], width: int, height: int) -> Plane:
    """1 where any of the shapes is. One after the other: drawn together, two that overlap would leave a hole."""
    plane = np.zeros((height, width), np.uint8)
    for shape in shapes:
        corners = np.rint(np.asarray(shape, np.float64) * (width, height)).astype(np.int32)
        cv2.fillPoly(plane, [corners], 1)
    return plane


@dataclass(slots=True)
class Painter:
    """Hides the same of every picture of a film, which may change their size."""

    hide: Hide
    _masks: dict[tuple[int, int], tuple[NDArray[np.bool_], NDArray[np.bool_]]] = field(default_factory=dict)

    def paint(self, picture: av.VideoFrame) -> tuple[Plane, Plane, Plane]:
        """Its planes in 4:2:0 with even sides, what is to be hidden hidden. The picture itself stays as it is: the decoder
        still needs it. Raises ValueError."""
        width, height = (max(2, side // 2 * 2) for side in (picture.width, picture.height))
        even = picture.reformat(width=width, height=height, format="yuv420p")
        flat = np.asarray(even.to_ndarray(), np.uint8).reshape(-1)
        luma, chroma = self._mask(width, height)
        planes = _planes(flat, width, height)
        for plane, mask in zip(planes, (luma, chroma, chroma), strict=True):
            _flatten(plane, mask, squares=_squares(width, height))
        return planes

    def _mask(self, width: int, height: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of the light, and of the colours: a sample of these, which four pixels share, goes with any of the four."""
        known = self._masks.get((width, height))
        if known is None:
            luma = mask_of(self.hide, width=width, height=height)
            fours = luma.reshape(height // 2, 2, width // 2, 2)
            known = luma, np.asarray(fours.any(axis=(1, 3)), np.bool_)
            self._masks = {(width, height): known}  # a size rarely comes again
        return known


def _planes(flat: Plane, width: int, height: int) -> tuple[Plane, Plane, Plane]:
    count, shape = width * height, (height // 2, width // 2)
    light, first, second = np.split(flat, [count, count + count // 4])
    return light.reshape(height, width), first.reshape(shape), second.reshape(shape)


def _squares(width: int, height: int) -> tuple[int, int]:
    """How many there are beside and above one another."""
    side = max(2, -(-min(width, height) // SQUARES))
    return -(-width // side), -(-height // side)


def _flatten(plane: Plane, mask: NDArray[np.bool_], *, squares: tuple[int, int]) -> None:
    """In place."""
    height, width = plane.shape
    means = cv2.resize(plane, squares, interpolation=cv2.INTER_AREA)
    np.copyto(plane, cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST), where=mask)


def fitted(planes: tuple[Plane, Plane, Plane], width: int, height: int) -> tuple[Plane, Plane, Plane]:
    """The picture as large as it fits into these even sides, black around it."""
    own_height, own_width = planes[0].shape
    if (own_width, own_height) == (width, height):
        return planes
    share = min(width / own_width, height / own_height)
    wide, high = (max(2, round(side * share) // 2 * 2) for side in (own_width, own_height))
    left, top = (width - wide) // 4 * 2, (height - high) // 4 * 2
    made = []
    for plane, shade, part in zip(planes, BLACK, (1, 2, 2), strict=True):
        sheet = np.full((height // part, width // part), shade, np.uint8)
        scaled = cv2.resize(plane, (wide // part, high // part), interpolation=cv2.INTER_AREA)
        sheet[top // part : (top + high) // part, left // part : (left + wide) // part] = scaled
        made.append(sheet)
    return made[0], made[1], made[2]
