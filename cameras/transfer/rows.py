"""A site's rows out of the database and back into it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import models

from cameras.core.recording import COLUMNS as RECORDING
from cameras.core.snapping import COLUMNS as SNAPPING
from cameras.core.transfer import Elsewhere, Plan, SiteState
from cameras.core.transfer_file import KEYS, SiteFile
from cameras.models import ROI, Binding, Camera, Device, Site
from cameras.schedules import Schedule

MODELS: dict[str, type[models.Model]] = {
    "devices": Device,
    "schedules": Schedule,
    "cameras": Camera,
    "rois": ROI,
    "bindings": Binding,
}
SITE_PATHS = {
    "devices": "site",
    "schedules": "site",
    "cameras": "device__site",
    "rois": "camera__device__site",
    "bindings": "roi__camera__device__site",
}
# What a file calls a row's column, where that differs.
COLUMNS = {
    "cameras": {"device": "device_id", "record_schedule": "record_schedule_id", "snap_schedule": "snap_schedule_id"},
    "rois": {"camera": "camera_id"},
    "bindings": {"roi": "roi_id", "schedule": "schedule_id"},
}
FIELDS = {
    "devices": ("device_id", "name", "publish_on_save"),
    "schedules": ("schedule_id", "name", "weekly", "holidays"),
    "cameras": (
        "camera_id",
        "device",
        "name",
        "rtsp_url",
        "sub_url",
        "location",
        "enabled",
        "analyse",
        "max_fps",
        *RECORDING,
        *SNAPPING,
    ),
    "rois": ("roi_id", "camera", "name", "roi_type", "coordinates", "enabled", "priority", "color", "mask"),
    "bindings": ("bind_id", "roi", "algo_code", "params", "severity", "priority", "enabled", "schedule"),
}
BATCH = 500  # databases limit the values of one statement


def _column(kind: str, name: str) -> str:
    return COLUMNS.get(kind, {}).get(name, name)


def site_state(site: Site) -> SiteState:
    """The rows of a site as they are stored. Raises DecryptionError. A site that is not saved yet has none."""
    state = SiteState({"name": site.name, "time_zone": site.time_zone})
    if site.pk is not None:
        for kind, model in MODELS.items():
            columns = [_column(kind, name) for name in FIELDS[kind]]
            rows = model._default_manager.filter(**{SITE_PATHS[kind]: site}).order_by(KEYS[kind])
            for values in rows.values_list(*columns):
                state.rows[kind][values[0]] = dict(zip(FIELDS[kind], values, strict=True))
    return state


def elsewhere(site: Site, file: SiteFile) -> Elsewhere:
    """What of the file's identifiers other sites have."""
    taken = {kind: _taken(kind, site, file.names[kind]) for kind in MODELS}
    return Elsewhere(taken, frozenset(Site.objects.exclude(pk=site.pk).values_list("name", flat=True)))


def _taken(kind: str, site: Site, codes: Collection[str]) -> set[str]:
    found: set[str] = set()
    for some in _batches(codes):
        rows = MODELS[kind]._default_manager.filter(**{f"{KEYS[kind]}__in": some})
        if site.pk is not None:
            rows = rows.exclude(**{SITE_PATHS[kind]: site})
        found.update(rows.values_list(KEYS[kind], flat=True))
    return found


def _batches(codes: Collection[str]) -> list[list[str]]:
    ordered = sorted(codes)
    return [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]


def write_plan(site: Site, plan: Plan) -> None:
    """Brings the rows to the plan's state. The caller's transaction holds it together.

    Rows are saved one by one, so that the audit hears of each. What is removed goes
    last: a row that moves away from it has left by then.
    """
    if plan.site_changed or site.pk is None:
        site.name, site.time_zone = plan.after.site["name"], plan.after.site["time_zone"]
        site.save()
    for kind in MODELS:
        _save_rows(kind, site, plan)
    for kind in ("bindings", "rois", "cameras", "schedules"):
        for some in _batches(plan.removed(kind)):
            MODELS[kind]._default_manager.filter(**{f"{KEYS[kind]}__in": some}).delete()


def _save_rows(kind: str, site: Site, plan: Plan) -> None:
    model, key = MODELS[kind], KEYS[kind]
    stored: dict[Any, models.Model] = {}
    for some in _batches(plan.changed(kind)):
        stored |= model._default_manager.in_bulk(some, field_name=key)
    for code in [*plan.added(kind), *plan.changed(kind)]:
        row = stored.get(code)
        added = row is None
        if row is None:
            row = model(site=site) if kind in ("devices", "schedules") else model()
        for name, value in plan.after.rows[kind][code].items():
            setattr(row, _column(kind, name), value)
        row.save(force_insert=added)
