"""A device's configuration page: desired against reported, what is pending, history, publish, rollback, new epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from cameras.admin.base import row_page
from cameras.admin.chips import ago, sync_chip
from cameras.admin.deletion import notes_on
from cameras.admin.sentences import present_problem, problem_text, sentences
from cameras.core.strict_json import DocumentError
from cameras.issued import ConfigVersion
from cameras.models import Camera, Device
from cameras.restoring import VersionError, check_restorable
from cameras.states import runs_older_release
from cameras.versions import (
    begin_epoch,
    changes_between,
    content_of_version,
    content_sha256,
    discard_pending,
    pending_changes,
    publish_pending,
    roll_back,
)
from edgesite.fields import DecryptionError

PER_PAGE = 25
LONGEST_REASON = 500
PUBLISH, RENEW = "cameras.change_camera", "cameras.change_device"
READ = "cameras.view_configversion"  # the history


def _versions(device: Device) -> Any:
    return ConfigVersion.objects.filter(device=device, epoch=device.epoch).defer("document").order_by("-version")


def _numbered(device: Device, text: str) -> ConfigVersion:
    version = _versions(device).filter(version=int(text)).first() if text.isdecimal() and len(text) < 19 else None
    if version is None:
        raise Http404(_("There is no such version."))
    return version  # type: ignore[no-any-return]


def _compared(request: HttpRequest, device: Device) -> dict[str, Any] | None:
    old, new = request.GET.get("old", ""), request.GET.get("new", "")
    if not (old and new):
        return None
    first, second = sorted((_numbered(device, old), _numbered(device, new)), key=lambda v: v.version)
    return {"old": first.version, "new": second.version, "changes": sentences(changes_between(first, second))}


def _history(request: HttpRequest, device: Device) -> Any:
    """A page of versions, each with its age in words."""
    page = Paginator(_versions(device), PER_PAGE).get_page(request.GET.get("page"))
    page.object_list = list(page.object_list)
    for version in page.object_list:
        version.ago = ago(version.issued_at)
    return page


def configuration_page(request: HttpRequest, device: Device) -> HttpResponse:
    """GET: the page. `old` and `new` in the query compare two versions."""
    may_read = request.user.has_perm(READ)
    problem, pending, expected, compared = "", [], "", None
    try:
        pending, expected = sentences(pending_changes(device)), content_sha256(device)
        compared = _compared(request, device) if may_read else None
    except DecryptionError as error:
        problem = problem_text(error)
    status = getattr(device, "status", None)
    more = {
        "status": status,
        "sync": sync_chip(device),
        "older": status is not None and runs_older_release(status),
        "pending": pending,
        "expected": expected,
        "problem": problem or present_problem(device),
        "seen": ago(status.reported_at) if status and status.reported_at else "",
        "history": _history(request, device),
        "compared": compared,
        "may_read": may_read,
        "may_publish": request.user.has_perm(PUBLISH),
        "may_discard": bool((pending or problem or device.publish_error) and device.last_version)
        and request.user.has_perm(PUBLISH),
        "may_renew": request.user.has_perm(RENEW),
    }
    title = _("Configuration of %(device)s") % {"device": device}
    return row_page(request, device, "configuration.html", title, **more)


def _to_page(device: Device) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:cameras_device_configuration", args=[device.pk]))


def _act(
    request: HttpRequest, device: Device, permission: str, act: Callable[[str], ConfigVersion | None], nothing: str
) -> HttpResponse:
    """Does it, tells what came of it, and goes back to the page."""
    if not request.user.has_perm(permission):
        raise PermissionDenied
    page = _to_page(device)
    if device.revoked_at is not None:
        text = _("Not published: %(device)s was revoked. Provision it again first.")
        messages.error(request, text % {"device": device})
        return page
    try:
        version = act(request.POST.get("reason", "").strip()[:LONGEST_REASON])
    except (DocumentError, VersionError, DecryptionError) as error:
        messages.error(request, _("Not published: %(problem)s") % {"problem": problem_text(error)})
    else:
        if version is None:
            messages.info(request, nothing)
        elif (version.epoch, version.version) == (device.epoch, device.last_version):
            messages.success(request, _discarded(version))
        else:
            text = _("Issued version %(version)s. The box reports below when it runs.")
            messages.success(request, text % {"version": version.version})
    return page


def _discarded(version: ConfigVersion) -> str:
    text = _("What was edited after version %(version)s is discarded. The box is sent nothing.")
    return text % {"version": version.version}


def publish(request: HttpRequest, device: Device) -> HttpResponse:
    """POST: issues what is pending."""
    author = request.user.get_username()
    return _act(
        request,
        device,
        PUBLISH,
        lambda reason: publish_pending(
            device_id=device.pk, author=author, reason=reason, expected=request.POST.get("expected", "")
        ),
        _("Nothing changed since the last version."),
    )


def rollback(request: HttpRequest, device: Device, number: str) -> HttpResponse:
    """GET: asks, with the difference in words. POST: does it."""
    if not request.user.has_perm(PUBLISH):
        raise PermissionDenied
    target = _numbered(device, number)
    author = request.user.get_username()
    if request.method == "POST":
        return _act(
            request,
            device,
            PUBLISH,
            lambda reason: roll_back(device_id=device.pk, version=target.version, author=author, reason=reason),
            "",
        )
    newest = _versions(device).first()
    if target == newest:
        return HttpResponseRedirect(reverse("admin:cameras_device_discard", args=[device.pk]))
    try:
        more = _going_back(device, target) | {"changes": sentences(changes_between(newest, target))}
    except DecryptionError as error:
        messages.error(request, problem_text(error))
        return _to_page(device)
    title = _("Roll %(device)s back to version %(version)s?") % {"device": device, "version": target.version}
    return row_page(request, device, "rollback.html", title, **more)


def _going_back(device: Device, target: ConfigVersion) -> dict[str, Any]:
    """What both questions say: what goes with the cameras that the version does not know, and why the rows cannot become
    what it says, "" when they can. Raises DecryptionError.
    """
    content, refused = content_of_version(target), ""
    try:
        check_restorable(device, content)
    except VersionError as error:
        refused = problem_text(error)
    known = [camera["camera_id"] for camera in content["cameras"]]
    notes = notes_on(Camera.objects.filter(device=device).exclude(pk__in=known))
    lost = sentences(pending_changes(device, own=True))
    return {"target": target, "lost": lost, "notes": notes, "refused": refused}


def discard(request: HttpRequest, device: Device) -> HttpResponse:
    """GET: asks, with what would be lost in words. POST: puts the rows back to the newest version."""
    if not request.user.has_perm(PUBLISH):
        raise PermissionDenied
    target = _numbered(device, str(device.last_version))
    try:
        if request.method == "POST":
            return _discard(request, device)
        more = _going_back(device, target) | {"expected": content_sha256(device)}
    except (DocumentError, VersionError, DecryptionError) as error:
        messages.error(request, _("Not discarded: %(problem)s") % {"problem": problem_text(error)})
        return _to_page(device)
    title = _("Discard the pending changes of %(device)s?") % {"device": device}
    return row_page(request, device, "discard.html", title, **more)


def _discard(request: HttpRequest, device: Device) -> HttpResponse:
    version = discard_pending(
        device_id=device.pk,
        author=request.user.get_username(),
        reason=request.POST.get("reason", "").strip()[:LONGEST_REASON],
        expected=request.POST.get("expected", ""),
    )
    if (version.epoch, version.version) == (device.epoch, device.last_version):
        messages.success(request, _discarded(version))
    else:
        text = _(
            "What was edited after version %(before)s is discarded. Version %(version)s was issued with what is new in the"
            " site or its schedules, as the device publishes on save."
        )
        messages.success(request, text % {"before": device.last_version, "version": version.version})
    return _to_page(device)


def new_epoch(request: HttpRequest, device: Device) -> HttpResponse:
    """GET: asks. POST: gives the device a new epoch and publishes its first version."""
    if not request.user.has_perm(RENEW):
        raise PermissionDenied
    author = request.user.get_username()
    if request.method == "POST":
        return _act(
            request,
            device,
            RENEW,
            lambda reason: begin_epoch(device_id=device.pk, author=author, reason=reason),
            _("A new epoch began."),
        )
    title = _("Begin a new epoch for %(device)s?") % {"device": device}
    return row_page(request, device, "new_epoch.html", title)
