"""Several devices with something to publish, boxes that report by hand, and a hub that steps on a clock of the test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cameras.issued import ConfigVersion
from cameras.models import Binding, Device, DeviceStatus
from cameras.rollouts.models import Rollout, RolloutDevice
from cameras.rollouts.services import start_rollout
from cameras.rollouts.stepping import RolloutStepper
from cameras.services import issue_version
from tests.fakes import FakeRedis
from tests.rows import make_all

BEGAN = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class Fleet:
    """`box-1` … `box-{count}`, each with version 1 running and an edited dwell time waiting."""

    def __init__(self, count: int = 4) -> None:
        self.now = BEGAN
        self.redis = FakeRedis()
        self.stepper = RolloutStepper(self.redis.client(), clock=lambda: self.now)
        self.ids = [f"box-{n}" for n in range(1, count + 1)]
        for number, device_id in enumerate(self.ids, 1):
            make_all(device_id, number=number)
        Device.objects.update(publish_on_save=False)
        for device_id in self.ids:
            issue_version(device_id=device_id, author="setup")
            self.report(device_id)
        Binding.objects.update(params={"dwell_s": 7})

    def start(self, *canaries: str, **options: Any) -> Rollout:
        options = {"device_ids": self.ids, "author": "kim", "reason": "longer dwell"} | options
        return start_rollout(canary_ids=canaries or ("box-1",), **options)

    def report(self, device_id: str, **fields: Any) -> None:
        """What the box says now; by default that it runs and confirmed the newest version and its camera is live."""
        device = Device.objects.get(pk=device_id)
        newest = device.last_version
        said = {
            "epoch": device.epoch, "observed": newest, "applied": newest, "confirmed": newest, "state": "applied",
            "reason": "", "reported_at": self.now, "health": {"cameras": {f"vid{device_id[4:]}": "live"}},
        }  # fmt: skip
        DeviceStatus.objects.update_or_create(device=device, defaults=said | fields)

    def refuse(self, device_id: str, reason: str = "too new") -> None:
        self.report(device_id, applied=1, confirmed=1, state="refused", reason=reason)

    def lose_camera(self, device_id: str) -> None:
        self.report(device_id, health={"cameras": {f"vid{device_id[4:]}": "lost"}})

    def step(self, seconds: float = 1.0, *, silent: tuple[str, ...] = ()) -> None:
        """Time passes; boxes that had reported lately and are not silent say the same again; the hub steps until idle."""
        self.now += timedelta(seconds=seconds)
        DeviceStatus.objects.exclude(device__in=silent).update(reported_at=self.now)
        for _ in range(20):
            if not self.stepper.step():
                return
        raise AssertionError("the hub does not come to rest")

    def pass_time(self, seconds: int, *, silent: tuple[str, ...] = ()) -> None:
        for _ in range(seconds):
            self.step(silent=silent)

    def versions(self) -> dict[str, int]:
        return {d: ConfigVersion.objects.filter(device=d).count() for d in self.ids}

    def states(self) -> dict[str, str]:
        rows = RolloutDevice.objects.filter(rollout=Rollout.objects.latest("pk"))
        return dict(rows.values_list("device_id", "state"))


def only_rollout() -> Rollout:
    return Rollout.objects.get()
