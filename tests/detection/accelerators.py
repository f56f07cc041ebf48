"""Stand-ins for accelerators that no machine of the tests has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detection.inference import session as layer

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
OPENVINO = "OpenVINOExecutionProvider"
Start = Callable[[str, Callable[[], Any]], Any]


def pretend_accelerator(monkeypatch: pytest.MonkeyPatch, provider: str, start: Start) -> list[str]:
    """An installation with one more provider, which `start` answers for; returns the files it was asked to load.

    start: gets the file's name, with the device before it where one is asked for, and what opens it on the CPU.
    """
    asked: list[str] = []
    real = layer.onnxruntime.InferenceSession  # type: ignore[attr-defined]

    def session(path: str, options: object, *, providers: list[Any], **more: object) -> Any:
        if providers[0] == CPU:
            return real(path, options, providers=providers, **more)
        device = "" if isinstance(providers[0], str) else f"{providers[0][1]['device_type']}:"
        asked.append(device + Path(path).name)
        return start(asked[-1], lambda: real(path, options, providers=[CPU], **more))

    monkeypatch.setattr("detection.inference.session.onnxruntime.InferenceSession", session)
    for each in layer.DEVICES:
        monkeypatch.setitem(layer.DEVICES, each, "cpu")  # binding too, to memory that there is
    monkeypatch.setattr("detection.inference.loading.available_providers", lambda: [provider, CPU])
    return asked


class Accelerated:
    """A session on the CPU that says it runs on another provider."""

    def __init__(self, native: Any, provider: str = CUDA) -> None:
        self._native, self._provider = native, provider

    def __getattr__(self, name: str) -> Any:
        return getattr(self._native, name)

    def get_providers(self) -> list[str]:
        return [self._provider, CPU]


class Dying:
    """An accelerator's session that fails as long as `bad`."""

    def __init__(self, native: Any) -> None:
        self._native, self.bad = native, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._native, name)

    def get_providers(self) -> list[str]:
        return [OPENVINO, CPU]

    def run(self, *rest: Any) -> Any:
        if self.bad:
            raise RuntimeError("device lost")
        return self._native.run(*rest)


def no_driver(_file: str, _fall_back: Callable[[], Any]) -> Any:
    raise layer.ort_errors.Fail("libcudnn.so.9: cannot open shared object file")  # type: ignore[attr-defined]


def silent_fall_back(_file: str, fall_back: Callable[[], Any]) -> Any:
    return fall_back()


def refusing(*names: str, provider: str = CUDA) -> Start:
    """Takes all files but those with one of these words in their names."""

    def start(file: str, on_cpu: Callable[[], Any]) -> Any:
        if any(name in file for name in names):
            raise layer.ort_errors.NotImplemented("no kernel for this operator")  # type: ignore[attr-defined]
        return Accelerated(on_cpu(), provider)

    return start
