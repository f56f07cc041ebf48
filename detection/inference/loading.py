"""Which of a model's files runs where: the best provider that starts, with the weights that suit it best."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import structlog

from detection.cores import usable_cores
from detection.inference.errors import ModelError
from detection.inference.manifest import InputSpec, ModelManifest, checked_file
from detection.inference.session import (
    ON_CPU,
    ProviderMissingError,
    Session,
    Target,
    Tensor,
    available_providers,
    choose_provider,
    open_session,
    targets_of,
)

log = structlog.get_logger(__name__)

# Best first. Processors are fastest with integers; accelerators have circuits for half precision and often refuse these.
PROCESSOR_WEIGHTS = ("int8", "fp32", "fp16")
ACCELERATOR_WEIGHTS = ("fp16", "fp32", "int8")


def open_model(
    folder: Path, manifest: ModelManifest, *, weights: str | None = None, provider: str = "auto", threads: int = 1
) -> Session:
    """Opens the file of `manifest` that suits the best provider which really starts.

    weights: only these; None: int8 before fp32 before fp16 on a processor, fp16 before fp32 before int8 on an accelerator.
    Weights that are missing, damaged or refused are left out, an accelerator that takes none of them too; each is logged
    once. An accelerator that fails later gives way to the CPU with the weights that suit that. provider: as for
    `choose_provider`; one asked for by name must run. threads: of the CPU, per run. Raises ModelError when nothing is left.
    """
    targets = targets_of(choose_provider(provider, available_providers()))
    for target in targets:
        try:
            session = _open_at(target, folder, manifest, weights, threads)
        except ModelError as error:
            if target is targets[-1]:
                raise
            log.warning(
                "accelerator does not start",
                provider=target.provider,
                device=target.device or None,
                model=manifest.name,
                reason=str(error),
            )
        else:
            log.info(
                "model loaded",
                model=session.file,
                provider=target.provider,
                device=target.device or None,
                threads=threads,
            )
            return session
    raise ModelError(f"This onnxruntime has no provider for {folder}. Install the pip package onnxruntime.")


def _open_at(
    target: Target,
    folder: Path,
    manifest: ModelManifest,
    weights: str | None,
    threads: int,
    instead_of: Session | None = None,
) -> Session:
    """The first weights that run there. Raises the ModelError of the first, ProviderMissingError at once.

    instead_of: it takes over from that one, under those who use it.
    """
    spare = None if target == ON_CPU else functools.partial(_take_over, folder, manifest, weights)
    order = PROCESSOR_WEIGHTS if target.processor else ACCELERATOR_WEIGHTS
    left_out: dict[str, ModelError] = {}
    for name in (weights,) if weights else [each for each in order if each in manifest.files]:
        try:
            path = checked_file(folder, manifest, name)
            axes = _fixed_axes(manifest.input, target)
            session = open_session(path, target, threads=threads, fixed_axes=axes, on_cpu=spare)
            if instead_of is not None:
                _check_alike(session, instead_of)
            if instead_of is not None or not target.processor:
                _try_out(session, manifest.input, path)
        except ProviderMissingError:
            raise
        except ModelError as error:
            left_out[name] = error
            continue
        for other, why in left_out.items():
            log.warning(
                "weights left out", model=manifest.name, weights=other, provider=target.provider, reason=str(why)
            )
        return session
    raise next(iter(left_out.values()))


def _take_over(folder: Path, manifest: ModelManifest, weights: str | None, failing: Session) -> Session:
    """On the CPU in place of an accelerator's. A single session then serves all threads, so it gets all cores.

    Files that were exchanged meanwhile are none of this model's. Raises ModelError.
    """
    return _open_at(ON_CPU, folder, manifest, weights, usable_cores(), instead_of=failing)


def _check_alike(session: Session, other: Session) -> None:
    """Raises ModelError when who runs the other one could not run this one too."""
    for ours, theirs in ((session.inputs, other.inputs), (session.outputs, other.outputs)):
        if not _are_alike(ours, theirs):
            raise ModelError(f"{session.file} has other inputs or outputs than {other.file}. Export it again.")


def _are_alike(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> bool:
    """Whether names and types are the same, and sizes as far as both are known."""
    by_name = {tensor.name: tensor for tensor in theirs}
    return {(each.name, each.type) for each in ours} == {(each.name, each.type) for each in theirs} and all(
        len(each.shape) == len(by_name[each.name].shape)
        and all(None in pair or pair[0] == pair[1] for pair in zip(each.shape, by_name[each.name].shape, strict=True))
        for each in ours
    )


def _fixed_axes(spec: InputSpec, target: Target) -> dict[str, int]:
    """Free axes that become constants; the number of pictures stays free where several go through at once."""
    size = {"width": spec.width, "height": spec.height}
    return size if spec.batch > 1 and not target.processor else size | {"batch": 1}


def _try_out(session: Session, spec: InputSpec, path: Path) -> None:
    """Black pictures, as many as a batch may have and one alone: some accelerators build their code only now.

    Building takes seconds that no camera's frame should wait for, and may fail. Raises ModelError.
    """
    shape = (spec.height, spec.width, 3) if spec.layout == "nhwc" else (3, spec.height, spec.width)
    for count in sorted({1, spec.batch}, reverse=True):
        feeds = {spec.name: np.zeros((count, *shape), np.dtype(spec.type))}
        if spec.sizes:
            feeds[spec.sizes] = np.tile(np.array([[spec.width, spec.height]], np.int64), (count, 1))
        for array in session.run([tensor.name for tensor in session.outputs], feeds):
            if array.dtype.kind == "f" and np.isnan(array).any():
                raise ModelError(f"{path} gives no numbers on {session.target.provider}. Try other weights.")
