"""A camera with two real RTSP streams: the small one is read, the large one gives snapshots and steps in."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from detection.ingest.reader import CameraReader
from detection.ingest.streams import FAILS, Streams
from tests.servers.clips import make_clip
from tests.servers.rtsp import RtspServer

pytestmark = pytest.mark.integration


def test_the_small_stream_is_read_and_the_large_one_is_there_for_snapshots_and_when_it_goes(tmp_path: Path) -> None:
    main = make_clip(tmp_path / "main.mp4", size=(640, 360))
    small = make_clip(tmp_path / "small.mp4", size=(128, 72))
    with RtspServer(main, "main", f"sub={small}", user="op", password="hunter2") as server:
        come = threading.Event()

        def width(sub: str) -> tuple[int, CameraReader]:
            streams = Streams(server.url("main"), server.url(sub), (64, 64))
            reader = CameraReader("c1", streams, on_frame=come.set, on_state=lambda *_: None)
            come.clear()
            reader.start()
            assert come.wait(10), reader.state
            frame = reader.take()
            assert frame is not None
            return frame.width, reader

        seen, reader = width("sub")
        try:
            assert (seen, reader.streams.word, reader.streams.note) == (128, "sub", "")
            sharp = reader.sharp(timeout=4.0)
            assert sharp is not None
            assert (sharp.width, sharp.height) == (640, 360)
            assert reader.state.word == "live"
        finally:
            reader.stop()
        seen, reader = width("nothing-there")
        try:
            assert (seen, reader.streams.word) == (640, "main")
            assert reader.streams.note.startswith(FAILS)
            assert "hunter2" not in reader.streams.note
        finally:
            reader.stop()
