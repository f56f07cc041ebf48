"""Publishing from the ROI editor: what would change on the box, doing it, and what the box makes of it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _

from cameras.admin.chips import sync_chip_text
from cameras.admin.configuration import LONGEST_REASON, PUBLISH
from cameras.admin.regions import BodyError, RegionPages, body_of, json_call
from cameras.admin.sentences import problem_text, sentences
from cameras.core.strict_json import DocumentError
from cameras.issued import ConfigVersion
from cameras.models import Camera, Device, DeviceStatus
from cameras.regions import regions_of, revision_of
from cameras.restoring import VersionError
from cameras.states import sync_state
from cameras.versions import content_sha256, pending_changes, publish_pending
from edgesite.fields import DecryptionError

SETTLED = ("confirmed", "refused", "reverted", "drifted", "not_published", "redis_ahead")  # no waiting changes these


class RegionPublish(RegionPages):
    """`GET publish` says where the device's newest version is, with `?changes` also what waits; `POST publish` with `expected`
    (of that answer) and `reason` issues it. Both answer as `_state` does, with the regions' `revision` besides."""

    def get_urls(self) -> list[Any]:
        call = json_call(self.admin_site, self._publish, "GET", "POST")
        return [path("<str:pk>/regions/publish", call, name="cameras_camera_regions_publish"), *super().get_urls()]

    def _publish(self, request: HttpRequest, pk: str) -> HttpResponse:
        camera = self.camera_of(request, pk)
        if request.method == "POST":
            refused = self._issue(request, camera)
            if refused is not None:
                return refused
            camera = self.camera_of(request, pk)
        state = _state(request, camera.device) | {"revision": revision_of(regions_of(camera.pk))}
        return JsonResponse(state | (_waiting(camera.device) if "changes" in request.GET else {}))

    def _issue(self, request: HttpRequest, camera: Camera) -> HttpResponse | None:
        """Issues what waits; None when that went well."""
        if (why := _why_not(request, camera.device)) != "":
            return JsonResponse({"detail": why}, status=403)
        body = body_of(request, "expected", "reason")
        expected, reason = (body.get(name, "") for name in ("expected", "reason"))
        if not isinstance(expected, str) or not isinstance(reason, str) or not expected:
            raise BodyError(_("This is not valid JSON: %(problem)s") % {"problem": _("must be text; put it in quotes")})
        try:
            publish_pending(
                device_id=camera.device_id, author=request.user.get_username(),
                reason=reason.strip()[:LONGEST_REASON], expected=expected,
            )  # fmt: skip
        except VersionError as error:  # somebody edited meanwhile
            return JsonResponse({"detail": problem_text(error)} | _waiting(camera.device), status=409)
        except (DocumentError, DecryptionError) as error:
            return JsonResponse(
                {"detail": _("Not published: %(problem)s") % {"problem": problem_text(error)}}, status=422
            )
        return None


def _why_not(request: HttpRequest, device: Device) -> str:
    """Why this person cannot publish to the device; empty when that is possible."""
    if not request.user.has_perm(PUBLISH):
        return _("Your role may look at the configuration, not publish it.")
    if device.revoked_at is not None:
        return _("Not published: %(device)s was revoked. Provision it again first.") % {"device": device}
    return ""


def _waiting(device: Device) -> dict[str, Any]:
    """changes: in words, what a publish would bring to the box. expected: what they stand for."""
    try:
        return {"changes": sentences(pending_changes(device)), "expected": content_sha256(device)}
    except DecryptionError as error:
        return {"changes": [], "expected": "", "detail": problem_text(error)}


def _state(request: HttpRequest, device: Device) -> dict[str, Any]:
    """version: the newest, 0 for none. word: one of `sync_state`'s, or where a pending one is: `waiting`, `trying`; in sync:
    `applied`, `confirmed`. text, tone: of its chip. heard: seconds since the box reported, None for never."""
    status: DeviceStatus | None = getattr(device, "status", None)
    newest = ConfigVersion.objects.filter(device=device, epoch=device.epoch).order_by("-version")
    device.newest_sha256 = newest.values_list("sha256", flat=True).first()  # type: ignore[attr-defined]  # what chips read
    word = _word(sync_state(device, sha256=device.newest_sha256 or ""), device, status)  # type: ignore[attr-defined]
    heard = (timezone.now() - status.reported_at).total_seconds() if status and status.reported_at else None
    kind, text = _told(word, device)
    return {
        "version": device.last_version,
        "word": word,
        "tone": kind,
        "text": text,
        "settled": word in SETTLED or not device.last_version,
        "heard": heard,
        "why_not": _why_not(request, device),
        "on_save": device.publish_on_save,
    }


def _word(state: str, device: Device, status: DeviceStatus | None) -> str:
    if status is None or state not in ("in_sync", "pending"):
        return state
    if state == "in_sync":
        return "confirmed" if status.confirmed >= status.applied else "applied"
    tries = status.epoch == device.epoch and status.observed >= device.last_version and status.state == "trying"
    return "trying" if tries else "waiting"


def _told(word: str, device: Device) -> tuple[str, str]:
    """The kind of its chip and what it says."""
    version = {"version": device.last_version}
    texts = {
        "waiting": ("busy", _("version %(version)s is on its way to the box")),
        "trying": ("busy", _("the box tries version %(version)s")),
        "applied": ("busy", _("version %(version)s is applied; the box watches how it goes")),
        "confirmed": ("good", _("version %(version)s is confirmed by the box")),
    }
    if not device.last_version:
        return "off", _("nothing published yet")
    if word in texts:
        kind, text = texts[word]
        return kind, text % version
    kind, text = sync_chip_text(device)
    if word in ("refused", "reverted"):
        return kind, f"{_('version %(version)s') % version}: {text}"
    return kind, text
