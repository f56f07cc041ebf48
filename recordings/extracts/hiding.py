"""What an export hides: the camera's privacy masks, everything outside chosen ROIs, or nothing. The shapes are those of now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import gettext_noop
from pydantic import ValidationError

from cameras.core.geometry import Points, outline
from cameras.models import ROI, Camera
from recordings.core.hiding import Hide
from recordings.extracts.errors import ExtractError
from recordings.extracts.models import Extract, Hiding

LIFT = "cameras.lift_masks"
UNKNOWN = gettext_noop("Choose what is hidden: nothing, the privacy masks, or everything outside chosen regions.")
NO_MASKS = gettext_noop("This camera has no privacy masks. Draw some under Regions, or choose something else to hide.")
NO_REGION = gettext_noop(
    "Choose at least one region of this camera that stays visible. It must be an area, not a line."
)
MASKED = gettext_noop("This camera has privacy masks, and your role does not export without them.")
TOO_MUCH = gettext_noop("These are too many regions, or too many points, for one export.")
NAMES_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Hidden:
    """kind: for the log. hide: for the box. names: of the regions that stay visible, for people."""

    kind: Hiding = Hiding.NOTHING
    hide: Hide | None = None
    names: str = ""


def areas_of(camera: Camera, *, masks: bool) -> list[ROI]:
    """The camera's privacy masks, or its other areas, switched on or not."""
    return list(ROI.objects.filter(camera=camera, mask=masks).exclude(roi_type="line").order_by("-priority", "roi_id"))


def hidden_of(camera: Camera, *, wish: str = "", roi_ids: Collection[str] = (), may_lift: bool = False) -> Hidden:
    """What a person's wish comes to. wish: `nothing`, `masks`, `outside`; "": the masks, where the camera has some.

    roi_ids: of what stays visible with `outside`; the masks are applied then, too. may_lift: whether the person may see
    what the masks hide. Raises ExtractError.
    """
    masks = areas_of(camera, masks=True)
    wish = wish or (Hiding.MASKS if masks else Hiding.NOTHING)
    if wish == Hiding.NOTHING:
        if masks and not may_lift:
            raise ExtractError(MASKED)
        return Hidden(Hiding.UNMASKED if masks else Hiding.NOTHING)
    if wish == Hiding.MASKS:
        if not masks:
            raise ExtractError(NO_MASKS)
        return Hidden(Hiding.MASKS, _hide(masks))
    if wish != Hiding.OUTSIDE:
        raise ExtractError(UNKNOWN)
    chosen = [roi for roi in areas_of(camera, masks=False) if roi.roi_id in roi_ids]
    if not chosen or len(chosen) != len(set(roi_ids)):
        raise ExtractError(NO_REGION)
    return Hidden(Hiding.OUTSIDE, _hide(masks, chosen), ", ".join(map(str, chosen))[:NAMES_LENGTH])


def _hide(masks: list[ROI], shown: list[ROI] | None = None) -> Hide:
    """Raises ExtractError."""
    outside = None if shown is None else tuple(map(_corners, shown))
    try:
        return Hide(inside=tuple(map(_corners, masks)), outside=outside)
    except ValidationError:
        raise ExtractError(TOO_MUCH) from None


def _corners(roi: ROI) -> Points:
    return outline(roi.roi_type, tuple((x, y) for x, y in roi.coordinates))


def hide_of(extract: Extract) -> Hide | None:
    return None if extract.hide is None else Hide.model_validate(extract.hide)


def mark_of(kind: str, hide: Hide | None) -> str:
    """Tells films of one stretch apart that hide different things; one without the masks is nobody's to be played."""
    if hide is not None:
        return f"|{hide.digest()[:16]}"
    return f"|{kind}" if kind == Hiding.UNMASKED else ""
