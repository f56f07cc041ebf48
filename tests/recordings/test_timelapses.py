"""Time-lapses on the hub: asking, making, restarts, who may, retention; the films themselves are real."""

from __future__ import annotations

import hashlib
import io
import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import av
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from cameras.models import Camera, Site
from edgesite import storage
from edgesite.storage import StorageError
from recordings.extracts.models import ExtractStep
from recordings.models import SnapshotRequest
from recordings.objects import services as objects
from recordings.timelapses import retention, worker
from recordings.timelapses import services as films
from recordings.timelapses.models import TimeLapse
from recordings.timelapses.worker import FilmMaker
from tests.cameras.pages import browser, text, two_sites
from tests.fakes import Clock
from tests.recordings.snapshot_rows import jpeg, taken_at
from tests.recordings.uploads import use_files

pytestmark = pytest.mark.django_db

PAGE = "/admin/recordings/timelapses/"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def sites(settings: Any, tmp_path: Any) -> None:
    use_files(settings, tmp_path / "media")
    settings.VAR_DIR, settings.FFMPEG_PRESET = tmp_path, "ultrafast"
    two_sites()


def pictures(count: int, *, begin: datetime = NOON, camera_id: str = "vid1", **values: Any) -> list[str]:
    """So many, a minute apart."""
    return [
        taken_at(begin + timedelta(minutes=n), camera_id, **{"content": jpeg(40 + n % 200)} | values)
        for n in range(count)
    ]


def wish(camera_id: str = "vid1", **values: Any) -> TimeLapse:
    camera = Camera.objects.get(pk=camera_id)
    asked: dict[str, Any] = {"first": DAY, "last": DAY, "seconds": 10, "fps": 5, "author": "kim"} | values
    return films.request_film(camera=camera, **asked)


def make(**how: Any) -> bool:
    return FilmMaker(how.pop("stop", threading.Event()), **how).step()


def steps(film: TimeLapse) -> list[str]:
    return list(ExtractStep.objects.filter(extract_id=film.film_id).order_by("id").values_list("kind", flat=True))


def post(client: Client, camera_id: str = "vid1", **values: Any) -> Any:
    return client.post(
        f"{PAGE}{camera_id}/", {"first": "2026-11-20", "last": "2026-11-20", "seconds": 10, "fps": 5} | values
    )


# -- making one --------------------------------------------------------------------------------------------------------


def test_a_film_of_a_day_is_made_stored_and_told_exactly() -> None:
    keys = pictures(20)
    pictures(3, begin=NOON + timedelta(days=1))  # of another day
    pictures(3, camera_id="vid2")
    pictures(2, origin="request")
    default_storage.delete(keys[3])
    SnapshotRequest.objects.filter(key=keys[7]).update(key="snapshots/scheduled/vid1/../../x.jpg")
    film = wish()
    assert make()
    film.refresh_from_db()
    assert (film.state, film.progress, film.pictures, film.skipped, film.duration) == ("ready", 100, 18, 2, 3.6)
    with default_storage.open(film.key) as stored:
        content = stored.read()
    assert (film.bytes, film.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    with av.open(io.BytesIO(content), "r") as file:
        assert len(list(file.decode(video=0))) == 18
    assert film.key.startswith("timelapses/vid1/20261120/")
    assert not make()


def test_of_many_pictures_some_are_taken() -> None:
    pictures(120)
    film = wish()  # 10 s of 5 a second
    make()
    film.refresh_from_db()
    assert (film.pictures, film.duration) == (50, 10.0)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_days_are_those_of_the_sites_clock(day: date, hours: int) -> None:
    Site.objects.update(time_zone="Europe/Berlin")
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=1 if hours == 23 else 2)
    for minutes in (-1, 0, hours * 60 - 1, hours * 60):
        taken_at(begin + timedelta(minutes=minutes), content=jpeg(90))
    film = wish(first=day, last=day)
    assert (film.begin, film.end) == (begin, begin + timedelta(hours=hours))
    make()
    film.refresh_from_db()
    assert film.pictures == 2


