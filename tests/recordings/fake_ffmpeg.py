"""Behaves like an ffmpeg that writes segments; what it does stands in the name that it is called by.

`steady`: closes a segment each 0.2 s. `silent`: starts and writes nothing. `stubborn`: writes one file, then neither
writes nor ends. `chatty`: says much. `dying`: ends at once.
"""

import signal
import sys
import time
from pathlib import Path

FRAGMENT = b"\0\0\0\x08moof" * 4


def main() -> int:
    how, pattern = Path(sys.argv[0]).name, sys.argv[-1]
    ended = []
    ignored = how == "stubborn"
    signal.signal(signal.SIGTERM, signal.SIG_IGN if ignored else lambda number, frame: ended.append(number))
    if how == "dying":
        sys.stderr.write("[fatal] no such thing\n")
        return 3
    if how == "chatty":
        for number in range(100):
            sys.stderr.write(f"[x @ 0x1] [warning] line {number}\n")
        sys.stderr.flush()
    number = 0
    while not ended:
        if how not in ("silent", "stubborn") or (how == "stubborn" and number == 0):
            Path(pattern % number).write_bytes(FRAGMENT)
            sys.stdout.write(f"{Path(pattern % number).name},{number * 4.0},{number * 4.0 + 4.0}\n")
            sys.stdout.flush()
            number += 1
        time.sleep(0.2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
