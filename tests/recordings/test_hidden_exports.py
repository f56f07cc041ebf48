"""Exports that hide something, on the hub: what is chosen, who may leave the masks out, what the box is told and has to say."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from cameras.models import ROI, Camera
from recordings.access import may_see
from recordings.core.hiding import Hide
from recordings.extracts import admin as extracts_admin
from recordings.extracts import hiding, retention, services
from recordings.extracts.errors import ExtractError
from recordings.extracts.hiding import Hidden, hidden_of
from recordings.extracts.models import Extract, ExtractStep, Hiding
from recordings.timeline.pages import MOST_PLAYED_S
from tests.cameras.pages import browser, path, text, two_sites
from tests.fakes import FakeRedis
from tests.recordings.extracts import BEGIN, EXPORT, finish, later, orders, tell, wish
from tests.rows import SQUARE, make_roi

pytestmark = pytest.mark.django_db

TIMELINE = "/admin/recordings/timeline/vid1/"
CORNERS = [[0.1, 0.2], [0.5, 0.6]]


@pytest.fixture(autouse=True)
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    fake = FakeRedis()
    monkeypatch.setattr(services, "cloud_redis", lambda url: fake.client())
    two_sites()
    return fake


def vid1() -> Camera:
    return Camera.objects.get(pk="vid1")


@pytest.fixture
def masked() -> ROI:
    """A desk on the camera that is a privacy mask; `roi-1` is an area with a rule."""
    return make_roi("desk", camera=vid1(), roi_type="rectangle", coordinates=CORNERS, mask=True, enabled=False)


def ask(client: Client, **body: Any) -> Any:
    told = {"begin": BEGIN.timestamp(), "end": BEGIN.timestamp() + 60, "purpose": "export"} | body
    return client.post(f"{TIMELINE}extracts", json.dumps(told), content_type="application/json")


def asked(client: Client, **body: Any) -> Extract:
    answer = ask(client, **body)
    assert answer.status_code == 200, answer.json()
    return Extract.objects.get(extract_id=answer.json()["id"])


def test_a_camera_with_masks_applies_them_and_one_without_hides_nothing(masked: ROI) -> None:
    assert hidden_of(Camera.objects.get(pk="vid2")) == Hidden()
    hidden = hidden_of(vid1())
    assert hidden.kind == "masks"
    assert hidden.hide == Hide.model_validate({"inside": [[[0.1, 0.2], [0.5, 0.2], [0.5, 0.6], [0.1, 0.6]]]})
    assert wish(purpose=EXPORT).hiding == "masks"  # also when nobody says anything
    assert wish().hiding == "nothing"  # what is played


def test_everything_outside_regions_hides_the_masks_too(masked: ROI) -> None:
    hidden = hidden_of(vid1(), wish="outside", roi_ids=["roi-1"])
    assert hidden.hide is not None
    assert (len(hidden.hide.inside), hidden.hide.outside) == (1, (tuple(map(tuple, SQUARE)),))
    assert hidden.names == "Door 1"


@pytest.mark.parametrize(
    ("wish_", "rois", "reason"),
    [
        ("nothing", [], hiding.MASKED),
        ("outside", [], hiding.NO_REGION),
        ("outside", ["roi-1", "none"], hiding.NO_REGION),
        ("outside", ["roi-2"], hiding.NO_REGION),  # another camera's
        ("outside", ["line"], hiding.NO_REGION),
        ("outside", ["desk"], hiding.NO_REGION),  # a mask is never what is shown
        ("blur", [], hiding.UNKNOWN),
        ("unmasked", [], hiding.UNKNOWN),
    ],
)
def test_what_cannot_be_hidden_or_shown_is_refused(masked: ROI, wish_: str, rois: list[str], reason: str) -> None:
    make_roi("line", camera=vid1(), roi_type="line", coordinates=CORNERS)
    with pytest.raises(ExtractError, match=reason.partition(":")[0]):
        hidden_of(vid1(), wish=wish_, roi_ids=rois)


def test_masks_without_masks_and_too_many_points_are_refused(masked: ROI) -> None:
    with pytest.raises(ExtractError, match="no privacy masks"):
        hidden_of(Camera.objects.get(pk="vid2"), wish="masks")
    ROI.objects.bulk_create(
        ROI(roi_id=f"m{n}", camera=vid1(), mask=True, roi_type="rectangle", coordinates=CORNERS) for n in range(100)
    )
    with pytest.raises(ExtractError, match="too many"):
        hidden_of(vid1())


def test_the_box_is_told_with_a_command_that_an_older_one_does_not_know(
    masked: ROI, cloud: FakeRedis, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        extract = wish(purpose=EXPORT)
        wish()
    sent = [f["kind"] for _, f in cloud.streams["device:box-1:commands"]]
    assert sorted(sent[-2:]) == ["cut", "cut_hidden"]
    told = {order.extract_id: order for order in orders(cloud)}
    assert told[extract.extract_id].hide == hiding.hide_of(extract)
    masked.coordinates = [[0.7, 0.7], [0.9, 0.9]]
    masked.save()
    services.repeat_orders(later(3))
    again = [order for order in orders(cloud) if order.extract_id == extract.extract_id]
    assert len(again) == 2
    assert again[0] == again[1]  # the shapes are those of when it was asked for


def test_a_box_that_does_not_answer_is_perhaps_too_old(masked: ROI) -> None:
    old, fresh = wish(purpose=EXPORT), wish(begin=BEGIN - timedelta(minutes=2), purpose=EXPORT)
    tell(fresh, "waiting")
    services.repeat_orders(later(services.SILENT_SECONDS + 5))
    for extract, message in ((old, services.OLD_BOX), (fresh, services.NO_ANSWER)):
        extract.refresh_from_db()
        assert (extract.state, extract.message) == ("failed", message)


@pytest.mark.parametrize("hidden", ["", "ab" * 32])
def test_a_film_of_which_the_box_does_not_say_what_it_hid_is_given_to_nobody(masked: ROI, hidden: str) -> None:
    extract = wish(purpose=EXPORT)
    assert tell(extract, "ready", sha256="ab" * 32, bytes=4, hidden=hidden)
    assert (extract.state, extract.message, extract.slot) == ("failed", services.NOT_HIDDEN, None)
    browser("admin")
    assert not may_see(User.objects.get(username="the admin"), extract.key)
    assert not tell(extract, "ready", sha256="ab" * 32, bytes=4, hidden=hidden)
    assert extract.state == "failed"
    retention.step(now=later(3700))
    extract.refresh_from_db()
    assert extract.state == "expired"


def test_films_that_hide_different_things_are_different_films(masked: ROI) -> None:
    played = finish(wish())
    films = [
        wish(purpose=EXPORT, hidden=hidden)
        for hidden in (
            hidden_of(vid1()), hidden_of(vid1(), wish="outside", roi_ids=["roi-1"]),
            hidden_of(vid1(), wish="nothing", may_lift=True),
        )
    ]  # fmt: skip
    assert len({played.pk, *(film.pk for film in films)}) == 4
    assert wish(purpose=EXPORT).pk == finish(films[0]).pk
    assert wish().pk == played.pk
    masked.delete()
    assert wish(purpose=EXPORT).pk == played.pk  # nothing is to be hidden any more: the played one becomes the export


def test_exporting_without_the_masks_needs_a_permission_and_so_does_seeing_it(masked: ROI) -> None:
    operator, admin = browser("operator"), browser("admin")
    refused = ask(operator, hide="nothing")
    assert (refused.status_code, refused.json()["detail"]) == (422, hiding.MASKED)
    film = finish(asked(admin, hide="nothing"))
    assert film.hiding == "unmasked"
    operators, admins = (User.objects.get(username=f"the {role}") for role in ("operator", "admin"))
    assert may_see(admins, film.key)
    assert not may_see(operators, film.key)
    assert operator.get(path(Extract, "change", film)).status_code == 404
    assert operator.get(f"{TIMELINE}extracts/{film.extract_id}").status_code == 404
    assert path(Extract, "change", film) not in text(operator.get(path(Extract)))
    assert path(Extract, "change", film) in text(admin.get(path(Extract)))
    assert finish(asked(operator)).hiding == "masks"


def test_a_long_stretch_is_not_played_without_the_masks_either(masked: ROI) -> None:
    end = BEGIN.timestamp() + MOST_PLAYED_S + 1
    operator = browser("operator")
    told = ask(operator, purpose="play", end=end)
    assert (told.status_code, told.json()["detail"]) == (422, hiding.MASKED)
    assert asked(browser("admin"), purpose="play", end=end).hiding == "unmasked"
    assert asked(operator, purpose="play").hiding == "nothing"


@pytest.mark.parametrize("body", [{"hide": 1}, {"rois": "roi-1"}, {"hide": "outside", "rois": [{}]}, {"hide": "x"}])
def test_nonsense_says_what_to_choose(body: dict[str, Any]) -> None:
    told = ask(browser("operator"), **body)
    assert (told.status_code, told.json()["detail"]) == (422, hiding.UNKNOWN)


def test_the_log_says_what_was_hidden_and_by_whom_page_by_page(masked: ROI, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = browser("admin")
    film = finish(asked(admin, hide="outside", rois=["roi-1"]))
    asked(admin, hide="nothing")
    steps = set(ExtractStep.objects.filter(kind="requested").values_list("author", "hiding"))
    assert steps == {("the admin", "outside"), ("the admin", "unmasked")}
    shown = text(admin.get(path(Extract, "change", film)))
    assert "Everything outside chosen regions hidden: Door 1" in shown
    log = text(admin.get(path(Extract, "log")))
    assert str(Hiding.UNMASKED.label) in log
    assert str(Hiding.OUTSIDE.label) in log
    monkeypatch.setattr(extracts_admin, "LOG_SHOWN", 1)
    first, second = (text(admin.get(path(Extract, "log"), {"page": n})) for n in (1, 2))
    assert (str(Hiding.UNMASKED.label) in first, str(Hiding.OUTSIDE.label) in first) == (True, False)
    assert (str(Hiding.UNMASKED.label) in second, str(Hiding.OUTSIDE.label) in second) == (False, True)
    assert "?page=2" in first


def test_the_form_offers_what_the_person_may(masked: ROI) -> None:
    operator = browser("operator")
    shown = text(operator.get(TIMELINE))
    assert '<option value="masks" selected>' in shown
    assert '<option value="nothing" disabled>' in shown
    assert 'value="roi-1"' in shown
    assert 'value="desk"' not in shown
    assert '<option value="nothing">' in text(browser("admin").get(TIMELINE))
    masked.delete()
    without = text(operator.get(TIMELINE))
    assert '<option value="nothing" selected>' in without
    assert '<option value="masks" disabled>' in without
