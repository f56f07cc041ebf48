from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cameras.admin.rights import UnlimitedOnly
from edgesite.models import ApiToken

SUPERUSERS_ONLY = ("is_superuser", "user_permissions")


@admin.register(ApiToken)
class ApiTokenAdmin(UnlimitedOnly[ApiToken]):
    """Tokens are made by `manage.py create_token`, which prints them once; here they are looked at and revoked."""

    nothing_yet = _(
        "Tokens of programs that use the API show here, with their role and when they were last used. They "
        "are made by the command create_token."
    )
    list_display = ["name", "roles", "created_at", "last_used_at", "revoked_at"]
    list_filter = ["revoked_at"]
    search_fields = ["name"]
    fields = ["name", "roles", "created_at", "last_used_at", "revoked_at"]
    readonly_fields = ["name", "roles", "created_at", "last_used_at", "revoked_at"]
    actions = ["revoke"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        return super().get_queryset(request).select_related("user").prefetch_related("user__groups")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description=_("role"))
    def roles(self, token: ApiToken) -> str:
        return ", ".join(g.name for g in token.user.groups.all())

    @admin.action(description=_("Revoke the selected tokens"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        queryset.filter(revoked_at=None).update(revoked_at=timezone.now())


admin.site.unregister(User)


@admin.register(User)
class PeopleAdmin(UnlimitedOnly[User], UserAdmin[User]):
    """Who administers people gives roles; only a superuser sees superusers, makes one, or hands out single permissions."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        people = super().get_queryset(request)
        return people if request.user.is_superuser else people.filter(is_superuser=False)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if request.user.is_superuser:
            return fieldsets
        return [
            (title, {**options, "fields": [f for f in options["fields"] if f not in SUPERUSERS_ONLY]})
            for title, options in fieldsets
        ]
