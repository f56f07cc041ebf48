"""Recordings and exports of cameras that were deleted, moved to another site, or whose ID another site uses by now."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cameras.models import Camera, Site
from edgesite.ids import uuid7
from recordings.access import may_see
from recordings.extracts import services
from recordings.extracts.models import Extract
from recordings.tasks import selectors
from recordings.tasks.models import RecordingTask
from tests.cameras.pages import browser, path, text, two_sites
from tests.fakes import FakeRedis
from tests.recordings.extracts import BEGIN, EXPORT, MINUTE, finish, wish
from tests.rows import make_person

pytestmark = pytest.mark.django_db

KEY = "recordings/vid1/20261122/vid1_shift_2026-11-22_08-00-00.mp4"


@pytest.fixture(autouse=True)
def kitchen(monkeypatch: pytest.MonkeyPatch) -> Site:
    fake = FakeRedis()
    monkeypatch.setattr(services, "cloud_redis", lambda url: fake.client())
    two_sites()
    return Site.objects.get(name="Kitchen")


def test_a_protected_export_whose_cameras_id_another_site_uses_is_let_go_by_its_own(kitchen: Site) -> None:
    film, other = finish(wish(purpose=EXPORT)), Site.objects.get(name="Warehouse")
    services.protect(film, author="kim", protected=True)
    Camera.objects.filter(pk="vid1").delete()
    Camera.objects.create(camera_id="vid1", device_id="box-2", name="Secret gate", rtsp_url="rtsp://10.0.0.9/1")
    mine, theirs = browser("operator", sites=[kitchen]), browser("admin", sites=[other])
    shown = text(mine.get(path(Extract))) + text(mine.get(path(Extract, "change", film)))
    assert "vid1 (deleted)" in shown
    assert "Secret gate" not in shown
    assert path(Extract, "change", film) not in text(mine.get(path(Extract), {"q": "Secret"}))
    assert mine.post(path(Extract, "protect", film), {"protected": "0"}).status_code == 302
    assert mine.post(path(Extract, "delete", film)).status_code == 302
    film.refresh_from_db()
    assert film.state == "deleted"
    standing = finish(wish("vid2", purpose=EXPORT))
    assert theirs.get(path(Extract, "change", standing)).status_code == 200
    assert theirs.get(path(Extract, "change", film)).status_code == 404


def test_the_search_finds_exports_of_deleted_cameras_by_id_name_and_person() -> None:
    gone, stays = finish(wish(purpose=EXPORT)), finish(wish("vid2", purpose=EXPORT))
    Camera.objects.filter(pk="vid2").update(name="Loading dock")
    Camera.objects.filter(pk="vid1").delete()
    client = browser("admin")
    urls = [path(Extract, "change", film) for film in (gone, stays)]
    for words, found in (
        ("vid1", [True, False]),
        ("dock", [False, True]),
        ("vid", [True, True]),
        ("nobody", [False] * 2),
    ):
        page = text(client.get(path(Extract), {"q": words}))
        assert [url in page for url in urls] == found, words
    assert urls[0] in text(client.get(path(Extract), {"q": gone.requested_by}))


def test_an_export_that_waits_shows_its_place_without_a_query_for_each() -> None:
    films = [wish(begin=BEGIN + number * MINUTE, purpose=EXPORT) for number in range(3)]
    wish("vid2", purpose=EXPORT)  # another box's
    client = browser("superuser")
    assert "Waiting, 2 before it" in text(client.get(path(Extract, "change", films[2])))
    assert "before it" not in text(client.get(path(Extract, "change", films[0])))
    finish(films[0])
    assert "Waiting, 1 before it" in client.get(path(Extract, "progress", films[2])).json()["chip"]
    with CaptureQueriesContext(connection) as few:
        assert text(client.get(path(Extract))).count("1 before it") == 1
    wish(begin=BEGIN + 9 * MINUTE, purpose=EXPORT)
    with CaptureQueriesContext(connection) as more:
        client.get(path(Extract))
    assert len(more) == len(few)


def test_clips_of_tasks_stay_with_the_site_where_they_were_recorded(kitchen: Site) -> None:
    camera = Camera.objects.get(pk="vid1")
    task = RecordingTask.objects.create(
        task_id=uuid7(), camera=camera, device_id="box-1", task_name="night", state="completed", object_name=KEY,
        requested_by="kim", requested_at=timezone.now(), stored_at=timezone.now(),
    )  # fmt: skip
    people: list[Any] = [make_person(name, "operator", sites=[site]) for name, site in
                         (("ann", kitchen), ("ben", Site.objects.get(name="Warehouse")))]  # fmt: skip
    everywhere = make_person("eve", "operator")
    assert [may_see(who, KEY) for who in (*people, everywhere)] == [True, False, True]
    camera.device_id = "box-2"
    camera.save()
    camera.refresh_from_db()
    assert [may_see(who, KEY) for who in (*people, everywhere)] == [False, False, True]
    assert selectors.newest_task(people[1], camera) is None
    assert selectors.newest_task(everywhere, camera) == task
