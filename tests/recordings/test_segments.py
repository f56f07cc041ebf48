"""Where segments lie on the wall clock, and what is missing between them."""

from __future__ import annotations

from pathlib import Path

import pytest

from recordings.core.segments import (
    Closed,
    Segment,
    WallClock,
    holes,
    parse_list_line,
    parse_path,
    part_pattern,
    part_run,
    place_orphan,
    segment_path,
)

T = 1_763_798_400.0  # 2025-11-22 08:00:00 UTC


def piece(start: float, end: float, run: str = "r") -> Segment:
    return Segment("vid1", f"{start}", run, T + start, T + end, 1)


def test_a_line_of_the_list_is_a_closed_file() -> None:
    assert parse_list_line("r_000001.part,4.000000,8.040000") == Closed("r_000001.part", 4.0, 8.04)
    assert parse_list_line('"a,b.part",0.0,1.0') == Closed("a,b.part", 0.0, 1.0)


@pytest.mark.parametrize(
    "line", ["", "a", "a,b,c", "a,1.0", "a,2.0,1.0", "a,0.0,nan", "a,0.0,inf", "a,-1,2", "a,1,2,3"]
)
def test_anything_else_is_none(line: str) -> None:
    assert parse_list_line(line) is None


def test_of_what_arrives_the_quickest_counts() -> None:
    clock = WallClock()
    clock.begins(T + 1.5)
    assert clock.place(Closed("a", 0, 4), at=T + 5.6) == (T + 1.0, T + 5.0)
    assert clock.place(Closed("b", 4, 8), at=T + 8.9) == (T + 4.9, T + 8.9)
    assert clock.place(Closed("c", 8, 12), at=T + 14.0) == (T + 8.9, T + 12.9)


def test_one_late_segment_moves_nothing_and_a_clock_that_was_set_shows_in_two() -> None:
    clock = WallClock()
    clock.place(Closed("a", 0, 4), at=T + 4)
    assert clock.place(Closed("b", 4, 8), at=T + 13)[0] == T + 4
    assert clock.place(Closed("c", 8, 12), at=T + 12)[0] == T + 8
    assert clock.place(Closed("d", 12, 16), at=T + 3616)[0] == T + 12
    assert clock.place(Closed("e", 16, 20), at=T + 3620)[0] == T + 3616
    assert clock.place(Closed("f", 20, 24), at=T + 24)[0] == T + 20  # and back again


def test_a_slow_drift_is_followed() -> None:
    clock = WallClock()
    for n in range(200):  # each segment of the camera's clock lasts 2 ms longer on ours
        start, _ = clock.place(Closed("s", 4.0 * n, 4.0 * n + 4), at=T + 4.002 * (n + 1))
    assert abs(start - (T + 4.002 * 199)) < 0.05


def test_a_path_carries_the_wall_clock_and_stays_in_its_folder() -> None:
    path = segment_path(camera_id="../vid 1", run="20251122T080000.000Z-ab12", name="x_000007.part", start=T + 0.0016)
    folder, day, name = path.split("/")
    assert ".." not in folder
    assert folder.startswith("vid-1-")
    assert (day, name) == ("20251122", "20251122T080000.002Z_20251122T080000.000Z-ab12_000007.mp4")
    assert parse_path(path) == ("20251122T080000.000Z-ab12", T + 0.002)
    assert parse_path("a/b/other.mp4") is None
    assert part_run(Path(part_pattern(camera_id="vid1", run="r-1") % 3).name) == "r-1"
    assert part_run("r-1_000001.mp4") == ""


def test_two_cameras_never_share_a_folder() -> None:
    names = {segment_path(camera_id=c, run="r", name="r_1", start=T).split("/")[0] for c in ("a b", "a-b", "a/b", "ab")}
    assert len(names) == 4


def test_what_a_clip_lacks() -> None:
    found = [piece(4, 8.2), piece(8, 12), piece(20, 24), piece(24.9, 28)]
    assert holes(found, start=T + 5, end=T + 26) == [(T + 12, T + 20)]
    assert holes([], start=T, end=T + 3) == [(T, T + 3)]
    assert holes(found, start=T + 1, end=T + 40) == [(T + 1, T + 4), (T + 12, T + 20), (T + 28, T + 40)]
    assert holes([piece(0, 9)], start=T + 1, end=T + 4) == []


def test_what_a_killed_ffmpeg_left_follows_its_run() -> None:
    assert place_orphan(duration=2.5, written=T + 10, before=None) == (T + 7.5, T + 10)
    assert place_orphan(duration=2.5, written=T + 10, before=piece(4, 7.9)) == (T + 7.9, T + 10.4)
    assert place_orphan(duration=2.5, written=T + 10, before=piece(0, 4)) == (T + 7.5, T + 10)
