"""A device's state in the admin: desired against reported, in words that say what to do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape
from django.utils.translation import override

from cameras.admin.chips import ago, camera_chip, last_picture, sync_chip
from cameras.core.document import content_hash, content_of, parse_document
from cameras.core.strict_json import DocumentError
from cameras.issued import ConfigVersion
from cameras.models import ROI, Camera, Device, DeviceStatus
from cameras.services import issue_version
from cameras.states import OFFLINE_AFTER_SECONDS, sync_state, with_newest_version
from edgesite.ids import uuid7
from tests.cameras.documents import DEVICE, REGISTRY, content, document
from tests.cameras.pages import browser, path, visible
from tests.rows import make_all, make_site

pytestmark = pytest.mark.django_db

EARLIER, LATER = "01000000-0000-7000-8000-000000000001", "ff000000-0000-7000-8000-000000000001"


@pytest.fixture
def device() -> Device:
    """A device with versions 1 and 2, whose box runs the second."""
    make_all()
    issue_version(device_id="box-1", author="kim")
    ROI.objects.update(name="Gate")
    newest = issue_version(device_id="box-1", author="lee")
    assert newest is not None
    report(epoch=newest.epoch, applied=2, observed=2, confirmed=2, state="applied", sha256=newest.sha256)
    return Device.objects.get()


def report(seconds_ago: float = 1, **values: Any) -> None:
    at = timezone.now() - timedelta(seconds=seconds_ago)
    DeviceStatus.objects.update_or_create(device_id="box-1", defaults={"reported_at": at, **values})


def seen() -> Device:
    return with_newest_version(Device.objects.all()).get()


def shown() -> str:
    return str(sync_chip(seen()))


def test_a_cameras_reason_is_told_in_the_readers_language(device: Device) -> None:
    report(seconds_ago=OFFLINE_AFTER_SECONDS + 1)
    with override("zh-hans"):
        assert "设备没有响应" in camera_chip(Camera.objects.select_related("device__status").get())


def picture_at(seconds: Any) -> str:
    report(health={"cameras": {"vid1": "live"}, "camera_details": {"vid1": {"last_frame_at": seconds}}})
    return str(last_picture(Camera.objects.select_related("device__site", "device__status").get()))


def test_how_old_a_cameras_last_picture_is(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    device.site.__class__.objects.update(time_zone="Asia/Shanghai")
    assert ">just now</time>" in picture_at(now.timestamp() - 3)
    old = picture_at(now.timestamp() - 3600).replace("\xa0", " ")
    assert 'title="2026-11-22 15:30:00 Asia/Shanghai">1 hour ago</time>' in old
    assert 'datetime="2026-11-22T07:30:00+00:00"' in old


@pytest.mark.parametrize("seconds", [None, "soon", True, 1e300, -1e18, float("inf")])
def test_a_box_that_tells_no_moment_has_no_last_picture(device: Device, seconds: Any) -> None:
    camera = Camera.objects.select_related("device__site").get()
    details = {"vid1": {"last_frame_at": seconds}}
    camera.device.status = DeviceStatus(  # as an odd box would have it; a database takes no infinity
        reported_at=timezone.now(), health={"cameras": {"vid1": "live"}, "camera_details": details}
    )
    assert last_picture(camera) == "–"


def test_the_list_and_the_page_tell_the_last_picture(device: Device) -> None:
    picture_at(timezone.now().timestamp() - 7205)
    client = browser("viewer")
    for url in (path(Camera), path(Camera, "change", Camera.objects.get())):
        assert "2 hours ago" in visible(client, url).replace("\xa0", " ").replace("&nbsp;", " "), url


def test_in_sync_is_the_number_and_the_content(device: Device) -> None:
    assert "in sync" in shown()
    assert "chip-good" in shown()


def as_a_box_says(**changes: Any) -> str:
    """Why a box whose release knows only what it has now refuses a document with these changes."""
    raw = {**json.loads(document(content(), version=3)), **changes}
    raw["sha256"] = content_hash(content_of(raw))
    with pytest.raises(DocumentError) as refused:
        parse_document(json.dumps(raw), device_id=DEVICE, registry=REGISTRY)
    return str(refused.value)


def with_row(kind: str, **changes: Any) -> dict[str, Any]:
    first, *others = content()[kind]
    return {kind: [{**first, **changes}, *others]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"signed_by": "kim"}, "signed_by: is an unknown key"),
        (with_row("cameras", third_url="rtsp://h/3"), "cameras[0].third_url: is an unknown key"),
        (with_row("binds", params={"mood": 1}), "binds[0].params.mood: is an unknown parameter"),
        (with_row("binds", algo_code="telepathy"), "unknown algorithm 'telepathy'"),
        ({"schema": 2}, "2 is not a schema"),
    ],
)
def test_a_box_of_an_older_release_is_said_to_be_one(device: Device, changes: dict[str, Any], words: str) -> None:
    reason = as_a_box_says(**changes)
    assert words in reason
    report(applied=1, observed=2, state="refused", reason=reason)
    assert "refused: the box runs an older release than this hub; update the box" in shown()
    assert escape(reason) in shown()
    page = visible(browser("operator"), f"{path(Device, row=device)}configuration/")
    assert escape(reason) in page
    assert "it then takes the configuration by itself" in page
    report(applied=2, state="applied", reason="")
    assert "older release" not in shown()


def test_what_is_wrong_with_a_document_is_not_the_boxs_release(device: Device) -> None:
    client = browser("operator")
    for reason in ("sha256: does not match the content", as_a_box_says(**with_row("rois", coordinates=[]))):
        report(applied=1, observed=2, state="refused", reason=reason)
        assert f"refused: {escape(reason)}" in shown()
        assert "older release" not in visible(client, f"{path(Device, row=device)}configuration/")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"applied": 1}, "pending 1 → 2"),
        ({"applied": 1, "sha256": "other"}, "pending 1 → 2"),
        ({"epoch": EARLIER, "applied": 7}, "pending 7 → 2"),
        ({"epoch": "", "applied": 7}, "pending 7 → 2"),
        ({"applied": 0, "epoch": LATER}, "pending 0 → 2"),
        ({"applied": 1, "state": "refused", "reason": "rois[0]: x"}, "refused: rois[0]: x"),
        ({"applied": 1, "state": "reverted", "reason": "y"}, "reverted: y"),
        ({"sha256": ""}, "in sync"),
    ],
)
def test_what_settles_by_itself_or_was_refused_is_no_drift(device: Device, values: dict[str, Any], text: str) -> None:
    report(**values)
    assert text in shown()
    assert "drifted" not in shown()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"sha256": "other"}, "drifted: runs other content as version 2 than this hub issued; begin a new epoch"),
        ({"sha256": "other", "state": "refused", "reason": "2 was issued before"}, "drifted: runs other content"),
        ({"applied": 3}, "drifted: runs version 3, which this hub never issued; begin a new epoch"),
        ({"applied": 1, "epoch": LATER}, "drifted: runs version 1 of a later epoch than this hub&#x27;s; begin a new"),
    ],
)
def test_what_will_not_settle_by_waiting_says_what_to_do(device: Device, values: dict[str, Any], text: str) -> None:
    report(**values)
    assert text in shown()
    assert "chip-bad" in shown()
    newest = ConfigVersion.objects.get(version=2)
    assert sync_state(seen(), sha256=newest.sha256) == "drifted"


def test_a_box_with_somebody_elses_configuration_waits_for_a_publish() -> None:
    make_all()
    Device.objects.update(publish_on_save=False)
    report(epoch=EARLIER, applied=3, observed=3, state="applied", sha256="x")
    assert "drifted: runs version 3 of somebody else, and nothing is published here; publish" in shown()
    report(epoch="", applied=0, state="trying", sha256="")
    assert "nothing published yet" in shown()


def test_a_new_epoch_settles_the_drift(device: Device) -> None:
    report(applied=3)
    Device.objects.update(epoch=uuid7(), last_version=0)
    issue_version(device_id="box-1", author="kim")
    assert "pending 3 → 1" in shown()


def test_a_device_from_elsewhere_costs_one_query_and_says_the_same(device: Device) -> None:
    report(sha256="other")
    plain = Device.objects.select_related("site", "status").get()
    with CaptureQueriesContext(connection) as queries:
        text = str(sync_chip(plain))
    assert len(queries) == 1
    assert "drifted" in text


def test_offline_since_when_in_the_sites_time(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 11, 22, 8, 30, tzinfo=UTC))
    device.site.__class__.objects.update(time_zone="Asia/Shanghai")
    report(seconds_ago=3600)
    assert "○</span> offline since 15:30</span>" in shown()
    assert 'title="2026-11-22 15:30:00 Asia/Shanghai (1 hour ago)"' in shown().replace("\xa0", " ")
    report(seconds_ago=17 * 3600)
    assert "offline since 2026-11-21 23:30</span>" in shown()
    report(seconds_ago=OFFLINE_AFTER_SECONDS - 1)
    assert "in sync" in shown()
    report(seconds_ago=3600, sha256="other")
    assert "offline since" in shown()


def test_the_list_and_both_pages_show_it(device: Device) -> None:
    report(sha256="other")
    client = browser("viewer")
    for url in (path(Device), path(Device, "change", device), path(Device, "configuration", device)):
        assert "drifted: runs other content" in visible(client, url), url


def test_more_devices_cost_the_list_no_more_queries(device: Device) -> None:
    client = browser("operator")

    def queries(client: Client) -> int:
        client.get(path(Device))
        with CaptureQueriesContext(connection) as seen:
            client.get(path(Device))
        return len(seen)

    before = queries(client)
    site = make_site("Kitchen")
    for number in range(2, 12):
        other = Device.objects.create(device_id=f"box-{number}", site=site)
        issue_version(device_id=other.pk, author="kim")
        DeviceStatus.objects.create(device=other, reported_at=timezone.now(), applied=1, epoch=other.epoch, sha256="x")
    assert queries(client) == before


@pytest.mark.parametrize(("seconds", "words"), [(0, "just now"), (59, "just now"), (61, "1\xa0minute ago")])
def test_what_is_younger_than_a_minute_was_just_now(seconds: int, words: str) -> None:
    assert ago(timezone.now() - timedelta(seconds=seconds)) == words
