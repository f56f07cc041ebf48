from __future__ import annotations

from typing import Any

from django.contrib.admin.utils import unquote
from django.http import HttpRequest

from cameras.admin.base import BaseAdmin
from cameras.models import Site
from cameras.schedules import Schedule


class ScheduleChoices(BaseAdmin):
    """Offers the schedules of the site that the page's row stands at; of every visible one where it has no site yet."""

    page_path = ""  # from a site to the row of the page

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        match = request.resolver_match
        key = match.kwargs.get("object_id") if match else None
        if db_field.related_model is Schedule and key is not None:
            sites = Site.objects.filter(**{self.page_path: unquote(key)})
            kwargs["queryset"] = Schedule.objects.filter(site__in=sites)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
