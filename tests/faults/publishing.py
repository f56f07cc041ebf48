"""A hub of a test's own in this process: a database file that can be put back, a real Redis, and publishers that die."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from unittest import mock

import redis
from django.db import connections
from django.test import override_settings

from cameras import services
from cameras.core.algorithms import registry
from cameras.core.compiler import compile_content
from cameras.core.document import content_of, parse_content
from cameras.core.strict_json import DocumentError
from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Camera, Device, Site
from cameras.reconcile import Reconciler
from cameras.selectors import device_rows
from edgesite import ids, redis_keys
from edgesite.redis_clients import connect
from tests.rows import SQUARE, make_all
from tests.servers.migrated import migrated
from tests.servers.redis import RedisServer
from tests.servers.stack import wait_until

DEVICES = ("box-1", "box-2")
ZONES = ("UTC", "Europe/Vienna", "Asia/Shanghai", "America/Lima")
# Where a publisher dies, in the order of its acts: (function of cameras.services, whether it still does its work).
DEATHS = (
    ("compile_content", False),
    ("check_rows", False),
    ("make_document", True),
    ("publish_after_commit", False),
    ("write_document", False),
    ("write_document", True),
)
Death = tuple[str, bool]


class Killed(BaseException):
    """SIGKILL: nothing in the product handles it."""


@contextlib.contextmanager
def dying(death: Death | None) -> Iterator[None]:
    """The block ends where it comes to this place, if it does."""
    if death is None:
        yield
        return
    name, works = death
    real = getattr(services, name)

    def last_act(*args: Any, **values: Any) -> None:
        if works:
            real(*args, **values)
        raise Killed

    with mock.patch.object(services, name, last_act), contextlib.suppress(Killed):
        yield


def _copy(source: Path, target: Path) -> None:
    with contextlib.closing(sqlite3.connect(source)) as old, contextlib.closing(sqlite3.connect(target)) as new:
        old.backup(new)


class Hub:
    """Two devices under one site. Redis documents are texts; `""` stands for none."""

    def __init__(self, folder: Path, server: RedisServer) -> None:
        self.file, self.empty = folder / "hub.sqlite3", folder / "empty.sqlite3"
        self.server = server
        self.redis_runs = True
        self.client = connect(server.url())
        self.raw = redis.Redis.from_url(server.url())
        self.reconciler = Reconciler(self.client)
        self.restore_database(migrated())
        for number, device_id in enumerate(DEVICES, 1):
            make_all(device_id, number=number)
        self.save_database(self.empty)

    def save_database(self, target: Path) -> None:
        _copy(self.file, target)

    def restore_database(self, source: Path) -> None:
        connections["default"].close()
        _copy(source, self.file)

    def begin(self) -> None:
        """As at first: rows, no version, an empty Redis, a `run_hub` that has just started."""
        self.restore_database(self.empty)
        self.start_redis()
        self.raw.flushall()
        self.restart()

    def restart(self) -> None:
        self.reconciler = Reconciler(self.client)

    def stop_redis(self) -> None:
        self.server.kill()
        self.redis_runs = False

    def start_redis(self) -> None:
        if not self.redis_runs:
            self.server.start()
            wait_until(self._answers, seconds=20, what="Redis that has loaded its data")
            self.redis_runs = True

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError):
            return bool(self.raw.ping())
        return False

    def dump(self) -> dict[bytes, bytes]:
        keys = cast("list[bytes]", self.raw.keys())
        return {key: cast(bytes, self.raw.dump(key)) for key in keys}

    def load(self, dump: dict[bytes, bytes]) -> None:
        self.raw.flushall()
        for key, value in dump.items():
            self.raw.restore(key, 0, value)

    def document(self, device_id: str) -> str:
        return cast("str | None", self.client.get(redis_keys.config(device_id))) or ""

    def number(self, device_id: str) -> str:
        return cast("str | None", self.client.get(redis_keys.version(device_id))) or ""

    def hints(self, after: str) -> list[tuple[str, str, int]]:
        """Entry, device and version of every hint behind that entry."""
        entries = cast(Any, self.client.xrange(redis_keys.HINT_STREAM, min=f"({after}"))
        return [(entry, fields["device_id"], int(fields["version"])) for entry, fields in entries]


@contextlib.contextmanager
def own_hub(folder: Path, server: RedisServer) -> Iterator[Hub]:
    """A Hub that the whole process works on meanwhile."""
    before = connections["default"]
    own = before.copy()
    own.settings_dict["NAME"] = str(folder / "hub.sqlite3")
    # No power fails here: without waiting for the disk a run takes seconds.
    own.settings_dict["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
    connections["default"] = own
    try:
        with override_settings(CLOUD_REDIS_URL=server.url()):
            hub = Hub(folder, server)
            yield hub
            hub.client.close()
            hub.raw.close()
    finally:
        services.cloud_redis.cache_clear()
        own.close()
        connections["default"] = before


def rows_say(device_id: str) -> tuple[dict[str, Any], bool]:
    """What the device's rows compile to, and whether that is a valid configuration."""
    content = compile_content(device_rows(Device.objects.select_related("site").get(pk=device_id)))
    try:
        parse_content(content, registry)
    except DocumentError:
        return content, False
    return content, True


def document_says(text: str) -> dict[str, Any]:
    """A document's content without its author."""
    return {key: value for key, value in content_of(json.loads(text)).items() if key != "issued_by"}


def remembered(text: str, device_id: str) -> bool:
    """Whether the hub's history has this document."""
    raw = json.loads(text)
    number = {"epoch": raw["epoch"], "version": raw["version"], "sha256": raw["sha256"]}
    return ConfigVersion.objects.filter(device_id=device_id, **number).exists()


def edit_rows(how: str, device_id: str, value: int) -> None:
    """Changes rows of a device, with or without Django's signals. The same value twice changes nothing."""
    cameras = Camera.objects.filter(device=device_id)
    extra = ROI.objects.filter(roi_id=f"extra-{device_id}")
    if how == "save":
        for camera in cameras:
            camera.location = f"Hall {value}"
            camera.save()
    elif how == "update":
        cameras.update(max_fps=1 + value)
    elif how == "bulk_update":
        rois = list(ROI.objects.filter(camera__device=device_id))
        for roi in rois:
            roi.name = f"Zone {value}"
        ROI.objects.bulk_update(rois, ["name"])
    elif how == "bulk_delete":
        extra.delete()
    elif how == "bulk_create":
        new = ROI(roi_id=f"extra-{device_id}", camera=cameras[0], coordinates=SQUARE)
        ROI.objects.bulk_create([new], ignore_conflicts=True)
    elif how == "site":
        Site.objects.update(time_zone=ZONES[value])
    else:  # what no device would take, and back
        Binding.objects.filter(roi__camera__device=device_id).update(algo_code="teleport" if value else "intrusion")


@contextlib.contextmanager
def clock_a_day_behind(behind: bool) -> Iterator[None]:
    real = ids.uuid7
    day = int(timedelta(days=1).total_seconds() * 1000) << 80

    def shifted() -> str:
        return str(uuid.UUID(int=uuid.UUID(real()).int - day * behind))

    with mock.patch.object(ids, "uuid7", shifted):
        yield
