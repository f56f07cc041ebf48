"""Hiding parts of films: which pixels, that nothing of them is left, and that no film comes of what cannot be hidden."""

from __future__ import annotations

import subprocess
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from recordings.core.ffmpeg import Tool
from recordings.core.hiding import MOST_POINTS, Hide
from recordings.core.segments import Segment
from recordings.recorder import hidden_clips
from recordings.recorder.clips import Clip, ClipError, Stopped
from recordings.recorder.hidden_clips import make_hidden_clip
from recordings.recorder.hiding import Painter, fitted, mask_of

LEFT = [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]
MIDDLE = [[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]]
CORNER = [[0.5, 0.5], [1.0, 0.5], [1.0, 1.0], [0.5, 1.0]]
RATE = 10


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"inside": []},
        {"inside": [], "outside": []},
        {"inside": [[]]},
        {"inside": [[[0, 0], [1, 1]]]},
        {"inside": [[[0, 0], [0.5, 0], [0.5, float("nan")]]]},
        {"inside": [[[0, 0], [1.5, 0], [1, 1]]]},
        {"inside": [[[0, 0], [-0.1, 0], [1, 1]]]},
        {"inside": [[[0, 0], [1, 1], [1, 0], [0, 1]]]},
        {"inside": [[[0, 0], [True, 0], [1, 1]]]},
        {"inside": [[[i / 300, (i % 2) / 2] for i in range(300)]]},
        {"inside": [LEFT] * 101},
        {"inside": [LEFT], "blur": 3},
        {"inside": "x"},
    ],
)
def test_what_cannot_be_hidden_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Hide.model_validate(body)


def test_the_points_of_all_shapes_are_bounded() -> None:
    around = [[0.5 + 0.4 * np.cos(a), 0.5 + 0.4 * np.sin(a)] for a in np.linspace(0, 6, 190)]
    most = MOST_POINTS // 190
    assert Hide.model_validate({"inside": [around] * most})
    with pytest.raises(ValidationError, match="points"):
        Hide.model_validate({"inside": [around] * most, "outside": [around]})


def test_another_shape_has_another_name_and_json_keeps_it() -> None:
    hide = Hide.model_validate({"inside": [LEFT]})
    assert hide.digest() == Hide.model_validate_json(hide.model_dump_json()).digest()
    others = [{"inside": [CORNER]}, {"outside": [LEFT]}, {"inside": [LEFT, CORNER]}]
    assert len({hide.digest(), *(Hide.model_validate(body).digest() for body in others)}) == 4


def mask(width: int = 40, height: int = 20, **body: Any) -> NDArray[np.bool_]:
    return mask_of(Hide.model_validate(body), width=width, height=height)


def test_a_mask_covers_its_shape_and_a_pixel_around_it() -> None:
    assert mask(inside=[LEFT]).sum(axis=1).tolist() == [22] * 20
    assert mask(inside=[[[0, 0], [1, 0], [1, 1], [0, 1]]]).all()
    tiny = mask(inside=[[[0.5, 0.5], [0.502, 0.5], [0.502, 0.502]]])
    assert tiny.sum() == 9  # less than a pixel hides more, not nothing


def test_shapes_that_overlap_leave_no_hole() -> None:
    assert mask(inside=[MIDDLE, MIDDLE])[10, 20]
    assert mask(inside=[LEFT, MIDDLE])[10, 15]
    assert not mask(outside=[LEFT, MIDDLE])[10, 15]


def test_outside_of_chosen_regions_and_masks_within_them() -> None:
    hidden = mask(outside=[LEFT])
    assert not hidden[:, :19].any()
    assert hidden[:, 20:].all()
    both = mask(outside=[LEFT], inside=[[[0, 0], [0.2, 0], [0.2, 1], [0, 1]]])
    assert both[:, :9].all()
    assert not both[:, 11:19].any()
    assert not mask(outside=[[[0, 0], [1, 0], [1, 1], [0, 1]]]).any()


