"""A camera's ROIs and bindings as a whole: read, replaced and copied to other cameras, each in one transaction.

Who saves says which revision was looked at; when somebody saved meanwhile nothing is written, so that neither loses work.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Collection
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.utils.translation import gettext_noop

from cameras.audit import acting
from cameras.core.algorithms import Place, registry
from cameras.core.colors import shown_colors
from cameras.core.masks import MASK_STAYS, hides_less
from cameras.core.regions import BIND_KEYS, ROI_KEYS, Reading, RegionProblem, RegionsError, Row
from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Camera, Device
from cameras.schedules import Schedule
from cameras.services import publish_edit

log = structlog.get_logger(__name__)

MOST_COPIES = 5000
Published = dict[str, ConfigVersion | Exception]
Allowed = Callable[[str], bool]  # whether the person has a permission, such as `cameras.add_roi`
EDITS = frozenset({"cameras.change_roi", "cameras.change_binding"})
LIFT_MASKS = "cameras.lift_masks"

TEXTS = (  # of `cameras.core.regions`, which knows no gettext
    gettext_noop("a camera has at most %(most)s ROIs"),
    gettext_noop("there is no ROI “%(code)s” on this camera"),
    gettext_noop("there is no binding “%(code)s” on this camera"),
    gettext_noop("this algorithm cannot watch a %(shape)s"),
    gettext_noop("there is no schedule “%(code)s” at this site"),
    gettext_noop("the model knows no class “%(name)s”; those spelled most alike: %(near)s"),
    gettext_noop("a line is no area"),
    gettext_noop("a privacy mask has no rules: delete them, or draw a region of its own for the mask"),
    gettext_noop("only who may lift privacy masks changes or removes one"),
)


class RevisionError(Exception):
    """Somebody saved the camera's regions since they were looked at."""


def regions_of(camera_id: str) -> list[Row]:
    """The camera's ROIs with their bindings as the editor shows them: larger priority first, then by identifier."""
    rois = list(ROI.objects.filter(camera=camera_id).order_by("pk"))
    binds: dict[str, list[Row]] = {}
    for bind in Binding.objects.filter(roi__camera=camera_id).order_by("-priority", "bind_id"):
        row = {"bind_id": bind.bind_id} | {key: getattr(bind, key) for key in BIND_KEYS}
        binds.setdefault(bind.roi_id, []).append(row)
    rows = [
        {"roi_id": roi.roi_id} | {key: getattr(roi, key) for key in ROI_KEYS} | {"binds": binds.get(roi.roi_id, [])}
        for roi in rois
    ]
    for row, color in zip(rows, shown_colors([roi.color for roi in rois]), strict=True):
        row["color"] = color
    return sorted(rows, key=lambda row: (-row["priority"], row["roi_id"]))


def revision_of(rows: list[Row]) -> str:
    """A short text that is another one when anything of the rows is."""
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:32]


def save_regions(*, camera_id: str, revision: str, rois: Any, author: str, allowed: Allowed) -> Published:
    """Replaces the camera's ROIs, and the bindings of those that name theirs, by what was sent.

    Answers what `publish_edit` does. Raises Camera.DoesNotExist, RevisionError, RegionsError and PermissionDenied; nothing
    is written then.
    """
    with transaction.atomic():
        camera = locked_camera(camera_id)
        before = regions_of(camera_id)
        if revision_of(before) != revision:
            raise RevisionError
        stored = {row["roi_id"]: row for row in before}
        wanted = Reading(stored, _schedules(camera.device.site_id), registry).read(rois)
        _check_allowed(stored, wanted, allowed)
        if not allowed(LIFT_MASKS):
            _check_masks_stay(stored, wanted)
        with acting(author=author):
            _write(camera, stored, wanted)
        published = publish_edit(device_ids=[camera.device_id], author=author, reason=f"regions of {camera}")
    log.info("regions saved", camera=camera_id, author=author, rois=len(wanted))
    return published


