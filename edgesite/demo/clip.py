"""`python -m edgesite.demo.clip FOLDER`: makes the sample clip there and prints its path.

A process of its own, so that Ctrl-C ends a download at once.
"""

from __future__ import annotations

import sys
from pathlib import Path

from edgesite.logging import configure_logging
from edgesite.samples import SampleError, street_clip


def main() -> int:
    configure_logging()
    try:
        clip = street_clip(Path(sys.argv[1]))
    except SampleError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{clip}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
