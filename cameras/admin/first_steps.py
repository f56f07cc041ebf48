"""The way from a fresh installation to a box that watches: what is done, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from cameras.admin.list_filters import fleet_for
from cameras.fleet import Fleet
from cameras.models import Binding, Device, DeviceStatus
from cameras.selectors import visible_sites


@dataclass(frozen=True, slots=True)
class Step:
    """url: where it is done; "" when the person's role may not, or an earlier step is missing."""

    title: str
    text: str
    button: str
    done: bool
    url: str


def first_steps(request: HttpRequest) -> list[Step]:
    """The steps of which any is missing; none for an installation that works, nor for whom it does not concern."""
    fleet, user = fleet_for(request), request.user
    if not (user.has_perm("cameras.view_device") and user.has_perm("cameras.view_camera")):
        return []
    sites = visible_sites(user)
    ruled = Binding.objects.filter(roi__camera__device__site__in=sites)
    done = [
        sites.exists(),
        bool(fleet.devices),
        bool(fleet.cameras),
        bool(fleet.cameras) and ruled.exists(),
        any(_runs_something(device) for device in fleet.devices.values()),
    ]
    if all(done):
        return []
    urls = [
        reverse("admin:cameras_site_add") if user.has_perm("cameras.add_site") else "",
        reverse("admin:cameras_device_add") if user.has_perm("cameras.add_device") else "",
        reverse("admin:cameras_camera_add") if user.has_perm("cameras.add_camera") else "",
        _regions(fleet) if user.has_perm("cameras.change_roi") else "",
        _configuration(fleet),
    ]
    next_one = done.index(False)
    rows = zip(_texts(), done, urls, range(len(done)), strict=True)
    return [Step(*texts, made, url if number == next_one else "") for texts, made, url, number in rows]


def _runs_something(device: Device) -> bool:
    """A box that is away now was set up all the same."""
    status: DeviceStatus | None = getattr(device, "status", None)
    return status is not None and bool(status.applied)


def _regions(fleet: Fleet) -> str:
    return reverse("admin:cameras_camera_regions", args=[next(iter(fleet.cameras))]) if fleet.cameras else ""


def _configuration(fleet: Fleet) -> str:
    """Of a device with a camera, where there is one."""
    devices = [*fleet.boxes.values(), *fleet.devices]
    return reverse("admin:cameras_device_configuration", args=[devices[0]]) if devices else ""


def _texts() -> list[tuple[str, str, str]]:
    return [
        (_("Add a site"), _("A place with its time zone. Schedules and dates follow it."), _("Add a site")),
        (_("Add a device"), _("The edge box that its cameras are connected to."), _("Add a device")),
        (_("Add a camera"), _("Its stream, and which box opens it. Test the connection there."), _("Add a camera")),
        (
            _("Draw its regions"),
            _("Areas and lines on the camera's picture, each with the rules that watch it."),
            _("Draw regions"),
        ),
        (
            _("Publish"),
            _("The box fetches its configuration and reports that it runs it."),
            _("See the configuration"),
        ),
    ]
