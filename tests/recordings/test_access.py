"""Who may see a stored object: whoever sees what it belongs to; what no rule covers, nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client

from cameras.models import Site, SiteAccess
from detection.models import Alert
from edgesite.storage import put
from recordings import access
from recordings.access import may_see
from tests.detection.alerts import make_alert
from tests.recordings.test_serving import body
from tests.rows import make_all, make_person

KEY = "captures/20261122/vid1_e1.jpg"
PICTURE = b"\xff\xd8picture"


def test_what_no_rule_covers_nobody_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_rules", {})
    superuser = User(is_superuser=True, is_active=True)
    for key in ("captures/x", "", "/", "captures", "secret_key"):
        assert not may_see(superuser, key)
    asked: list[str] = []

    def rule(user: object, key: str) -> bool:
        asked.append(key)
        return True

    access.register("clips", rule)
    assert may_see(superuser, "clips/a/b")
    assert not may_see(superuser, "clipsy/a")
    assert not may_see(superuser, "/clips/a")
    assert asked == ["clips/a/b"]


@pytest.fixture
def site(db: None, tmp_path: Path, settings: Any) -> Site:
    """Two sites, a picture of the first one's alert."""
    options = {"location": str(tmp_path), "file_permissions_mode": 0o640}
    default = {"BACKEND": "edgesite.storage.DurableFileStorage", "OPTIONS": options}
    settings.STORAGES = settings.STORAGES | {"default": default}
    make_all()
    make_all("box-2", site="Warehouse", number=2)
    make_alert("e1", capture=KEY, capture_ready=True)
    put(KEY, PICTURE)
    put("captures/20261122/stray.jpg", PICTURE)
    return Site.objects.get(name="Kitchen")


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_people_of_the_site_get_the_picture(site: Site) -> None:
    client = browser(make_person("v", "viewer", sites=[site]))
    response = client.get(f"/api/media/{KEY}")
    assert response.status_code == 200
    assert response["Content-Type"] == "image/jpeg"
    assert body(response) == PICTURE
    part = client.get(f"/api/media/{KEY}", headers={"Range": "bytes=2-"})
    assert part.status_code == 206
    assert body(part) == b"picture"


def test_nobody_else_gets_it(site: Site) -> None:
    other = make_person("o", "operator", sites=[Site.objects.get(name="Warehouse")])
    for user in (other, make_person("no role"), make_person("no sites", "admin", sites=[])):
        answer = browser(user).get(f"/api/media/{KEY}")
        assert (answer.status_code, list(answer.json())) == (404, ["detail"])
    assert Client().get(f"/api/media/{KEY}").status_code == 401
    assert not may_see(AnonymousUser(), KEY)


def test_a_withdrawn_permission_counts_at_once(site: Site) -> None:
    user = make_person("v", "viewer", sites=[site])
    client = browser(user)
    client.get(f"/api/media/{KEY}").close()
    SiteAccess.objects.get(user=user).sites.clear()
    assert client.get(f"/api/media/{KEY}").status_code == 404
    user.is_active = False
    user.save()
    assert client.get(f"/api/media/{KEY}").status_code == 401


@pytest.mark.parametrize(
    "key",
    ["captures/20261122/stray.jpg", "captures/", "secret_key", "captures/../captures/20261122/vid1_e1.jpg", "%2e%2e/x"],
)
def test_what_belongs_to_no_alert_is_not_there_for_anybody(site: Site, key: str) -> None:
    answer = browser(make_person("root", superuser=True)).get(f"/api/media/{key}")
    assert (answer.status_code, list(answer.json())) == (404, ["detail"])


def test_a_picture_that_is_gone_is_404(site: Site) -> None:
    make_alert("e2", capture="captures/20261122/vid1_e2.jpg", capture_ready=True)
    answer = browser(make_person("root", superuser=True)).get("/api/media/captures/20261122/vid1_e2.jpg")
    assert (answer.status_code, answer.json()) == (404, {"detail": "It is no longer stored."})


def test_the_alert_that_goes_takes_its_picture_along(site: Site) -> None:
    client = browser(make_person("root", superuser=True))
    Alert.objects.all().delete()
    assert client.get(f"/api/media/{KEY}").status_code == 404
