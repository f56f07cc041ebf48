"""A detector: a picture in, detections out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.core.detections import Detections, ScoreLimit
from detection.inference.batches import JoinedRuns
from detection.inference.errors import ModelError
from detection.inference.families import Adapter, make_adapter
from detection.inference.loading import open_model
from detection.inference.manifest import DEFAULT_MODEL, ModelManifest, load_manifest
from detection.inference.preprocess import Blob, Preprocessor
from detection.inference.session import CPU, Network, Tensor


class Detector:
    """One model, loaded. Not thread-safe, since its buffers are reused: give every thread an instance of its own.

    model: its name. classes: names by class id. batch: how many pictures at once `shared` makes of it. input_size: width and
    height into which pictures are fitted. score: detections below it are left out.
    """

    def __init__(self, manifest: ModelManifest, adapter: Adapter, session: Network) -> None:
        """Use `load`. Raises ModelError when the file is not what the manifest promises."""
        # Accelerators build code for one shape, so a blob of another size would cost them seconds.
        trim = session.target.provider == CPU
        _check_input(manifest, session.inputs, trim=trim)
        adapter.check(session.outputs)
        _check_batch(manifest, adapter.output_names, session)
        self.model = manifest.name
        self.classes = manifest.classes
        self.batch = 1 if session.target.processor else manifest.input.batch
        self.input_size = (manifest.input.width, manifest.input.height)
        self.score = manifest.thresholds.score
        self._input_name, self._sizes_name = manifest.input.name, manifest.input.sizes
        self._channels_last = manifest.input.layout == "nhwc"
        self._manifest = manifest
        self._adapter = adapter
        self._session = session
        self._preprocessor = Preprocessor(manifest.input, trim=trim)

    @classmethod
    def load(
        cls, folder: Path = DEFAULT_MODEL, *, weights: str | None = None, provider: str = "auto", threads: int = 1
    ) -> Detector:
        """Loads the model in `folder`.

        weights, provider, threads: as for `open_model`. Raises ModelError.
        """
        manifest = load_manifest(folder)
        try:
            adapter = make_adapter(manifest)
        except ModelError as error:
            raise ModelError(f"{folder}: {error}") from None
        session = open_model(folder, manifest, weights=weights, provider=provider, threads=threads)
        try:
            return cls(manifest, adapter, session)
        except ModelError as error:
            raise ModelError(f"{folder / session.file}: {error}", retryable=error.retryable) from None

    @property
    def provider(self) -> str:
        """The execution provider that runs now, by its full name: an accelerator that fails is left for the CPU."""
        return self._session.target.provider

    @property
    def processor(self) -> bool:
        """Whether it computes on the processor, as OpenVINO may too."""
        return self._session.target.processor

    @property
    def file(self) -> str:
        """The plain name of the file that runs now."""
        return self._session.file

    @property
    def weights(self) -> str:
        """What that file holds: fp32, fp16 or int8."""
        return next(name for name, each in self._manifest.files.items() if each.file == self.file)

    def shared(self) -> list[Detector]:
        """`batch` detectors for as many threads, whose pictures go through this one's network together.

        This one is not to be used beside them. Where batches gain nothing (`batch` is 1) it is the only one.
        """
        if self.batch == 1:
            return [self]
        manifest, joined = self._manifest, JoinedRuns(self._session, self.batch)
        return [Detector(manifest, make_adapter(manifest), joined) for _ in range(self.batch)]

    def describe(self) -> dict[str, Any]:
        """What runs, for the device's report.

        `model`, `weights`, `file`, `provider` (without its suffix), `device` (of OpenVINO's, else empty), `sessions`, and
        `batch`: how many pictures one run takes at most.
        """
        target = self._session.target
        return {
            "model": self.model,
            "weights": self.weights,
            "file": self.file,
            "provider": target.provider.removesuffix("ExecutionProvider"),
            "device": target.device,
            "sessions": 1,
            "batch": self.batch,
        }

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """Width and height to which a picture of that size is to be scaled, its shape kept, in pixels."""
        return self._preprocessor.fit(width, height)

    def detect(self, scaled: NDArray[np.uint8], *, min_score: ScoreLimit | None = None) -> Detections:
        """Finds objects in a picture: BGR uint8 ``(h, w, 3)``, scaled to `fit`; its rows may have a stride.

        min_score: 0..1, instead of the manifest's, for all classes or one each. Boxes are shares (0..1) of the picture, so
        they hold for the unscaled one too. Raises ModelError when the run fails, ValueError for an array of another size
        or type.
        """
        blob = self.prepare(scaled)
        return self.postprocess(self.run(blob), scaled.shape[1], scaled.shape[0], min_score)

    def prepare(self, scaled: NDArray[np.uint8]) -> Blob:
        """First stage of `detect`: the network's input, good until the next call."""
        return self._preprocessor.prepare(scaled)

    def run(self, blob: Blob) -> list[NDArray[np.float32]]:
        """Second stage of `detect`: the network's outputs."""
        feeds: dict[str, Blob] = {self._input_name: blob}
        if self._sizes_name:
            height, width = blob.shape[1:3] if self._channels_last else blob.shape[2:4]
            feeds[self._sizes_name] = np.array([[width, height]], np.int64)
        return self._session.run(self._adapter.output_names, feeds)

    def postprocess(
        self, outputs: Sequence[NDArray[np.float32]], width: int, height: int, min_score: ScoreLimit | None = None
    ) -> Detections:
        """Third stage of `detect`; width and height are those of the scaled picture, in pixels."""
        limit = self.score if min_score is None else min_score
        return self._adapter.decode(outputs, self._preprocessor.letterbox(width, height), limit)


def _check_input(manifest: ModelManifest, inputs: Sequence[Tensor], *, trim: bool) -> None:
    """Raises ModelError when the file's inputs are not those that the manifest describes."""
    spec = manifest.input
    by_name = {tensor.name: tensor for tensor in inputs}
    names = {spec.name, spec.sizes} - {None}
    if set(by_name) != names:
        told = "" if spec.sizes is None else f" and its input.sizes {spec.sizes!r}"
        raise ModelError(
            f"the inputs are {', '.join(by_name)}, the manifest says {spec.name!r}{told}. Correct its input.name."
        )
    _check_type(spec.name, by_name[spec.name], "tensor(float)" if spec.type == "float32" else "tensor(uint8)")
    if spec.sizes is not None:
        _check_type(spec.sizes, by_name[spec.sizes], "tensor(int64)")
    shape = by_name[spec.name].shape
    area = (spec.height, spec.width)
    expected = (1, *area, 3) if spec.layout == "nhwc" else (1, 3, *area)
    fits = len(shape) == len(expected) and all(
        size in (None, wanted) for size, wanted in zip(shape, expected, strict=True)
    )
    if not fits:
        raise ModelError(f"input {spec.name!r} has the shape {shape}, the manifest makes {expected}. Correct it.")
    if trim and spec.trim_to and (shape[1:3] if spec.layout == "nhwc" else shape[2:]) != (None, None):
        raise ModelError(f"input {spec.name!r} has a fixed size; remove input.trim_to from the manifest.")


def _check_batch(manifest: ModelManifest, wanted: Sequence[str], network: Network) -> None:
    """Raises ModelError when the manifest promises batches and the file has no free axis for them, first of all."""
    target = network.target
    if manifest.input.batch == 1 or (
        target.processor and target.provider != CPU
    ):  # there one picture was made constant
        return
    for tensor in (*network.inputs, *(each for each in network.outputs if each.name in wanted)):
        if tensor.shape[:1] != (None,):
            raise ModelError(
                f"{tensor.name!r} has the shape {tensor.shape}, so pictures go through one by one. Set input.batch to 1, "
                "or export the model with a free first axis."
            )


def _check_type(name: str, tensor: Tensor, wanted: str) -> None:
    if tensor.type != wanted:
        kind = {"tensor(float)": "float", "tensor(uint8)": "uint8", "tensor(int64)": "int64"}[wanted]
        raise ModelError(f"input {name!r} takes {tensor.type}, not {wanted}. Export the model with {kind} input.")
