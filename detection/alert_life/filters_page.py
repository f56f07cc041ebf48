"""Saving and removing one's own filters of the list."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse

from detection.alert_life.asking import known_query
from detection.alert_life.errors import AlertLifeError
from detection.alert_life.filters import remove_filter, save_filter


def change(request: HttpRequest) -> HttpResponse:
    """POST `name` and `query` saves, `remove` with a number removes; back to the list."""
    user = cast("User", request.user)
    query = known_query(QueryDict(request.POST.get("query", "")))
    number = request.POST.get("remove", "")
    if number.isascii() and number.isdecimal() and len(number) < 19:
        remove_filter(user=user, pk=int(number))
    else:
        try:
            save_filter(user=user, name=request.POST.get("name", ""), query=query)
        except AlertLifeError as error:
            messages.error(request, error.sentence())
    return HttpResponseRedirect(f"{reverse('admin:detection_alert_changelist')}?{query}")
