"""`make bench`: the admin's lists with 2,000 cameras, beside Django's own list of a bare model in the same run."""

from __future__ import annotations

import statistics
import time

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cameras.many import LISTS, make_many
from tests.cameras.pages import browser, path

pytestmark = [pytest.mark.bench, pytest.mark.django_db, pytest.mark.timeout(600)]

ROWS, VISITS = 2000, 9
MOST_TIMES, INDEX_MS = 6.0, 400.0


def visit(client: Client, url: str) -> tuple[float, int, int]:
    """Median milliseconds of a page on the server, its queries, its size in bytes."""
    client.get(url)
    took = []
    for _ in range(VISITS):
        began = time.perf_counter()
        page = client.get(url)
        took.append(1000 * (time.perf_counter() - began))
    with CaptureQueriesContext(connection) as queries:
        client.get(url)
    return statistics.median(took), len(queries), len(page.content)


def test_lists_of_two_thousand() -> None:
    make_many(ROWS)
    client = browser("superuser")
    bare = visit(client, path(Group))
    print(f"\n{ROWS} rows of each, {VISITS} visits\n  {'list':<16}{'ms':>8}{'queries':>9}{'kB':>7}{'times bare':>12}")
    found = {"bare (group)": bare}
    for model in LISTS:
        found[str(model._meta.model_name)] = visit(client, path(model))
    found["first page"] = visit(client, "/admin/")
    for name, (ms, queries, size) in found.items():
        print(f"  {name:<16}{ms:>8.1f}{queries:>9}{size / 1000:>7.0f}{ms / bare[0]:>12.2f}")
    slow = {name: ms for name, (ms, _, _) in found.items() if name != "first page" and ms > MOST_TIMES * bare[0]}
    assert not slow
    assert found["first page"][0] < INDEX_MS