def noise(size: tuple[int, int], seed: int) -> av.VideoFrame:
    """As much detail as there can be, in light and colours; smooth to the right of the middle, so that it survives encoding."""
    width, height = size
    random = np.random.default_rng(seed)
    luma = random.choice(np.array([20, 230], np.uint8), (height, width))
    luma[:, width // 2 :] = np.linspace(40, 200, width - width // 2, dtype=np.uint8)[None, :]
    luma[: height // 2, width * 3 // 4 :] = 90
    chroma = random.choice(np.array([60, 200], np.uint8), (height // 2, width))
    chroma[:, width // 4 : width // 2] = chroma[:, width * 3 // 4 :] = 128
    return av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), format="yuv420p")


def test_a_picture_is_flat_where_it_is_hidden_and_untouched_elsewhere() -> None:
    picture = noise((320, 240), 1)
    before = picture.to_ndarray()
    planes = Painter(Hide.model_validate({"inside": [LEFT]})).paint(picture)
    assert np.array_equal(picture.to_ndarray(), before)  # the decoder's own
    luma = planes[0]
    assert np.array_equal(luma[:, 162:], before[:240, 162:])
    for plane, wide in ((luma, 160), *((chroma, 80) for chroma in planes[1:])):
        hidden = plane[:, :wide].astype(int)
        assert len(np.unique(hidden, axis=0)) <= 10  # squares above one another
        assert len(np.unique(hidden, axis=1).T) <= 8  # beside one another in this half
    assert likeness(planes[1][:, 81:], before[240:300].reshape(120, 160)[:, 81:]) > 90


def test_a_picture_with_odd_sides_or_of_one_square_is_hidden() -> None:
    for size in ((33, 21), (2, 2), (6, 64)):
        shaded = av.VideoFrame.from_ndarray(np.zeros((size[1], size[0], 3), np.uint8), format="rgb24")
        light, first, _ = Painter(Hide.model_validate({"inside": [LEFT]})).paint(shaded)
        assert light.shape == (size[1] // 2 * 2, size[0] // 2 * 2)
        assert first.shape == (size[1] // 2, size[0] // 2)


def test_a_picture_of_another_shape_is_fitted_with_black() -> None:
    planes = tuple(np.full(shape, 200, np.uint8) for shape in ((60, 80), (30, 40), (30, 40)))
    made = fitted(planes, 160, 60)  # type: ignore[arg-type]
    assert made[0].shape == (60, 160)
    assert (made[0][:, :40] == 16).all()
    assert (made[0][:, 40:120] == 200).all()
    assert (made[1][:, :20] == 128).all()


def piece(path: Path, *, size: tuple[int, int], seed: int, frames: int = RATE) -> Path:
    """A segment of one second, with sound."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as film:
        stream, sound = film.add_stream("libx264", rate=RATE, options={"crf": "4"}), film.add_stream("aac", rate=8000)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(frames):
            picture = noise(size, seed + number)
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            film.mux(stream.encode(picture))
        for number in range(8):
            beep = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            beep.sample_rate, beep.pts = 8000, number * 1024
            film.mux(sound.encode(beep))
        film.mux(stream.encode(None))
        film.mux(sound.encode(None))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds; in the third the camera had another resolution, of another shape."""
    made = tmp_path_factory.mktemp("segments")
    for number, size in enumerate([(320, 240), (320, 240), (426, 240), (320, 240)]):
        piece(made / f"{number}.mp4", size=size, seed=100 * number)
    return made


def cut(
    folder: Path,
    target: Path,
    *,
    names: str = "0123",
    stop: Any = None,
    end: float = 4.0,
    told: Any = None,
    **body: Any,
) -> Clip:
    """Makes the film. told: hears the shares."""
    segments = [Segment("vid1", f"{n}.mp4", "r", float(n), float(n) + 1, 1, False) for n in names]
    return make_hidden_clip(
        segments, folder=folder, target=target, end=end, tool=Tool("ffmpeg", preset="ultrafast"),
        stop=stop or threading.Event(), hide=Hide.model_validate(body), told=told or (lambda share: None),
    )  # fmt: skip


def pictures(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as film:
        return list(film.decode(video=0))


def detail(plane: Any) -> float:
    """The mean difference of neighbours: that of the noise is above 80."""
    return float(np.abs(np.diff(plane.astype(int), axis=1)).mean())


def likeness(a: Any, b: Any) -> float:
    """PSNR, dB."""
    error = float(((a.astype(float) - b.astype(float)) ** 2).mean())
    return 10 * float(np.log10(255**2 / max(error, 1e-9)))


def test_a_film_has_no_detail_where_it_is_hidden_also_after_another_resolution(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "extracts" / "x.mp4"
    heard: list[float] = []
    cut(folder, target, told=heard.append, inside=[LEFT])
    assert heard == [0.25, 0.5, 0.75, 1.0]
    assert [p.name for p in target.parent.iterdir()] == ["x.mp4"]
    assert target.read_bytes().find(b"moov") < target.read_bytes().find(b"mdat")
    shown = pictures(target)
    with av.open(str(target)) as film:
        assert [s.type for s in film.streams] == ["video"]  # a voice is personal, too
        assert (film.streams.video[0].format.name, film.streams.video[0].codec.canonical_name) == ("yuv420p", "h264")
    assert len(shown) == 40
    assert [round(p.time or 0, 1) for p in shown] == [n / 10 for n in range(40)]
    given = [p for n in (0, 1, 3) for p in pictures(folder / f"{n}.mp4")]
    for made, source in zip([*shown[:20], *shown[30:]], given, strict=True):
        before, after = source.to_ndarray()[:240], made.to_ndarray()[:240]
        assert detail(before[:, :158]) > 60
        assert detail(after[:, :158]) < 6
        assert likeness(after[:, 170:], before[:, 170:]) > 35
    for made in shown[20:30]:  # 426x240 in 320x240: 320x180 with black above and below
        luma = made.to_ndarray()[:240]
        assert (made.width, made.height) == (320, 240)
        assert luma[:24].max() < 30
        assert detail(luma[34:206, :158]) < 6
        assert luma[34:206, 170:].std() > 20


def test_only_the_wanted_part_and_everything_outside_a_region_hidden(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.mp4"
    right = [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]
    cut(folder, target, names="01", end=1.55, outside=[right])
    shown = pictures(target)
    assert len(shown) == 16
    assert all(detail(p.to_ndarray()[:240, :158]) < 6 for p in shown)


def test_a_damaged_piece_is_left_out_and_none_at_all_is_no_film(folder: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "segments"
    damaged.mkdir()
    data = bytearray((folder / "0.mp4").read_bytes())
    at = data.find(b"mdat") + 2000
    data[at : at + 3000] = b"\x00" * 3000
    (damaged / "0.mp4").write_bytes(data)
    (damaged / "1.mp4").write_bytes((folder / "1.mp4").read_bytes())
    (damaged / "2.mp4").write_bytes(b"no film")
    cut(damaged, tmp_path / "x.mp4", names="021", inside=[LEFT])
    assert 10 <= len(pictures(tmp_path / "x.mp4")) <= 20
    assert all(detail(p.to_ndarray()[:240, :158]) < 6 for p in pictures(tmp_path / "x.mp4"))
    with pytest.raises(ClipError):
        cut(damaged, tmp_path / "y.mp4", names="2", inside=[LEFT])
    assert not (tmp_path / "y.mp4").exists()
    assert not list(tmp_path.glob("*.draft"))


def test_pieces_of_which_nothing_can_be_read_are_told_and_take_no_time(folder: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "segments"
    damaged.mkdir()
    data = (folder / "1.mp4").read_bytes()
    at = data.find(b"mdat") + 4
    length = int.from_bytes(data[at - 8 : at - 4], "big") - 8
    for number, content in enumerate(
        [(folder / "0.mp4").read_bytes(), b"no film", data[:at] + bytes(length) + data[at + length :], data]
    ):
        (damaged / f"{number}.mp4").write_bytes(content)
    heard: list[float] = []
    clip = cut(damaged, tmp_path / "x.mp4", end=3.55, told=heard.append, inside=[LEFT])
    assert [piece.path for piece in clip.left_out] == ["1.mp4", "2.mp4"]
    shown = pictures(tmp_path / "x.mp4")
    assert [round(p.time or 0, 1) for p in shown] == [n / 10 for n in range(16)]
    assert heard == sorted(heard)


class Late:
    """Set when it is asked the third time."""

    asked = 0

    def is_set(self) -> bool:
        self.asked += 1
        return self.asked > 2


def test_what_is_not_wanted_any_more_leaves_no_film(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        cut(folder, tmp_path / "x.mp4", names="0123" * 20, stop=Late(), inside=[LEFT])
    assert list(tmp_path.iterdir()) == []


def test_a_painter_that_dies_leaves_no_film(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it wrote by then."""
    draft = tmp_path / "x.draft"
    subprocess.run(["cp", folder / "0.mp4", tmp_path / "copy"], check=True)
    dying = ["/bin/sh", "-c", f"cp {tmp_path / 'copy'} {draft}; kill -9 $$"]
    monkeypatch.setattr(hidden_clips, "PAINTER", dying)
    with pytest.raises(ClipError):
        cut(folder, tmp_path / "x.mp4", inside=[LEFT])
    assert not draft.exists()
    assert not (tmp_path / "x.mp4").exists()
