"""Regions and rules that somebody is drawing, not saved: as parts of a config document, for a box to try.

What is not in order yet is left out and named, so that the rest can be tried meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop

from cameras.core.algorithms import registry
from cameras.core.regions import Reading, RegionProblem, RegionsError, Row
from cameras.models import Camera
from cameras.schedules import Schedule, entry_of

ROUNDS = 5  # what is left out may be what something else names
MOST_SHOWN = 64  # rules that a box tries at once
BIND = re.compile(r"binds\.(\d+)(?:\.|$)")

TOO_MANY = gettext_noop("more than %(most)s rules cannot be tried at once")
UNNAMED = gettext_noop("needs an identifier")


@dataclass(frozen=True, slots=True)
class DraftPart:
    """content: `site`, `rois`, `binds`, `schedules` as in a config document; a rule's identifier is its place, see
    `bind_code`. problems: why the others were left out."""

    content: dict[str, Any]
    problems: list[RegionProblem]


def bind_code(roi_id: str, number: int) -> str:
    """How a rule of a draft is called: it may have no identifier yet, and keeps this one while it is edited."""
    return f"{roi_id}#{number}"


def draft_of(camera: Camera, rois: Any) -> DraftPart:
    """What of the regions can be tried. rois: as `save_regions` takes them, but each has a `roi_id`, also a made-up one.

    Raises RegionsError when nothing of it can be read.
    """
    schedules = {schedule.schedule_id: schedule for schedule in Schedule.objects.filter(site=camera.device.site_id)}
    rows, problems = _sound(rois, schedules)
    bound = [(row, number, bind) for row in rows if row["enabled"] for number, bind in row["binds"] if bind["enabled"]]
    if len(bound) > MOST_SHOWN:
        problems.append(RegionProblem(-1, None, "rois", TOO_MANY, {"most": MOST_SHOWN}))
        bound = bound[:MOST_SHOWN]
    needed = {row["roi_id"] for row, _, _ in bound}
    for _, _, bind in bound:
        needed |= {place.roi_id for place in registry.parameters(bind["algo_code"], bind["params"]).places()}
    followed = {bind["schedule_id"] for _, _, bind in bound} - {None}
    site = camera.device.site
    content = {
        "site": {"name": site.name, "time_zone": site.time_zone},
        "rois": [_roi(camera, row) for row in rows if row["roi_id"] in needed],
        "binds": [_bind(row, number, bind) for row, number, bind in bound],
        "schedules": [entry_of(schedules[code]) for code in sorted(followed)],
    }
    return DraftPart(content, problems)


def _roi(camera: Camera, row: Row) -> dict[str, Any]:
    kept = {key: row[key] for key in ("roi_id", "roi_type", "coordinates", "enabled", "priority")}
    return {**kept, "camera_id": camera.pk, "roi_name": row["name"]}


def _bind(row: Row, number: int, bind: Row) -> dict[str, Any]:
    kept = {key: bind[key] for key in ("algo_code", "params", "priority", "enabled", "severity", "schedule_id")}
    return {**kept, "bind_id": bind_code(row["roi_id"], number), "roi_id": row["roi_id"]}


def _sound(rois: Any, schedules: Mapping[str, object]) -> tuple[list[Row], list[RegionProblem]]:
    """The regions that are in order, their `binds` with their places: [(number, bind)]. What the others lack."""
    if not isinstance(rois, list):
        raise RegionsError([RegionProblem(-1, None, "rois", "must be a list")])
    left = {index: (roi, dict(enumerate(_binds_of(roi)))) for index, roi in enumerate(rois)}
    problems: list[RegionProblem] = []
    for _ in range(ROUNDS):
        order = list(left)
        given = [_as_given(*left[index]) for index in order]
        # Whatever it is called: nothing of a draft is compared with what is stored.
        known: dict[str, Row] = {code: {"binds": []} for roi in given if isinstance(code := _code_of(roi), str)}
        try:
            rows = Reading(known, schedules.keys(), registry).read(given)
        except RegionsError as error:
            found = list(_placed(error, order, left))
        else:
            for index, row in zip(order, rows, strict=True):
                row["binds"] = list(zip(left[index][1], row["binds"], strict=True))
            unnamed = [index for index, row in zip(order, rows, strict=True) if row["roi_id"] is None]
            problems += [RegionProblem(index, None, "roi_id", UNNAMED) for index in unnamed]
            return [row for row in rows if row["roi_id"] is not None], problems
        problems += [problem for problem, _ in found]
        for problem, number in found:
            if number is None:
                left.pop(problem.index, None)
            elif problem.index in left:
                left[problem.index][1].pop(number, None)
    raise RegionsError(problems)


def _binds_of(roi: Any) -> list[Any]:
    binds = roi.get("binds") if isinstance(roi, dict) else None
    return binds if isinstance(binds, list) else []


def _code_of(roi: Any) -> Any:
    return roi.get("roi_id") if isinstance(roi, dict) else None


def _as_given(roi: Any, binds: dict[int, Any]) -> Any:
    if not isinstance(roi, dict) or not isinstance(roi.get("binds", []), list):
        return roi
    nameless = [{**bind, "bind_id": None} if isinstance(bind, dict) else bind for bind in binds.values()]
    return {**roi, "binds": nameless}


def _placed(
    error: RegionsError, order: list[int], left: Mapping[int, tuple[Any, dict[int, Any]]]
) -> Iterator[tuple[RegionProblem, int | None]]:
    """Each problem at its place in what was sent, and the number of the rule whose it is alone."""
    for problem in error.problems:
        if problem.index < 0:
            raise error
        index = order[problem.index]
        match = BIND.match(problem.where)
        number = list(left[index][1])[int(match[1])] if match else None
        where = f"binds.{number}{problem.where[match.end(1) :]}" if match else problem.where
        yield RegionProblem(index, problem.roi_id, where, problem.template, problem.values), number
