"""From segments to one file in which parts are hidden; the pictures are painted by a process of its own (`hidden_film`)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from recordings.core.ffmpeg import Tool
from recordings.core.hiding import Hide
from recordings.core.segments import Segment
from recordings.recorder.clips import Clip, Ending, contents, damaged, finish_clip, run_tool
from recordings.recorder.files import make_folder
from recordings.recorder.hidden_film import LEFT_OUT, PROGRESS, FilmOrder

ROOT = Path(__file__).resolve().parents[2]  # where the packages are
PAINTER = [sys.executable, "-P", "-m", "recordings.recorder.hidden_film"]


def make_hidden_clip(
    segments: Sequence[Segment], *, folder: Path, target: Path, end: float, tool: Tool, stop: Ending, hide: Hide,
    told: Callable[[float], None],
) -> Clip:  # fmt: skip
    """As `clips.make_clip`, without sound and with what `hide` says hidden in every picture. told: hears which share is done.

    Raises ClipError, OSError, and Stopped when `stop` is set meanwhile. There is a file under `target` only after that.
    """
    pieces = [(str(folder / s.path), s.end - s.start) for s in segments]
    seconds = sum(length for _, length in pieces) - max(0.0, segments[-1].end - end)
    make_folder(target.parent)
    listing, draft = target.with_suffix(".json"), target.with_suffix(".draft")
    unread: list[Segment] = []
    film = FilmOrder(pieces=pieces, seconds=max(0.1, seconds), target=str(draft), preset=tool.preset, hide=hide)
    listing.write_text(film.model_dump_json(), encoding="utf-8")

    def heard(line: str) -> bool:
        if line.startswith(LEFT_OUT):
            unread.append(segments[int(line.removeprefix(LEFT_OUT))])
            return True
        if not line.startswith(PROGRESS):
            return False
        told(float(line.removeprefix(PROGRESS)))
        return True

    try:
        run_tool([*PAINTER, str(listing)], stop, env={"PYTHONPATH": str(ROOT)}, heard=heard)
        left = damaged(segments, contents(segments, folder=folder, stop=stop))
        clip = finish_clip(draft, target, hidden=hide.digest()[:12], left_out=len(unread), damaged=len(left))
        return replace(clip, left_out=tuple(unread), left=left)
    finally:
        listing.unlink(missing_ok=True)
        draft.unlink(missing_ok=True)
