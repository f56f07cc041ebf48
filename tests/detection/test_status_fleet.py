"""Reports of many devices at once: one transaction, whatever their number, and nothing forgotten when it fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import OperationalError
from structlog.testing import capture_logs

from cameras.models import DeviceStatus
from detection.hub import status
from detection.hub.status import StatusReader
from edgesite import redis_keys
from tests.fakes import FakeRedis
from tests.rows import make_camera, make_device

pytestmark = pytest.mark.django_db


def report(device_id: str, applied: int) -> str:
    values = dict.fromkeys(("observed", "applied", "confirmed"), applied)
    texts = {"device_id": device_id, "epoch": "", "sha256": "", "state": "applied", "reason": ""}
    at = f"2026-11-22T08:00:{applied:02}.000Z"
    return json.dumps({**texts, **values, "at": at, "health": {"cameras": {f"{device_id}-c": "live"}}})


class Fleet:
    def __init__(self, count: int) -> None:
        self.names = [f"box-{n}" for n in range(count)]
        for name in self.names:
            make_camera(f"{name}-c", device=make_device(name))
        self.redis = FakeRedis()
        self.told: list[list[str]] = []
        self.reader = StatusReader(client=self.redis.client(), cameras_changed=self.told.append)

    def report(self, applied: int) -> None:
        for name in self.names:
            self.redis.strings[redis_keys.report(name)] = report(name, applied)


@pytest.mark.parametrize("count", [2, 40])
def test_any_number_of_reports_costs_the_same_number_of_queries(count: int, django_assert_num_queries: Any) -> None:
    fleet = Fleet(count)
    fleet.report(1)
    fleet.reader.step()
    assert sorted(code for codes in fleet.told for code in codes) == sorted(f"{name}-c" for name in fleet.names)
    fleet.report(2)
    with django_assert_num_queries(2):  # the devices, and one upsert for all
        assert fleet.reader.step()
    assert set(DeviceStatus.objects.values_list("applied", flat=True)) == {2}
    assert DeviceStatus.objects.count() == count
    with django_assert_num_queries(1):
        assert not fleet.reader.step()


@pytest.mark.parametrize(
    "spoiled", [{"reason": "\0"}, {"state": "\0"}, {"health": {"note": "\0"}}, {"health": {"note": "\ud800"}}]
)
def test_a_report_that_no_database_stores_holds_up_no_other(spoiled: dict[str, Any]) -> None:
    fleet = Fleet(2)
    fleet.report(1)
    fleet.redis.strings[redis_keys.report("box-0")] = json.dumps(json.loads(report("box-0", 1)) | spoiled)
    assert fleet.reader.step()
    assert list(DeviceStatus.objects.values_list("device_id", flat=True)) == ["box-1"]


def test_an_unreadable_report_is_told_once_and_once_more_when_it_can_be_read() -> None:
    fleet = Fleet(1)
    with capture_logs() as logs:
        for number in range(3):
            fleet.redis.strings[redis_keys.report("box-0")] = f"[{number}"
            assert not fleet.reader.step()
        fleet.report(1)
        fleet.reader.step()
    assert [entry["event"] for entry in logs] == [
        "the reports of a device cannot be read", "the reports of a device can be read again",
    ]  # fmt: skip


def test_reports_that_could_not_be_stored_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet(3)
    fleet.report(1)

    def locked(rows: list[DeviceStatus]) -> None:
        raise OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(status, "_write", locked)
        with pytest.raises(OperationalError):
            fleet.reader.step()
    assert fleet.told == []
    assert fleet.reader.step()
    assert DeviceStatus.objects.filter(applied=1).count() == 3
