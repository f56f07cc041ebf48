"""What importing a file would do to a site: the rows afterwards and the difference in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from cameras.core.algorithms import STRANGE_CLASS, Registry
from cameras.core.difference import Change
from cameras.core.geometry import GeometryError, validate_shape
from cameras.core.holidays import PlannedSchedule
from cameras.core.masks import mask_problem
from cameras.core.reasons import Word
from cameras.core.recording import SCHEDULE, guarantees_too_much
from cameras.core.stream_urls import NO_MAIN, StreamUrlError, compose_sub
from cameras.core.transfer_changes import REFERENCES, Rows, changes_between, devices_concerned
from cameras.core.transfer_file import KEYS, REQUIRED, Path, Problems, Row, SiteFile, shown
from cameras.core.transfer_places import check_places
from edgesite.core.urls import MASK, mask_url

# What follows a schedule, in which column, and why the schedule cannot go while it does.
FOLLOWING = (
    ("bindings", "schedule", "“%(code)s” cannot be deleted: binding “%(binding)s” follows it"),
    ("cameras", "record_schedule", "“%(code)s” cannot be deleted: the recording of camera “%(camera)s” follows it"),
    ("cameras", "snap_schedule", "“%(code)s” cannot be deleted: the snapshots of camera “%(camera)s” follow it"),
)
REMOVABLE = ("cameras", "rois", "bindings")  # a device carries history: an import never deletes one


@dataclass(frozen=True, slots=True)
class SiteState:
    """A site's rows. rows: kind → identifier → every field under the file's own names."""

    site: dict[str, Any]
    rows: dict[str, Rows] = field(default_factory=lambda: {kind: {} for kind in KEYS})


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the file names and other sites have. rows: kind → identifiers; names: of sites."""

    rows: Mapping[str, set[str]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do."""

    before: SiteState
    after: SiteState
    changes: list[Change]
    devices: frozenset[str]

    @property
    def site_changed(self) -> bool:
        return self.before.site != self.after.site

    def added(self, kind: str) -> list[str]:
        return sorted(self.after.rows[kind].keys() - self.before.rows[kind].keys())

    def removed(self, kind: str) -> list[str]:
        return sorted(self.before.rows[kind].keys() - self.after.rows[kind].keys())

    def changed(self, kind: str) -> list[str]:
        old, new = self.before.rows[kind], self.after.rows[kind]
        return sorted(code for code in old.keys() & new.keys() if old[code] != new[code])


def plan_import(file: SiteFile, *, stored: SiteState, elsewhere: Elsewhere, delete: bool, registry: Registry) -> Plan:
    """What the file would make of the stored rows. Raises TransferError with everything that is wrong.

    A row keeps what the file does not say of it. delete: schedules, cameras, ROIs and bindings of the sections in the
    file that it does not name go, with all that hangs on them; without it nothing ever goes.
    """
    after = SiteState({**stored.site, **file.site}, {kind: dict(rows) for kind, rows in stored.rows.items()})
    if file.site.get("name") in elsewhere.names:
        file.problems.add(("site", "name"), "another site has this name")
    for kind in KEYS:
        for code, row in file.rows[kind].items():
            if code in elsewhere.rows.get(kind, ()):
                file.problems.add((kind, row.index, KEYS[kind]), "“%(code)s” belongs to another site", code=code)
            else:
                after.rows[kind][code] = _merged(kind, row, stored.rows[kind].get(code), file.problems)
    if delete:
        _remove_unnamed(file, after)
    _check_references(file, after)
    _check_schedules(file, after)
    _check_recording(file, after)
    _check_shapes(file, stored, after)
    _check_masks(file, after)
    _check_bindings(file, stored, after, registry)
    check_places(file, stored.rows, after.rows, registry)
    file.problems.raise_any()
    return Plan(stored, after, changes_between(stored, after), devices_concerned(stored, after))


def _merged(kind: str, row: Row, old: Mapping[str, Any] | None, problems: Problems) -> dict[str, Any]:
    given = row.given
    if old is None:
        for name in REQUIRED[kind]:
            if name not in given:
                problems.add((kind, row.index, name), "is missing: “%(code)s” is new", code=given[KEYS[kind]])
    merged = {**(old if old is not None else row.part.model_dump()), **given}
    if "rtsp_url" in given:
        merged["rtsp_url"] = _source(row, given["rtsp_url"], old, problems)
    if kind == "cameras":
        merged["sub_url"] = _sub_stream(row, merged, old, problems)
    return merged


def _sub_stream(row: Row, merged: Mapping[str, Any], old: Mapping[str, Any] | None, problems: Problems) -> str:
    """As `compose_sub`; a stored one goes where the file makes the camera one that can have none."""
    stored: str = old["sub_url"] if old else ""
    try:
        return compose_sub(merged["sub_url"], stored=stored, url=merged["rtsp_url"])
    except StreamUrlError as error:
        if error.message == NO_MAIN and "sub_url" not in row.given:
            return ""
        text = (
            NO_MAIN if error.message == NO_MAIN else "is masked: write the password in place of *** to change the URL"
        )
        problems.add(("cameras", row.index, "sub_url"), text)
        return stored


def _source(row: Row, given: str, old: Mapping[str, Any] | None, problems: Problems) -> str:
    """The stored URL where the file has only its masked form. A masked password must never be stored as one."""
    stored: str = old["rtsp_url"] if old else ""
    if stored and given in (stored, mask_url(stored)):
        return stored
    if MASK in given:
        text = (
            "is masked: write the password in place of *** to change the URL"
            if stored
            else "is masked: a new camera needs its whole URL"
        )
        problems.add(("cameras", row.index, "rtsp_url"), text)
    return given


def _remove_unnamed(file: SiteFile, after: SiteState) -> None:
    """Top down, because what hangs on a removed row goes with it unless the file says where else it belongs."""
    for kind in REMOVABLE:
        reference, parents = REFERENCES[kind]
        for code, row in list(after.rows[kind].items()):
            unnamed = code not in file.names[kind]
            orphaned = kind != "cameras" and row[reference] not in after.rows[parents]
            if unnamed and (kind in file.sections or orphaned):
                del after.rows[kind][code]
    if "schedules" in file.sections:
        for code in after.rows["schedules"].keys() - file.names["schedules"]:
            del after.rows["schedules"][code]


def _check_references(file: SiteFile, after: SiteState) -> None:
    texts = {
        "devices": "there is no device “%(code)s” at this site or in the file",
        "cameras": "there is no camera “%(code)s” at this site or in the file",
        "rois": "there is no ROI “%(code)s” at this site or in the file",
    }
    for kind, (reference, parents) in REFERENCES.items():
        for code, row in file.rows[kind].items():
            target = after.rows[kind].get(code, {}).get(reference)
            if target and target not in after.rows[parents] and target not in file.names[parents]:
                file.problems.add((kind, row.index, reference), texts[parents], code=shown(target))


def _check_schedules(file: SiteFile, after: SiteState) -> None:
    """Their hours, and that each that something follows is there: a rule must not run always because its schedule went."""
    for code, row in file.rows["schedules"].items():
        if code in after.rows["schedules"]:
            try:
                PlannedSchedule.model_validate(after.rows["schedules"][code])
            except ValidationError as error:
                file.problems.add_invalid(("schedules", row.index), error)
    for kind, column, needed in FOLLOWING:
        for code, follower in after.rows[kind].items():
            schedule, own = follower[column], file.rows[kind].get(code)
            if schedule is None or schedule in after.rows["schedules"] or schedule in file.names["schedules"]:
                continue
            if own is not None:
                text = "there is no schedule “%(code)s” at this site or in the file"
                file.problems.add((kind, own.index, column), text, code=shown(schedule))
            else:
                file.problems.add(("schedules",), needed, code=shown(schedule), **{kind.removesuffix("s"): code})


def _check_recording(file: SiteFile, after: SiteState) -> None:
    """Of cameras in the file: that there is a schedule where recording is said to follow one, and enough days."""
    for code, row in file.rows["cameras"].items():
        if (camera := after.rows["cameras"].get(code)) is None:
            continue
        if camera["record"] == SCHEDULE and camera["record_schedule"] is None:
            text = "is missing: “%(code)s” is to be recorded on a schedule"
            file.problems.add(("cameras", row.index, "record_schedule"), text, code=code)
        if guarantees_too_much(keep_days=camera["keep_days"], least_days=camera["least_days"]):
            text = "guarantees more days than are kept of “%(code)s”"
            file.problems.add(("cameras", row.index, "least_days"), text, code=code)


def _check_shapes(file: SiteFile, stored: SiteState, after: SiteState) -> None:
    for code, row in file.rows["rois"].items():
        roi, old = after.rows["rois"].get(code), stored.rows["rois"].get(code, {})
        same = roi is not None and all(roi[key] == old.get(key) for key in ("roi_type", "coordinates"))
        if roi is None or same or (not old and "coordinates" not in row.given):
            continue
        try:
            roi["coordinates"] = [[x, y] for x, y in validate_shape(roi["roi_type"], roi["coordinates"])]
        except GeometryError as error:
            file.problems.add(("rois", row.index, "coordinates"), error.template, **error.values)


def _check_masks(file: SiteFile, after: SiteState) -> None:
    """Also of rows that the file does not name: it may give a mask a rule."""
    ruled = {binding["roi"] for binding in after.rows["bindings"].values()}
    for code, roi in after.rows["rois"].items():
        if roi["mask"] and (problem := mask_problem(roi["roi_type"], rules=code in ruled)):
            own = file.rows["rois"].get(code)
            file.problems.add(("rois", own.index, "mask") if own else ("rois",), problem)


def _check_bindings(file: SiteFile, stored: SiteState, after: SiteState, registry: Registry) -> None:
    """Bindings that the file changes, and those whose ROI it gives another shape."""
    for code, binding in after.rows["bindings"].items():
        row, roi = file.rows["bindings"].get(code), after.rows["rois"].get(binding["roi"])
        old_roi = stored.rows["rois"].get(binding["roi"], {})
        reshaped = bool(old_roi) and roi is not None and roi["roi_type"] != old_roi["roi_type"]
        if row is None:
            shape = file.rows["rois"].get(binding["roi"])
            where: Path = ("rois", shape.index, "roi_type") if shape else ()
        else:
            where = ("bindings", row.index)
        if binding["algo_code"] and (reshaped or (row and binding != stored.rows["bindings"].get(code))):
            _check_binding(file.problems, where, binding, roi, registry, named=row is not None)


def _check_binding(
    problems: Problems,
    where: Path,
    binding: Mapping[str, Any],
    roi: Mapping[str, Any] | None,
    registry: Registry,
    *,
    named: bool,
) -> None:
    algorithm = registry.get(binding["algo_code"])
    if algorithm is None:
        known = ", ".join(a.code for a in registry.all())
        problems.add((*where, "algo_code"), "is an unknown algorithm; known: %(known)s", known=known)
        return
    if roi is not None and roi["roi_type"] not in algorithm.roi_types:
        values = {"code": binding["bind_id"], "algo": algorithm.code, "shape": Word(roi["roi_type"])}
        text = "“%(code)s”: %(algo)s cannot watch a %(shape)s"
        problems.add((*where, "roi") if named else where, text, **values)
    if named:
        try:
            params = algorithm.parameters.model_validate(binding["params"])
        except ValidationError as error:
            problems.add_invalid((*where, "params"), error)
        else:
            if (strange := registry.strange_class(params)) is not None:
                problems.add((*where, "params", "classes"), STRANGE_CLASS, **strange._asdict())
