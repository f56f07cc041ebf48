"""A site as one file: its schema, and everything that is wrong with one, named by line. Pure.

What a person may read of a problem never repeats a value that could hold a password.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from cameras.core.colors import COLORS
from cameras.core.document import Priority, RoiType, Severity
from cameras.core.reasons import reason_of, worded
from cameras.core.recording import DEFAULTS, MOST_AFTER_S, MOST_BEFORE_S, MOST_DAYS, MOST_GIB
from cameras.core.snapping import DEFAULTS as SNAPPING
from cameras.core.snapping import LONGEST_DAYS
from cameras.core.values import check_source, check_sub_stream, check_time_zone
from edgesite.core.urls import mask_url

FORMAT = 1
MOST_PROBLEMS = 50
LONGEST_SHOWN = 60

# The kinds of rows in the order in which one needs the other, and what identifies a row.
KEYS = {
    "devices": "device_id", "schedules": "schedule_id", "cameras": "camera_id", "rois": "roi_id", "bindings": "bind_id",
}  # fmt: skip
# What a row cannot be made without; a row that is there keeps what the file leaves out.
REQUIRED = {
    "devices": (),
    "schedules": (),
    "cameras": ("device", "rtsp_url"),
    "rois": ("camera", "coordinates"),
    "bindings": ("roi", "algo_code"),
}

Path = tuple[int | str, ...]
Translate = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: `template % values` at `path`. line: counted from 1; 0 is the file as a whole."""

    line: int
    path: str
    template: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def told(self, translate: Translate = str) -> str:
        """`line 7, cameras[2].rtsp_url: is missing`, each part through `translate`."""
        reason = worded(self.template, self.values, translate)
        if not self.line:
            return f"{self.path}: {reason}" if self.path else reason
        values = {"line": self.line, "path": self.path, "reason": reason}
        return translate("line %(line)s, %(path)s: %(reason)s" if self.path else "line %(line)s: %(reason)s") % values

    def __str__(self) -> str:
        return self.told()


