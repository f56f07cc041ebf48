"""The config document: its schema, its hash and its checks (DESIGN 5.4). Pure: no I/O, no clock.

A document of ours forbids unknown keys, and anything wrong in it refuses it as a whole with the path and the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from cameras.core.algorithms import Registry
from cameras.core.canonical import AUTHOR, Canonical
from cameras.core.geometry import GeometryError, Points, validate_shape
from cameras.core.reasons import Word, reason_of
from cameras.core.recording import NO_SCHEDULE, RecordingPolicy, check_followed
from cameras.core.schedule import ScheduleEntry
from cameras.core.strict_json import DocumentError, load_json
from cameras.core.values import check_epoch, check_source, check_stream, check_time_zone

SCHEMA, SCHEMAS = 1, (1,)
HEADER = ("schema", "device_id", "epoch", "version", "rollback_of", "issued_at", "sha256")
LONGEST_AUTHOR = 150
NO_CAMERA = "no camera %(code)s in this document"
NO_ROI = "no ROI %(code)s in this document"

Identifier = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f/]+$")]
Point = Annotated[tuple[float, float], Field(strict=False)]
Priority = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
RoiType = Literal["polygon", "rectangle", "line"]
Severity = Literal["info", "warning", "critical"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Site(_Part):
    name: str = Field(default="", max_length=200)
    time_zone: Annotated[str, AfterValidator(check_time_zone)] = "UTC"


class Camera(_Part):
    camera_id: Identifier
    camera_name: str = Field(default="", max_length=200)
    rtsp_url: Annotated[str, Field(max_length=2000), AfterValidator(check_source)]
    sub_url: Annotated[str, Field(max_length=4000), AfterValidator(check_stream)] | None = None
    enabled: bool = True
    location: str = Field(default="", max_length=200)
    analyse: bool = True
    max_fps: float = Field(default=10.0, gt=0, le=60, allow_inf_nan=False)
    recording: RecordingPolicy = RecordingPolicy()


class Roi(_Part):
    roi_id: Identifier
    camera_id: Identifier
    roi_name: str = Field(default="", max_length=200)
    roi_type: RoiType
    coordinates: tuple[Point, ...] = Field(strict=False)
    enabled: bool = True
    priority: Priority = 0


class Bind(_Part):
    bind_id: Identifier
    roi_id: Identifier
    algo_code: Identifier
    params: dict[str, Any] = Field(default_factory=dict)
    priority: Priority = 0
    enabled: bool = True
    severity: Severity = "warning"
    schedule_id: Identifier | None = None


class Content(_Part):
    """Everything but the header: what the hash covers and what the edge runs on.

    issued_by: who issued it, for the box's journal; no part of the box acts on it.
    """

    issued_by: str = Field(default="", max_length=LONGEST_AUTHOR)
    site: Site = Site()
    cameras: tuple[Camera, ...] = Field(strict=False)
    rois: tuple[Roi, ...] = Field(strict=False)
    binds: tuple[Bind, ...] = Field(strict=False)
    schedules: tuple[ScheduleEntry, ...] = Field(default=(), strict=False)


class Header(_Part):
    """A bare document has one too, made on the box: schema 0, no epoch, no time of issue."""

    schema_: int = Field(alias="schema")
    device_id: Identifier
    epoch: str
    version: int = Field(ge=1, le=2**53)
    rollback_of: int | None
    issued_at: Annotated[datetime | None, Field(strict=False)]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class IssuedHeader(Header):
    """The header of a document that a hub issued."""

    epoch: Annotated[str, AfterValidator(check_epoch)]
    issued_at: Annotated[datetime, Field(strict=False)]


class Document(BaseModel):
    """One verified document. Immutable: a change swaps the whole object.

    pixels: points of ROIs that a bare document gives in pixels, by `roi_id`; they wait for the picture's size.
    """

    model_config = ConfigDict(frozen=True)
    header: Header
    content: Content
    pixels: Mapping[str, tuple[tuple[float, float], ...]] = Field(default_factory=dict)

    @property
    def number(self) -> tuple[str, int]:
        """`(epoch, version)`; versions only compare inside one epoch."""
        return self.header.epoch, self.header.version


def content_of(raw: Mapping[str, Any]) -> dict[str, Any]:
    """All keys but the header's."""
    return {key: value for key, value in raw.items() if key not in HEADER}


def canonical(content: Mapping[str, Any]) -> Canonical:
    """The content in canonical form. Raises DocumentError for values that have none."""
    try:
        return Canonical(content)
    except (ValueError, RecursionError) as error:
        raise DocumentError("", "has no canonical form: %(problem)s", problem=error) from None


def content_hash(content: Mapping[str, Any]) -> str:
    """SHA-256, hex, of the canonical JSON (RFC 8785). Raises DocumentError for values that have no canonical form."""
    return canonical(content).sha256()


def signed(content: Mapping[str, Any], author: str) -> dict[str, Any]:
    """The content with its author, as it is issued."""
    return {AUTHOR: author[:LONGEST_AUTHOR], **content}


def is_hash_of(sha256: str, content: Canonical, *, author: str) -> bool:
    """Whether a document of this author with this hash says the same as the content, whoever issues that now.

    content: without `issued_by`, as `compile_content` gives it. Documents from before that key was there compare too.
    """
    return sha256 in (content.sha256(author=author[:LONGEST_AUTHOR]), content.sha256())


