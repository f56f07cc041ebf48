"""Films of snapshots: which pictures, on what canvas, under which name. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import TypeVar

from recordings.core.names import safe_name, unique_name

FOLDER = "timelapses"  # of the storage
RATES = (5, 10, 15, 25, 30)  # pictures a second
SECONDS = (10, 30, 60, 120, 300)
MOST_DAYS = 366
WIDEST, HIGHEST = 1920, 1080
UNDER_WAY = ("waiting", "making")
MAKE_SHARE = 90  # per cent of the work; the rest is storing

Item = TypeVar("Item")


def picked(items: Iterable[Item], count: int, most: int) -> Iterator[Item]:
    """At most so many of `count` items, evenly spread over them, in their order; the first and the last are among them."""
    if count <= most:
        yield from items
        return
    wanted = {0} if most == 1 else {round(number * (count - 1) / (most - 1)) for number in range(most)}
    yield from (item for number, item in enumerate(items) if number in wanted)


def canvas_of(width: int, height: int) -> tuple[int, int]:
    """The sides of a film whose first picture has these: at most Full HD, even (H.264 with 4:2:0), never enlarged."""
    scale = min(1.0, WIDEST / width, HIGHEST / height)
    return max(2, round(width * scale) // 2 * 2), max(2, round(height * scale) // 2 * 2)


def fitted(size: tuple[int, int], canvas: tuple[int, int]) -> tuple[int, int]:
    """The sides of a picture that is scaled to fill the canvas as far as its own shape allows."""
    scale = min(canvas[0] / size[0], canvas[1] / size[1])
    return tuple(min(most, max(1, round(side * scale))) for side, most in zip(size, canvas, strict=True))  # type: ignore[return-value]


def film_key(*, camera_id: str, film_id: str, begin: float) -> str:
    """`timelapses/{camera}/{YYYYMMDD}/{id}.mp4`, the day in UTC."""
    return f"{FOLDER}/{unique_name(camera_id)}/{datetime.fromtimestamp(begin, UTC):%Y%m%d}/{safe_name(film_id)}.mp4"


def film_name(*, camera_id: str, first: date, last: date) -> str:
    """What a downloaded film is called: `{camera}_{from}_{to}_timelapse.mp4`."""
    return f"{safe_name(camera_id)}_{first:%Y-%m-%d}_{last:%Y-%m-%d}_timelapse.mp4"
