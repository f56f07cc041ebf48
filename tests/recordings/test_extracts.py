"""Extracts on the hub: asked for, ordered until the box answers, given up, late, protected, let go."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from cameras.models import Camera, Device
from edgesite import storage
from recordings.extracts import retention, services
from recordings.extracts.errors import ExtractError
from recordings.extracts.models import Extract, ExtractStep
from recordings.extracts.selectors import may_store_extract
from tests.cameras.pages import two_sites
from tests.fakes import FakeRedis
from tests.recordings.extracts import BEGIN, EXPORT, MINUTE, PLAY, finish, later, orders, tell, wish

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    fake = FakeRedis()
    monkeypatch.setattr(services, "cloud_redis", lambda url: fake.client())
    two_sites()
    return fake


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "edgesite.storage.DurableFileStorage", "OPTIONS": {"location": str(tmp_path)}}
    }
    return tmp_path


def kinds(extract: Extract) -> list[str]:
    return sorted(ExtractStep.objects.filter(extract_id=extract.extract_id).values_list("kind", flat=True))


def test_the_box_is_told_after_the_commit_and_again_until_it_is_finished(
    cloud: FakeRedis, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        extract = wish()
    [told] = orders(cloud)
    assert (told.camera_id, told.begin, told.end) == ("vid1", BEGIN.timestamp(), BEGIN.timestamp() + 60)
    assert told.key == extract.key
    assert told.key.startswith("extracts/vid1/20261120/")
    assert services.repeat_orders(timezone.now()) == 0
    assert services.repeat_orders(later(3)) == 1
    assert tell(extract, "cutting", progress=40)
    assert (extract.state, extract.progress) == ("cutting", 40)
    services.repeat_orders(later(6))
    finish(extract)
    assert services.repeat_orders(later(9)) == 0
    assert len(orders(cloud)) == 3
    assert (extract.state, extract.progress, extract.bytes) == ("ready", 100, 5_000_000)


def test_the_same_stretch_is_the_same_extract() -> None:
    extract = wish()
    assert wish(author="lee").pk == extract.pk
    finish(extract)
    assert wish(author="lee").pk == extract.pk
    assert wish("vid2").pk != extract.pk
    assert wish(begin=BEGIN + MINUTE).pk != extract.pk
    tell(extract, "failed", message="too late: it is ready")
    assert extract.state == "ready"


def test_what_was_cut_to_be_played_becomes_an_export() -> None:
    extract = finish(wish())
    soon = extract.expires_at
    export = wish(purpose=EXPORT, author="lee")
    assert (export.pk, export.purpose, export.requested_by) == (extract.pk, "export", "lee")
    assert export.expires_at - soon > timedelta(days=5)
    assert wish(purpose=PLAY).purpose == "export"
    assert kinds(extract) == ["requested"]


@pytest.mark.parametrize(
    ("begin", "end", "reason"),
    [
        (timedelta(hours=1), timedelta(hours=2), services.FUTURE),
        (timedelta(hours=-1), timedelta(hours=-1), services.BACKWARDS),
        (timedelta(hours=-1), timedelta(hours=-2), services.BACKWARDS),
        (timedelta(hours=-3), timedelta(hours=-0.9), services.LONGEST),
    ],
)
def test_what_cannot_be_cut_is_refused(begin: timedelta, end: timedelta, reason: str) -> None:
    now = timezone.now()
    with pytest.raises(ExtractError, match=reason):
        wish(begin=now + begin, end=now + end)
    assert not Extract.objects.exists()


def test_an_end_after_now_is_now() -> None:
    begin = timezone.now() - timedelta(seconds=30)
    assert wish(begin=begin, end=begin + 5 * MINUTE).end <= timezone.now()


def test_a_person_and_a_box_have_only_so_many_under_way() -> None:
    mine = [wish(begin=BEGIN + n * MINUTE) for n in range(services.MOST_OF_A_PERSON)]
    with pytest.raises(ExtractError, match=services.PERSON_BUSY):
        wish(begin=BEGIN - MINUTE)
    assert wish(begin=BEGIN).pk == mine[0].pk  # it stands already
    for n in range(services.MOST_OF_A_BOX - services.MOST_OF_A_PERSON):
        wish(begin=BEGIN - (n + 1) * MINUTE, author=f"person {n}")
    with pytest.raises(ExtractError, match=services.BOX_BUSY):
        wish(begin=BEGIN - 99 * MINUTE, author="lee")
    assert wish("vid2", author="lee").state == "waiting"
    finish(mine[0])
    assert wish(begin=BEGIN - 99 * MINUTE, author="lee").state == "waiting"


def test_a_silent_box_is_a_failure_in_words() -> None:
    Camera.objects.get(pk="vid1").device.status.delete()
    assert (wish().state, wish().message) == ("failed", services.SILENT)
    extract = wish("vid2")
    services.repeat_orders(later(services.SILENT_SECONDS - 5))
    extract.refresh_from_db()
    assert extract.state == "waiting"
    services.repeat_orders(later(services.SILENT_SECONDS + 5))
    extract.refresh_from_db()
    assert (extract.state, extract.message, extract.slot) == ("failed", services.NO_ANSWER, None)
    assert wish("vid2").pk != extract.pk  # another try is another one


def test_a_box_that_tells_is_waited_for_but_not_for_ever() -> None:
    extract = wish()
    Extract.objects.update(requested_at=later(-300))
    tell(extract, "cutting", progress=10)
    services.repeat_orders(later(services.SILENT_SECONDS - 5))
    extract.refresh_from_db()
    assert extract.state == "cutting"
    Extract.objects.update(requested_at=later(-services.GIVE_UP_SECONDS - 60))
    services.repeat_orders(timezone.now())
    extract.refresh_from_db()
    assert (extract.state, extract.message) == ("failed", services.TOO_LONG)


def test_one_that_was_given_up_and_comes_all_the_same_is_ready() -> None:
    extract = wish()
    services.repeat_orders(later(60))
    assert may_store_extract(Device.objects.get(pk="box-1"), extract.key)
    another = finish(wish())
    assert finish(extract).state == "ready"
    assert {extract.slot, another.slot} == set(Extract.objects.values_list("slot", flat=True))


def test_only_its_own_box_tells_and_stores() -> None:
    extract = wish()
    assert not tell(extract, "ready", device_id="box-2")
    assert extract.state == "waiting"
    assert may_store_extract(Device.objects.get(pk="box-1"), extract.key)
    assert not may_store_extract(Device.objects.get(pk="box-2"), extract.key)
    assert not may_store_extract(Device.objects.get(pk="box-1"), "extracts/vid1/20261120/other.mp4")
    finish(extract)
    assert not may_store_extract(Device.objects.get(pk="box-1"), extract.key)


def test_a_deleted_one_goes_and_its_late_object_too(media: Path) -> None:
    extract = wish(purpose=EXPORT)
    assert services.delete_extract(extract, author="lee")
    assert not services.delete_extract(extract, author="lee")
    assert retention.step()
    storage.put(extract.key, b"film")
    assert tell(extract, "ready", sha256="ab" * 32, bytes=4)
    assert extract.state == "deleted"
    assert retention.step()
    assert not storage.exists(extract.key)
    assert kinds(extract) == ["deleted", "removed", "removed", "requested"]


def test_time_takes_them_and_the_log_says_that_the_file_is_gone(media: Path) -> None:
    played, export = finish(wish()), finish(wish("vid2", purpose=EXPORT))
    for extract in (played, export):
        storage.put(extract.key, b"film")
    assert not retention.step(now=later(23 * 3600))
    assert retention.step(now=later(25 * 3600))
    played.refresh_from_db()
    export.refresh_from_db()
    assert (played.state, played.gone, export.state) == ("expired", True, "ready")
    assert not storage.exists(played.key)
    assert storage.exists(export.key)
    assert kinds(played) == ["expired", "removed"]
    assert wish().pk != played.pk
    assert retention.step(now=later(8 * 86_400))
    assert not storage.exists(export.key)
    retention.step(now=later(40 * 86_400))
    assert not Extract.objects.filter(pk=played.pk).exists()
    assert Extract.objects.filter(pk=export.pk).exists()
    assert kinds(played) == ["expired", "removed"]


def test_what_is_protected_stays(media: Path) -> None:
    extract = finish(wish(purpose=EXPORT))
    storage.put(extract.key, b"film")
    assert services.protect(extract, author="lee", protected=True)
    assert not services.protect(extract, author="lee", protected=True)
    with pytest.raises(ExtractError, match=services.PROTECTED):
        services.delete_extract(extract, author="lee")
    assert not retention.step(now=later(99 * 86_400))
    assert storage.exists(extract.key)
    assert services.protect(extract, author="lee", protected=False)
    assert not retention.step(now=later(6 * 86_400))  # its days begin anew
    assert retention.step(now=later(8 * 86_400))
    assert kinds(extract) == ["expired", "protected", "removed", "requested", "unprotected"]


def test_an_object_that_cannot_be_removed_holds_up_no_other(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = finish(wish()), finish(wish("vid2"))
    remove = storage.remove

    def stuck(key: str) -> None:
        if key == first.key:
            raise storage.StorageError("the storage is away", retryable=True)
        remove(key)

    monkeypatch.setattr(storage, "remove", stuck)
    assert retention.step(now=later(25 * 3600))
    second.refresh_from_db()
    assert second.gone
    with pytest.raises(storage.StorageError):
        retention.step(now=later(25 * 3600))
    monkeypatch.setattr(storage, "remove", remove)
    assert retention.step(now=later(25 * 3600))
