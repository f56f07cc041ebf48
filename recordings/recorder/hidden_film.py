"""Makes a film of segments with parts of it hidden, in a process of its own: `python -m recordings.recorder.hidden_film ORDER`.

Every picture is decoded, painted over and encoded anew, and only what `Painter` gives reaches the encoder: what fails ends
without a film, never with one that shows more. Sound is left out; a voice tells as much of a person as a face.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from pydantic import BaseModel, ConfigDict

from recordings.core.hiding import Hide
from recordings.recorder.hiding import Painter, Plane, fitted

TICKS = 90_000  # a second has
NICENESS = 10  # recording comes first
KEY_FRAME_SECONDS = 2.0  # so that seeking is quick
USUAL_RATE, MOST_RATE = Fraction(25), Fraction(120)  # some cameras tell nonsense
PROGRESS, LEFT_OUT = "progress ", "left out "  # lines that it writes: a share, the number of a piece

Planes = tuple[Plane, Plane, Plane]


class FilmOrder(BaseModel):
    """pieces: absolute paths, with the seconds that each lasts. seconds: of the whole. preset: of libx264."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pieces: list[tuple[str, float]]
    seconds: float
    target: str
    preset: str
    hide: Hide


@dataclass(frozen=True, slots=True)
class _Picture:
    """at: seconds from the film's beginning. rate: pictures a second, about. pixel: width of one by its height."""

    at: float
    planes: Planes
    rate: Fraction
    pixel: Fraction


def make_film(order: FilmOrder, told: Callable[[float], None], left_out: Callable[[int], None]) -> None:
    """told: hears now and then which share is done. left_out: hears which pieces gave no picture; the film goes on without
    their time. Raises OSError, av.FFmpegError, and ValueError when there is no picture at all.
    """
    pictures = _painted(order, told, left_out)
    first = next(pictures, None)
    if first is None:
        raise ValueError("no picture can be read")
    with av.open(order.target, "w", format="mp4", options={"movflags": "+faststart"}) as film:
        stream = film.add_stream("libx264", rate=first.rate, options={"preset": order.preset})
        height, width = first.planes[0].shape
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.sample_aspect_ratio = first.pixel
        stream.codec_context.time_base = Fraction(1, TICKS)
        stream.codec_context.gop_size = max(1, round(first.rate * KEY_FRAME_SECONDS))
        last = -1
        for picture in chain([first], pictures):
            last = max(last + 1, round(picture.at * TICKS))
            film.mux(stream.encode(_frame(fitted(picture.planes, width, height), last)))
        film.mux(stream.encode(None))


def _painted(order: FilmOrder, told: Callable[[float], None], left_out: Callable[[int], None]) -> Iterator[_Picture]:
    painter, begins, passed = Painter(order.hide), 0.0, 0.0  # seconds in the film, and of the pieces
    for number, (path, seconds) in enumerate(order.pieces):
        empty = True
        for picture, offset, rate, pixel in _decoded(path):
            if passed + offset >= order.seconds:
                return
            yield _Picture(begins + offset, painter.paint(picture), rate, pixel)
            empty = False
        if empty:
            left_out(number)
        else:
            begins += seconds
        passed += seconds
        told(min(1.0, passed / order.seconds))


def _decoded(path: str) -> Iterator[tuple[av.VideoFrame, float, Fraction, Fraction]]:
    """Pictures with their seconds from the piece's first one, its rate and its pixels' shape. What is damaged is left out."""
    try:
        container = av.open(path, "r", options={"protocol_whitelist": "file"})
    except (av.FFmpegError, OSError):
        return
    with container:
        if not container.streams.video:
            return
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = min(max(stream.average_rate or USUAL_RATE, Fraction(1)), MOST_RATE)
        begin: float | None = None
        at = 0.0
        for packet in container.demux(stream):
            try:
                pictures = packet.decode()
            except av.InvalidDataError:
                continue
            for picture in pictures:
                if picture.pts is None:
                    at += float(1 / rate)
                else:
                    begin = picture.time if begin is None else begin
                    at = max(0.0, picture.time - begin)
                yield picture, at, rate, stream.codec_context.sample_aspect_ratio or Fraction(1)


def _frame(planes: Planes, ticks: int) -> av.VideoFrame:
    height, width = planes[0].shape
    whole = np.concatenate([plane.reshape(-1) for plane in planes]).reshape(height * 3 // 2, width)
    frame = av.VideoFrame.from_ndarray(whole, format="yuv420p")
    frame.pts, frame.time_base = ticks, Fraction(1, TICKS)
    return frame


def main(argv: list[str]) -> int:
    os.nice(NICENESS)
    order = FilmOrder.model_validate_json(Path(argv[1]).read_bytes())
    try:
        make_film(order, _tell, _tell_left_out)
    except (OSError, av.FFmpegError, ValueError) as error:
        sys.stderr.write(f"{str(error) or type(error).__name__}\n")
        return 1
    return 0


def _tell(share: float) -> None:
    sys.stdout.write(f"{PROGRESS}{share:.4f}\n")
    sys.stdout.flush()


def _tell_left_out(number: int) -> None:
    sys.stdout.write(f"{LEFT_OUT}{number}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv))
