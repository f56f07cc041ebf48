"""The language switch in every page's header."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.cameras.pages import browser
from tests.cameras.pages import text as text_of
from tests.servers.stack import Form

pytestmark = pytest.mark.django_db


def switch(client: Client, page: str, language: str) -> str:
    """Presses the button on that page; the page that comes then."""
    fields = Form(text_of(client.get(page))).fields
    return text_of(client.post("/language/", {"next": fields["next"][-1], "language": language}, follow=True))


def test_a_person_chooses_the_language_and_it_is_remembered() -> None:
    client = browser("viewer")
    page = "/admin/cameras/camera/?q=x"
    assert 'lang="en"' in text_of(client.get(page))
    assert 'lang="zh-hans"' in switch(client, page, "zh-hans").split("<body", 1)[0]
    cookie = client.cookies["django_language"]
    assert int(cookie["max-age"]) > 300 * 86_400
    assert cookie["samesite"] == "Lax"
    later = Client()
    later.cookies["django_language"] = cookie.value
    login = text_of(later.get("/admin/login/", headers={"Accept-Language": "en"}))
    assert 'lang="zh-hans"' in login.split("<body", 1)[0]
    assert 'action="/language/"' in login
    assert 'lang="en"' in switch(client, "/live/", "en").split("<body", 1)[0]


def test_it_comes_back_to_the_page_and_nowhere_else() -> None:
    client = browser("viewer")
    answer = client.post("/language/", {"next": "/admin/cameras/camera/?q=x", "language": "zh-hans"})
    assert answer.headers["Location"] == "/admin/cameras/camera/?q=x"
    answer = client.post("/language/", {"next": "https://elsewhere.example/", "language": "en"})
    assert answer.headers["Location"] == "/"
    assert client.get("/language/").status_code in (302, 405)
    client.post("/language/", {"language": "xx"})
    assert client.cookies["django_language"].value == "en"


def test_it_takes_a_token_like_every_form() -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post("/language/", {"language": "zh-hans"}).status_code == 403
    assert "django_language" not in client.cookies
