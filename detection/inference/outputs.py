"""What adapters check once, when a model is loaded: the manifest's `outputs`, and the file's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from detection.inference.errors import ModelError
from detection.inference.manifest import ModelManifest, describe
from detection.inference.session import Tensor

Spec = TypeVar("Spec", bound=BaseModel)

FLOAT = "tensor(float)"


def read_outputs(kind: type[Spec], manifest: ModelManifest) -> Spec:
    """The manifest's `outputs` as its family wants them. Raises ModelError with the key that is wrong."""
    try:
        return kind.model_validate(manifest.outputs)
    except ValidationError as error:
        raise ModelError(
            f"The manifest of {manifest.name} is broken: outputs.{describe(error)}. docs/models.md has the format."
        ) from None


def find_output(outputs: Sequence[Tensor], name: str, *, model: str) -> Tensor:
    """The output of that name. Raises ModelError with the names there are."""
    for tensor in outputs:
        if tensor.name == name:
            return tensor
    found = ", ".join(tensor.name for tensor in outputs)
    raise ModelError(f"{model} has no output {name!r}, only {found}. Correct the manifest.")


def check_channels(outputs: Sequence[Tensor], name: str, channels: int, *, axis: int, model: str, because: str) -> None:
    """Raises ModelError unless the output is float32 with three axes and that many channels on the given one.

    because: what of the manifest asks for that number.
    """
    tensor = find_output(outputs, name, model=model)
    if tensor.type != FLOAT or len(tensor.shape) != 3 or tensor.shape[axis] not in (None, channels):
        raise ModelError(
            f"Output {name!r} of {model} is {tensor.type} {tensor.shape}, but {because} need {FLOAT} with {channels} on "
            f"axis {axis}. Correct the manifest's classes or outputs, or export the model again."
        )
