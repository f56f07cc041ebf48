"""The same step for many alerts: asked once more with what it needs, then done, each alert by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from detection.alert_life import many
from detection.alert_life.asking import known_query
from detection.alert_life.errors import AlertLifeError
from detection.alert_life.forms import ActForm
from detection.alert_life.many import MOST_AT_ONCE, Outcome
from detection.alert_life.presenting import shown
from detection.alert_life.selectors import people_who_act
from detection.alert_life.services import ACT
from detection.models import Alert
from detection.places import own_cameras
from detection.selectors import visible_alerts

NAMED = 5  # alerts of which the reason of a failure is told
FIELDS = {"ack": ("note",), "resolve": ("verdict", "reason", "note"), "assign": ("assignee", "note")}


def bulk(request: HttpRequest) -> HttpResponse:
    """POST `do` and `ids`: asks. With `confirmed`: does it and goes back to the list, as `query` says it."""
    if not request.user.has_perm(ACT):
        raise PermissionDenied
    do, ids = request.POST.get("do", ""), request.POST.getlist("ids")[:MOST_AT_ONCE]
    back = f"{reverse('admin:detection_alert_changelist')}?{known_query(QueryDict(request.POST.get('query', '')))}"
    if do not in FIELDS or not ids:
        messages.warning(request, _("Choose alerts first."))
        return HttpResponseRedirect(back)
    if request.POST.get("confirmed"):
        try:
            outcome = _do(do, ids, request)
        except AlertLifeError as error:
            messages.error(request, error.sentence())
        else:
            tell_outcome(request, do, outcome)
            return HttpResponseRedirect(back)
    return _ask(request, do, ids, back)


def _do(do: str, ids: list[str], request: HttpRequest) -> Outcome:
    given = {name: request.POST.get(name, "") for name in FIELDS[do]}
    acts: dict[str, Callable[..., Outcome]] = {
        "ack": many.acknowledge_many, "resolve": many.resolve_many, "assign": many.assign_many,
    }  # fmt: skip
    return acts[do](event_ids=ids, user=request.user, now=timezone.now(), **given)


def tell_outcome(request: HttpRequest, do: str, outcome: Outcome) -> None:
    """How many changed, and of the others why not."""
    count = len(outcome.done)
    if count:
        text = {
            "ack": ngettext("%(count)s alert acknowledged.", "%(count)s alerts acknowledged.", count),
            "resolve": ngettext("%(count)s alert resolved.", "%(count)s alerts resolved.", count),
            "assign": ngettext("%(count)s alert assigned.", "%(count)s alerts assigned.", count),
        }[do]
        messages.success(request, text % {"count": count})
    for _event_id, error in outcome.failed[:NAMED]:
        messages.warning(request, error.sentence())
    if len(outcome.failed) > NAMED:
        messages.warning(request, _("%(count)s more stay as they are.") % {"count": len(outcome.failed) - NAMED})


def _ask(request: HttpRequest, do: str, ids: list[str], back: str) -> HttpResponse:
    alerts = list(visible_alerts(request.user).filter(event_id__in=ids).defer("data", "end_data"))
    cameras, now, count = own_cameras(alerts), timezone.now(), len(alerts)
    titles: dict[str, str] = {
        "ack": ngettext("Acknowledge %(count)s alert?", "Acknowledge %(count)s alerts?", count),
        "resolve": ngettext("Resolve %(count)s alert?", "Resolve %(count)s alerts?", count),
        "assign": ngettext("Assign %(count)s alert?", "Assign %(count)s alerts?", count),
    }
    form = ActForm(request.POST if request.POST.get("confirmed") else None)
    for name in [n for n in form.fields if n not in FIELDS[do]]:
        del form.fields[name]
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": titles[do] % {"count": count},
        "opts": Alert._meta,
        "do": do,
        "form": form,
        "people": people_who_act().values_list("username", flat=True) if do == "assign" else (),
        "alerts": [shown(alert, cameras.get(alert.event_id), now) for alert in alerts],
        "query": request.POST.get("query", ""),
        "back": back,
    }
    return render(request, "admin/detection/alert/bulk.html", context)
