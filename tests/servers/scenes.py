"""Composed pictures of a fixed camera: a still background, its sensor's noise, somebody who walks through at given times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

NOISES = 12  # pictures of noise, used in turn and shifted, because drawing new noise costs more than encoding
RAIN_DROPS, RAIN_LENGTH, RAIN_LIGHT = 400, 0.03, 30


@dataclass(frozen=True, slots=True)
class Walk:
    """Somebody is in the picture from `start` for `seconds`, `height` of the picture tall, `contrast` grey levels darker."""

    start: float
    seconds: float
    height: float = 0.25
    contrast: int = 40


@dataclass(frozen=True, slots=True)
class Scene:
    """What the camera sees and how it encodes.

    noise: standard deviation in grey levels. rain: streaks anew in every picture. lights: moments (seconds) at which the
    light changes by a fifth within half a second, up and down in turn. bitrate: bits a second, or None for constant
    quality.
    """

    size: tuple[int, int] = (960, 540)
    fps: int = 25
    gop: int = 50
    noise: float = 3.0
    walks: Sequence[Walk] = ()
    rain: bool = False
    lights: Sequence[float] = ()
    bitrate: int | None = None
    codec: str = "libx264"
    b_frames: int = 0
    seed: int = 1


def make_scene(path: Path, scene: Scene, seconds: float) -> Path:
    """Encodes the scene; the kind of file follows from the path."""
    drawn = _Drawing(scene)
    with av.open(str(path), "w") as file:
        stream = cast("VideoStream", file.add_stream(scene.codec, rate=scene.fps))
        stream.width, stream.height, stream.pix_fmt = *scene.size, "yuv420p"
        stream.options = dict[str, object](_options(scene))
        stream.codec_context.gop_size = scene.gop
        if scene.bitrate:
            stream.codec_context.bit_rate = scene.bitrate
        for number in range(round(seconds * scene.fps)):
            frame = av.VideoFrame.from_ndarray(drawn.picture(number), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, scene.fps)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def _options(scene: Scene) -> dict[str, str]:
    x265 = f"log-level=error:bframes={scene.b_frames}:keyint={scene.gop}:min-keyint={scene.gop}:scenecut=0"
    options = {"preset": "ultrafast" if scene.codec == "libx265" else "superfast"}
    options |= {"x265-params": x265} if scene.codec == "libx265" else {"bf": str(scene.b_frames), "sc_threshold": "0"}
    if scene.bitrate:
        return options | {"maxrate": str(scene.bitrate), "bufsize": str(scene.bitrate)}
    return options | {"crf": "23"}


class _Drawing:
    def __init__(self, scene: Scene) -> None:
        self.scene, self.rng = scene, np.random.default_rng(scene.seed)
        width, height = scene.size
        coarse = self.rng.uniform(60, 190, (9, 16)).astype(np.float32)
        fine = self.rng.uniform(-25, 25, (height // 8 + 1, width // 8 + 1)).astype(np.float32)
        ground = cv2.resize(coarse, scene.size, interpolation=cv2.INTER_CUBIC) + cv2.resize(fine, scene.size)
        self.ground = np.clip(ground, 16, 235).astype(np.int16)
        self.noises = [
            np.rint(self.rng.normal(0, scene.noise, (height, width))).astype(np.int16) for _ in range(NOISES)
        ]

    def picture(self, number: int) -> NDArray[np.uint8]:
        """Planes of yuv420p, stacked as PyAV takes them."""
        at, (width, height) = number / self.scene.fps, self.scene.size
        luma = self.ground.copy()
        for walk in self.scene.walks:
            if walk.start <= at < walk.start + walk.seconds:
                self._person(luma, walk, at - walk.start)
        if lit := self._light(at):
            luma = (luma * (1 + lit)).astype(np.int16)
        shift = self.rng.integers(0, (height, width))
        luma += np.roll(self.noises[number % NOISES], tuple(shift), (0, 1))
        if self.scene.rain:
            self._rain(luma)
        chroma = np.full((height // 2, width), 128, np.uint8)
        return np.vstack([np.clip(luma, 16, 235).astype(np.uint8), chroma])

    def _person(self, luma: NDArray[np.int16], walk: Walk, since: float) -> None:
        """A head and a body that swings as it goes, at two thirds of its height a second."""
        width, height = self.scene.size
        tall = walk.height * height
        x, y = 0.4 * width + 0.66 * tall * since, 0.8 * height + 0.02 * tall * np.sin(12 * since)
        swing = 0.06 * tall * np.sin(6 * since)
        for left, right, top, bottom in (
            (-0.07, 0.07, -1.0, -0.84),
            (-0.14, 0.14, -0.84, -0.45),
            (-0.12 + swing / tall, -0.02 + swing / tall, -0.45, 0.0),
            (0.02 - swing / tall, 0.12 - swing / tall, -0.45, 0.0),
        ):
            rows = slice(max(0, int(y + top * tall)), max(0, int(y + bottom * tall)))
            luma[rows, max(0, int(x + left * tall)) : max(0, int(x + right * tall))] -= walk.contrast

    def _light(self, at: float) -> float:
        level = 0.0
        for index, moment in enumerate(self.scene.lights):
            level += (0.2 if index % 2 == 0 else -0.2) * min(max((at - moment) / 0.5, 0.0), 1.0)
        return level

    def _rain(self, luma: NDArray[np.int16]) -> None:
        height, width = luma.shape
        long = max(2, int(RAIN_LENGTH * height))
        xs = self.rng.integers(0, width, RAIN_DROPS)
        ys = self.rng.integers(0, height - long, RAIN_DROPS)
        for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
            luma[y : y + long, x] += RAIN_LIGHT