def locked_camera(camera_id: str) -> Camera:
    """The camera, its device's row locked first, as every edit does."""
    device_id = Camera.objects.filter(pk=camera_id).values_list("device_id", flat=True).first()
    list(Device.objects.select_for_update().filter(pk=device_id).values_list("pk"))
    return Camera.objects.select_related("device").get(pk=camera_id, device=device_id)


def _schedules(site_id: int) -> set[str]:
    return set(Schedule.objects.filter(site=site_id).values_list("schedule_id", flat=True))


def _codes(rows: Collection[Row]) -> set[str | None]:
    return {bind["bind_id"] for row in rows for bind in row["binds"]}


def _check_allowed(stored: dict[str, Row], wanted: list[Row], allowed: Allowed) -> None:
    """Raises PermissionDenied."""
    needed = set(EDITS)
    new = {row["roi_id"] for row in wanted}
    if None in new:
        needed.add("cameras.add_roi")
    if stored.keys() - new:
        needed.add("cameras.delete_roi")
    if None in _codes(wanted):
        needed.add("cameras.add_binding")
    if _codes(stored.values()) - _codes(wanted):
        needed.add("cameras.delete_binding")
    if not all(allowed(permission) for permission in needed):
        raise PermissionDenied


def _check_masks_stay(stored: dict[str, Row], wanted: list[Row]) -> None:
    """Raises RegionsError when a mask would hide something else than it does."""
    after = {row["roi_id"]: (index, row) for index, row in enumerate(wanted)}
    problems = []
    for code, old in stored.items():
        index, row = after.get(code, (-1, None))
        if hides_less(old, row):
            problems.append(RegionProblem(index, code, "mask", MASK_STAYS))
    if problems:
        raise RegionsError(problems)


def _write(camera: Camera, stored: dict[str, Row], wanted: list[Row]) -> None:
    """Rows are saved and deleted one by one, so that the audit hears of each. What goes, goes last: a binding may have moved
    to another ROI."""
    rois = {roi.roi_id: roi for roi in ROI.objects.filter(camera=camera)}
    binds = {bind.bind_id: bind for bind in Binding.objects.filter(roi__camera=camera)}
    for row in wanted:
        roi = rois.get(row["roi_id"]) or ROI(camera=camera)
        _keep_shown_color(roi, row, stored)
        _save(roi, {key: row[key] for key in ROI_KEYS})
        for given in row["binds"]:
            values = {key: given[key] for key in BIND_KEYS} | {"roi_id": roi.roi_id}
            _save(binds.get(given["bind_id"]) or Binding(), values)
    kept_binds, kept = _codes(wanted), {row["roi_id"] for row in wanted}
    for code, bind in binds.items():
        if code not in kept_binds:
            bind.delete()
    for code, roi in rois.items():
        if code not in kept:
            roi.delete()


def _keep_shown_color(roi: ROI, row: Row, stored: dict[str, Row]) -> None:
    """A colour that nobody chose becomes the shape's own with the first save; nobody's edit, so no entry of the audit."""
    if not roi._state.adding and roi.color is None and row["color"] == stored[roi.roi_id]["color"]:
        roi.color = row["color"]
        ROI.objects.filter(pk=roi.pk).update(color=roi.color)


def _save(instance: models.Model, values: dict[str, Any]) -> None:
    changed = [key for key, value in values.items() if getattr(instance, key) != value]
    for key in changed:
        setattr(instance, key, values[key])
    if instance._state.adding:
        instance.save(force_insert=True)
    elif changed:
        instance.save()


