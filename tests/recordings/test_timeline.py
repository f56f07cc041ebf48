"""The timeline and the exports in the admin: what they show, and who may what, on each page, call and file."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape

from cameras.models import Camera, Site
from detection.models import Alert
from edgesite import storage
from recordings.access import may_see
from recordings.extracts import services
from recordings.extracts.models import Extract, ExtractStep
from recordings.spans.models import RecordedHour
from recordings.timeline.pages import MOST_PLAYED_S
from recordings.timeline.selectors import with_last_hour
from tests.cameras.pages import browser, path, text, two_sites
from tests.fakes import FakeRedis
from tests.recordings.extracts import BEGIN, EXPORT, MINUTE, finish, tell, wish

pytestmark = pytest.mark.django_db

TIMELINE = "/admin/recordings/timeline/"
HOUR = datetime(2026, 10, 25, 1, tzinfo=UTC)  # 02:00 in Berlin, the second time


@pytest.fixture(autouse=True)
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    fake = FakeRedis()
    monkeypatch.setattr(services, "cloud_redis", lambda url: fake.client())
    two_sites()
    return fake


@pytest.fixture
def kitchen() -> Site:
    return Site.objects.get(name="Kitchen")


def recorded(*spans: tuple[float, float], hour: datetime = HOUR, camera_id: str = "vid1") -> None:
    """Seconds of the hour."""
    base = hour.timestamp()
    told = [[round((base + a) * 1000), round((base + b) * 1000)] for a, b in spans]
    RecordedHour.objects.create(camera_id=camera_id, hour=hour, spans=told, revision=1)


def day(client: Client, date: str = "2026-10-25", camera_id: str = "vid1") -> dict[str, Any]:
    answer = client.get(f"{TIMELINE}{camera_id}/day", {"date": date})
    assert answer.status_code == 200
    return dict(answer.json())


def ask(client: Client, camera_id: str = "vid1", **body: Any) -> Any:
    told = {"begin": BEGIN.timestamp(), "end": BEGIN.timestamp() + 60, "purpose": "play"} | body
    return client.post(f"{TIMELINE}{camera_id}/extracts", json.dumps(told), content_type="application/json")


def test_a_day_of_25_hours_with_what_was_recorded_and_what_happened(kitchen: Site) -> None:
    Site.objects.update(time_zone="Europe/Berlin")
    recorded((0, 600), (700, 3600))
    recorded((0, 60), hour=HOUR + timedelta(days=1))
    Alert.objects.filter(event_id="e1").update(timestamp=HOUR + timedelta(seconds=90), roi_name="Door <1>")
    Alert.objects.filter(event_id="e2").update(timestamp=HOUR + timedelta(seconds=90), camera_id="vid1")  # of box-2
    told = day(browser("viewer", sites=[kitchen]))
    assert told["end"] - told["begin"] == 25 * 3600
    assert [label for _, label in told["hours"]][2:4] == ["02:00", "02:00"]
    base = HOUR.timestamp()
    assert told["spans"] == [[base, base + 600], [base + 700, base + 3600]]
    [mark] = told["marks"]
    assert (mark["at"], mark["url"], mark["kind"]) == (base + 90, "/alerts/e1", "warn")
    assert "Door <1>" in mark["title"]
    assert (told["previous"], told["next"], told["ever"]) == ("2026-10-24", "2026-10-26", True)
    assert day(browser("operator"), "2026-10-20")["ever"]
    assert not day(browser("admin"), camera_id="vid2")["ever"]


def test_tomorrow_is_not_offered_and_nonsense_is_today() -> None:
    client = browser("viewer")
    today = day(client, "2026-02-31")
    assert today["date"] == today["today"]
    assert today["next"] is None
    assert day(client, "0001-01-01")["date"] == "1970-01-03"
    assert day(client, "9999-12-31")["date"] == "9998-12-30"


def test_the_page_is_complete_without_a_second_question_and_escapes() -> None:
    Camera.objects.filter(pk="vid1").update(name="Line </script><b>")
    recorded((0, 600))
    shown = text(browser("operator").get(f"{TIMELINE}vid1/", {"at": f"{HOUR.timestamp() + 5:.3f}"}))
    data = json.loads(shown.split('id="tl-data" type="application/json">')[1].split("</script>")[0])
    assert data["spans"]
    assert data["date"] == "2026-10-25"
    assert "<b>" not in shown
    assert 'id="tl-export"' in shown
    assert 'id="tl-export"' not in text(browser("viewer").get(f"{TIMELINE}vid1/"))
    assert browser("admin").get(f"{TIMELINE}vid1/", {"at": "nan", "date": "x"}).status_code == 200


def test_cameras_are_chosen_from_and_linked(kitchen: Site) -> None:
    everywhere, here = browser("viewer"), browser("operator", sites=[kitchen])
    assert "Line 2" in text(everywhere.get(TIMELINE))
    assert here.get(TIMELINE)["Location"] == f"{TIMELINE}vid1/"
    assert f'href="{TIMELINE}vid1/"' in text(here.get(path(Camera, "change", Camera.objects.get(pk="vid1"))))
    index = text(here.get("/admin/"))
    assert f'href="{TIMELINE}"' in index
    assert f'href="{path(Extract)}"' in index


def test_the_last_recorded_hour_is_found_from_the_newest_on() -> None:
    recorded((0, 600), hour=HOUR)
    recorded((0, 600), hour=HOUR + timedelta(hours=2))
    recorded(hour=HOUR + timedelta(hours=3))  # deleted again
    with CaptureQueriesContext(connection) as asked:
        found = {c.pk: c.last for c in with_last_hour(Camera.objects.all())}  # type: ignore[attr-defined]
    assert found == {"vid1": HOUR + timedelta(hours=2), "vid2": None}
    assert "MAX(" not in asked[0]["sql"]  # which reads every hour that there ever was


def test_a_moment_is_asked_for_and_followed() -> None:
    client = browser("viewer")
    told = ask(client).json()
    assert (told["state"], told["url"], told["page"]) == ("waiting", "", "")
    extract = Extract.objects.get(extract_id=told["id"])
    where = f"{TIMELINE}vid1/extracts/{told['id']}"
    tell(extract, "cutting", progress=40)
    assert client.get(where).json()["progress"] == 40
    finish(extract)
    ready = client.get(where).json()
    assert ready["url"] == f"/api/media/{extract.key}"
    assert ready["started_at"] == BEGIN.timestamp() - 1.5
    assert ask(client).json() == ready
    assert client.get(f"{TIMELINE}vid2/extracts/{told['id']}").status_code == 404
    assert client.get(f"{TIMELINE}vid1/extracts/none").status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"begin": "x"}, 422, "This is not a time."),
        ({"end": None}, 422, "This is not a time."),
        ({"begin": 1e300}, 422, "This is not a time."),
        ({"end": BEGIN.timestamp() + 8000}, 422, services.LONGEST),
        ({"other": 1}, 422, "unknown key"),
    ],
)
def test_a_wish_that_cannot_be_says_why(change: dict[str, Any], status: int, words: str) -> None:
    answer = ask(browser("operator"), **change)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True)


def test_who_only_looks_plays_but_does_not_export() -> None:
    viewer = browser("viewer")
    assert ask(viewer).status_code == 200
    assert ask(viewer, purpose="export").status_code == 403
    export = finish(wish("vid1", begin=BEGIN + MINUTE, purpose=EXPORT))
    page = text(viewer.get(path(Extract, "change", export)))
    assert "Download" in page
    assert "Delete" not in page
    for what in ("delete", "protect"):
        assert viewer.post(path(Extract, what, export)).status_code == 403
    assert viewer.get(path(Extract, "log")).status_code == 403
    assert Extract.objects.get(pk=export.pk).state == "ready"


def test_a_foreign_site_has_nothing(kitchen: Site, settings: Any, tmp_path: Path) -> None:
    foreign, film = finish(wish("vid2", purpose=EXPORT)), browser("operator", sites=[kitchen])
    assert film.get(f"{TIMELINE}vid2/").status_code == 404
    assert film.get(f"{TIMELINE}vid2/day").status_code == 404
    assert ask(film, "vid2").status_code == 404
    assert film.get(f"{TIMELINE}vid2/extracts/{foreign.extract_id}").status_code == 404
    assert film.get(f"{TIMELINE}vid1/extracts/{foreign.extract_id}").status_code == 404
    for what in ("change", "progress", "delete"):
        assert film.get(path(Extract, what, foreign)).status_code == 404
    for what in ("protect", "delete"):
        assert film.post(path(Extract, what, foreign), {"protected": "1"}).status_code == 404
    assert "vid2" not in text(film.get(path(Extract)))
    assert film.get(f"/api/media/{foreign.key}").status_code == 404
    nobody = Client()
    assert nobody.get(f"{TIMELINE}vid1/day").status_code == 401
    assert ask(nobody).status_code == 401
    assert nobody.get(f"{TIMELINE}vid1/").status_code == 302
    log = text(browser("admin", sites=[kitchen]).get(path(Extract, "log")))
    assert "vid2" not in log
    assert "Line 2" not in log


def test_a_file_is_given_to_those_who_see_its_camera_and_that_is_noted(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "edgesite.storage.DurableFileStorage", "OPTIONS": {"location": str(tmp_path)}}
    }
    extract = finish(wish(purpose=EXPORT))
    storage.put(extract.key, b"0123456789")
    viewer = browser("viewer")
    for _ in range(2):
        part = viewer.get(f"/api/media/{extract.key}", HTTP_RANGE="bytes=2-4")
        assert (part.status_code, part["Content-Range"]) == (206, "bytes 2-4/10")
        part.close()
    [view] = ExtractStep.objects.filter(kind="viewed")
    assert (view.author, view.camera_id, view.begin) == ("the viewer", "vid1", BEGIN)
    page = text(browser("operator").get(path(Extract, "change", extract)))
    assert "the viewer" in page
    assert "Watched or downloaded" in page
    assert "the viewer" in text(browser("admin").get(path(Extract, "log")))
    services.delete_extract(extract, author="lee")
    assert viewer.get(f"/api/media/{extract.key}").status_code == 404
    assert viewer.get(path(Extract, "change", extract)).status_code == 404


def test_an_export_is_protected_released_and_deleted() -> None:
    client = browser("operator")
    told = ask(client, purpose="export").json()
    extract = Extract.objects.get(extract_id=told["id"])
    assert told["page"] == path(Extract, "change", extract)
    under_way = text(client.get(told["page"]))
    assert "edgesite/timeline/export.js" in under_way
    assert f'href="/admin/login/?next={quote(told["page"], safe="")}"' in under_way
    assert client.get(path(Extract, "progress", extract)).json()["state"] == "waiting"
    finish(extract)
    shown = text(client.get(told["page"]))
    zone = extract.camera.device.site.time_zone
    assert f'src="/api/media/{extract.key}"' in shown
    assert f'download="vid1_{BEGIN.astimezone(ZoneInfo(zone)):%Y-%m-%d_%H-%M-%S}' in shown
    assert client.get(path(Extract, "protect", extract)).status_code == 405
    client.post(path(Extract, "protect", extract), {"protected": "1"})
    assert "protected" in text(client.get(path(Extract)))
    kept = client.post(path(Extract, "delete", extract), follow=True)
    assert escape(services.PROTECTED) in text(kept)
    client.post(path(Extract, "protect", extract), {"protected": "0"})
    assert "cannot be undone" in text(client.get(path(Extract, "delete", extract)))
    assert "was deleted" in text(client.post(path(Extract, "delete", extract), follow=True))
    assert Extract.objects.get(pk=extract.pk).state == "deleted"
    steps = set(ExtractStep.objects.values_list("kind", "author"))
    assert steps == {(k, "the operator") for k in ("requested", "protected", "unprotected", "deleted")}


def test_the_list_shows_exports_only_and_says_what_to_do_when_empty() -> None:
    client = browser("operator")
    played = wish()
    assert f'href="{TIMELINE}"' in text(client.get(path(Extract)))
    assert client.get(path(Extract, "change", played)).status_code == 404
    Extract.objects.update(purpose="export", state="failed", slot=None, message=services.NO_ANSWER)
    assert "Failed" in text(client.get(path(Extract)))
    assert escape(services.NO_ANSWER) in text(client.get(path(Extract, "change", played)))


def test_many_alerts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from detection.alert_life import marks

    monkeypatch.setattr(marks, "MOST", 3)
    device = Camera.objects.get(pk="vid1").device
    now = timezone.now()
    Alert.objects.bulk_create(
        Alert(
            event_id=f"m{n}", device=device, camera_id="vid1", roi_id="r", bind_id="b", algo_code="intrusion",
            phase="started", severity="info", timestamp=HOUR + timedelta(seconds=n), received_at=now,
        )
        for n in range(5)
    )  # fmt: skip
    told = day(browser("viewer"))
    assert ([m["url"] for m in told["marks"]], told["left_out"]) == (["/alerts/m2", "/alerts/m3", "/alerts/m4"], 2)


def test_a_camera_of_another_site_that_had_the_same_id_gives_nothing_away(kitchen: Site) -> None:
    begin = BEGIN.timestamp()
    film = finish(wish("vid2", purpose=EXPORT))
    Camera.objects.filter(pk="vid2").delete()
    Camera.objects.create(camera_id="vid2", device_id="box-1", name="New here", rtsp_url="rtsp://10.0.0.9/1")
    client = browser("operator", sites=[kitchen])
    assert client.get(path(Extract, "change", film)).status_code == 404
    assert client.get(f"{TIMELINE}vid2/extracts/{film.extract_id}").status_code == 404
    assert not may_see(User.objects.get(username="the operator"), film.key)
    assert ask(client, "vid2", begin=begin, end=begin + 60).json()["id"] != film.extract_id
    log = text(browser("admin", sites=[kitchen]).get(path(Extract, "log")))
    assert "kim" not in log
    assert "kim" in text(browser("superuser").get(path(Extract, "log")))


def test_who_may_not_export_plays_no_long_stretch_either() -> None:
    begin = BEGIN.timestamp()
    viewer = browser("viewer")
    assert ask(viewer, end=begin + MOST_PLAYED_S).status_code == 200
    assert ask(viewer, end=begin + MOST_PLAYED_S + 1).status_code == 403
    assert ask(browser("operator"), end=begin + MOST_PLAYED_S + 1).status_code == 200


def test_the_protected_export_of_a_deleted_camera_can_be_let_go(kitchen: Site) -> None:
    film = finish(wish(purpose=EXPORT))
    storage.put(film.key, b"0123456789")
    services.protect(film, author="kim", protected=True)
    Camera.objects.filter(pk="vid1").delete()
    for stranger in (browser("admin", sites=[Site.objects.get(name="Warehouse")]), browser("")):
        assert stranger.get(path(Extract, "change", film)).status_code in (403, 404)
        assert stranger.get(f"/api/media/{film.key}").status_code == 404
    client = browser("operator", sites=[kitchen])
    assert "vid1 (deleted)" in text(client.get(path(Extract)))
    assert "vid1 (deleted)" in text(client.get(path(Extract, "change", film)))
    answer = client.get(f"/api/media/{film.key}")
    assert answer.status_code == 200
    answer.close()
    assert client.post(path(Extract, "protect", film), {"protected": "0"}).status_code == 302
    assert "vid1 (deleted)" in text(client.get(path(Extract, "delete", film)))
    assert client.post(path(Extract, "delete", film)).status_code == 302
    film.refresh_from_db()
    assert (film.state, film.protected) == ("deleted", False)
