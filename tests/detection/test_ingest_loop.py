from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import av
import pytest
from av.container import InputContainer
from av.video.stream import VideoStream

from cameras.streams.errors import IngestError
from cameras.streams.files import loop_length
from detection.ingest.loop import LoopingFile
from detection.ingest.pictures import Decoded
from detection.ingest.source import open_source
from tests.servers.clips import make_clip, shade_number

BASE = 1_700_000_000.0  # a whole number of rounds of the clip, which is 20 pictures at 10 a second


class FakeTime:
    """A clock that only waiting moves; also the stop event that is waited on."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.waits: list[float] = []
        self.stopped = False

    def clock(self) -> float:
        return self.now

    def is_set(self) -> bool:
        return self.stopped

    def wait(self, timeout: float) -> bool:
        self.waits.append(timeout)
        self.now += timeout
        return self.stopped


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("loop") / "clip.mp4")


def looping(clip: Path, time: FakeTime) -> LoopingFile:
    source = open_source(f"file://{clip}", stop=time, on_damage=lambda: None, clock=time.clock)
    assert isinstance(source, LoopingFile)
    return source


def moments(seen: list[Decoded]) -> list[tuple[float, int]]:
    """When each picture was due, in hundredths of a second since BASE, and which picture of the clip it is."""
    return [(round(100 * ((one.stamp or 0) - BASE)), shade_number(one.picture)) for one in seen]


def test_the_position_is_the_wall_clock_modulo_the_length(clip: Path) -> None:
    time = FakeTime(BASE + 0.65)
    seen = list(islice(looping(clip, time).pictures(), 40))
    assert moments(seen) == [(70 + 10 * number, (7 + number) % 20) for number in range(40)]
    assert [number for number, one in enumerate(seen) if one.seam] == [0, 13, 33]
    assert all(one.wall == one.stamp and not one.late for one in seen)
    assert time.now == pytest.approx(BASE + 4.6)


def test_every_process_sees_the_same_moment(clip: Path) -> None:
    early = dict(moments(list(islice(looping(clip, FakeTime(BASE + 1.0)).pictures(), 30))))
    later = dict(moments(list(islice(looping(clip, FakeTime(BASE + 2.35)).pictures(), 10))))
    common = early.keys() & later.keys()
    assert len(common) == 10
    assert {at: early[at] for at in common} == {at: later[at] for at in common}


def test_overdue_pictures_are_late_but_one_a_second_is_shown(clip: Path) -> None:
    time = FakeTime(BASE)
    late = []
    for one in islice(looping(clip, time).pictures(), 20):
        late.append(one.late)
        time.now += 0.19  # decoding takes nearly twice as long as the pictures last
    assert late[:3] == [False, False, False]
    assert late[3:].count(False) == 2
    assert late.count(True) == 15


@pytest.mark.parametrize("step", [7.3, -7.3])
def test_a_clock_that_is_set_moves_the_position(clip: Path, step: float) -> None:
    time = FakeTime(BASE + 10.0)
    pictures = looping(clip, time).pictures()
    next(pictures)
    time.now += step
    seen = list(islice(pictures, 6))
    after = [one for one in seen if abs((one.stamp or 0) - time.now) < 1.0]
    assert len(after) >= 5
    assert after[0].seam
    for at, number in moments(after):
        assert number == at // 10 % 20


def test_stopping_ends_the_pictures(clip: Path) -> None:
    time = FakeTime(BASE)
    pictures = looping(clip, time).pictures()
    next(pictures)
    time.stopped = True
    assert list(pictures) == []


def test_a_file_that_is_cut_off_waits_for_its_next_round(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "whole.mkv").read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])  # the header still says two seconds
    time = FakeTime(BASE)
    seen = moments(list(islice(looping(cut, time).pictures(), 30)))
    per_round = [at for at, _ in seen if at < 200]
    assert 2 <= len(per_round) < 18
    assert seen[len(per_round)] == (200, 0)
    assert max(time.waits) == pytest.approx((200 - per_round[-1]) / 100)


def test_a_file_whose_pictures_are_all_damaged_is_no_loop(clip: Path, tmp_path: Path) -> None:
    content = bytearray(clip.read_bytes())
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[start:end] = b"\xff" * (end - start)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(bytes(content))
    time, damage = FakeTime(BASE), list[int]()
    source = open_source(f"file://{damaged}", stop=time, on_damage=lambda: damage.append(1), clock=time.clock)
    with pytest.raises(IngestError, match="no picture that can be decoded"):
        next(source.pictures())
    assert damage


def test_a_file_that_does_not_say_how_long_it_is_cannot_loop(clip: Path) -> None:
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        assert loop_length(container, stream) == 2.0
        assert loop_length(container, cast("VideoStream", SimpleNamespace(duration=None, time_base=None))) == 2.0
        nothing = SimpleNamespace(duration=None, time_base=None)
        with pytest.raises(IngestError, match="does not say how long it is"):
            loop_length(cast("InputContainer", nothing), cast("VideoStream", nothing))
