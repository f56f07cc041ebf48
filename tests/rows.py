"""Database rows that many tests need: a small site, and people with roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from cameras.models import ROI, Binding, Camera, Device, Site, SiteAccess

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SQUARE = [[0.1, 0.1], [0.6, 0.1], [0.6, 0.6], [0.1, 0.6]]
PASSWORD = "s3cr3t-pw"
SOURCE = f"rtsp://admin:{PASSWORD}@10.0.0.5:554/stream1"


def make_site(name: str = "Kitchen", **values: Any) -> Site:
    return Site.objects.get_or_create(name=name, defaults=values)[0]


def make_device(device_id: str = "box-1", *, site: Site | None = None, **values: Any) -> Device:
    return Device.objects.create(device_id=device_id, site=site or make_site(), **values)


def make_camera(camera_id: str = "vid1", *, device: Device | None = None, **values: Any) -> Camera:
    device = device or Device.objects.first() or make_device()
    return Camera.objects.create(camera_id=camera_id, device=device, **{"rtsp_url": SOURCE, **values})


def make_roi(roi_id: str = "roi-1", *, camera: Camera | None = None, **values: Any) -> ROI:
    camera = camera or Camera.objects.first() or make_camera()
    return ROI.objects.create(roi_id=roi_id, camera=camera, **{"coordinates": SQUARE, **values})


def make_binding(bind_id: str = "bind-1", *, roi: ROI | None = None, **values: Any) -> Binding:
    roi = roi or ROI.objects.first() or make_roi()
    return Binding.objects.create(bind_id=bind_id, roi=roi, **{"algo_code": "intrusion", **values})


def make_all(device_id: str = "box-1", *, site: str = "Kitchen", number: int = 1) -> Device:
    """One site, device, camera `vid{n}`, ROI `roi-{n}` and binding `bind-{n}`."""
    device = make_device(device_id, site=make_site(site))
    camera = make_camera(f"vid{number}", device=device, name=f"Line {number}")
    roi = make_roi(f"roi-{number}", camera=camera, name=f"Door {number}")
    make_binding(f"bind-{number}", roi=roi)
    return device


def make_person(name: str, role: str = "", *, sites: list[Site] | None = None, superuser: bool = False) -> User:
    """A person of the staff. sites: the only ones that the person may see; None for all."""
    user = get_user_model().objects.create_user(username=name, is_staff=True, is_superuser=superuser)
    if role:
        user.groups.add(Group.objects.get(name=role))
    if sites is not None:
        SiteAccess.objects.create(user=user).sites.set(sites)
    return user
