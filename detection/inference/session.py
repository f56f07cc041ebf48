"""The only place that touches onnxruntime: which provider runs, with which options, and what its errors become."""

from __future__ import annotations

import os

# onnxruntime looks up a collector's address when it is imported: a box must not talk to anyone it was not told about.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
import structlog
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from detection.inference.errors import ModelError

CPU = "CPUExecutionProvider"
# Where those that bind keep their tensors: memory there is taken once and used again by every run.
DEVICES = {"TensorrtExecutionProvider": "cuda", "CUDAExecutionProvider": "cuda"}
# Best first. Each with the setting's word and the pip package that brings it.
PROVIDERS = {
    "tensorrt": ("TensorrtExecutionProvider", "onnxruntime-gpu"),
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "openvino": ("OpenVINOExecutionProvider", "onnxruntime-openvino"),
    "cpu": (CPU, "onnxruntime"),
}
_CORRUPT: tuple[type[Exception], ...] = (
    ort_errors.InvalidProtobuf,
    ort_errors.InvalidGraph,
    ort_errors.InvalidArgument,
    ort_errors.NoModel,
)
# onnxruntime's own errors have no base class, and which ones exist depends on its version.
_FAILURES: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    *(each for each in vars(ort_errors).values() if isinstance(each, type) and issubclass(each, Exception)),
)


# Sizes of batches whose memory stays bound; a manifest allows no more.
MAX_BOUND = 32
# An accelerator is left when so many runs in a row failed, over so long: one may be short of memory for a moment.
FAILURES, FAILING_S = 5, 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a network may run: a provider by its full name, and of OpenVINO's devices which one (empty: it has but one)."""

    provider: str
    device: str = ""

    @property
    def processor(self) -> bool:
        """Whether it computes on the processor, where integers are fast and batches gain nothing."""
        return CPU in (self.provider, f"{self.device}ExecutionProvider")


ON_CPU = Target(CPU)
# Graphics first. Without the option OpenVINO takes the processor, whatever else there is.
OPENVINO_DEVICES = ("GPU", "CPU")


class ProviderMissingError(ModelError):
    """The provider itself does not start on this machine, whatever it is given to run."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output: shape has None where an axis is free; type is onnxruntime's word, e.g. ``tensor(float)``."""

    name: str
    shape: tuple[int | None, ...]
    type: str


