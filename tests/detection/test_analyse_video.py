"""The command `analyse_video`: its file is whole or not there, its errors are in words, its exit status is honest."""

from __future__ import annotations

import json
import math
import os
import signal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from detection.core.rules.intrusion import Intrusion
from detection.management.commands import analyse_video
from tests.cameras.documents import document
from tests.fakes import FakeDetector, failing_accelerator
from tests.servers.clips import make_clip

DOCUMENT: dict[str, Any] = {
    "cameras": [{"camera_id": "vid1", "rtsp_url": "rtsp://10.0.0.5/1"}],
    "rois": [{"roi_id": "r", "camera_id": "vid1", "roi_type": "rectangle", "coordinates": [[0, 0], [1, 1]]}],
    "binds": [{"bind_id": "b", "roi_id": "r", "algo_code": "intrusion"}],
}


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def detectors(monkeypatch: pytest.MonkeyPatch) -> list[FakeDetector]:
    made = [FakeDetector(lambda number: [(0, 0.9, [0.4, 0.3, 0.5, 0.7])])]
    monkeypatch.setattr(analyse_video, "load_detectors", lambda **options: made)
    return made


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a clip and a document in it."""
    make_clip(tmp_path / "clip.mp4")
    (tmp_path / "doc.json").write_text(json.dumps(DOCUMENT))
    return tmp_path


def run(place: Path, *more: str, clip: str = "clip.mp4", doc: str = "doc.json", out: str = "out.jsonl") -> str:
    said = StringIO()
    call_command(
        "analyse_video", str(place / clip), "--document", str(place / doc), "--out", str(place / out), *more,
        stderr=said,
    )  # fmt: skip
    return said.getvalue()


def test_lines_go_into_the_file_and_the_end_is_told(place: Path) -> None:
    said = run(place)
    found = [json.loads(line) for line in (place / "out.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in found] == list(range(20))
    assert [event["timestamp"] for line in found for event in line["events"]] == [1.0]
    assert said.count("\n") == 1
    assert "20 frames, 1 events" in said
    assert sorted(path.name for path in place.iterdir()) == ["clip.mp4", "doc.json", "out.jsonl"]


def test_an_accelerator_that_fails_gives_way_to_the_cpu(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(place, out="expected.jsonl")
    made = {"auto": failing_accelerator(), "cpu": FakeDetector(lambda number: [(0, 0.9, [0.4, 0.3, 0.5, 0.7])])}
    monkeypatch.setattr(analyse_video, "load_detectors", lambda folder, provider: [made[provider]])
    run(place)
    assert (place / "out.jsonl").read_bytes() == (place / "expected.jsonl").read_bytes()


def test_options_arrive(place: Path, detectors: list[FakeDetector]) -> None:
    run(place, "--fps", "5", "--min-score", "0.125", "--camera", "vid1")
    found = [json.loads(line) for line in (place / "out.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in found] == list(range(0, 20, 2))
    assert detectors[0].limits[0].tolist() == [0.125, math.inf]


@pytest.mark.parametrize("moment", ["2026-11-22T08:00:00+08:00", "2026-11-22T08:00:00", "2026-11-22T00:00:00Z"])
def test_a_moment_for_the_first_picture_is_that_of_the_events(place: Path, moment: str) -> None:
    """Without an offset it is what the clock of the document's site shows, which its schedules go by too."""
    (place / "doc.json").write_text(document({"site": {"time_zone": "Asia/Shanghai"}} | DOCUMENT))
    run(place, "--began-at", moment)
    found = [json.loads(line) for line in (place / "out.jsonl").read_text().splitlines()]
    assert [e["timestamp"] for line in found for e in line["events"]] == [1795305601.0]
    assert found[10]["t"] == pytest.approx(1.0)


def test_somebody_at_a_terminal_sees_a_bar(place: Path) -> None:
    said = Terminal()
    call_command(
        "analyse_video", str(place / "clip.mp4"), "--document", str(place / "doc.json"), "--out", str(place / "o"),
        stderr=said,
    )  # fmt: skip
    assert "\r\x1b[K[#####" in said.getvalue()
    assert said.getvalue().endswith("frames/s\n")


