"""How a sleeping camera's connection is read: a few pictures at a time, and never by waiting for one part by part."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import av
import pytest

from cameras.streams.errors import IngestError
from detection.ingest.adaptive import REST_ASLEEP_S
from detection.ingest.attention import Attention, WatchBudget
from detection.ingest.backlog import Packet
from detection.ingest.live import LiveSource
from detection.ingest.pictures import video_stream
from detection.ingest.stuck import OwnSockets
from tests.servers.scenes import Scene, make_scene

BEGAN, LENGTH = 1000.0, 16.0
ASLEEP = BEGAN + 10.0  # by then at the latest


@dataclass
class Line:
    """A clip that comes over a network in its own time, read by somebody whose only clock this is."""

    packets: list[Packet]
    now: float = BEGAN
    rests: list[tuple[float, float]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def demux(self, _stream: object) -> Iterator[Packet]:
        while self.packets:
            if not self.empty():
                yield self.packets.pop(0)
            else:
                self.waits.append(self.now)
                self.now = self._comes(self.packets[0])
                yield self.packets.pop(0)

    @staticmethod
    def _comes(packet: Packet) -> float:
        return BEGAN + float((packet.pts or 0) * packet.time_base)

    def empty(self) -> bool:
        return not self.packets or self._comes(self.packets[0]) > self.now

    def wait(self, seconds: float) -> bool:
        self.rests.append((self.now, seconds))
        self.now += seconds
        return False

    def is_set(self) -> bool:
        return False

    def close(self) -> None: ...


@pytest.mark.parametrize("known", [True, False])
def test_who_sleeps_takes_what_came_and_rests(tmp_path: Path, *, known: bool) -> None:
    clip = make_scene(tmp_path / "clip.mp4", replace(Scene(), size=(640, 360)), LENGTH)
    with av.open(str(clip)) as container:
        stream = video_stream(container)
        line = Line(list(itertools.takewhile(lambda p: p.size, container.demux(stream))))
        source = LiveSource(
            cast("Any", line), stream, stop=line, on_damage=lambda: None, clock=lambda: line.now,
            monotonic=lambda: line.now, attention=Attention(), budget=WatchBudget(0.0), sleeps=True, rests=True,
            sockets=cast("OwnSockets", line) if known else None,
        )  # fmt: skip
        with pytest.raises(IngestError, match="ended"):
            list(source.pictures())
        source.close()
    asleep = [at for at, rest in line.rests if rest == REST_ASLEEP_S and at > ASLEEP]
    waits = [at for at in line.waits if at > ASLEEP]
    assert len(asleep) == pytest.approx((BEGAN + LENGTH - ASLEEP) / REST_ASLEEP_S, rel=0.35)
    if known:
        assert len(waits) < 5
    else:  # it finds out by waiting
        assert len(waits) > 20
