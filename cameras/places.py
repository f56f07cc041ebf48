"""The ROIs that a binding's parameters name besides its own (the steps of a procedure), checked against the rows."""

from __future__ import annotations

from django.apps import apps
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from cameras.core.algorithms import CommonParameters, Place


def check_places(params: CommonParameters, *, camera: str | None) -> None:
    """Each must be an area of the same camera, as the config document wants it (`cameras.core.document`).

    camera: key of the binding's camera, None while that is not known. Raises ValidationError of the field `params`.
    """
    places = params.places()
    if camera is None or not places:
        return
    rois = apps.get_model("cameras", "ROI").objects.filter(camera=camera, mask=False)
    rois = rois.filter(roi_id__in=[place.roi_id for place in places])
    shapes: dict[str, str] = dict(rois.values_list("roi_id", "roi_type"))
    problems = [text for place in places if (text := _problem(place, shapes.get(place.roi_id)))]
    if problems:
        raise ValidationError({"params": problems})


def _problem(place: Place, shape: str | None) -> str:
    where = ".".join(str(part) for part in place.path)
    if shape is None:
        return _("%(where)s: there is no ROI “%(roi)s” on this camera") % {"where": where, "roi": place.roi_id}
    if shape == "line":
        return _("%(where)s: ROI “%(roi)s” is a line, which is no area") % {"where": where, "roi": place.roi_id}
    return ""
