"""Which provider runs, what its failures become, and that loading a model talks to nobody."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from detection.inference.detector import Detector
from detection.inference.errors import ModelError
from detection.inference.manifest import DEFAULT_MODEL
from detection.inference.pool import DetectorPool
from detection.inference.session import (
    FAILING_S,
    FAILURES,
    ON_CPU,
    Session,
    Target,
    choose_provider,
    open_session,
    targets_of,
)
from tests.detection.accelerators import CPU, CUDA, OPENVINO, TENSORRT, Dying, pretend_accelerator, refusing
from tests.detection.onnx_files import FLOAT, Shape, squeezing

ROOT = Path(__file__).resolve().parents[2]
FP32 = DEFAULT_MODEL / "nanodet_fp32.onnx"


@pytest.mark.parametrize(
    ("wanted", "available", "chosen"),
    [
        ("auto", [CPU], [CPU]),
        ("auto", [CPU, OPENVINO, CUDA, TENSORRT], [TENSORRT, CUDA, OPENVINO, CPU]),
        ("auto", ["AzureExecutionProvider", CPU], [CPU]),
        ("cpu", [TENSORRT, CUDA, CPU], [CPU]),
        ("cuda", [TENSORRT, CUDA, CPU], [CUDA]),
        ("tensorrt", [TENSORRT, CUDA, CPU], [TENSORRT]),
        ("openvino", [OPENVINO, CPU], [OPENVINO]),
    ],
)
def test_providers_are_tried_best_first(wanted: str, available: list[str], chosen: list[str]) -> None:
    assert choose_provider(wanted, available) == chosen


def test_openvino_is_tried_on_graphics_before_the_processor() -> None:
    targets = targets_of([TENSORRT, OPENVINO, CPU])
    assert targets == [Target(TENSORRT), Target(OPENVINO, "GPU"), Target(OPENVINO, "CPU"), ON_CPU]
    assert [target.processor for target in targets] == [False, False, True, True]


@pytest.mark.parametrize(
    ("wanted", "package"),
    [("cuda", "onnxruntime-gpu"), ("tensorrt", "onnxruntime-gpu"), ("openvino", "onnxruntime-openvino")],
)
def test_a_wanted_provider_that_is_absent_says_what_there_is_and_what_brings_it(wanted: str, package: str) -> None:
    with pytest.raises(ModelError, match=rf"asks for {wanted} .* has only {CPU}.* {package} ") as caught:
        choose_provider(wanted, [CPU])
    assert not caught.value.retryable


def test_another_word_for_the_provider_lists_the_words() -> None:
    with pytest.raises(ModelError, match="auto or one of tensorrt, cuda, openvino, cpu, not 'gpu'"):
        choose_provider("gpu", [CPU])


def test_the_provider_that_runs_is_logged_once() -> None:
    with capture_logs() as logs:
        detector = Detector.load(provider="cpu", weights="fp32")
        detector.detect(np.zeros((416, 416, 3), np.uint8))
    assert detector.provider == CPU
    told = {"model": FP32.name, "provider": CPU, "device": None, "threads": 1}
    assert logs == [{"event": "model loaded", "log_level": "info"} | told]


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_an_accelerator_gets_floats_and_one_fixed_shape(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    pretend_accelerator(monkeypatch, CUDA, refusing())
    detector = Detector.load(provider=wanted)
    assert (detector.provider, detector.weights) == (CUDA, "fp16")
    blob = detector.prepare(np.zeros((234, 416, 3), np.uint8))
    assert blob.shape == (1, 3, 416, 416)
    scores, distances = detector.run(blob)
    assert (scores.shape, distances.shape) == ((1, 80, 3549), (1, 44, 3549))
    with pytest.raises(ModelError, match="Got: 256 Expected: 416"):
        detector.run(blob[:, :, :256])


def _bound(detector: Detector) -> dict[Any, Any]:
    assert isinstance(detector._session, Session)
    return detector._session._bound


def test_bound_memory_is_used_again_and_gives_what_a_plain_run_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_accelerator(monkeypatch, CUDA, refusing())
    bound, plain = Detector.load(provider="cuda", weights="fp32"), Detector.load(provider="cpu", weights="fp32")
    random = np.random.default_rng(1)
    kept = []
    for count in (1, 2, 1, 2):
        blob = random.normal(size=(count, 3, 416, 416)).astype(np.float32)
        for mine, expected in zip(bound.run(blob), plain.run(blob), strict=True):
            np.testing.assert_allclose(mine, expected, atol=1e-4)
        kept.append(dict(_bound(bound)))
    assert kept[1] == kept[3]
    assert len(kept[0]) + 1 == len(kept[1])  # once for each number of pictures
    assert not _bound(plain)


def test_a_failing_run_is_a_retryable_model_error() -> None:
    session = open_session(FP32)
    with pytest.raises(ModelError, match="did not run on CPUExecutionProvider") as caught:
        session.run(["scores"], {"image": np.zeros((1, 4, 32, 32), np.float32)})
    assert caught.value.retryable


def test_one_file_of_the_product_imports_onnxruntime_and_only_after_its_telemetry_is_off() -> None:
    statement = re.compile(r"^\s*(import onnxruntime|from onnxruntime)", re.MULTILINE)
    folders = ("edgesite", "cameras", "recordings", "detection", "tests", "scripts")
    sources = {path: path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py")}
    importing = {path: text for path, text in sources.items() if statement.search(text)}
    product = {str(path.relative_to(ROOT)) for path in importing} - {"scripts/make_default_model.py"}
    assert product == {"detection/inference/session.py"}
    for path, text in importing.items():
        found = statement.search(text)
        assert found is not None
        assert 'os.environ["ORT_DISABLE_TELEMETRY"] = "1"' in text[: found.start()], path


# From <linux/filter.h>, <linux/seccomp.h> and <linux/prctl.h>: a filter that ends the process at socket(AF_INET…) and
# socket(AF_INET6…), which every look-up of a name over the network and every connection begins with.
_JAIL = """
import ctypes, platform, sys
class Step(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint32)]
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.POINTER(Step))]
LOAD, EQUAL, ANSWER = 0x20, 0x15, 0x06
socket_call = {"x86_64": 41, "aarch64": 198}[platform.machine()]
steps = [Step(LOAD, 0, 0, 0), Step(EQUAL, 0, 4, socket_call), Step(LOAD, 0, 0, 16), Step(EQUAL, 1, 0, 2),
         Step(EQUAL, 0, 1, 10), Step(ANSWER, 0, 0, 0x80000000), Step(ANSWER, 0, 0, 0x7FFF0000)]