def test_nothing_readable_fails_with_the_reason() -> None:
    pictures(3, content=b"no picture")
    film = wish()
    assert make()
    film.refresh_from_db()
    assert (film.state, film.message) == ("failed", worker.UNREADABLE)
    assert not default_storage.exists(film.key)


# -- what keeps it from it ---------------------------------------------------------------------------------------------


def test_a_storage_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(3)
    film = wish()

    def away(key: str) -> Any:
        raise StorageError("away", retryable=True)

    with monkeypatch.context() as patch:
        patch.setattr(worker, "open_object", away)
        for _ in range(films.TRIES + 1):
            with pytest.raises(StorageError):
                make()
            film.refresh_from_db()
            assert (film.state, film.tries, film.message) == ("waiting", 0, worker.STORAGE_AWAY)
    assert make()
    film.refresh_from_db()
    assert (film.state, film.message) == ("ready", "")


def test_one_picture_that_the_storage_alone_refuses_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = pictures(5)
    film, real = wish(), storage.open_object

    def refuses(key: str) -> Any:
        if key in (keys[1], keys[4]):
            raise StorageError("forbidden", retryable=True)
        return real(key)

    monkeypatch.setattr(worker, "open_object", refuses)
    assert make()
    film.refresh_from_db()
    assert (film.state, film.pictures, film.skipped) == ("ready", 3, 2)


def test_what_the_storage_gives_back_differently_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(3)
    film = wish()
    monkeypatch.setattr(worker, "is_stored", lambda key, **told: False)
    with pytest.raises(StorageError):
        make()
    film.refresh_from_db()
    assert film.state == "waiting"


