"""The hub's worker for `edge_snap_request` on a fake Redis, with a box that answers when it is told to."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from cameras.models import Device, DeviceStatus
from detection.hub.store import store_event, tell_early
from edgesite import redis_keys, storage
from edgesite.storage import put
from recordings.models import SnapshotRequest
from recordings.orders.delivery import Call, call_back
from recordings.orders.models import SnapshotOrder
from recordings.orders.worker import Orders
from tests.fakes import Clock, GroupRedis
from tests.recordings.uploads import use_files
from tests.rows import make_all
from tests.servers.stack import wait_until

JPEG = b"\xff\xd8jpeg"
KEY = "shop/7/now.jpg"
CALLBACK = "https://shop.example.org/base"


class Desk:
    """One hub. `capture`: runs what waits for a commit. told: what the fake receiver was called with; says: its problem."""

    def __init__(self, cloud: GroupRedis, capture: Any) -> None:
        self.cloud, self.capture, self.clock = cloud, capture, Clock()
        self.told: list[tuple[str, dict[str, Any], float]] = []
        self.says = ""
        self.restart()

    def restart(self, *, call: Call | None = None) -> None:
        self.orders = Orders(self.cloud.client(), tell_early, call=call or self._call, monotonic=self.clock)

    def real_calls(self) -> None:
        self.restart(call=call_back)

    def _call(self, url: str, body: Any, seconds: float) -> str:
        self.told.append((url, dict(body), seconds))
        return self.says

    def ask(self, **fields: str) -> str:
        entry = {"request_id": "r1", "camera_code": "vid1", "cos_path": KEY} | fields
        return self.cloud.xadd(redis_keys.SNAP_STREAM, {k: v for k, v in entry.items() if v})

    def step(self) -> None:
        with self.capture(execute=True):
            self.orders.step()

    def run(self) -> None:
        """Until everything that was written is answered."""

        def over() -> bool:
            self.step()
            return not self.waiting() and not self.pending()

        wait_until(over, seconds=10, what="answers to everything", every=0.005)

    def waiting(self) -> list[Any]:
        return self.cloud.streams.get(redis_keys.SNAP_STREAM, [])

    def pending(self) -> dict[str, Any]:
        held: dict[str, Any] = self.cloud.groups[redis_keys.SNAP_STREAM]["pending"]
        return held

    def commands(self) -> list[dict[str, str]]:
        return [fields for _, fields in self.cloud.streams.get(redis_keys.commands("box-1"), [])]

    def result(self, request_id: str = "r1") -> Any:
        text = self.cloud.strings.get(redis_keys.snap_result(request_id))
        return json.loads(text) if text else None

    def dead(self) -> list[dict[str, str]]:
        return [fields for _, fields in self.cloud.streams.get(redis_keys.SNAP_DEAD, [])]

    def box_answers(
        self, request_id: str = "r1", *, store: bool = True, device: str = "box-1", here: bool = True, **values: Any
    ) -> None:
        """The picture is stored, and the device's event taken in. here: by the hub that asked for it, not by another one."""
        fields = self.event(request_id, store=store, **values)
        if not (here and tell_early(self.cloud.client(), fields, device)):
            store_event(fields, device_id=device)

    def event(self, request_id: str = "r1", *, store: bool = True, **values: Any) -> dict[str, str]:
        """What the device says of the picture, which is stored."""
        request = self.request(request_id)
        body = {
            "request_id": request.request_id, "camera_id": request.camera_id, "status": "ok", "key": request.key,
            "at": time.time(), "width": 1920, "height": 1080, "message": "",
        } | values  # fmt: skip
        if store and body["status"] == "ok":
            put(request.key, JPEG)
        return {"event_id": "e1", "kind": "snapshot", "body": json.dumps(body)}

    def request(self, request_id: str = "r1") -> SnapshotRequest:
        """What the box was asked, stored or not."""
        row = SnapshotOrder.objects.filter(request_id=request_id).first()
        if row is not None:
            assert row.snapshot is not None
            return row.snapshot
        flights = self.orders._flights.values()
        asked = next(f.asked for f in flights if f.order is not None and f.order.request_id == request_id)
        assert asked is not None
        return asked


def failed(message: str, code: str = "vid1", request_id: str = "r1") -> dict[str, str]:
    """An answer that is an error."""
    return {"request_id": request_id, "camera_code": code, "status": "error", "message": message}


def use_bucket(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A bucket that signs; what it signed for."""
    signed: list[str] = []

    def sign(key: str, *, seconds: int) -> str:
        signed.append(key)
        return f"https://s3.example.org/{key}?{len(signed)}&{seconds}"

    settings.S3_BUCKET = "shop"
    monkeypatch.setattr(storage, "presigned_url", sign)
    return signed


def make_hub(settings: Any, folder: Path) -> None:
    """Box `box-1` with the live camera `vid1`; a hub with files and an address of its own."""
    make_all()
    DeviceStatus.objects.create(
        device=Device.objects.get(pk="box-1"), reported_at=timezone.now(), health={"cameras": {"vid1": "live"}}
    )
    use_files(settings, folder)
    settings.S3_BUCKET, settings.PUBLIC_URL, settings.SNAPSHOT_CALLBACK_HOSTS = "", "https://hub.example.org", []
