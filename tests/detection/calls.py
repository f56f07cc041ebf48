"""The API as people and machines call it: rows to ask for, callers with roles."""

from __future__ import annotations

import csv
import io
import random
from typing import Any

from asgiref.sync import async_to_sync
from django.test import Client
from django.utils import timezone

from cameras.models import DeviceStatus, Site
from tests.detection.alerts import AT, make_alert
from tests.rows import make_all, make_person


def two_sites() -> list[Site]:
    """Two sites with a camera and an alert each."""
    for number, name in ((1, "Kitchen"), (2, "Warehouse")):
        device = make_all(f"box-{number}", site=name, number=number)
        DeviceStatus.objects.create(
            device=device, reported_at=timezone.now(),
            health={
                "cameras": {f"vid{number}": "live"},
                "camera_details": {f"vid{number}": {"since": AT, "reason": "", "last_frame_at": AT}},
            },
        )  # fmt: skip
        make_alert(f"e{number}", device_id=f"box-{number}", camera_id=f"vid{number}")
    return list(Site.objects.order_by("name"))


def caller(role: str = "operator", *, sites: list[Site] | None = None) -> Client:
    """A browser of somebody with that role."""
    client = Client()
    client.force_login(make_person(f"the {role} {random.random()}", role, sites=sites))
    return client


def get(client: Client, path: str, **query: str | int) -> Any:
    return client.get(f"/api/{path}", query)


def problem(answer: Any) -> tuple[int, Any]:
    """Status and detail of an error; every error has this shape."""
    body = answer.json()
    assert list(body) == ["detail"]
    return answer.status_code, body["detail"]


def exported(client: Client, **query: str) -> list[dict[str, str]]:
    """The rows of the file."""
    answer: Any = client.post("/admin/detection/alert/export/", query)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"

    async def read() -> bytes:
        return b"".join([piece async for piece in answer])

    content = async_to_sync(read)()
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
