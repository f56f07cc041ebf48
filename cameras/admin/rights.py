"""Who may give rights: only people who are not confined to sites themselves."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from cameras.selectors import sites_are_limited

Row = TypeVar("Row", bound=models.Model)


class UnlimitedOnly(admin.ModelAdmin[Row]):
    """Pages that a person with limited sites has not at all, whatever the role: whoever may edit site access, or make a
    user, could give himself every site."""

    def _unlimited(self, request: HttpRequest) -> bool:
        known: bool | None = getattr(request, "_sites_unlimited", None)
        if known is None:
            known = request._sites_unlimited = not sites_are_limited(request.user)  # type: ignore[attr-defined]
        return known

    def has_module_permission(self, request: HttpRequest) -> bool:
        return super().has_module_permission(request) and self._unlimited(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) and self._unlimited(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and self._unlimited(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._unlimited(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._unlimited(request)
