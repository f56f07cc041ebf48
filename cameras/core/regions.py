"""What the ROI editor sends: all ROIs of a camera with their bindings, checked as a whole. Pure.

A key that an existing row leaves out keeps its stored value; `binds` too. Nothing is raised at the first problem: people are
told everything that is wrong at once, each with its place.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, ValidationError

from cameras.core.algorithms import STRANGE_CLASS, CommonParameters, Registry
from cameras.core.colors import COLORS
from cameras.core.document import Priority, RoiType, Severity
from cameras.core.geometry import GeometryError, validate_shape
from cameras.core.masks import mask_problem
from cameras.core.reasons import Word, reason_of, worded
from cameras.core.transfer_file import Code, Name, Part

MOST_ROIS, MOST_BINDS = 500, 50
DEEPEST = 20
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")  # no database column holds these

Row = dict[str, Any]  # of an ROI as the editor knows it, with its `binds`
ROI_KEYS = ("name", "roi_type", "coordinates", "color", "enabled", "priority", "mask")
BIND_KEYS = ("algo_code", "params", "severity", "schedule_id", "enabled", "priority")


class BindIn(Part):
    bind_id: Code | None = None
    algo_code: Annotated[str, Field(min_length=1, max_length=64)] = ""
    params: dict[str, Any] = Field(default_factory=dict)
    severity: Severity = "warning"
    schedule_id: Code | None = None
    enabled: bool = True
    priority: Priority = 0


class RoiIn(Part):
    """Points are checked together with the shape (`cameras.core.geometry`)."""

    roi_id: Code | None = None
    name: Name = ""
    roi_type: RoiType = "polygon"
    coordinates: Any = None
    color: Annotated[int, Field(ge=0, lt=COLORS)] | None = None
    enabled: bool = True
    priority: Priority = 0
    mask: bool = False
    binds: Annotated[list[BindIn], Field(max_length=MOST_BINDS)] | None = None


@dataclass(frozen=True, slots=True)
class RegionProblem:
    """One thing that is wrong: `template % values` at `where` (such as `binds.0.severity`) of the ROI at `index` of
    what was sent.

    index: -1 for the list as a whole.
    """

    index: int
    roi_id: str | None
    where: str
    template: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.index}.{self.where}: {worded(self.template, self.values)}"


class RegionsError(Exception):
    """What was sent cannot be stored; `problems` says what and where."""

    def __init__(self, problems: list[RegionProblem]) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)))


@dataclass(slots=True)
class Reading:
    """stored: the camera's rows by `roi_id`. schedules: identifiers of those that its bindings may follow."""

    stored: Mapping[str, Row]
    schedules: Collection[str]
    registry: Registry
    problems: list[RegionProblem] = field(default_factory=list)

    def read(self, raw: Any) -> list[Row]:
        """The rows as they are to be, complete. Raises RegionsError."""
        if not isinstance(raw, list):
            self._add(-1, None, "rois", "must be a list")
        elif len(raw) > MOST_ROIS:
            self._add(-1, None, "rois", "a camera has at most %(most)s ROIs", most=MOST_ROIS)
        if self.problems:
            raise RegionsError(self.problems)
        rows = [(index, row) for index, item in enumerate(raw) if (row := self._row(index, item)) is not None]
        self._check_repeats(rows)
        shapes = {r["roi_id"]: r["roi_type"] for _, r in rows if r["roi_id"] is not None and not r["mask"]}
        for index, row in rows:
            for number, bind in enumerate(row["binds"]):
                self._check_bind(index, row, number, bind, shapes)
        if self.problems:
            raise RegionsError(sorted(self.problems, key=lambda problem: problem.index))
        return [row for _, row in rows]

    def _add(self, index: int, roi_id: str | None, where: str, template: str, **values: Any) -> None:
        self.problems.append(RegionProblem(index, roi_id, where, template, values))

    def _row(self, index: int, raw: Any) -> Row | None:
        given_id = raw.get("roi_id") if isinstance(raw, dict) else None
        roi_id = given_id if isinstance(given_id, str) else None
        for key, value in raw.items() if isinstance(raw, dict) else ():
            if not _storable(value):
                self._add(index, roi_id, str(key)[:60], "holds a character that cannot be stored")
                return None
        try:
            given = RoiIn.model_validate(raw)
        except ValidationError as error:
            self._add_invalid(index, roi_id, "", error)
            return None
        old = self.stored.get(given.roi_id or "", {})
        if given.roi_id is not None and not old:
            self._add(index, roi_id, "roi_id", "there is no ROI “%(code)s” on this camera", code=given.roi_id)
            return None
        row = _merged(given, old, ROI_KEYS) | {"roi_id": given.roi_id}
        row["binds"] = old.get("binds", []) if given.binds is None else self._binds(index, given)
        try:
            row["coordinates"] = [[x, y] for x, y in validate_shape(row["roi_type"], row["coordinates"])]
        except GeometryError as error:
            self._add(index, roi_id, "coordinates", error.template, **error.values)
        if row["mask"] and (problem := mask_problem(row["roi_type"], rules=bool(row["binds"]))):
            self._add(index, roi_id, "mask", problem)
        return row

    def _binds(self, index: int, given: RoiIn) -> list[Row]:
        known = {bind["bind_id"]: bind for row in self.stored.values() for bind in row["binds"]}
        rows = []
        for number, bind in enumerate(given.binds or ()):
            old = known.get(bind.bind_id or "", {})
            if bind.bind_id is not None and not old:
                text = "there is no binding “%(code)s” on this camera"
                self._add(index, given.roi_id, f"binds.{number}.bind_id", text, code=bind.bind_id)
            rows.append(_merged(bind, old, BIND_KEYS) | {"bind_id": bind.bind_id})
        return rows

    def _check_repeats(self, rows: list[tuple[int, Row]]) -> None:
        seen: set[str] = set()
        for index, row in rows:
            places = [("roi_id", row["roi_id"])]
            places += [(f"binds.{number}.bind_id", bind["bind_id"]) for number, bind in enumerate(row["binds"])]
            for where, code in places:
                key = f"{where[-7:]} {code}"
                if code is not None and key in seen:
                    self._add(index, row["roi_id"], where, "“%(code)s” stands twice", code=code)
                seen.add(key)

    def _check_bind(self, index: int, row: Row, number: int, bind: Row, shapes: Mapping[str, str]) -> None:
        where = f"binds.{number}"
        algorithm = self.registry.get(bind["algo_code"])
        if algorithm is None:
            known = ", ".join(a.code for a in self.registry.all())
            self._add(
                index, row["roi_id"], f"{where}.algo_code", "is an unknown algorithm; known: %(known)s", known=known
            )
            return
        if row["roi_type"] not in algorithm.roi_types:
            text = "this algorithm cannot watch a %(shape)s"
            self._add(index, row["roi_id"], f"{where}.algo_code", text, shape=Word(row["roi_type"]))
        if bind["schedule_id"] is not None and bind["schedule_id"] not in self.schedules:
            text = "there is no schedule “%(code)s” at this site"
            self._add(index, row["roi_id"], f"{where}.schedule_id", text, code=bind["schedule_id"])
        try:
            params = algorithm.parameters.model_validate(bind["params"])
        except ValidationError as error:
            self._add_invalid(index, row["roi_id"], f"{where}.params", error)
        else:
            self._check_places(index, row, where, params, shapes)
            if (strange := self.registry.strange_class(params)) is not None:
                self._add(index, row["roi_id"], f"{where}.params.classes", STRANGE_CLASS, **strange._asdict())

    def _check_places(
        self, index: int, row: Row, where: str, params: CommonParameters, shapes: Mapping[str, str]
    ) -> None:
        for place in params.places():
            path = ".".join(str(part) for part in (where, "params", *place.path))
            if place.roi_id not in shapes:
                text = "there is no ROI “%(code)s” on this camera"
                self._add(index, row["roi_id"], path, text, code=place.roi_id[:60])
            elif shapes[place.roi_id] == "line":
                self._add(index, row["roi_id"], path, "a line is no area")

    def _add_invalid(self, index: int, roi_id: str | None, where: str, error: ValidationError) -> None:
        for found in error.errors(include_url=False, include_input=False):
            path = ".".join(str(part)[:60] for part in ((where, *found["loc"]) if where else found["loc"]))
            template, values = reason_of(found)
            self._add(index, roi_id, path, template, **values)


def _merged(given: Part, old: Row, keys: tuple[str, ...]) -> Row:
    """What was sent, else what is stored, else the default."""
    sent = given.model_fields_set
    return {key: getattr(given, key) if key in sent or key not in old else old[key] for key in keys}


def _storable(value: Any) -> bool:
    """Whether a database can hold every text in it, and its depth."""
    level = [value]
    for _ in range(DEEPEST):
        if any(isinstance(item, str) and UNSTORABLE.search(item) for item in level):
            return False
        level = [child for item in level for child in _children(item)]
    return not level


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, list):
        yield from value
