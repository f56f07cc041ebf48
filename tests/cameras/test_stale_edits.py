"""Two people have the same page of the admin open: what the first one saved is not lost by the second one's save."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from cameras.models import ROI, Binding, Camera, Site
from tests.cameras.pages import browser, path, text, two_sites, versions, visible
from tests.servers.stack import Form

pytestmark = pytest.mark.django_db

AREA = "[[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]"


@pytest.fixture
def site() -> Site:
    return two_sites()


def opened(client: Client, row: Any) -> dict[str, Any]:
    """What the page of a row will send."""
    return dict(Form(visible(client, path(type(row), "change", row))).fields)


def camera() -> Camera:
    return Camera.objects.get(pk="vid1")


def test_who_saves_later_is_told_and_nothing_is_saved_until_he_does_so_again(site: Site) -> None:
    kim, url = browser("superuser"), path(Camera, "change", camera())
    lee = browser("operator", sites=[site])
    form = opened(lee, camera())
    kim.post(url, {**opened(kim, camera()), "name": ["Grill"], "location": ["Hall 2"]})
    before = versions()
    page = text(lee.post(url, {**form, "name": ["Fryer"]}))
    assert "Changed after you opened the page, by the superuser: Location, Name. Nothing is saved yet." in page
    assert (camera().name, camera().location, versions()) == ("Grill", "Hall 2", before)
    again = dict(Form(page).fields)
    assert again["name"] == ["Fryer"]  # what was typed is there still
    assert lee.post(url, again).status_code == 302
    assert camera().name == "Fryer"


def test_who_saves_twice_or_after_himself_is_not_stopped(site: Site) -> None:
    kim, url = browser("superuser"), path(Camera, "change", camera())
    for name in ("A", "B"):
        assert kim.post(url, {**opened(kim, camera()), "name": [name]}).status_code == 302
    assert camera().name == "B"
    form = opened(kim, camera())
    for seen in (None, [""], ["x"], ["9" * 40]):  # a program's form, or a spoilt one
        given = {k: v for k, v in form.items() if k != "_seen"} | ({} if seen is None else {"_seen": seen})
        assert kim.post(url, {**given, "name": [f"C{seen}"]}).status_code == 302


def test_regions_drawn_meanwhile_outlive_the_save_of_an_old_page(site: Site) -> None:
    lee, url = browser("operator"), path(Camera, "change", camera())
    form = opened(lee, camera())
    drawn = ROI.objects.get(roi_id="roi-1")
    drawn.coordinates, drawn.name, drawn.enabled = [[0.2, 0.2], [0.9, 0.2], [0.9, 0.9]], "Drawn", False
    drawn.save()
    assert lee.post(url, {**form, "location": ["Hall 2"]}).status_code == 302
    drawn.refresh_from_db()
    assert (drawn.coordinates[0], drawn.name, drawn.enabled) == ([0.2, 0.2], "Drawn", False)
    assert camera().location == "Hall 2"


def test_a_region_that_both_changed_is_refused_at_its_field(site: Site) -> None:
    lee, url = browser("operator"), path(Camera, "change", camera())
    form = opened(lee, camera())
    ROI.objects.filter(roi_id="roi-1").update(coordinates=[[0.2, 0.2], [0.9, 0.2], [0.9, 0.9]])
    page = text(lee.post(url, {**form, "rois-0-coordinates": [AREA]}))
    assert "Somebody else changed this" in page
    assert ROI.objects.get(roi_id="roi-1").coordinates[0] == [0.2, 0.2]
    # The other's change of another field does not stand in the way.
    ROI.objects.filter(roi_id="roi-1").update(coordinates=json.loads(form["rois-0-coordinates"][0]), name="Gate")
    assert lee.post(url, {**form, "rois-0-coordinates": [AREA]}).status_code == 302
    mine = ROI.objects.get(roi_id="roi-1")
    assert (mine.coordinates, mine.name) == ([[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]], "Gate")


def test_a_bindings_row_on_its_rois_page_is_left_alone_too(site: Site) -> None:
    lee, roi = browser("operator"), ROI.objects.get(roi_id="roi-1")
    form = opened(lee, roi)
    Binding.objects.filter(roi=roi).update(params={"dwell_s": 7}, severity="critical")
    assert lee.post(path(ROI, "change", roi), {**form, "name": ["Gate"]}).status_code == 302
    kept = Binding.objects.get(roi=roi)
    assert (kept.params, kept.severity) == ({"dwell_s": 7}, "critical")
