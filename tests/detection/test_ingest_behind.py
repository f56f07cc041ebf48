"""How long a picture waited before it was read: it travels from the packet to the frame, for the latency."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import av
import pytest

from detection.ingest.adaptive import AdaptiveDecoder
from detection.ingest.attention import Attention, WatchBudget
from detection.ingest.pictures import Decoded, video_stream
from tests.servers.scenes import Scene, make_scene


def test_pictures_of_a_camera_that_is_read_late_say_by_how_much(tmp_path: Path) -> None:
    """After a second, packets are read 1.5 s later than they could be, as when the machine has too much to do."""
    clip = make_scene(tmp_path / "clip.mp4", replace(Scene(), size=(160, 96)), 2.0)
    with av.open(str(clip)) as container:
        stream = video_stream(container)
        decoder = AdaptiveDecoder(
            stream.codec_context, attention=Attention(), budget=WatchBudget(1.0), sleeps=False, on_damage=lambda: None
        )
        seen: list[Decoded] = []
        for packet in itertools.takewhile(lambda p: p.size, container.demux(stream)):
            stamp = float((packet.pts or 0) * packet.time_base)
            late = 1.5 if stamp >= 1 else 0.0
            seen += decoder.feed(packet, arrived=1000 + stamp + late, wall=2000 + stamp + late)
        decoder.close()
    assert len(seen) > 30
    for decoded in seen:
        assert decoded.stamp is not None
        assert decoded.behind == pytest.approx(1.5 if decoded.stamp >= 1 else 0.0, abs=0.02)
