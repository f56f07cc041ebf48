"""What a schedule's page asks while somebody edits: how the text reads, and what it means at the site."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _

from cameras.admin.regions import BodyError, body_of, json_call
from cameras.admin.schedule_words import meaning
from cameras.core.holidays import document_holidays
from cameras.core.schedule import ScheduleEntry
from cameras.core.schedule_text import ScheduleTextError, Written, parse
from cameras.models import Site
from cameras.schedules import Schedule
from cameras.selectors import visible_sites

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LONGEST_TEXT = 200_000
EDITS = ("cameras.add_schedule", "cameras.change_schedule")


class SchedulePreview(admin.ModelAdmin[Schedule]):
    """`POST preview` with `text` and `site` (its key, empty for none yet): `weekly`, `holidays` and what they mean, or `error`
    with `line`, `column` and `message`."""

    def get_urls(self) -> list[Any]:
        site = self.admin_site
        own = [path("preview", json_call(site, self._preview, "POST"), name="cameras_schedule_preview")]
        return own + super().get_urls()

    def _preview(self, request: HttpRequest) -> HttpResponse:
        if not any(request.user.has_perm(permission) for permission in EDITS):
            raise PermissionDenied
        body = body_of(request, "text", "site")
        text, key = body.get("text"), str(body.get("site") or "")
        if not isinstance(text, str) or len(text) > LONGEST_TEXT:
            raise BodyError(f"text: {_('must be text; put it in quotes')}")
        try:
            written = parse(text)
        except ScheduleTextError as error:
            wrong = {"line": error.line, "column": error.column, "message": _(error.template) % error.values}
            return JsonResponse({"error": wrong})
        # A site that the person may not see is none.
        number = int(key) if key.isascii() and key.isdecimal() and len(key) < 19 else 0
        found = visible_sites(cast("User", request.user)).filter(pk=number).first()
        return JsonResponse(
            {"error": None, "weekly": written.weekly, "holidays": written.holidays} | _meant(written, found)
        )


def _meant(written: Written, site: Site | None) -> dict[str, Any]:
    """zone, meaning (sentences) and now (day 0..6, minute of that day) at the site; without one nothing."""
    if site is None:
        return {"zone": "", "meaning": [], "now": None}
    holidays = document_holidays(written.weekly, written.holidays)
    entry = ScheduleEntry.model_validate({"schedule_id": "s", "weekly": written.weekly, "holidays": holidays})
    now = timezone.now()
    local = datetime.fromtimestamp(now.timestamp(), ZoneInfo(site.time_zone))
    found = meaning(entry, written.holidays, site.time_zone, now.timestamp())
    return {
        "zone": site.time_zone,
        "meaning": [asdict(sentence) for sentence in found],
        "now": {"day": local.weekday(), "minute": local.hour * 60 + local.minute, "time": f"{local:%H:%M}"},
    }
