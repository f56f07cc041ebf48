"""Bare documents: `cameras`, `rois` and `binds` as other control planes write them (DESIGN 5.4). Pure.

They may have a list `schedules` in our form; a binding that names any other schedule runs all the time.
They have no header; their number stands in `device:{id}:version`. Points may be `{"x": …, "y": …}`, values above 1 are
pixels of that camera's picture, unknown keys are ignored with a warning, missing optional keys take their defaults. What is
wrong refuses the document as a whole all the same.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from cameras.core.algorithms import Registry
from cameras.core.document import HEADER, Bind, Camera, Content, Roi, content_hash, content_of, parse_content
from cameras.core.schedule import ScheduleEntry
from cameras.core.strict_json import DocumentError

IDENTIFIERS = ("camera_id", "roi_id", "bind_id", "algo_code", "schedule_id")
OURS = {"sub_url"}  # regions may be in pixels here, and nothing says of which stream
PARTS: dict[str, type[BaseModel]] = {"cameras": Camera, "rois": Roi, "binds": Bind}


@dataclass(frozen=True, slots=True)
class Bare:
    """A verified bare document.

    content: as of a document of ours; the points of the ROIs named in `pixels` are shares of the largest coordinate only
    for checking, their real ones in pixels stand in `pixels`. warnings: what was ignored, for the log.
    """

    content: Content
    sha256: str
    pixels: Mapping[str, tuple[tuple[float, float], ...]]
    warnings: tuple[str, ...]


def is_bare(raw: Mapping[str, Any]) -> bool:
    """Whether the document has no header of ours."""
    return not any(key in raw for key in ("schema", "epoch", "sha256"))


def parse_bare(raw: Mapping[str, Any], registry: Registry) -> Bare:
    """Verifies a bare document. Raises DocumentError with the path of the first thing that is wrong."""
    schedules = raw.get("schedules")
    known = (*PARTS, *HEADER, "schedules") if isinstance(schedules, list) else (*PARTS, *HEADER)
    warnings = [f"unknown key {key!r}" for key in raw if key not in known]
    content: dict[str, Any] = {}
    pixels: dict[str, tuple[tuple[float, float], ...]] = {}
    for kind, model in PARTS.items():
        rows = raw.get(kind)
        if not isinstance(rows, list):
            raise DocumentError(kind, "is missing" if rows is None else "must be a list")
        content[kind] = [_row(kind, i, row, model, warnings) for i, row in enumerate(rows)]
    for index, camera in enumerate(content["cameras"]):
        if camera.pop("recording", None) is not None:  # whatever another control plane means by it
            warnings.append(f"unknown key cameras[{index}].recording")
    for index, roi in enumerate(content["rois"]):
        points = _points(f"rois[{index}].coordinates", roi.get("coordinates"))
        if any(value > 1 for point in points for value in point):
            pixels[str(roi.get("roi_id"))] = points
            points = _shrunk(points)
        roi["coordinates"] = [list(point) for point in points]
    for index, bind in enumerate(content["binds"]):
        bind["params"] = _known_params(f"binds[{index}]", bind, registry, warnings)
    if isinstance(schedules, list):
        content["schedules"] = [_row("schedules", i, row, ScheduleEntry, warnings) for i, row in enumerate(schedules)]
    _drop_unknown_schedules(content, warnings)
    return Bare(parse_content(content, registry), _hash(content_of(raw)), pixels, tuple(warnings))


def _hash(content: Mapping[str, Any]) -> str:
    """SHA-256, hex, as of a document of ours; also of what has no canonical form, such as a row number beyond 2**53."""
    try:
        return content_hash(content)
    except DocumentError:
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _row(kind: str, index: int, row: Any, model: type[BaseModel], warnings: list[str]) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise DocumentError(f"{kind}[{index}]", "is not an object")
    fields = model.model_fields.keys() - OURS
    warnings.extend(f"unknown key {kind}[{index}].{key}" for key in row if key not in fields)
    known = {key: value for key, value in row.items() if key in fields and value is not None}
    for key in IDENTIFIERS:
        if isinstance(known.get(key), int) and not isinstance(known[key], bool):
            known[key] = str(known[key])  # row numbers of other people's databases
    return known


def _drop_unknown_schedules(content: Mapping[str, Any], warnings: list[str]) -> None:
    """Schedules of a control plane that keeps their hours elsewhere."""
    known = {schedule.get("schedule_id") for schedule in content.get("schedules", ())}
    for index, bind in enumerate(content["binds"]):
        if bind.get("schedule_id") not in (None, *known):
            del bind["schedule_id"]
            warnings.append(f"binds[{index}].schedule_id is not known here: the binding runs all the time")


def _known_params(where: str, bind: Mapping[str, Any], registry: Registry, warnings: list[str]) -> dict[str, Any]:
    params = bind.get("params", {})
    algorithm = registry.get(str(bind.get("algo_code")))
    if algorithm is None or not isinstance(params, Mapping):
        return params  # type: ignore[no-any-return]  # parse_content refuses it with the right words
    fields = algorithm.parameters.model_fields
    warnings.extend(f"unknown parameter {where}.params.{key}" for key in params if key not in fields)
    return {key: value for key, value in params.items() if key in fields}


def _points(where: str, value: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list):
        raise DocumentError(where, "is missing" if value is None else "must be a list of points")
    return tuple(_point(f"{where}[{index}]", point) for index, point in enumerate(value))


def _point(where: str, value: Any) -> tuple[float, float]:
    pair: Iterable[Any] = ()
    if isinstance(value, Mapping):
        pair = (value.get("x"), value.get("y"))
    elif isinstance(value, list):
        pair = value
    numbers = [n for n in pair if isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n)]
    if len(numbers) != 2 or len(list(pair)) != 2:
        raise DocumentError(where, 'must be [x, y] or {"x": …, "y": …} with two numbers')
    if min(numbers) < 0:
        raise DocumentError(where, "lies outside the picture")
    return float(numbers[0]), float(numbers[1])


def _shrunk(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Into 0..1 by the largest coordinates: whether an outline crosses itself does not depend on the scale."""
    width = max(x for x, _ in points) or 1.0
    height = max(y for _, y in points) or 1.0
    return tuple((x / width, y / height) for x, y in points)


def scaled_to(points: tuple[tuple[float, float], ...], width: int, height: int) -> tuple[tuple[float, float], ...]:
    """Pixels of a picture of that size as shares of it; a point beyond its edge is put on the edge."""
    return tuple((min(x / width, 1.0), min(y / height, 1.0)) for x, y in points)
