"""Reports in the admin: one page and its file; the rows behind it are nobody's to edit."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from detection.reports import page
from detection.reports.models import CoverageHour
from detection.reports.selectors import PERMISSION


@admin.register(CoverageHour)
class CoverageHourAdmin(admin.ModelAdmin[CoverageHour]):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: CoverageHour | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: CoverageHour | None = None) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        def seen(shown: Any) -> Any:
            def guarded(request: HttpRequest) -> HttpResponse:
                if not request.user.has_perm(PERMISSION):
                    raise PermissionDenied
                answer: HttpResponse = shown(request)
                answer["Cache-Control"] = "private, no-store"
                return answer

            return self.admin_site.admin_view(require_safe(guarded))

        return [
            path("", seen(page.page), name="detection_coveragehour_changelist"),
            path("export/", seen(page.export), name="detection_coveragehour_export"),
        ]
