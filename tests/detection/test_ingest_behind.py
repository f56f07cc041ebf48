"""How long a picture waited before it was read: it travels from the packet to the frame, for the latency."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import av
import pytest

from detection.ingest.adaptive import REST_ASLEEP_S, REST_AWAKE_S, AdaptiveDecoder
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


def fed(clip: Path, *, sleeps: bool, late: float, stamped: bool = True) -> list[tuple[str, float]]:
    """After each packet: how the camera is watched, and how long nobody need read on. After a second packets are `late`."""
    found: list[tuple[str, float]] = []
    with av.open(str(clip)) as container:
        stream, attention = video_stream(container), Attention()
        decoder = AdaptiveDecoder(
            stream.codec_context,
            attention=attention,
            budget=WatchBudget(0.0),
            sleeps=sleeps,
            on_damage=lambda: None,
        )
        for packet in itertools.takewhile(lambda p: p.size, container.demux(stream)):
            stamp = float((packet.pts or 0) * packet.time_base)
            if not stamped:
                packet.pts = packet.dts = None
            at = stamp + (late if stamp >= 1 else 0.0)
            list(decoder.feed(packet, arrived=1000 + at, wall=2000 + at))
            found.append((attention.watch, decoder.rest_s))
        decoder.close()
    return found


def test_what_sleeps_and_has_read_everything_reads_on_a_little_later(tmp_path: Path) -> None:
    clip = make_scene(tmp_path / "clip.mp4", replace(Scene(), size=(160, 96)), 3.0)
    asleep = {rest for watch, rest in fed(clip, sleeps=True, late=0.0) if watch != "awake"}
    awake = {rest for _, rest in fed(clip, sleeps=False, late=0.0)}
    assert asleep == {REST_ASLEEP_S}
    assert awake == {REST_AWAKE_S}
    assert 0 < REST_AWAKE_S < REST_ASLEEP_S < 0.2  # nobody waits much longer for what a camera saw


@pytest.mark.parametrize("sleeps", [True, False])
def test_nobody_rests_who_is_late_or_cannot_know(tmp_path: Path, *, sleeps: bool) -> None:
    clip = make_scene(tmp_path / "clip.mp4", replace(Scene(), size=(160, 96)), 3.0)
    late = fed(clip, sleeps=sleeps, late=0.15)
    assert any(rest for _, rest in late[:20])
    assert not any(rest for _, rest in late[-30:])
    assert not any(rest for _, rest in fed(clip, sleeps=sleeps, late=0.0, stamped=False))
