"""The list of alerts: narrowed by its URL, paged by place, renewed row by row."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from detection.alert_life.asking import Question, known_query, wanted_alerts
from detection.alert_life.filters import saved_filters
from detection.alert_life.forms import FilterForm
from detection.alert_life.paging import COUNTED, PER_PAGE, Place, count_up_to, page_of
from detection.alert_life.presenting import shown
from detection.alert_life.services import ACT
from detection.alert_life.texts import page_texts
from detection.models import Alert
from detection.places import own_cameras
from detection.selectors import visible_alerts
from edgesite.core.cursor import decode_number, encode_place

NEWER_COUNTED = 99
PRESETS = ("state=unresolved", "state=unresolved&assignee=me")  # the page's own links
HEAVY = ("data", "end_data")  # columns that no row shows


@require_safe
def list_page(request: HttpRequest) -> HttpResponse:
    """GET: a page of alerts. The place is a cursor; one that makes no sense begins at the newest."""
    user, question = request.user, Question.of(request.GET.dict())
    rows = wanted_alerts(user, question).defer(*HEAVY)
    place = _place(request)
    page = page_of(rows, place)
    count = count_up_to(rows) if page.newer or page.older else len(page.alerts)
    kept, filters = known_query(request.GET), list(saved_filters(user))
    context = {
        **admin.site.each_context(request),
        "title": _("Alerts"),
        "opts": Alert._meta,
        "alerts": _shown(page.alerts),
        "form": FilterForm(user, question),
        "asks": question.asks(),
        "kept": kept,
        "asked": list(QueryDict(kept).items()),
        "newer": _link(kept, "before", page.alerts) if page.newer else "",
        "older": _link(kept, "after", page.alerts) if page.older else "",
        "first_page": place.number is None,
        "count": _counted(count),
        "may_act": user.has_perm(ACT),
        "filters": filters,
        "saved": kept in {*PRESETS, *(each.query for each in filters)},
        "here": _without_place(kept),
        "page_data": {
            **page_texts(user.get_username()),
            "rows_url": reverse("admin:detection_alert_rows"),
            "query": kept,
            "newest": page.alerts[0].pk if page.alerts and place.number is None else None,
            "first_page": place.number is None,
        },
    }
    return render(request, "admin/detection/alert/list.html", context)


def _counted(count: int) -> str:
    if count > COUNTED:
        return _("more than %(count)s alerts") % {"count": COUNTED}
    return ngettext("%(count)s alert", "%(count)s alerts", count) % {"count": count}


def rows(request: HttpRequest) -> HttpResponse:
    """GET `?ids=…&newest=N&` and the list's own query: those rows as they are now, and how many newer ones the list has."""
    user = request.user
    ids = [i for i in request.GET.get("ids", "").split(",") if i][: 2 * PER_PAGE]
    found = list(visible_alerts(user).filter(event_id__in=ids).defer(*HEAVY)) if ids else []
    newer = 0
    newest = request.GET.get("newest", "")
    if newest.isascii() and newest.isdecimal() and len(newest) < 19:
        wanted = wanted_alerts(user, Question.of(request.GET.dict()))
        newer = count_up_to(wanted.filter(pk__gt=int(newest)), NEWER_COUNTED)
    may_act = user.has_perm(ACT)
    drawn = {
        told["event_id"]: render_to_string(
            "admin/detection/alert/row.html", {"told": told, "may_act": may_act}, request
        )
        for told in _shown(found)
    }
    return JsonResponse({"rows": drawn, "newer": newer})


def _shown(alerts: list[Alert]) -> list[dict[str, Any]]:
    cameras, now = own_cameras(alerts), timezone.now()
    return [shown(alert, cameras.get(alert.event_id), now) for alert in alerts]


def _place(request: HttpRequest) -> Place:
    for name in ("after", "before"):
        if cursor := request.GET.get(name, ""):
            try:
                return Place(decode_number("a", cursor), newer=name == "before")
            except ValueError:
                break
    return Place()


def _without_place(kept: str) -> str:
    return f"?{kept}" if kept else "."


def _link(kept: str, name: str, alerts: list[Alert]) -> str:
    number = alerts[-1 if name == "after" else 0].pk if alerts else 0
    return f"?{kept}{'&' if kept else ''}{urlencode({name: encode_place('a', str(number))})}"
