"""A file's packets through a camera's decoder as if they came over the network, as fast as the machine can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
from av.video.stream import VideoStream

from detection.ingest.adaptive import AdaptiveDecoder
from detection.ingest.attention import Attention, WatchBudget
from detection.ingest.pictures import Decoded, video_stream

WALL = 1_700_000_000.0


@dataclass(slots=True, eq=False)
class Replay:
    """One camera. `now` is the media time of the packet that just came; `seen` are (now, watch before, picture).

    budget: for noisy streams. interest: asked at each picture, whether the analyser wants the camera awake.
    drop: packets for which it says so never come.
    """

    clip: Path
    budget: WatchBudget = field(default_factory=lambda: WatchBudget(0.0))
    interest: Callable[[Decoded], bool] = lambda _: False
    drop: Callable[[float], bool] = lambda _: False
    attention: Attention = field(default_factory=Attention)
    now: float = 0.0
    damaged: int = 0
    seen: list[tuple[float, Decoded]] = field(default_factory=list)
    watches: list[tuple[float, str]] = field(default_factory=list)

    def run(self) -> Replay:
        """Plays the whole clip."""
        for _ in self.steps():
            pass
        return self

    def steps(self) -> Iterator[float]:
        """Plays the clip packet by packet."""
        with av.open(str(self.clip)) as container:
            stream = video_stream(container)
            decoder = AdaptiveDecoder(
                stream.codec_context,
                attention=self.attention,
                budget=self.budget,
                sleeps=True,
                on_damage=self._damage,
            )
            for packet in container.demux(stream):
                if packet.dts is not None:
                    self._take(decoder, packet)
                    yield self.now
            decoder.close()

    def _take(self, decoder: AdaptiveDecoder, packet: av.Packet[VideoStream]) -> None:
        self.now = float((packet.dts or 0) * (packet.time_base or 0))
        if self.drop(self.now):
            return
        for decoded in decoder.feed(packet, arrived=self.now, wall=WALL + self.now):
            self.seen.append((self.now, decoded))
            if self.interest(decoded):
                self.attention.wanted_at = self.now
        if not self.watches or self.watches[-1][1] != self.attention.watch:
            self.watches.append((self.now, self.attention.watch))

    def _damage(self) -> None:
        self.damaged += 1

    def stamps(self) -> list[float]:
        """When each picture that was offered was taken, in seconds of the clip."""
        return [decoded.stamp for _, decoded in self.seen if decoded.stamp is not None]

    def delay(self, start: float, seconds: float) -> float | None:
        """Seconds from an event's beginning to the first offered picture of it; None when none showed it."""
        return next((at - start for at, d in self.seen if d.stamp and start <= d.stamp < start + seconds), None)
