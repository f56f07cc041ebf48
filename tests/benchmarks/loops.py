"""What the pipeline is compared with: a bare optimum, and the loop that people write. Both find persons only above 0.25."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from detection.inference.manifest import DEFAULT_MODEL
from detection.inference.session import open_session

MODEL = DEFAULT_MODEL / "nanodet_int8.onnx"
WIDTH, HEIGHT, BLOB_HEIGHT = 416, 234, 256  # of a 16:9 picture
MEAN = np.array((103.53, 116.28, 123.675), np.float32)
STD = np.array((57.375, 57.12, 58.395), np.float32)
SCORE, IOU, BINS = 0.25, 0.6, np.arange(11, dtype=np.float32)
Run = Any  # a session's bare `run`
Found = tuple[NDArray[np.float32], NDArray[np.float32]]


def bare_run(threads: int) -> Run:
    """`run` of a session as the product makes it."""
    return open_session(MODEL, threads=threads)._native.run


def default_run() -> Run:
    """`run` of a session as people make it, with onnxruntime's own settings: a thread for each core, which spins."""
    kind = type(open_session(MODEL)._native)
    return kind(str(MODEL), providers=["CPUExecutionProvider"]).run


def centres() -> tuple[NDArray[np.float32], ...]:
    """x, y and stride of every cell."""
    parts = []
    for stride in (8, 16, 32):
        rows, columns = np.indices((-(-BLOB_HEIGHT // stride), -(-WIDTH // stride)))
        parts.append(((columns.ravel() + 0.5) * stride, (rows.ravel() + 0.5) * stride, np.full(rows.size, stride)))
    return tuple(np.concatenate(axis).astype(np.float32) for axis in zip(*parts, strict=True))


def optimum(clip: Path, run: Run) -> Iterator[Found]:
    """One picture after the other with as little work as can be: boxes in pixels of the blob, and scores of persons."""
    scaler, x_y_stride = VideoReformatter(), centres()
    blob = np.empty((1, 3, BLOB_HEIGHT, WIDTH), np.float32)
    blob[:] = (-MEAN / STD)[None, :, None, None]
    planes = [np.empty((HEIGHT, WIDTH), np.uint8) for _ in range(3)]
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "SLICE", 1
        for picture in container.decode(stream):
            small = scaler.reformat(
                picture, width=WIDTH, height=HEIGHT, format="bgr24", interpolation=Interpolation.AREA, threads=1
            )
            fill(blob, planes, np.frombuffer(memoryview(small.planes[0]), np.uint8).reshape(HEIGHT, WIDTH, 3))
            yield persons(run(None, {"image": blob}), x_y_stride)


def fill(blob: NDArray[np.float32], planes: list[NDArray[np.uint8]], picture: NDArray[np.uint8]) -> None:
    """Normalises into memory that is used again."""
    cv2.split(picture, planes)
    for channel, plane in enumerate(planes):
        target = blob[0, channel, :HEIGHT]
        np.multiply(plane, 1 / STD[channel], out=target)
        target -= MEAN[channel] / STD[channel]


def persons(outputs: list[NDArray[np.float32]], grid: tuple[NDArray[np.float32], ...]) -> Found:
    """Filter first: only cells where a person may be get a box."""
    cells = np.flatnonzero(outputs[0][0, 0] >= np.log(SCORE / (1 - SCORE)))
    if not len(cells):
        return np.empty((0, 4), np.float32), np.empty(0, np.float32)
    weights = np.exp(outputs[1][0][:, cells].reshape(4, len(BINS), -1))
    x, y, stride = (axis[cells] for axis in grid)
    left, top, right, bottom = np.einsum("b,ebn->en", BINS, weights) / weights.sum(axis=1) * stride
    boxes = np.stack((x - left, y - top, x + right, y + bottom), axis=1)
    return best(boxes, 1 / (1 + np.exp(-outputs[0][0, 0, cells])))


def best(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> Found:
    """OpenCV's suppression, which takes left, top, width and height."""
    sizes = boxes.copy()
    sizes[:, 2:] -= boxes[:, :2]
    keep = np.asarray(cv2.dnn.NMSBoxes(sizes.tolist(), scores.tolist(), SCORE, IOU), np.intp)
    return boxes[keep], scores[keep]


def plain(clip: Path, run: Run) -> Iterator[Found]:
    """The loop of many a tutorial: OpenCV, letterbox, floats, `run`, every box decoded, then suppression."""
    x, y, stride = centres()
    capture = cv2.VideoCapture(str(clip))
    while True:
        good, picture = capture.read()
        if not good:
            return
        small = cv2.resize(picture, (WIDTH, HEIGHT))
        boxed = cv2.copyMakeBorder(small, 0, BLOB_HEIGHT - HEIGHT, 0, 0, cv2.BORDER_CONSTANT, value=(0, 0, 0))
        blob = ((boxed.astype(np.float32) - MEAN) / STD).transpose(2, 0, 1)[None]
        scores, distances = run(None, {"image": np.ascontiguousarray(blob)})
        scores = 1 / (1 + np.exp(-scores[0]))
        weights = np.exp(distances[0].reshape(4, len(BINS), -1))
        weights /= weights.sum(axis=1, keepdims=True)
        left, top, right, bottom = (weights * BINS[None, :, None]).sum(axis=1) * stride
        boxes = np.stack((x - left, y - top, x + right, y + bottom), axis=1)
        mine = (scores.argmax(axis=0) == 0) & (scores[0] >= SCORE)
        yield best(boxes[mine], scores[0][mine])