def copy_regions(*, camera_id: str, roi_ids: Collection[str], camera_ids: Collection[str], author: str) -> int:
    """Copies ROIs with their bindings to other cameras, which keep what they have; how many ROIs were made.

    A parameter that names an ROI names its copy afterwards. Raises RegionsError when that is not copied too, and when a
    schedule belongs to another site than the camera.
    """
    with transaction.atomic():
        devices = set(Camera.objects.filter(pk__in=camera_ids).values_list("device_id", flat=True))
        list(Device.objects.select_for_update().filter(pk__in=devices).order_by("pk").values_list("pk"))
        rows = [row for row in regions_of(camera_id) if row["roi_id"] in roi_ids]
        targets = list(Camera.objects.filter(pk__in=camera_ids).select_related("device").order_by("pk"))
        _check_copy(rows, roi_ids, targets, camera_ids)
        with acting(author=author, reason=f"copied from {camera_id}"):
            for camera in targets:
                copy_rows(camera, rows)
        publish_edit(device_ids=devices, author=author, reason=f"regions copied from {camera_id}")
    log.info("regions copied", camera=camera_id, to=len(targets), rois=len(rows), author=author)
    return len(rows) * len(targets)


def _check_copy(rows: list[Row], roi_ids: Collection[str], targets: list[Camera], camera_ids: Collection[str]) -> None:
    problems: list[RegionProblem] = []
    if not rows or len(rows) != len(set(roi_ids)):
        problems.append(_problem("roi_ids", None, gettext_noop("choose ROIs of this camera that are saved")))
    if not targets or len(targets) != len(set(camera_ids)):
        problems.append(_problem("camera_ids", None, gettext_noop("choose cameras that you may change")))
    if len(rows) * len(targets) > MOST_COPIES:
        text = gettext_noop("at most %(most)s ROIs are copied at once")
        problems.append(_problem("camera_ids", None, text, most=MOST_COPIES))
    schedules = [_schedules(site) for site in {camera.device.site_id for camera in targets}]
    for row in rows:
        for bind in row["binds"]:
            problems += _left_behind(row, bind, {row["roi_id"] for row in rows}, schedules)
    if problems:
        raise RegionsError(problems)


def _left_behind(row: Row, bind: Row, names: set[str], schedules: list[set[str]]) -> list[RegionProblem]:
    """What a rule needs and would not find at the other cameras."""
    roi = row["name"] or row["roi_id"]
    text = gettext_noop("a rule of “%(roi)s” names the ROI “%(code)s”: copy that one too")
    missing = [place.roi_id for place in _places(bind) if place.roi_id not in names]
    problems = [_problem("roi_ids", row["roi_id"], text, roi=roi, code=code) for code in missing]
    followed = bind["schedule_id"]
    if followed is not None and any(followed not in known for known in schedules):
        text = gettext_noop("a rule of “%(roi)s” follows the schedule “%(code)s”, which another site has not")
        problems.append(_problem("camera_ids", row["roi_id"], text, roi=roi, code=followed))
    return problems


def _problem(where: str, roi_id: str | None, template: str, **values: Any) -> RegionProblem:
    return RegionProblem(-1, roi_id, where, template, values)


def _places(bind: Row) -> tuple[Place, ...]:
    """Where its parameters name other ROIs; nowhere when they are not valid (they never were published)."""
    algorithm = registry.get(bind["algo_code"])
    try:
        return algorithm.parameters.model_validate(bind["params"]).places() if algorithm else ()
    except ValueError:
        return ()


def copy_rows(camera: Camera, rows: list[Row]) -> None:
    """ROIs and bindings like these for the camera, with new identifiers; a parameter that names one of the ROIs names its copy.

    rows: as of `regions_of`. The caller has locked the device, says who acts, and publishes.
    """
    made: dict[str, ROI] = {}
    for row in rows:
        made[row["roi_id"]] = ROI.objects.create(camera=camera, **{key: row[key] for key in ROI_KEYS})
    for row in rows:
        for bind in row["binds"]:
            values = {key: copy.deepcopy(bind[key]) for key in BIND_KEYS}
            for place in _places(bind):
                # What names nothing that is there stays as it is: the document is refused for it, as the original's.
                if place.roi_id in made:
                    _put(values["params"], place.path, made[place.roi_id].roi_id)
            Binding.objects.create(roi=made[row["roi_id"]], **values)


def _put(params: Any, path: tuple[str | int, ...], value: str) -> None:
    for part in path[:-1]:
        params = params[part]
    params[path[-1]] = value
