"""How long a detector takes from its start to the first analysed frame, and the least that it can take.

`python -m tests.benchmarks.startup product` is `manage.py run_detector` that tells when its first frame has been analysed and
ends. `… bare URL` does nothing but what cannot be left out, one after the other: imports, `django.setup()`, session,
connection to the first key frame, one inference. Both print one JSON object; times are Unix seconds, so that whoever started
the process knows how long that took too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, BLOB_HEIGHT = 416, 234, 256
OPTIONS = {"rtsp_transport": "tcp", "analyzeduration": "500000", "fpsprobesize": "0", "allowed_media_types": "video"}


def resident_mb(pid: int) -> float:
    """As `tests.servers.loaded_box` has it, which imports too much to measure with."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * 4096 / 1e6


def tell(**moments: float) -> None:
    sys.stdout.write(json.dumps(moments) + "\n")
    sys.stdout.flush()


def product() -> None:
    """Ends itself as a service manager would, so that its last words are its own."""
    from django.core.management import execute_from_command_line

    from detection.core.statistics import StatsWindow

    inner = StatsWindow.analysed
    told: list[bool] = []

    def analysed(self: StatsWindow, now: float, **seen: Any) -> None:
        inner(self, now, **seen)
        if not told:
            told.append(True)
            tell(analysed=time.time())
            os.kill(os.getpid(), signal.SIGTERM)

    StatsWindow.analysed = analysed  # type: ignore[method-assign]
    execute_from_command_line(["manage.py", "run_detector"])


def bare(url: str) -> None:
    """One camera, one thread, nothing of the product but how it opens its session (a file that imports hardly more)."""
    import av
    import django
    import numpy as np

    from detection.inference.session import open_session

    imported = time.time()
    django.setup()
    set_up = time.time()
    model = Path(__file__).resolve().parents[2] / "detection" / "weights" / "nanodet-g" / "nanodet_int8.onnx"
    run = open_session(model)._native.run
    made = time.time()
    with av.open(url, options=OPTIONS, timeout=(10, 5)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        picture = next(iter(container.decode(stream)))
        decoded = time.time()
        small = picture.reformat(width=WIDTH, height=HEIGHT, format="bgr24").to_ndarray()
        blob = np.zeros((1, 3, BLOB_HEIGHT, WIDTH), np.float32)
        blob[0, :, :HEIGHT] = small.transpose(2, 0, 1)
        run(None, {"image": blob})
        tell(
            imported=imported, set_up=set_up, session=made, decoded=decoded, analysed=time.time(),
            mb=resident_mb(os.getpid()),
        )  # fmt: skip


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["product"]:
            product()
        case ["bare", url]:
            bare(url)
