"""Whether a camera is to be analysed: the wish is a row, and reaches the box in its config document like everything else."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import structlog
from django.db import transaction
from django.utils.translation import gettext_noop

from cameras.audit import acting
from cameras.core.compiler import compile_content
from cameras.core.difference import difference
from cameras.core.strict_json import DocumentError
from cameras.issued import ConfigVersion
from cameras.models import Camera, Device
from cameras.selectors import device_rows
from cameras.services import issue_version, latest_version, publish_edit
from cameras.versions import content_of_version
from edgesite.fields import DecryptionError

log = structlog.get_logger(__name__)

LONGEST = 200  # of a reason in the history

REVOKED = gettext_noop("the device was shut out; provision it to let it in again")
NEVER_PUBLISHED = gettext_noop("nothing has been published to this device yet")
OTHERS_WAIT = gettext_noop("other changes of this device wait to be published")


@dataclass(frozen=True, slots=True)
class Intent:
    """What became of a wish. changed: whether the row said otherwise before.

    published: whether the newest version says so; it is on its way to the box then. version: that version, None without
    any. problem: why it is not published.
    """

    camera_id: str
    analyse: bool
    changed: bool
    published: bool
    version: int | None
    problem: str = ""


def set_analysis(*, camera_id: str, analyse: bool, author: str) -> Intent:
    """As `set_analysis_of_all`, for one camera. Raises Camera.DoesNotExist."""
    intents = set_analysis_of_all(camera_ids=[camera_id], analyse=analyse, author=author)
    if not intents:
        raise Camera.DoesNotExist(camera_id)
    return intents[0]


def set_analysis_of_all(*, camera_ids: Iterable[str], analyse: bool, author: str) -> list[Intent]:
    """Saves the wishes and issues them, at most one version for each device; asking again for the same changes nothing.

    On a device whose changes wait until somebody publishes them they are issued only when nothing else waits: they must not
    take somebody's half-done work along. Cameras that are not there have no answer.
    """
    found = Camera.objects.filter(pk__in=set(camera_ids)).order_by("device_id", "pk").values_list("device_id", "pk")
    intents: list[Intent] = []
    for device_id, rows in groupby(found, key=lambda row: row[0]):
        intents += _on_device(device_id, [camera_id for _, camera_id in rows], analyse, author)
    return intents


def _on_device(device_id: str, camera_ids: list[str], analyse: bool, author: str) -> list[Intent]:
    reason = "start detection" if analyse else "stop detection"
    with transaction.atomic():
        device = Device.objects.select_for_update().get(pk=device_id)
        cameras = list(Camera.objects.filter(device=device, pk__in=camera_ids).order_by("pk"))
        changed = {c.pk for c in cameras if c.analyse != analyse}
        with acting(author=author, reason=reason):
            for camera in cameras:
                if camera.pk in changed:
                    camera.analyse = analyse
                    camera.save(update_fields=["analyse"])
        if changed:
            log.info("wish changed", cameras=", ".join(sorted(changed)), analyse=analyse, author=author)
        wished = {c.pk for c in cameras}
        problem = _publish(device, wished, author=author, reason=f"{reason}: {', '.join(map(str, cameras))}"[:LONGEST])
        newest = latest_version(device)
    content = content_of_version(newest)
    return [_intent(camera.pk, analyse, camera.pk in changed, content, newest, problem) for camera in cameras]


def _intent(
    camera_id: str, analyse: bool, changed: bool, content: dict[str, Any], newest: ConfigVersion | None, problem: str
) -> Intent:
    published = problem != REVOKED and wish_in(content, camera_id) is analyse
    version = newest.version if newest else None
    return Intent(camera_id, analyse, changed, published, version, "" if published else problem)


def _publish(device: Device, wished: set[str], *, author: str, reason: str) -> str:
    """Issues a version where that is right; why not, where it is not."""
    if device.revoked_at is not None:
        return REVOKED
    if device.publish_on_save:
        result = publish_edit(device_ids=[device.pk], author=author, reason=reason).get(device.pk)
        return str(result) if isinstance(result, Exception) else ""
    try:
        newest = latest_version(device)
        if newest is None:
            return NEVER_PUBLISHED
        rows = compile_content(device_rows(device))
        if difference(_without_wishes(content_of_version(newest), wished), _without_wishes(rows, wished)):
            return OTHERS_WAIT
        issue_version(device_id=device.pk, author=author, reason=reason)
    except (DocumentError, DecryptionError) as error:
        return str(error)
    return ""


def wish_in(content: dict[str, Any], camera_id: str) -> bool | None:
    """What a document's content wishes of the camera; None when it does not hold the camera."""
    rows = [c for c in content.get("cameras", []) if c["camera_id"] == camera_id]
    return bool(rows[0].get("analyse", True)) if rows else None


def _without_wishes(content: dict[str, Any], wished: set[str]) -> dict[str, Any]:
    """The same content, but for what it wishes of these cameras."""
    same = copy.deepcopy(content)
    for camera in same.get("cameras", []):
        if camera["camera_id"] in wished:
            camera["analyse"] = True
    return same
