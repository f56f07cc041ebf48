"""Lists of very many rows: as many queries as for a few, and no page that holds a link for each row of another list."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cameras.admin.base import MOST_OFFERED
from cameras.models import ROI, Camera, Site, SiteAccess
from tests.cameras.many import LISTS, make_many
from tests.cameras.pages import browser, path, visible

pytestmark = pytest.mark.django_db

FEW, MANY = 20, 200


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