def test_a_full_disk_fails_it_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(3)
    film = wish()

    def full(*args: Any, **values: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(worker, "make_film", full)
    assert make()
    film.refresh_from_db()
    assert (film.state, film.message) == ("failed", worker.NOT_WRITTEN)


def test_a_hub_that_ends_puts_it_back_and_the_next_makes_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    pictures(6)
    film, stop = wish(), threading.Event()
    real = storage.open_object

    def third(key: str) -> Any:
        if stop.calls == 2:  # type: ignore[attr-defined]
            stop.set()
        stop.calls += 1  # type: ignore[attr-defined]
        return real(key)

    stop.calls = 0  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(worker, "open_object", third)
        make(stop=stop)
    film.refresh_from_db()
    assert (film.state, film.tries, stop.calls) == ("waiting", 0, 3)  # type: ignore[attr-defined]
    assert list((tmp_path / "timelapses").iterdir()) == []
    assert make()
    film.refresh_from_db()
    assert film.state == "ready"


def test_a_hub_that_ends_while_storing_puts_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(3)
    film, stop = wish(), threading.Event()
    real = storage.put

    def ends(key: str, content: Any) -> None:
        stop.set()
        real(key, content)

    monkeypatch.setattr(storage, "put", ends)
    make(stop=stop)
    film.refresh_from_db()
    assert (film.state, film.tries, film.message) == ("waiting", 0, "")
    assert not default_storage.exists(film.key)


def test_a_killed_hubs_film_is_taken_up_and_given_up_after_three_tries() -> None:
    pictures(3)
    film, now = wish(), timezone.now()
    for attempt in range(1, films.TRIES + 1):
        claimed = films.claim_next(now=now)  # and then it is killed
        assert claimed is not None
        assert claimed.tries == attempt
        films.recover_lost(now=now + films.LOST_AFTER)
        film.refresh_from_db()
        assert film.state == "making"  # perhaps it lives
        now += films.LOST_AFTER + timedelta(seconds=1)
        films.recover_lost(now=now)
    film.refresh_from_db()
    assert (film.state, film.message) == ("failed", films.ENDED)


def test_one_at_a_time_and_a_try_that_was_taken_over_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(4)
    first, second = wish(), wish(author="lee")
    claimed = films.claim_next(now=timezone.now())
    assert claimed is not None
    assert films.claim_next(now=timezone.now()) is None
    films.put_back(claimed)
    clock = Clock(10.0)

    def taken_over(key: str) -> Any:
        TimeLapse.objects.filter(pk=first.pk).update(tries=7)
        clock.advance(2)
        return storage.open_object(key)

    with monkeypatch.context() as patch:
        patch.setattr(worker, "open_object", taken_over)
        make(monotonic=clock)
    first.refresh_from_db()
    assert (first.state, first.tries) == ("making", 7)
    assert not default_storage.exists(first.key)
    second.refresh_from_db()
    assert second.state == "waiting"


def test_one_that_is_deleted_while_it_is_made_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(3)
    film = wish()

    def deleted(key: str, **told: Any) -> bool:
        films.delete_film(film, author="lee")
        retention.step()
        default_storage.save(key, ContentFile(b"stored after retention looked"))
        return True

    monkeypatch.setattr(worker, "is_stored", deleted)
    make()
    film.refresh_from_db()
    assert (film.state, film.gone) == ("deleted", True)
    assert not default_storage.exists(film.key)


def test_pictures_that_the_storage_refuses_for_good_hold_up_no_other_film(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = pictures(4)
    pictures(4, camera_id="vid2", device_id="box-2")
    stuck, fine, real = wish(), wish("vid2"), storage.open_object

    def refuses(key: str) -> Any:
        if key in refused:
            raise StorageError("forbidden", retryable=True)
        return real(key)

    monkeypatch.setattr(worker, "open_object", refuses)
    with pytest.raises(StorageError):
        make()
    assert make()
    stuck.refresh_from_db()
    fine.refresh_from_db()
    assert (stuck.state, stuck.message, fine.state) == ("waiting", worker.STORAGE_AWAY, "ready")


# -- its camera is deleted -----------------------------------------------------------------------------------------------


def test_with_its_camera_a_film_goes_and_a_new_camera_of_that_id_shows_none() -> None:
    pictures(3)
    pictures(3, camera_id="vid2", device_id="box-2")
    film, other = wish(), wish("vid2")
    make()
    make()
    Camera.objects.filter(pk="vid1").delete()
    Camera.objects.create(camera_id="vid1", device_id="box-1", rtsp_url="rtsp://10.0.0.9/1")
    admin = browser("admin")
    assert admin.get(f"{PAGE}vid1/{film.pk}/").status_code == 404
    assert admin.get(f"/api/media/{film.key}").status_code == 404
    objects.step()
    assert (default_storage.exists(film.key), default_storage.exists(other.key)) == (False, True)
    assert steps(film) == ["filmed"]


def test_a_camera_that_is_deleted_while_its_film_is_stored_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(3)
    film = wish()

    def deleted(key: str, **told: Any) -> bool:
        Camera.objects.filter(pk="vid1").delete()
        objects.step()
        default_storage.save(key, ContentFile(b"stored after it was looked for"))
        return True

    monkeypatch.setattr(worker, "is_stored", deleted)
    make()
    assert not default_storage.exists(film.key)


# -- asking ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"first": date(2026, 11, 21)}, films.BACKWARDS),
        ({"last": date(2027, 11, 21)}, films.LONGEST),
        ({"first": date(2026, 11, 19), "last": date(2026, 11, 19)}, films.EMPTY),
    ],
)
def test_what_cannot_be_is_said_at_once(values: dict[str, Any], problem: str) -> None:
    pictures(3)
    with pytest.raises(films.FilmError) as caught:
        wish(**values)
    assert str(caught.value) == problem
    assert not TimeLapse.objects.exists()


def test_one_picture_is_no_film_and_there_is_room_for_a_few() -> None:
    pictures(1)
    with pytest.raises(films.FilmError, match="no two snapshots"):
        wish()
    pictures(2)
    for _ in range(films.MOST_OF_A_PERSON):
        wish()
    with pytest.raises(films.FilmError) as caught:
        wish()
    assert str(caught.value) == films.PERSON_BUSY
    assert wish(author="lee")


def test_pictures_of_another_site_that_had_the_id_are_not_in_it() -> None:
    pictures(5, device_id="box-2")
    with pytest.raises(films.FilmError) as caught:
        wish()
    assert str(caught.value) == films.EMPTY


