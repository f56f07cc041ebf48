"""Which loops one process of the detector runs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from detection.analysis import Analysis
from detection.inference.detector import Detector
from detection.inference.pool import DetectorPool
from detection.inference.session import ON_CPU
from detection.pacing import Pacing
from edgesite.edge_store.database import EdgeDatabase
from edgesite.worker import Step
from tests.cameras.documents import DEVICE
from tests.detection.accelerators import OPENVINO, Accelerated, pretend_accelerator, refusing
from tests.servers.process import free_port


def loops_with(detector: Detector | DetectorPool, folder: Path) -> dict[str, Step]:
    database = EdgeDatabase(folder / "edge.sqlite3")
    analysis = Analysis(
        device_id=DEVICE, store=folder / "edge.sqlite3", cloud_redis_url=f"redis://127.0.0.1:{free_port()}/0",
        transport="tcp", detector=detector, database=database, stop=threading.Event(),
    )  # fmt: skip
    analysis.finish(ended=True)
    database.close()
    assert len(analysis.loops) == len({name for name, _step, _idle_s in analysis.loops})
    return {name: step for name, step, _idle_s in analysis.loops}


def openvino_on_the_processor(file: str, on_cpu: Any) -> Any:
    """A box without Intel graphics: onnxruntime falls back without an error."""
    return on_cpu() if file.startswith("GPU:") else Accelerated(on_cpu(), OPENVINO)


@pytest.mark.parametrize(
    ("provider", "start", "paced"),
    [
        ("cpu", None, True),
        ("openvino", openvino_on_the_processor, True),
        ("openvino", refusing(provider=OPENVINO), False),
    ],
)
@pytest.mark.parametrize("pooled", [False, True])
def test_decoding_is_paced_wherever_inference_needs_the_same_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str, start: Any, *, paced: bool, pooled: bool
) -> None:
    if start is not None:
        pretend_accelerator(monkeypatch, OPENVINO, start)
    one = Detector.load(provider=provider)
    detector = DetectorPool(one.shared()) if pooled else one
    looks: list[Pacing] = []

    def step(pacing: Pacing) -> bool:
        looks.append(pacing)
        return False

    monkeypatch.setattr(Pacing, "step", step)
    loops = loops_with(detector, tmp_path)
    loops["pace"]()
    assert bool(looks) is paced
    if not paced:  # an accelerator that fails is left for the processor
        monkeypatch.setattr(one._session, "target", ON_CPU)
        loops["pace"]()
        assert looks
    assert "analyse 1" in loops