class TransferError(Exception):
    """A file cannot be imported. `problems`: at most `MOST_PROBLEMS`, by line; `more`: whether there are others."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = sorted(problems, key=lambda problem: problem.line)
        self.problems, self.more = found[:MOST_PROBLEMS], len(found) > MOST_PROBLEMS
        super().__init__("; ".join(map(str, self.problems)))


@dataclass(slots=True)
class Tree:
    """A value of the file with the line on which it, or the key before it, stands."""

    value: Any
    line: int
    children: dict[int | str, Tree] = field(default_factory=dict)

    def line_of(self, path: Path) -> int:
        """The line of what is there, or of the nearest thing around it."""
        node = self
        for part in path:
            child = node.children.get(part)
            if child is None:
                break
            node = child
        return node.line


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Name = Annotated[str, Field(max_length=200)]


class SitePart(Part):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    time_zone: Annotated[str, AfterValidator(check_time_zone)] = "UTC"


class DevicePart(Part):
    device_id: Code
    name: Name = ""
    publish_on_save: bool = True


class SchedulePart(Part):
    """Hours are checked as a whole (`cameras.core.schedule`)."""

    schedule_id: Code
    name: Name = ""
    weekly: list[Any] = Field(default_factory=list)
    holidays: list[Any] = Field(default_factory=list)


def _check_sub(given: str) -> str:
    return check_sub_stream(given) if given else given


class CameraPart(Part):
    camera_id: Code
    device: Code = ""
    name: Name = ""
    rtsp_url: Annotated[str, Field(max_length=2000), AfterValidator(check_source)] = ""
    sub_url: Annotated[str, Field(max_length=2000), AfterValidator(_check_sub)] = ""
    location: Name = ""
    enabled: bool = True
    analyse: bool = True
    max_fps: Annotated[float, Field(ge=0.1, le=60, allow_inf_nan=False)] = 10.0
    record: Literal["off", "always", "schedule"] = "off"
    record_schedule: Code | None = None
    record_events: bool = False
    event_pre_s: Annotated[int, Field(ge=0, le=MOST_BEFORE_S)] = DEFAULTS["event_pre_s"]
    event_post_s: Annotated[int, Field(ge=1, le=MOST_AFTER_S)] = DEFAULTS["event_post_s"]
    record_sound: bool = False
    keep_days: Annotated[int, Field(ge=1, le=MOST_DAYS)] | None = None
    keep_gib: Annotated[int, Field(ge=1, le=MOST_GIB)] | None = None
    least_days: Annotated[int, Field(ge=1, le=MOST_DAYS)] | None = None
    snap_every: Literal[0, 1, 5, 15, 60] = 0
    snap_schedule: Code | None = None
    snap_days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)] = SNAPPING["snap_days"]


class RoiPart(Part):
    """Points are checked together with the shape (`cameras.core.geometry`)."""

    roi_id: Code
    camera: Code = ""
    name: Name = ""
    roi_type: RoiType = "polygon"
    coordinates: list[Any] = Field(default_factory=list)
    enabled: bool = True
    priority: Priority = 0
    color: Annotated[int, Field(ge=0, lt=COLORS)] | None = None
    mask: bool = False


class BindingPart(Part):
    bind_id: Code
    roi: Code = ""
    algo_code: Annotated[str, Field(min_length=1, max_length=64)] = ""
    params: dict[str, Any] = Field(default_factory=dict)
    severity: Severity = "warning"
    priority: Priority = 0
    enabled: bool = True
    schedule: Code | None = None


class TopPart(Part):
    """The file without its rows. A section that is left out is left alone."""

    format: Literal[1]
    site: SitePart | None = None
    devices: list[Any] | None = None
    schedules: list[Any] | None = None
    cameras: list[Any] | None = None
    rois: list[Any] | None = None
    bindings: list[Any] | None = None


PARTS: dict[str, type[Part]] = {
    "devices": DevicePart,
    "schedules": SchedulePart,
    "cameras": CameraPart,
    "rois": RoiPart,
    "bindings": BindingPart,
}


def shown(value: object) -> str:
    """A name that the file gives, short, printable and without a password."""
    text = "".join(c if c.isprintable() else "?" for c in mask_url(str(value)))
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


def path_text(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{shown(part)}" if text else shown(part)
    return text


@dataclass(slots=True)
class Problems:
    """Collects what is wrong with one file, a few more than are shown."""

    tree: Tree
    found: list[Problem] = field(default_factory=list)

    def add(self, path: Path, template: str, **values: Any) -> None:
        if len(self.found) <= MOST_PROBLEMS:
            self.found.append(Problem(self.tree.line_of(path), path_text(path), template, values))

    def add_invalid(self, path: Path, error: ValidationError) -> None:
        for found in error.errors(include_url=False, include_input=False):
            template, values = reason_of(found)
            self.add((*path, *found["loc"]), template, **values)

    @property
    def full(self) -> bool:
        return len(self.found) > MOST_PROBLEMS

    def raise_any(self) -> None:
        if self.found:
            raise TransferError(self.found)


@dataclass(frozen=True, slots=True)
class Row:
    """A valid row of the file. given: what it says, `Part.model_fields_set` and no default."""

    index: int
    part: Part

    @property
    def given(self) -> dict[str, Any]:
        return {name: getattr(self.part, name) for name in sorted(self.part.model_fields_set)}


@dataclass(slots=True)
class SiteFile:
    """What a file says. rows: valid ones by identifier; names: every identifier, also of rows with problems;
    sections: the kinds that the file lists at all."""

    problems: Problems
    site: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, dict[str, Row]] = field(default_factory=lambda: {kind: {} for kind in KEYS})
    names: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KEYS})
    sections: set[str] = field(default_factory=set)


def read_site(tree: Tree) -> SiteFile:
    """The file's rows, checked one by one; problems are collected in it and not raised."""
    file = SiteFile(Problems(tree))
    try:
        top = TopPart.model_validate(tree.value)
    except ValidationError as error:
        file.problems.add_invalid((), error)
    else:
        if top.site is not None:
            file.site = {name: getattr(top.site, name) for name in top.site.model_fields_set}
    for kind in KEYS:
        rows = tree.value.get(kind) if isinstance(tree.value, dict) else None
        if isinstance(rows, list):
            file.sections.add(kind)
            _read_rows(file, kind, rows)
    return file


def _read_rows(file: SiteFile, kind: str, rows: list[Any]) -> None:
    key = KEYS[kind]
    for index, raw in enumerate(rows):
        if file.problems.full:
            return
        code = raw.get(key) if isinstance(raw, dict) else None
        if isinstance(code, str):
            if code in file.names[kind]:
                file.problems.add((kind, index, key), "“%(code)s” stands twice", code=shown(code))
            file.names[kind].add(code)
        try:
            part = PARTS[kind].model_validate(raw)
        except ValidationError as error:
            file.problems.add_invalid((kind, index), error)
        else:
            file.rows[kind].setdefault(str(code), Row(index, part))
