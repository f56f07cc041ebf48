"""`make bench`: how many cameras a machine carries, beside what the costs of the stages predict in the same run.

The servers of the cameras run on the same machine; their part of it, measured per camera, is taken off the prediction, and so
is what others use meanwhile.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.benchmarks.fleet_process import HEADER, LEAST_RATE, MOST_AGE_MS, FleetProcess, Measured, measure_stages
from tests.benchmarks.pipeline import make_hd
from tests.benchmarks.test_ingest import without_beginning
from tests.servers.rtsp import RtspServer
from tests.servers.scenes import Scene, make_scene

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

CORES = len(os.sched_getaffinity(0))
MOVING, RESTING = 20 * CORES, 36 * CORES  # more than fit
STILL = Scene(size=(1920, 1080), noise=1.0)
LEAST_SHARE, LEAST_EVENNESS, LEAST_TOTAL = 0.8, 0.8, 0.85
SHARES = (0.1, 0.25)
SETTLE_S, SLOWED_S, MEASURE_S, CROWD_S = 5.0, 14.0, 8.0, 24.0
AGAIN_S = 20.0  # after too many: what was left out comes back by some percent a second
ASLEEP_S = 100.0  # the seam of the looping clip wakes a camera until it was mistaken twice


@pytest.fixture(scope="module")
def moving(street_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of 1080p25 with people in it, 4 Mbit/s."""
    return make_hd(street_clip, tmp_path_factory.mktemp("moving") / "moving.mp4", frames=250)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("still")
    return without_beginning(make_scene(folder / "still.mp4", STILL, 44.0), 14.0)


@pytest.fixture(scope="module")
def cameras(moving: Path) -> Iterator[RtspServer]:
    with RtspServer(moving, *(f"moving{n:03}" for n in range(MOVING))) as server:
        yield server


@pytest.fixture(scope="module")
def urls(cameras: RtspServer) -> list[str]:
    return [cameras.url(f"moving{n:03}") for n in range(MOVING)]


@pytest.fixture(scope="module")
def cost(moving: Path, urls: list[str]) -> float:
    """Cores that an active camera takes by the stage table, which is printed."""
    table = measure_stages(moving, urls[0])
    print(
        f"\nan active 1080p25 camera, stages alone in one thread\n  {'':<14}{'CPU ms':>8}{'a second':>10}{'cores':>9}"
    )
    for name, (each, often) in table.items():
        print(f"  {name:<14}{each:>8.2f}{often:>10.0f}{each * often / 1000:>9.4f}")
    total = sum(each * often for each, often in table.values()) / 1000
    print(f"  {'together':<32}{total:>9.4f}")
    return total


def ceiling(cost: float, run: Measured, cameras: int) -> float:
    """As many cameras as fill what the machine has left, where each brings its part of the servers' work along."""
    return float((CORES - run.cores["others"]) / (cost + run.cores["beside"] / cameras))


def tried(
    fleet: FleetProcess, active: Sequence[str], still: Sequence[str] = (), *, settle: float = SETTLE_S
) -> Measured:
    """Measures, once more when it did not fit: a shared machine may have been busy with something else."""
    for wait in (settle, AGAIN_S):
        run = fleet.ask(active, still, settle=wait, seconds=MEASURE_S)
        print(run.line() + ("" if run.fits else "   does not fit"))
        if run.fits:
            break
    return run


def most_that_fit(fleet: FleetProcess, urls: Sequence[str], start: int) -> tuple[Measured, int]:
    """The largest fleet from `start` on that fits, else the largest below."""
    number = start
    best = tried(fleet, urls[:number])
    while not best.fits and number > 1:
        number -= 1
        best = tried(fleet, urls[:number], settle=AGAIN_S)
    while start <= number < len(urls) and (more := tried(fleet, urls[: number + 1])).fits:
        best, number = more, number + 1
    return best, number


def test_always_on_cameras(cameras: RtspServer, urls: list[str], cost: float) -> None:
    with FleetProcess(cameras) as fleet:
        first = fleet.ask(urls[:2], settle=SETTLE_S, seconds=3.0)
        predicted = ceiling(cost, first, 2)
        print(f"\nalways on: 1080p25, 4 Mbit/s over RTSP/TCP, 5 analyses/s each, {CORES} cores\n{HEADER}")
        best, number = most_that_fit(fleet, urls, max(1, math.floor(LEAST_SHARE * predicted)))
        crowds: list[Measured] = []
        for size in (number + 1, math.ceil(1.5 * number)):
            crowds.append(fleet.ask(urls[:size], settle=SLOWED_S, seconds=CROWD_S))
            print(f"{crowds[-1].line()}\n{crowds[-1].drops()}")
    limit = ceiling(cost, best, number)
    print(f"  carried {number} (at least {LEAST_RATE}/s each, p99 age below {MOST_AGE_MS:.0f} ms), ceiling {limit:.1f}")
    print(f"  carried / ceiling {number / limit:.2f} (at least {LEAST_SHARE})")
    for crowd in crowds:
        share = sum(crowd.rates) / sum(best.rates)
        print(f"  {len(crowd.rates)} cameras: slowest / fastest {crowd.evenness:.2f}, all of them / before {share:.2f}")
    assert number >= LEAST_SHARE * math.floor(limit)
    for crowd in crowds:
        crowd.check_drops()
        assert crowd.evenness >= LEAST_EVENNESS
        assert sum(crowd.rates) >= LEAST_TOTAL * sum(best.rates)


def test_some_cameras_active(cameras: RtspServer, urls: list[str], still: Path, cost: float) -> None:
    names = [f"still{n:03}" for n in range(RESTING)]
    with RtspServer(still, *names) as quiet, FleetProcess(cameras, quiet) as fleet:
        rest = [quiet.url(name) for name in names]
        print(f"\nsome active, the rest still; at first none\n{HEADER}")
        idle = fleet.ask([], rest, settle=ASLEEP_S, seconds=MEASURE_S)
        resting, served = idle.cores["own"] / RESTING, idle.cores["beside"] / RESTING
        print(f"  {RESTING:>7}   {idle.watched}; a still camera takes {resting:.4f} core")
        for share in SHARES:
            each = share * cost + (1 - share) * resting + served
            room, carried = CORES - idle.cores["others"], 0
            most = min(room / each, RESTING / (1 - share))
            for part in (1.0, 0.9, LEAST_SHARE):  # downwards: who is asleep stays so
                number = max(1, math.floor(part * most))
                active = max(1, round(share * number))
                run = tried(fleet, urls[:active], rest[: number - active], settle=AGAIN_S)
                room = CORES - run.cores["others"]
                if run.fits:
                    carried = number
                    break
            predicted = room / each
            print(f"  {share:.0%} active: carried {carried}, predicted {predicted:.1f}")
            assert carried >= math.floor(LEAST_SHARE * min(predicted, most))