class Network(Protocol):
    """What runs a loaded network: a Session, or several threads' share of one."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def target(self) -> Target:
        """Where it runs now."""

    @property
    def file(self) -> str:
        """The plain name of the file that runs now."""

    def run(self, names: Sequence[str], feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        """The named outputs, in that order. Raises ModelError."""


class Session:
    """A loaded network. Not to be run by two threads at once when buffers are shared; see Detector.

    An accelerator that fails `FAILURES` times in a row, over `FAILING_S` seconds at least, is left for the CPU for good.
    """

    def __init__(
        self,
        native: Any,
        target: Target,
        *,
        file: str = "",
        on_cpu: Callable[[Session], Session] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """file: its plain name. on_cpu: opens what takes this one's place there; None: nothing does. monotonic: seconds."""
        self._native = native
        self.target, self.file = target, file
        self._on_cpu, self._monotonic = on_cpu, monotonic
        self._failures, self._failing_since = 0, 0.0
        self._bound: dict[Any, tuple[Any, dict[str, Any]]] = {}
        self.inputs = tuple(_tensor(each) for each in native.get_inputs())
        self.outputs = tuple(_tensor(each) for each in native.get_outputs())

    def run(self, names: Sequence[str], feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        """The named outputs, in that order. Raises ModelError (retryable: an accelerator may be short of memory)."""
        try:
            outputs = self._run(names, feeds)
        except ModelError as error:
            if not self._leaves(error):
                raise
            outputs = self._run(names, feeds)
        self._failures = 0
        return outputs

    def _leaves(self, error: ModelError) -> bool:
        """After a failed run: whether it runs on the CPU from now on."""
        now = self._monotonic()
        self._failing_since = self._failing_since if self._failures else now
        self._failures += 1
        if self._on_cpu is None or self._failures < FAILURES or now - self._failing_since < FAILING_S:
            return False
        self._failures = 0
        told = {"provider": self.target.provider, "device": self.target.device or None, "reason": str(error)}
        try:
            spare = self._on_cpu(self)
        except ModelError as why:
            log.error("accelerator fails, and the CPU does not take over", **told, cpu=str(why))
            return False
        log.error("accelerator fails, going on on the CPU", **told, model=spare.file)
        self._bound.clear()
        self._native, self.target, self.file, self._on_cpu = spare._native, spare.target, spare.file, None
        self.inputs, self.outputs = spare.inputs, spare.outputs
        return True

    def _run(self, names: Sequence[str], feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        try:
            if device := DEVICES.get(self.target.provider):
                return self._run_bound(device, names, feeds)
            outputs: list[NDArray[np.float32]] = self._native.run(names, feeds)
        except _FAILURES as error:
            provider = self.target.provider
            raise ModelError(f"The model did not run on {provider}: {_line(error)}.", retryable=True) from error
        return outputs

    def _run_bound(
        self, device: str, names: Sequence[str], feeds: Mapping[str, NDArray[Any]]
    ) -> list[NDArray[np.float32]]:
        """The same with inputs and outputs bound to the device's memory, once for each shape of the feeds."""
        shape = (tuple(names), tuple((name, array.shape) for name, array in feeds.items()))
        if shape not in self._bound:
            if len(self._bound) >= MAX_BOUND:
                self._bound.clear()
            binding, inputs = self._native.io_binding(), {}
            for name, array in feeds.items():
                inputs[name] = onnxruntime.OrtValue.ortvalue_from_numpy(array, device, 0)
                binding.bind_ortvalue_input(name, inputs[name])
            for name in names:
                binding.bind_output(name, device)
            self._bound[shape] = (binding, inputs)
        binding, inputs = self._bound[shape]
        for name, array in feeds.items():
            inputs[name].update_inplace(array)
        self._native.run_with_iobinding(binding)
        outputs: list[NDArray[np.float32]] = binding.copy_outputs_to_cpu()
        return outputs


def available_providers() -> list[str]:
    """The execution providers of the installed onnxruntime, by their full names."""
    names: list[str] = onnxruntime.get_available_providers()
    return names


def choose_provider(wanted: str, available: Sequence[str]) -> list[str]:
    """The providers to try, best first, by their full names; each may leave single operators to the CPU.

    wanted: auto, tensorrt, cuda, openvino or cpu (the setting ORT_PROVIDER). auto takes what is available in the order
    TensorRT, CUDA, OpenVINO, CPU. Raises ModelError for another word, and for a wanted provider that is not available.
    """
    if wanted == "auto":
        return [name for name, _package in PROVIDERS.values() if name in available]
    if wanted not in PROVIDERS:
        raise ModelError(f"ORT_PROVIDER must be auto or one of {', '.join(PROVIDERS)}, not {wanted!r}.")
    name, package = PROVIDERS[wanted]
    if name not in available:
        raise ModelError(
            f"ORT_PROVIDER asks for {wanted} ({name}), but this installation has only {', '.join(available)}. "
            f"The pip package {package} brings it (instead of the onnxruntime package that is installed)."
        )
    return [name]


def targets_of(providers: Sequence[str]) -> list[Target]:
    """Where to try, best first: the providers in their order, OpenVINO on each of its devices."""
    return [
        Target(name, device)
        for name in providers
        for device in (OPENVINO_DEVICES if name == PROVIDERS["openvino"][0] else ("",))
    ]


def open_session(
    path: Path,
    target: Target = ON_CPU,
    *,
    threads: int = 1,
    fixed_axes: Mapping[str, int] | None = None,
    on_cpu: Callable[[Session], Session] | None = None,
) -> Session:
    """Loads an ONNX file at `target`, where it must really start.

    threads: of the CPU, per run. fixed_axes: sizes of free axes by their names, which accelerators get as constants: they
    build code for one shape. on_cpu: as for `Session`. Raises ProviderMissingError when onnxruntime falls back to the CPU,
    and ModelError when the file is not a usable ONNX model or the provider does not take it.
    """
    provider = target.provider
    chosen: list[Any] = [(provider, {"device_type": target.device}) if target.device else provider]
    options = _options(threads)
    for name, size in (fixed_axes or {}).items() if provider != CPU else ():
        options.add_free_dimension_override_by_name(name, size)
    try:
        # Its own fallback would print to the console and hide what failed.
        native = onnxruntime.InferenceSession(
            str(path), options, providers=chosen if provider == CPU else [*chosen, CPU], enable_fallback=0
        )
    except _CORRUPT as error:
        raise ModelError(f"{path} is not a usable ONNX model: {_line(error)}. Export or copy it again.") from error
    except _FAILURES as error:
        raise ModelError(
            f"{path} cannot be loaded on {provider}: {_line(error)}.", retryable=provider != CPU
        ) from error
    runs = native.get_providers()[0]
    if runs != provider:  # onnxruntime itself falls back without an error
        raise ProviderMissingError(
            f"{path} was to run on {provider} {target.device}, but onnxruntime fell back to {runs}: its driver or a "
            "library is missing. Install it, or set ORT_PROVIDER to auto or cpu.",
            retryable=True,
        )
    return Session(native, target, file=path.name, on_cpu=on_cpu)


def _options(threads: int) -> Any:
    """Options for small boxes: waiting threads sleep, since cameras and recordings need the same cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3  # errors only: warnings of the optimiser are nothing an operator can act upon
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _tensor(argument: Any) -> Tensor:
    shape = tuple(size if isinstance(size, int) else None for size in argument.shape)
    return Tensor(argument.name, shape, argument.type)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".")