TWO = {**DOCUMENT, "cameras": [{"camera_id": c, "rtsp_url": "webcam:0"} for c in ("vid1", "vid2")]}
BAD_ROI = {**DOCUMENT, "rois": [{**DOCUMENT["rois"][0], "coordinates": [[0, 0]]}]}


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ("{", {}, "doc.json is refused: is not JSON"),
        ("[]", {}, "doc.json is refused: is not a JSON object"),
        (json.dumps(BAD_ROI), {}, r"doc.json is refused: rois\[0\].coordinates: "),
        (json.dumps({"cameras": [], "rois": []}), {}, "doc.json is refused: binds: is missing"),
        (json.dumps({**DOCUMENT, "schema": 1}), {}, "doc.json is refused: "),
        (json.dumps(TWO), {}, "say which camera; the document has vid1, vid2"),
        (json.dumps(DOCUMENT), {"more": ["--camera", "vid9"]}, "no camera 'vid9' in this document; it has vid1"),
        (json.dumps(DOCUMENT), {"doc": "other.json"}, "no such file: .*other.json"),
        (json.dumps(DOCUMENT), {"clip": "other.mp4"}, "no such file: .*other.mp4"),
        (json.dumps(DOCUMENT), {"clip": "doc.json"}, "doc.json is not a video that can be played"),
        (json.dumps(DOCUMENT), {"out": "nowhere/out.jsonl"}, "out.jsonl cannot be written: No such file"),
        (json.dumps(DOCUMENT), {"out": "o" * 300}, "o{300} cannot be used: File name too long"),
        (json.dumps(DOCUMENT), {"clip": "c" * 300}, "c{300} cannot be used: File name too long"),
        (json.dumps(DOCUMENT), {"out": "."}, "is not a file that could be replaced"),
        (json.dumps(DOCUMENT), {"out": "clip.mp4"}, "--out names .*clip.mp4 itself"),
        (json.dumps(DOCUMENT), {"out": "./doc.json"}, "--out names .*doc.json itself"),
        (json.dumps(DOCUMENT), {"more": ["--fps", "0"]}, "'0' is not a number from 0.001 on"),
        (json.dumps(DOCUMENT), {"more": ["--fps", "1e-320"]}, "'1e-320' is not a number from 0.001 on"),
        (json.dumps(DOCUMENT), {"more": ["--fps", "nan"]}, "'nan' is not a number from 0.001 on"),
        (json.dumps(DOCUMENT), {"more": ["--began-at", "noon"]}, "'noon' is not a time such as 2026-"),
        (json.dumps(DOCUMENT), {"more": ["--min-score", "1.5"]}, "'1.5' is not a number from 0 to 1"),
    ],
)
def test_errors_are_words_and_leave_nothing(place: Path, given: str, options: dict[str, Any], message: str) -> None:
    (place / "doc.json").write_text(given)
    with pytest.raises(CommandError, match=message) as raised:
        run(place, *options.pop("more", []), **options)
    assert raised.value.returncode == 1
    assert sorted(path.name for path in place.iterdir()) == ["clip.mp4", "doc.json"]


def test_a_video_cut_off_is_analysed_as_far_as_it_goes(place: Path) -> None:
    whole = make_clip(place / "clip.mkv").read_bytes()
    (place / "clip.mkv").write_bytes(whole[:-1200])  # its index and the last pictures
    with pytest.raises(CommandError, match=r"the file breaks off after .* The rest is in .*out.jsonl") as raised:
        run(place, clip="clip.mkv")
    assert raised.value.returncode == analyse_video.ONLY_A_PART
    assert 3 <= len((place / "out.jsonl").read_text().splitlines()) <= 17


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_the_older_result(
    place: Path, detectors: list[FakeDetector], kind: signal.Signals
) -> None:
    (place / "out.jsonl").write_text("the older result")
    before = signal.getsignal(kind)

    def ask_to_end(number: int) -> list[Any]:
        if number == 3:
            os.kill(os.getpid(), kind)
        return []

    detectors[0].script = ask_to_end
    with pytest.raises(CommandError, match="Interrupted") as raised:
        run(place)
    assert raised.value.returncode == analyse_video.INTERRUPTED
    assert (place / "out.jsonl").read_text() == "the older result"
    assert sorted(path.name for path in place.iterdir()) == ["clip.mp4", "doc.json", "out.jsonl"]
    assert signal.getsignal(kind) is before


def test_a_full_disk_is_told_and_leaves_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CommandError, match=r"out.jsonl cannot be written: No space left on device"):
        run(place)
    assert sorted(path.name for path in place.iterdir()) == ["clip.mp4", "doc.json"]


def test_the_gate_is_off_unless_it_is_asked_for(place: Path, detectors: list[FakeDetector]) -> None:
    """Every picture of the clip has another shade, which is only another light, and nobody is there."""
    detectors[0].script = lambda number: []
    run(place)
    assert len(detectors[0].limits) == len((place / "out.jsonl").read_text().splitlines()) == 20
    run(place, "--gate")
    assert len((place / "out.jsonl").read_text().splitlines()) <= 2


def test_a_line_outside_the_picture_is_told_and_the_other_rules_go_on(place: Path) -> None:
    line = {"roi_id": "far", "camera_id": "vid1", "roi_type": "line", "coordinates": [[9000, 8000], [9900, 8500]]}
    crossing = {"bind_id": "gate", "roi_id": "far", "algo_code": "line_crossing"}
    given = DOCUMENT | {"rois": [*DOCUMENT["rois"], line], "binds": [*DOCUMENT["binds"], crossing]}
    (place / "doc.json").write_text(json.dumps(given))
    with pytest.raises(
        CommandError, match=r"^the rule of binding gate is broken: .* two different points\. "
    ) as raised:
        run(place)
    assert raised.value.returncode == analyse_video.ONLY_A_PART
    found = [json.loads(line) for line in (place / "out.jsonl").read_text().splitlines()]
    assert [event["bind_id"] for line in found for event in line["events"]] == ["b"]


def test_a_rule_that_cannot_be_made_at_all_is_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(rule: Intrusion, binding: Any) -> None:
        raise ValueError("no such place")

    monkeypatch.setattr(Intrusion, "__init__", begin)
    with pytest.raises(CommandError, match=r"^the rule of binding b is broken: .* cannot be made: no such place\. "):
        run(place)
    assert len((place / "out.jsonl").read_text().splitlines()) == 20


def test_a_missing_model_for_second_looks_is_told(place: Path, settings: Any) -> None:
    settings.VAR_DIR = place / "var"
    bind = {"bind_id": "hat", "roi_id": "r", "algo_code": "attribute", "params": {"attribute": "hat", "model": "hats"}}
    (place / "doc.json").write_text(json.dumps(DOCUMENT | {"binds": [bind]}))
    with pytest.raises(CommandError, match=r"the model hats for second looks cannot be used\. ") as raised:
        run(place)
    assert raised.value.returncode == analyse_video.ONLY_A_PART
    assert len((place / "out.jsonl").read_text().splitlines()) == 20
