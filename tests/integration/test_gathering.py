"""A camera whose packets the kernel gathers falls silent, nearly: it is recorded on by the same ffmpeg."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from edgesite.child_process import Process
from edgesite.process_guard import Guard
from recordings.core.ffmpeg import Tool
from recordings.core.segments import HOLE_SECONDS
from recordings.recorder.gathering import AT_ONCE, MOST_BYTES, connections_of
from recordings.recorder.segmenter import Finished, Segmenter
from tests.servers.rtsp import RtspServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

FPS = 10
LOUD_S, QUIET_S = 16, 24
SIZE = (640, 480)


def loud_then_quiet(path: Path) -> Path:
    """Noise at some megabits a second, then black pictures of a few bytes each; a key frame every two seconds."""
    random = np.random.default_rng(1)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.options = {"preset": "ultrafast", "bf": "0", "sc_threshold": "0", "crf": "18"}
        stream.codec_context.gop_size = 2 * FPS
        for number in range((LOUD_S + QUIET_S) * FPS):
            pixels = np.full((SIZE[1] * 3 // 2, SIZE[0]), 128, dtype=np.uint8)
            if number < LOUD_S * FPS:
                pixels[: SIZE[1]] = random.integers(64, 192, (SIZE[1], SIZE[0]), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


class Box:
    """One camera's segmenter."""

    def __init__(self, folder: Path) -> None:
        self.taken: list[Finished] = []
        self.left: list[str] = []
        self.guard = Guard()
        self.pipes = os.pipe()
        self.segmenter = Segmenter(
            camera_id="vid1", folder=folder, tool=Tool("ffmpeg"), transport="tcp", stop=threading.Event(),
            guard=self.guard, taken=self.taken.append, left=lambda camera_id, run: self.left.append(run),
        )  # fmt: skip

    def run_until(self, condition: Callable[[], bool], *, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            run = self.segmenter.run
            Process.pump([run.process] if run else [], self.pipes[0], 0.2)
            self.segmenter.step()
        return condition()

    def mark(self) -> int:
        """Of the socket of the ffmpeg that runs, asked as the kernel has it."""
        assert self.segmenter.run is not None
        lines = connections_of(self.segmenter.run.process.pid)
        [mark] = [line.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) for line in lines]
        return mark

    def close(self) -> None:
        self.segmenter.want("")
        self.run_until(lambda: self.segmenter.quiet, seconds=10)
        self.segmenter.close()
        self.guard.close()
        for handle in self.pipes:
            os.close(handle)


def test_a_camera_that_falls_nearly_silent_is_recorded_on(tmp_path: Path) -> None:
    clip = loud_then_quiet(tmp_path / "clip.mp4")
    with RtspServer(clip) as server:
        box = Box(tmp_path / "segments")
        try:
            box.segmenter.want(server.url())
            assert box.run_until(lambda: len(box.taken) >= 1, seconds=40)
            assert box.run_until(lambda: box.mark() == MOST_BYTES, seconds=LOUD_S + QUIET_S)
            assert box.run_until(lambda: box.mark() == AT_ONCE, seconds=LOUD_S + QUIET_S)
            box.run_until(lambda: False, seconds=12)
            assert (box.left, box.segmenter.reason, box.segmenter.recording) == ([], "", True)
        finally:
            box.close()
    assert {finished.run for finished in box.taken} == {box.left[0]}
    holes = [after.start - before.end for before, after in pairwise(box.taken)]
    assert max(map(abs, holes)) < HOLE_SECONDS  # what came late moved nothing on the wall clock