def _path(location: Iterable[int | str]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _validated(model: type[_Part], value: Any) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        template, values = reason_of(first)
        raise DocumentError(_path(first["loc"]), template, **values) from None


def _unique(kind: str, key: str, items: Iterable[Any]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for index, item in enumerate(items):
        identifier = getattr(item, key)
        if identifier in known:
            raise DocumentError(f"{kind}[{index}].{key}", "%(code)s stands twice", code=repr(identifier))
        known[identifier] = item
    return known


def _check_shapes(content: Content, cameras: Mapping[str, Camera]) -> None:
    for index, roi in enumerate(content.rois):
        if roi.camera_id not in cameras:
            raise DocumentError(f"rois[{index}].camera_id", NO_CAMERA, code=repr(roi.camera_id))
        try:
            validate_shape(roi.roi_type, roi.coordinates)
        except GeometryError as error:
            raise DocumentError(f"rois[{index}].coordinates", error.template, **error.values) from None


def _check_binds(content: Content, rois: Mapping[str, Roi], registry: Registry) -> None:
    schedules = _unique("schedules", "schedule_id", content.schedules)
    for index, bind in enumerate(content.binds):
        where = f"binds[{index}]"
        roi = rois.get(bind.roi_id)
        if roi is None:
            raise DocumentError(f"{where}.roi_id", NO_ROI, code=repr(bind.roi_id))
        algorithm = registry.get(bind.algo_code)
        if algorithm is None:
            known = ", ".join(a.code for a in registry.all())
            text = "unknown algorithm %(code)s; known: %(known)s"
            raise DocumentError(f"{where}.algo_code", text, code=repr(bind.algo_code), known=known)
        if roi.roi_type not in algorithm.roi_types:
            text = "%(algo)s cannot watch a %(shape)s"
            raise DocumentError(f"{where}.roi_id", text, algo=bind.algo_code, shape=Word(roi.roi_type))
        if bind.schedule_id is not None and bind.schedule_id not in schedules:
            raise DocumentError(f"{where}.schedule_id", NO_SCHEDULE, code=repr(bind.schedule_id))
        try:
            params = algorithm.parameters.model_validate(bind.params)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            template, values = reason_of(first)
            if first["type"] == "extra_forbidden":
                template = "is an unknown parameter"
            raise DocumentError(_path([*_split(where), "params", *first["loc"]]), template, **values) from None
        for place in params.places():
            if (wrong := _why_not(rois.get(place.roi_id), roi)) is not None:
                path, values = _path([*_split(where), "params", *place.path]), {"code": repr(place.roi_id)}
                raise DocumentError(path, wrong, bind=repr(bind.bind_id), **values)


def _why_not(named: Roi | None, roi: Roi) -> str | None:
    """Why a binding to `roi` cannot name that ROI in its parameters: a template with `code` and `bind`."""
    if named is None:
        return "no ROI %(code)s in this document; binding %(bind)s names it"
    if named.camera_id != roi.camera_id:
        return "ROI %(code)s is of another camera; binding %(bind)s names it"
    return "a line is no area; binding %(bind)s names it" if named.roi_type == "line" else None


def _split(where: str) -> list[int | str]:
    name, _, rest = where.partition("[")
    return [name, int(rest.rstrip("]"))]


def parse_content(raw: Mapping[str, Any], registry: Registry) -> Content:
    """Verified content: known keys, valid shapes, references that exist, parameters that the algorithm takes.

    Raises DocumentError with the path of the first thing that is wrong.
    """
    content: Content = _validated(Content, dict(raw))
    cameras = _unique("cameras", "camera_id", content.cameras)
    rois = _unique("rois", "roi_id", content.rois)
    _unique("binds", "bind_id", content.binds)
    _check_shapes(content, cameras)
    check_followed([camera.recording for camera in content.cameras], content.schedules)
    _check_binds(content, rois, registry)
    return content


def parse_document(text: str | bytes, *, device_id: str, registry: Registry) -> Document:
    """A document of ours, verified: device, schema, hash, content. Raises DocumentError."""
    raw = load_json(text)
    schema = raw.get("schema")
    if schema not in SCHEMAS or isinstance(schema, bool):
        text, known = "%(schema)s is not a schema that this box knows (%(known)s)", ", ".join(map(str, SCHEMAS))
        raise DocumentError("schema", text, schema=repr(schema), known=known)
    header: IssuedHeader = _validated(IssuedHeader, {key: raw[key] for key in HEADER if key in raw})
    if header.device_id != device_id:
        raise DocumentError(
            "device_id", "is for %(named)s, this box is %(own)s", named=repr(header.device_id), own=repr(device_id)
        )
    content = content_of(raw)
    if content_hash(content) != header.sha256:
        raise DocumentError("sha256", "does not match the content")
    return Document(header=header, content=parse_content(content, registry))


def make_document(
    content: Mapping[str, Any],
    *,
    device_id: str,
    epoch: str,
    version: int,
    rollback_of: int | None,
    issued_at: datetime,
) -> tuple[str, str]:
    """`(JSON text, sha256)` of a new document with its header in front."""
    sha256 = content_hash(content)
    header = {
        "schema": SCHEMA,
        "device_id": device_id,
        "epoch": epoch,
        "version": version,
        "rollback_of": rollback_of,
        "issued_at": issued_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sha256": sha256,
    }
    text = json.dumps({**header, **content}, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text, sha256


def shape_of(roi: Roi) -> Points:
    """The ROI's points as the geometry functions take them."""
    return tuple((float(x), float(y)) for x, y in roi.coordinates)
