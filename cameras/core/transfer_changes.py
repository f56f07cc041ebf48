"""How two states of a site differ: in sentences, and whose documents change. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cameras.core.difference import Change, difference, values_of
from cameras.core.recording import with_policy
from cameras.core.snapping import COLUMNS as SNAPPING

if TYPE_CHECKING:
    from cameras.core.transfer import SiteState

Rows = dict[str, dict[str, Any]]
UNPUBLISHED = {"color", *SNAPPING}  # of no concern to a box
REFERENCES = {"cameras": ("device", "devices"), "rois": ("camera", "cameras"), "bindings": ("roi", "rois")}
# How the config document, and so the difference between two, names what the file names otherwise.
DOCUMENT_KEYS = {
    "cameras": {"name": "camera_name"},
    "rois": {"name": "roi_name", "camera": "camera_id"},
    "bindings": {"roi": "roi_id", "schedule": "schedule_id"},
    "schedules": {},
}


def content(state: SiteState) -> dict[str, Any]:
    """The rows as `difference` takes them: under the config document's names."""
    document: dict[str, Any] = {"site": state.site}
    for kind, names in DOCUMENT_KEYS.items():
        rows = [{names.get(key, key): value for key, value in row.items()} for row in state.rows[kind].values()]
        document["binds" if kind == "bindings" else kind] = (
            [with_policy(r) for r in rows] if kind == "cameras" else rows
        )
    return document


def changes_between(before: SiteState, after: SiteState) -> list[Change]:
    """Sentences: the site, its devices, then cameras, ROIs and bindings."""
    found = difference(content(before), content(after))
    site = [change for change in found if change.template.startswith("Site: ")]
    return [*site, *_device_changes(before.rows["devices"], after.rows["devices"]), *found[len(site) :]]


def _device_changes(before: Rows, after: Rows) -> Iterator[Change]:
    for code, row in sorted(after.items()):
        name = row["name"] or code
        if code not in before:
            yield Change("+", "Device %(name)s added", {"name": name})
            continue
        for key in sorted(row):
            if row[key] != before[code][key]:
                values = {"name": name, **values_of(key, before[code][key], row[key])}
                yield Change("~", "Device %(name)s: %(key)s %(old)s → %(new)s", values)


def devices_concerned(before: SiteState, after: SiteState) -> frozenset[str]:
    old, new = _documents(before), _documents(after)
    return frozenset(code for code in old.keys() | new.keys() if old.get(code) != new.get(code))


def _documents(state: SiteState) -> dict[str, list[Any]]:
    """What each device's document is made of."""
    found: dict[str, list[Any]] = {code: [state.site, row] for code, row in state.rows["devices"].items()}
    owner = {"devices": {code: code for code in found}}
    for kind, (reference, parents) in REFERENCES.items():
        owner[kind] = {}
        for code, row in sorted(state.rows[kind].items()):
            device = owner[parents].get(row[reference], "")
            owner[kind][code] = device
            if row.get("mask"):
                continue  # in no document
            found.setdefault(device, []).append({name: row[name] for name in row if name not in UNPUBLISHED})
            for followed in (row.get("schedule"), row.get("record_schedule")):
                if followed is not None:
                    found[device].append(state.rows["schedules"].get(followed))
    found.pop("", None)
    return found
