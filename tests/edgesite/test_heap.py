"""Memory that a process has freed goes back to the system."""

from __future__ import annotations

import subprocess
import sys

from tests.servers.stack import ROOT

# A large picture comes and goes; then many, and between them something small that stays (a kept packet).
SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from edgesite import heap

if sys.argv[1] == "flat":
    assert heap.keep_flat()

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

np.ones(8_000_000, np.uint8)
before = resident()
pictures, small = [], []
for _ in range(100):
    pictures.append(np.ones(1_000_000, np.uint8))
    small.append(np.ones(2_000, np.uint8))
pictures.clear()
print(resident() - before)
"""


def kept(how: str) -> float:
    """MB of a hundred freed pictures that the process still holds."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, how], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def test_freed_pictures_go_back_to_the_system() -> None:
    assert kept("flat") < 5
    assert kept("as it is") > 50  # else nothing has to be set any more