# -- pages -------------------------------------------------------------------------------------------------------------


def test_an_operator_asks_watches_and_deletes_and_everything_is_noted() -> None:
    pictures(4)
    client = browser("operator")
    assert "Make a time-lapse" in text(client.get("/admin/recordings/snapshots/vid1/"))
    answer = post(client)
    film = TimeLapse.objects.get()
    here = f"{PAGE}vid1/{film.pk}/"
    assert answer["Location"] == here
    assert "export-live" in text(client.get(here))
    assert client.get(f"{here}progress/").json()["state"] == "waiting"
    make()
    page = text(client.get(here))
    assert f'src="/api/media/{film.key}"' in page
    assert 'download="vid1_2026-11-20_2026-11-20_timelapse.mp4"' in page
    part = client.get(f"/api/media/{film.key}", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part["Content-Type"]) == (206, "video/mp4")
    part.close()
    assert steps(film) == ["filmed", "viewed"]
    log = text(browser("admin").get("/admin/recordings/extract/log/"))
    assert "Time-lapse requested" in log
    assert "2026-11-20 00:00:00–2026-11-21 00:00:00" in log
    assert "cannot be undone" in text(client.get(f"{here}delete/"))
    assert client.post(f"{here}delete/")["Location"] == f"{PAGE}vid1/"
    assert client.get(here).status_code == 404
    assert client.get(f"/api/media/{film.key}").status_code == 404
    retention.step()
    assert not default_storage.exists(film.key)
    assert steps(film) == ["filmed", "viewed", "deleted", "removed"]


def test_a_wrong_wish_is_told_on_the_form() -> None:
    client = browser("operator")
    assert "no two snapshots on schedule in these days" in text(post(client))
    assert "must not come before" in text(post(client, last="2026-11-19"))
    for wrong in ({"first": "never"}, {"fps": 7}, {"seconds": 100_000}, {"first": "9999-12-31", "last": "9999-12-31"}):
        assert "configuration-reason" in text(post(client, **wrong)), wrong
    assert not TimeLapse.objects.exists()


def test_a_viewer_watches_and_changes_nothing() -> None:
    pictures(3)
    film = wish()
    make()
    viewer, here = browser("viewer"), f"{PAGE}vid1/{film.pk}/"
    assert film.first.isoformat() in text(viewer.get(f"{PAGE}vid1/"))
    assert "Delete" not in text(viewer.get(here))
    given = viewer.get(f"/api/media/{film.key}")
    assert given.status_code == 200
    given.close()
    assert post(viewer).status_code == 403
    assert viewer.get(f"{here}delete/").status_code == 403
    assert viewer.post(f"{here}delete/").status_code == 403
    assert TimeLapse.objects.get().state == "ready"


def test_of_a_foreign_site_nothing_is_there() -> None:
    pictures(3)
    film = wish()
    make()
    stranger = browser("admin", sites=[Site.objects.get(name="Warehouse")])
    here = f"{PAGE}vid1/{film.pk}/"
    for url in (f"{PAGE}vid1/", here, f"{here}progress/", f"{here}delete/", f"/api/media/{film.key}"):
        assert stranger.get(url).status_code == 404, url
    assert post(stranger).status_code == 404
    assert stranger.post(f"{here}delete/").status_code == 404
    assert stranger.get(f"{PAGE}vid2/{film.pk}/").status_code == 404
    assert steps(film) == ["filmed"]
    assert Client().get(here).status_code == 302


def test_its_time_is_over_after_a_month() -> None:
    pictures(3)
    film = wish()
    make()
    retention.step(now=timezone.now() + films.KEPT - timedelta(hours=1))
    assert default_storage.exists(film.key)
    retention.step(now=timezone.now() + films.KEPT + timedelta(hours=1))
    film.refresh_from_db()
    assert (film.state, film.gone, default_storage.exists(film.key)) == ("expired", True, False)
    retention.step(now=timezone.now() + films.KEPT + retention.ROWS_KEPT + timedelta(hours=2))
    assert not TimeLapse.objects.exists()
    assert steps(film) == ["filmed", "expired", "removed"]
