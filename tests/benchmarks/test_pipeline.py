"""`make bench`: how near the pipeline is to bare inference."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.stack import ROOT

LEAST_RATIO = 0.75


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_pipeline_beside_bare_inference(street_clip: Path) -> None:
    """In a process of its own, so that the peak memory is the pipeline's."""
    command = [sys.executable, "-m", "tests.benchmarks.pipeline", str(street_clip)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    rates = result["rates"]
    print("\nstreet clip, one core, one thread")
    print(f"  session.run int8         {rates['run_int8']:8.1f} /s")
    print(f"  session.run fp32         {rates['run_fp32']:8.1f} /s")
    print(f"  whole pipeline, int8     {rates['pipeline_int8']:8.1f} frames/s")
    print(f"  pipeline / session.run   {result['ratio']:8.2f}   (at least {LEAST_RATIO})")
    for name, milliseconds in result["stages_ms"].items():
        print(f"  {name:<24} {milliseconds:8.2f} ms")
    print(f"  peak memory              {result['peak_mb']:8.0f} MB")
    assert result["events"] > 0
    assert result["ratio"] >= LEAST_RATIO