program = Program(len(steps), (Step * len(steps))(*steps))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(program)) == 0, ctypes.get_errno()
"""


# onnxruntime 1.31 looks its collector up about nine seconds after the import, and keeps a database below HOME at once.
LOOK_UP_AFTER_S = 13


def _in_jail(code: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    return subprocess.run(
        [sys.executable, "-c", _JAIL + code],
        cwd=ROOT,
        env=environment | {"HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_jail_ends_a_process_that_looks_up_a_name(tmp_path: Path) -> None:
    done = _in_jail("import socket; socket.getaddrinfo('name.invalid', 443)", tmp_path)
    assert done.returncode == -signal.SIGSYS


@pytest.mark.integration
def test_a_loaded_model_looks_up_no_name_and_leaves_nothing_behind(tmp_path: Path) -> None:
    code = f"""
import time, numpy
from detection.inference.detector import Detector
detector = Detector.load(provider="cpu")
detector.detect(numpy.zeros((416, 416, 3), numpy.uint8))
time.sleep({LOOK_UP_AFTER_S})
print("quiet")
"""
    done = _in_jail(code, tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["quiet"]), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_accelerator_that_begins_to_fail_is_left_for_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Dying] = []

    def start(_file: str, on_cpu: Any) -> Any:
        made.append(Dying(on_cpu()))
        return made[-1]

    asked = pretend_accelerator(monkeypatch, OPENVINO, start)
    now = 0.0
    detector = Detector.load(provider="auto", weights="fp32")
    monkeypatch.setattr(detector._session, "_monotonic", lambda: now)
    pool = DetectorPool([detector])
    picture = np.zeros((416, 416, 3), np.uint8)
    expected = detector.detect(picture)
    made[-1].bad = True
    for _ in range(FAILURES + 3):  # all at once: it may be short of memory for a moment
        with pytest.raises(ModelError, match="device lost"):
            detector.detect(picture)
    made[-1].bad = False
    detector.detect(picture)
    made[-1].bad = True
    with capture_logs() as logs:
        for _ in range(FAILURES - 1):
            with pytest.raises(ModelError, match="device lost"):
                detector.detect(picture)
            now += FAILING_S
        assert detector.describe()["provider"] == "OpenVINO"
        found = detector.detect(picture)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
    assert pool.describe()["provider"] == "CPU"
    assert (detector.provider, detector.processor, pool.provider, pool.processor) == (CPU, True, CPU, True)
    assert (pool.weights, detector.file) == ("fp32", FP32.name)  # asked for by name
    assert [line["event"] for line in logs] == ["accelerator fails, going on on the CPU"]
    assert "device lost" in logs[0]["reason"]
    assert logs[0]["model"] == FP32.name
    detector.detect(picture)
    assert len(asked) == 1


def lost_accelerator(monkeypatch: pytest.MonkeyPatch, folder: Path = DEFAULT_MODEL) -> DetectorPool:
    """On Intel graphics, which have begun to fail for longer than `FAILING_S`; the next run leaves it."""
    made: list[Dying] = []

    def start(_file: str, on_cpu: Any) -> Any:
        made.append(Dying(on_cpu()))
        return made[-1]

    pretend_accelerator(monkeypatch, OPENVINO, start)
    pool = DetectorPool.load(folder)
    now = 0.0
    network: Any = pool._first._session
    monkeypatch.setattr(network._network, "_monotonic", lambda: now)
    made[-1].bad = True
    for _ in range(FAILURES - 1):
        with pytest.raises(ModelError, match="device lost"):
            pool.detect(np.zeros((416, 416, 3), np.uint8))
        now = FAILING_S
    return pool


def found_by(pool: DetectorPool | Detector) -> Any:
    return pool.detect(np.random.default_rng(2).integers(0, 256, (416, 416, 3), np.uint8), min_score=0.02)


def test_after_an_accelerator_the_weights_are_those_that_suit_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = found_by(Detector.load(provider="cpu", weights="int8"))
    pool = lost_accelerator(monkeypatch)
    before = {"model": "nanodet-g", "weights": "fp16", "file": "nanodet_fp16.onnx", "provider": "OpenVINO"}
    assert pool.describe() == before | {"device": "GPU", "sessions": 1, "batch": 8}
    found = found_by(pool)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-4)
    assert len(found)
    after = {"model": "nanodet-g", "weights": "int8", "file": "nanodet_int8.onnx", "provider": "CPU"}
    assert pool.describe() == after | {"device": "", "sessions": 1, "batch": 8}
    assert (pool.provider, pool.processor, pool.weights) == (CPU, True, "int8")
    with ThreadPoolExecutor(8) as threads:  # together, as the accelerator took them
        for again in threads.map(lambda _: found_by(pool), range(16)):
            np.testing.assert_allclose(again.scores, expected.scores, atol=1e-3)


@pytest.mark.parametrize("damage", ["missing", "other outputs"])
def test_weights_that_cannot_take_an_accelerator_s_place_are_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: str
) -> None:
    folder = Path(shutil.copytree(DEFAULT_MODEL, tmp_path / "model"))
    int8, fp32 = folder / "nanodet_int8.onnx", folder / "nanodet_fp32.onnx"
    if damage == "other outputs":
        manifest = json.loads((folder / "manifest.json").read_text())
        outputs: dict[str, Shape] = {"scores": ("b", 3, "cells"), "distances": ("b", 44, "cells")}
        content = squeezing(("image", FLOAT, ("b", 3, "h", "w")), outputs)
        int8.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        manifest["files"]["int8"] = {"file": int8.name, "sha256": digest, "bytes": len(content)}
        (folder / "manifest.json").write_text(json.dumps(manifest))
    pool = lost_accelerator(monkeypatch, folder)
    if damage == "missing":
        int8.unlink()
        fp32.unlink()
    expected = "fp16" if damage == "missing" else "fp32"
    with capture_logs() as logs:
        assert len(found_by(pool))
    assert (pool.provider, pool.weights) == (CPU, expected)
    told = [line["weights"] for line in logs if line["event"] == "weights left out"]
    assert told == (["int8", "fp32"] if damage == "missing" else ["int8"])


def test_an_accelerator_that_fails_stays_where_the_cpu_does_not_take_over() -> None:
    def none(_failing: Session) -> Session:
        raise ModelError("no such file")

    now = 0.0
    native = Dying(open_session(FP32)._native)
    native.bad = True
    session = Session(native, Target(OPENVINO, "GPU"), on_cpu=none, monotonic=lambda: now)
    with capture_logs() as logs:
        for _ in range(2 * FAILURES):
            with pytest.raises(ModelError, match="device lost"):
                session.run(["scores"], {"image": np.zeros((1, 3, 32, 32), np.float32)})
            now += FAILING_S
    assert [line["event"] for line in logs] == ["accelerator fails, and the CPU does not take over"] * 2
    assert session.target == Target(OPENVINO, "GPU")
