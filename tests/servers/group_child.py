"""A group's process that analyses nothing, started as `-m tests.servers.group_child FOLDER NAME`.

It behaves as the word in FOLDER/NAME.does says: `crash` ends with status 3 once it has its seat, `segv` dies of its own
fault, `deaf` ignores SIGTERM, `mute` gives one sign of life only, `slow` takes its seat late; anything else works. Each start
is a line in FOLDER/NAME.starts, each sign of life of a process that lives adds to what it reports as its last frame. The
model that it runs is what FOLDER/model says when it starts.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from detection.core.groups import GroupReport
from detection.executors.seat import TAKEN, Seat


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    does = said(folder / f"{name}.does")
    if does == "slow":
        stop.wait(0.7)
    seat = Seat(folder, name, alone_s=float(os.environ.get("ALONE_S", "60")))
    if not seat.take():
        sys.exit(TAKEN)
    with (folder / f"{name}.starts").open("a") as file:
        file.write(f"{os.getpid()}\n")
    if does == "crash":
        sys.exit(3)
    if does == "segv":
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)
    if does == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    frames = 0
    model = said(folder / "model")
    while not stop.is_set() and not seat.is_alone():
        order = seat.order()
        if order is not None and (frames == 0 or does != "mute"):
            frames += 1
            cameras = dict.fromkeys(order.cameras, "live")
            details = {c: {"last_frame_at": frames} for c in cameras}
            seat.report(
                GroupReport(cameras=cameras, details=details, model=model)
                if model != "broken"
                else GroupReport(waiting="the model is broken", model=model)
            )
        stop.wait(0.05)


def said(file: Path) -> str:
    return file.read_text() if file.exists() else ""


if __name__ == "__main__":
    main()
