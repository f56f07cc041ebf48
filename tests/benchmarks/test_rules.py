"""`make bench`: what each rule costs in a frame, with 20 bindings and 10 or 50 tracks; and second looks, for each person.

Only ratios within one run are asserted, because machines differ and are shared.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.benchmarks.rules import BINDINGS, RULES
from tests.servers.stack import ROOT

NOISE = 1.3  # what a shared machine may add to a ratio
# Times the bare limit, which only says who is inside: a rule also remembers everybody and decides.
MOST_OVER_LIMIT = {"intrusion": 8.0, "loitering": 8.0, "leave_post": 2.5, "occupancy": 6.0}
MOST_OVER_CROPS = 3.0  # for the picture, the crops, and a classifier that costs nearly nothing


@pytest.fixture(scope="module")
def measured() -> Any:
    """In a process of its own, on one core."""
    command = [sys.executable, "-m", "tests.benchmarks.rules"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_rules(measured: Any) -> None:
    print(f"\nrules, {BINDINGS} bindings, CPU ms a frame{'10 tracks':>12}{'50 tracks':>12}")
    few, many = measured["rules"]["10"], measured["rules"]["50"]
    for name in ("bare", "nobody counts", *RULES):
        print(f"  {'bare limit' if name == 'bare' else name:<32}{few[name]:>12.3f}{many[name]:>12.3f}")
    for name, most in MOST_OVER_LIMIT.items():
        for figures in (few, many):
            assert figures[name] <= most * NOISE * figures["bare"], name


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_second_looks(measured: Any) -> None:
    print(f"\nsecond looks at a 1080p frame, CPU ms{'looks':>10}{'a person':>10}{'crops alone':>13}")
    for persons, found in measured["looks"].items():
        each = found["looks"] / int(persons)
        print(f"  {persons + ' persons':<34}{found['looks']:>11.2f}{each:>10.2f}{found['crops']:>13.2f}")
    assert measured["looks"]["8"]["looks"] <= MOST_OVER_CROPS * NOISE * measured["looks"]["8"]["crops"]
