"""The manifest beside a model's files: what goes in, what comes out, which files they must be. See docs/models.md."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator, model_validator

from detection.core.scene import Answer
from detection.inference.errors import ModelError

MANIFEST_NAME = "manifest.json"
DEFAULT_MODEL = Path(__file__).resolve().parent.parent / "weights" / "nanodet-g"

Weights = Literal["fp32", "fp16", "int8"]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputSpec(_Strict):
    """The pictures that the network takes: ``(pixel - mean) / std`` per channel, in the order of `color`.

    batch: how many go through an accelerator at once; above 1 the first axis of inputs and outputs must be free.
    layout: ``(1, 3, height, width)`` or ``(1, height, width, 3)``. pixels: 0..255, or 0..1 where mean and std are given
    for that. letterbox: scaled to fit and put in the corner or the centre, `fill` (0..255) around it; or stretched to the
    whole size. trim_to: the network also takes any smaller height and width that are multiples of this number, so that the
    filling need not be computed; null when the size is fixed. sizes: name of a second input, int64 ``(1, 2)``, that is
    told width and height of the first.
    """

    name: Name
    width: int = Field(ge=32, le=4096)
    height: int = Field(ge=32, le=4096)
    batch: int = Field(default=1, ge=1, le=32)
    trim_to: int | None = Field(default=None, ge=1)
    layout: Literal["nchw", "nhwc"]
    type: Literal["float32", "uint8"] = "float32"
    color: Literal["bgr", "rgb"]
    pixels: Literal["0..255", "0..1"] = "0..255"
    letterbox: Literal["top-left", "centre", "stretch"]
    fill: int = Field(default=0, ge=0, le=255)
    mean: tuple[Finite, Finite, Finite]
    std: tuple[Positive, Positive, Positive]
    sizes: Name | None = None

    @model_validator(mode="after")
    def _whole_steps(self) -> InputSpec:
        if self.trim_to and (self.width % self.trim_to or self.height % self.trim_to):
            raise ValueError(f"width and height must be multiples of trim_to ({self.trim_to})")
        if self.trim_to and self.letterbox == "stretch":
            raise ValueError("a stretched picture has no filling, so trim_to must be null")
        return self

    @model_validator(mode="after")
    def _whole_numbers(self) -> InputSpec:
        if self.type == "uint8" and (self.pixels, {*self.mean}, {*self.std}) != ("0..255", {0.0}, {1.0}):
            raise ValueError("with type uint8 pixels stay as they are: pixels 0..255, mean 0, std 1")
        return self


class Thresholds(_Strict):
    """score: detections below are not reported unless the caller asks; nms_iou: overlap above which one box goes.

    nms_iou is null where the network itself leaves one box of each object.
    """

    score: float = Field(gt=0, lt=1)
    nms_iou: float | None = Field(ge=0, le=1)


class WeightsFile(_Strict):
    """One ONNX file beside the manifest."""

    file: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")  # a plain name: nothing leaves the folder
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(gt=0)


class Answers(_Strict):
    """A detector for second looks. means: what finding a class in a crop says; other classes are not looked for.

    nothing: what it says when none of them is found. min_sharpness: variance of the Laplacian of the grey picture at the
    network's size; a more blurred one says nothing.
    """

    means: dict[Name, Answer] = Field(min_length=1)
    nothing: Answer = "unknown"
    min_sharpness: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class ModelManifest(_Strict):
    """A model: class names in the order of class ids, its input, and in `outputs` what its family's adapter needs.

    answers: for detectors that take second looks, else null.
    """

    name: Name
    family: Name
    version: Name
    classes: tuple[Name, ...] = Field(min_length=1)
    input: InputSpec
    outputs: dict[str, JsonValue]
    answers: Answers | None = None
    thresholds: Thresholds
    files: dict[Weights, WeightsFile] = Field(min_length=1)
    source: str
    licence: Name

    @field_validator("classes")
    @classmethod
    def _different(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError("class names must differ from each other")
        return value

    @model_validator(mode="after")
    def _answers_of_classes(self) -> ModelManifest:
        if self.answers and (strange := set(self.answers.means) - set(self.classes)):
            raise ValueError(f"answers.means names no class of the model: {', '.join(sorted(strange))}")
        return self


def describe(error: ValidationError) -> str:
    """A validation error as one line: `path: reason; path: reason`."""
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'document'}: {each['msg']}" for each in error.errors())


def load_manifest(path: Path) -> ModelManifest:
    """Reads a manifest; `path` is the file or the folder that holds a manifest.json.

    Raises ModelError when it is missing, is not JSON, or breaks a rule (with the path inside the document).
    """
    file = path / MANIFEST_NAME if path.is_dir() else path
    try:
        return ModelManifest.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        raise ModelError(f"No model manifest at {file}. Put the model's folder there or name another one.") from None
    except OSError as error:
        raise ModelError(f"The model manifest {file} cannot be read: {error.strerror}.", retryable=True) from error
    except ValidationError as error:
        raise ModelError(
            f"The model manifest {file} is broken: {describe(error)}. docs/models.md has the format."
        ) from None


def checked_file(folder: Path, manifest: ModelManifest, weights: str) -> Path:
    """The ONNX file of one set of weights, after its size and SHA-256 were compared with the manifest.

    Raises ModelError when the manifest has no such weights, or when the file is missing or another one.
    """
    entry = next((file for name, file in manifest.files.items() if name == weights), None)
    if entry is None:
        known = ", ".join(manifest.files)
        raise ModelError(
            f"Model {manifest.name} in {folder} has no {weights} weights, only {known}. Ask for one of these."
        )
    path = folder / entry.file
    try:
        size = path.stat().st_size
        if size == entry.bytes:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256:
                    return path
    except FileNotFoundError:
        raise ModelError(f"The model file {path} is missing. Copy it beside its manifest again.") from None
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.", retryable=True) from error
    found = f"{size} bytes instead of {entry.bytes}" if size != entry.bytes else "another SHA-256"
    raise ModelError(
        f"The model file {path} is not the one its manifest names ({found}). Copy it again, or correct the manifest if "
        "you changed the model on purpose.",
        retryable=size < entry.bytes,
    )
