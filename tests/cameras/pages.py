"""The admin as a browser meets it: rows to look at, people who look, forms that are filled in."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Camera, Device, DeviceStatus, Site, SiteAccess
from cameras.schedules import Schedule
from cameras.services import publish_edit
from detection.models import Alert
from edgesite.models import ApiToken
from edgesite.tokens import create_token
from tests.rows import make_all, make_person
from tests.servers.stack import Form

MASKED = "rtsp://admin:***@10.0.0.5:554/stream1"
MODELS = (Site, SiteAccess, Device, Camera, ROI, Binding, Schedule, ConfigVersion, Alert, ApiToken)
NIGHTS = [{"day": "mon", "start": "22:00", "end": "06:00"}]
NOT_ADDED = (ConfigVersion, Alert, ApiToken)


def two_sites() -> Site:
    """Two sites with everything in them; the first is answered."""
    for number, name in ((1, "Kitchen"), (2, "Warehouse")):
        device = make_all(f"box-{number}", site=name, number=number)
        publish_edit(device_ids=[device.pk], author="setup")
        DeviceStatus.objects.create(
            device=device, state="applied", reported_at=timezone.now(), epoch=device.epoch, applied=1,
            health={"cameras": {f"vid{number}": "live"}},
        )  # fmt: skip
        Schedule.objects.create(schedule_id=f"shift-{number}", site=device.site, name=f"Shift {number}", weekly=NIGHTS)
        Alert.objects.create(
            event_id=f"e{number}", device=device, camera_id=f"vid{number}", roi_id=f"roi-{number}", bind_id="b",
            algo_code="intrusion", phase="started", severity="warning", timestamp=timezone.now(),
        )  # fmt: skip
    create_token(name="scada", role="viewer")
    SiteAccess.objects.create(user=make_person("somebody"))
    return Site.objects.get(name="Kitchen")


def browser(role: str, *, sites: list[Site] | None = None) -> Client:
    client = Client()
    superuser = role == "superuser"
    client.force_login(make_person(f"the {role}", "" if superuser else role, sites=sites, superuser=superuser))
    return client


def path(model: Any, what: str = "", row: Any = None) -> str:
    base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    return base + (f"{row.pk}/" if row is not None else "") + (f"{what}/" if what else "")


def text(response: Any) -> str:
    assert isinstance(response, HttpResponse)
    return response.content.decode()


def visible(client: Client, url: str) -> str:
    """What a reader of the page can see or find in it, with markup."""
    response = client.get(url)
    assert response.status_code == 200, url
    return text(response)


def save(client: Client, url: str, **changes: str | None) -> Any:
    """Opens a form, changes fields (None: unticked or left out) and saves it."""
    form = Form(visible(client, url)).fields
    for name, value in changes.items():
        form.pop(name, None)
        if value is not None:
            form[name] = [value]
    return client.post(url, form | {"_save": ["Save"]}, follow=True)


def field_error(response: Any, field: str) -> str:
    """The errors beside a field; empty when it has none."""
    assert response.status_code == 200
    return " ".join(response.context["adminform"].form.errors.get(field, []))


def versions(device_id: str = "box-1") -> int:
    return ConfigVersion.objects.filter(device_id=device_id).count()
