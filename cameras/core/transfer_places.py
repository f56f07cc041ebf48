"""What an import does to the ROIs that bindings name in their parameters, such as the steps of a procedure. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from cameras.core.algorithms import Place, Registry
from cameras.core.transfer_file import Path, SiteFile, shown

Kinds = Mapping[str, Mapping[str, Mapping[str, Any]]]


def check_places(file: SiteFile, stored: Kinds, after: Kinds, registry: Registry) -> None:
    """Adds a problem for each ROI that a binding names and that is no area of the same camera afterwards.

    stored, after: rows by kind and identifier. What was wrong before, and what the file does not touch, is no problem of
    the file.
    """
    for code, binding in after["bindings"].items():
        row = file.rows["bindings"].get(code)
        untouched = binding == stored["bindings"].get(code)
        for place in _places(binding, registry):
            wrong = _is_wrong(binding, place.roi_id, after)
            if not wrong or (untouched and _is_wrong(binding, place.roi_id, stored)):
                continue
            named = file.rows["rois"].get(place.roi_id)
            values = {"code": shown(place.roi_id), "binding": code}
            if row is not None:
                where: Path = ("bindings", row.index, "params", *place.path)
                file.problems.add(where, wrong, code=values["code"])
            elif named is not None:
                text = "“%(code)s” must stay an area of its camera: binding “%(binding)s” names it"
                file.problems.add(("rois", named.index), text, **values)
            elif place.roi_id not in after["rois"]:
                file.problems.add(("rois",), "“%(code)s” cannot be deleted: binding “%(binding)s” names it", **values)
            else:  # the binding's own ROI has gone to another camera
                own = file.rows["rois"].get(binding["roi"])
                file.problems.add(("rois", own.index) if own else ("rois",), wrong, code=values["code"])


def _places(binding: Mapping[str, Any], registry: Registry) -> Iterator[Place]:
    """None where the parameters themselves are wrong."""
    try:
        yield from registry.parameters(binding["algo_code"], binding["params"]).places()
    except (KeyError, ValidationError):
        return


def _is_wrong(binding: Mapping[str, Any], roi_id: str, rows: Kinds) -> str:
    """Why the binding cannot name that ROI; empty when it can, or when its own ROI is a problem itself."""
    own, named = rows["rois"].get(binding["roi"]), rows["rois"].get(roi_id)
    if own is None:
        return ""
    if named is None or named["camera"] != own["camera"]:
        return "there is no ROI “%(code)s” on the binding's camera"
    return "ROI “%(code)s” is a line, which is no area" if named["roi_type"] == "line" else ""
