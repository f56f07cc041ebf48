"""Lists of very many rows: as many queries as for a few, and no page that holds a link for each row of another list."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cameras.admin.base import MOST_OFFERED
from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Camera, Device, Site, SiteAccess
from detection.alert_life.escalation_models import EscalationRule
from edgesite.models import ApiToken
from recordings.evidence.models import Loss
from tests.cameras.many import LISTS, make_many
from tests.cameras.pages import browser, path, visible

pytestmark = pytest.mark.django_db

FEW, MANY = 20, 200
NOTHING_YET = (Site, Device, Camera, ROI, Binding, SiteAccess, EscalationRule)
ADDED_ELSEWHERE = (ConfigVersion, ApiToken, Loss)  # by programs and boxes


def queries_of(client: Client, url: str, *, rows: int) -> list[str]:
    """The statements of a list's page, which shows so many rows."""
    client.get(url)  # the person's rights, the session and content types are known afterwards
    with CaptureQueriesContext(connection) as queries:
        page = client.get(url)
    assert page.status_code == 200
    assert len(page.context["cl"].result_list) == min(rows, page.context["cl"].list_per_page)
    return [query["sql"] for query in queries]


@pytest.mark.parametrize("role", ["superuser", "limited"])
@pytest.mark.parametrize("model", LISTS, ids=lambda model: model._meta.model_name)
def test_a_list_costs_as_many_queries_for_many_rows_as_for_few(model: Any, role: str) -> None:
    make_many(FEW)
    sites = None if role == "superuser" else list(Site.objects.all())
    client = browser("superuser" if role == "superuser" else "operator", sites=sites)
    few = queries_of(client, path(model), rows=FEW)
    make_many(MANY - FEW, prefix="n")
    if sites is not None:
        SiteAccess.objects.get().sites.set(Site.objects.all())
    many = queries_of(client, path(model), rows=MANY)
    assert len(many) == len(few), "\n".join(many)


@pytest.mark.parametrize("model", [*NOTHING_YET, *ADDED_ELSEWHERE], ids=lambda model: model._meta.model_name)
def test_an_empty_list_says_what_it_will_show_and_has_the_button_that_gets_there(model: Any) -> None:
    client = browser("superuser")
    page = visible(client, path(model))
    [words] = re.findall(r'class="empty-list">\s*<p>(.+?)</p>', page)
    assert len(words) > 40
    assert 'id="changelist"' not in page
    assert (f'class="button" href="{path(model, "add")}"' in page) == (model not in ADDED_ELSEWHERE)


def test_a_list_that_was_narrowed_to_nothing_leads_back() -> None:
    client = browser("superuser")
    make_many(1)
    for query in ("?q=nowhere", "?enabled__exact=0", "?state=lost"):
        page = visible(client, path(Camera) + query)
        assert 'Nothing matches. <a href="?">Show all</a>' in page
    assert "Nothing matches" not in visible(client, path(Camera))


def test_a_binding_is_listed_by_what_people_call_its_algorithm() -> None:
    make_many(1)
    client = browser("superuser")
    assert '<td class="field-algorithm">Intrusion</td>' in visible(client, path(Binding))
    Binding.objects.update(algo_code="gone")
    assert '<td class="field-algorithm">gone</td>' in visible(client, path(Binding))


def test_pages_lead_back_to_their_list_and_no_further() -> None:
    make_many(1)
    client = browser("superuser")
    for url in (path(Camera), path(Camera, "add"), path(Camera, "change", Camera.objects.get())):
        crumbs = re.findall(r'<div class="breadcrumbs">(.+?)</div>', visible(client, url), re.DOTALL)[0]
        assert re.findall(r'href="([^"]+)"', crumbs) == ["/admin/", path(Camera)][: 1 + (url != path(Camera))]
        assert "Cameras" in crumbs


def test_a_filter_offers_very_many_rows_only_by_the_chosen_one() -> None:
    make_many(MOST_OFFERED)
    client = browser("superuser")
    one = f"?camera__camera_id__exact={Camera.objects.earliest('pk').pk}"
    assert visible(client, path(ROI)).count("?camera__camera_id__exact=") == MOST_OFFERED
    make_many(1, prefix="n")
    page = visible(client, path(ROI))
    assert "camera__camera_id__exact" not in page
    page = visible(client, path(ROI) + one)
    assert set(re.findall(r"camera__camera_id__exact=([\w-]+)", page)) == {one.partition("=")[2]}
    assert len(client.get(path(ROI) + one).context["cl"].result_list) == 1
    assert client.get(path(ROI) + "?camera__device__site__id__exact=x", follow=True).status_code == 200
