"""Who changed what: the history page of each row, and one list over all of them. Both are only read."""

from __future__ import annotations

from typing import Any, TypeVar

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cameras.admin.audit_text import NOTHING, described
from cameras.admin.base import SITE_PATH
from cameras.admin.stale import StaleEdits
from cameras.audit import AuditEntry
from cameras.audit_log import (
    CODES,
    KINDS,
    PATHS,
    Question,
    Scope,
    history_of,
    load,
    numbers,
    people,
    view_permission,
)
from cameras.models import Site
from cameras.selectors import visible_sites

Row = TypeVar("Row", bound=models.Model)
PER_PAGE = 50


class FilterForm(forms.Form):
    """What the list is narrowed to; it stands in the page's URL. Values that make no sense ask nothing."""

    person = forms.ChoiceField(label=gettext_lazy("Person"), required=False)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), required=False)
    site = forms.ModelChoiceField(Site.objects.none(), label=gettext_lazy("Site"), required=False)
    since = forms.DateField(
        label=gettext_lazy("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(
        label=gettext_lazy("Until"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, request: HttpRequest, scope: Scope) -> None:
        super().__init__(request.GET)
        self.label_suffix = ""
        anyone, anything = ("", _("anyone")), ("", _("anything"))
        self.fields["person"].choices = [anyone, *((name, name) for name in people(scope))]  # type: ignore[attr-defined]
        named = [(kind, capfirst(m._meta.verbose_name)) for kind, m in KINDS.items() if m in scope.kinds]
        self.fields["kind"].choices = [anything, *named]  # type: ignore[attr-defined]
        self.fields["site"].queryset = visible_sites(request.user)  # type: ignore[attr-defined]
        self.fields["site"].empty_label = _("any site")  # type: ignore[attr-defined]

    def question(self) -> Question:
        self.is_valid()
        given = self.cleaned_data
        site = given.get("site")
        return Question(
            kind=given.get("kind", ""),
            person=given.get("person", ""),
            site=site.pk if site else None,
            since=given.get("since"),
            until=given.get("until"),
        )


def _page(request: HttpRequest, scope: Scope, question: Question) -> dict[str, Any]:
    """The entries of a page and its neighbours, for a template."""
    page = Paginator(numbers(scope, question), PER_PAGE).get_page(request.GET.get("page"))
    entries = described(scope, load(page.object_list), SITE_PATH | PATHS)
    kept = request.GET.copy()
    kept.pop("page", None)
    return {"page": page, "entries": entries, "kept": kept.urlencode(), "nothing": NOTHING}


class AuditedAdmin(StaleEdits[Row]):
    """*History* of a row shows who changed what in it. Nothing is put back from there: versions are rolled back."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """GET: the row's entries, also of one that is gone."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        scope, key = Scope.of(request.user), unquote(object_id)
        row = self.get_object(request, key)
        code = getattr(row, CODES[self.model]) if row else self._last_code(scope, key)
        if code is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, key)  # type: ignore[attr-defined,no-any-return]
        context = {
            **self.admin_site.each_context(request),
            **_page(request, scope, Question(kind=self.opts.model_name or "", code=code)),
            "title": _("History of %(object)s") % {"object": row or code},
            "opts": self.opts,
            "object": row,
            "code": code,
            **(extra_context or {}),
        }
        return render(request, "admin/cameras/history.html", context)

    def _last_code(self, scope: Scope, key: str) -> Any:
        """The code of a row that is gone, when the person may see something of it."""
        field: Any = history_of(self.model)._meta.get_field(self.opts.pk.attname)
        try:
            rows = scope.entries(self.model).filter(**{field.attname: field.to_python(key)})
        except (ValueError, forms.ValidationError):
            return None
        return rows.order_by("-history_id").values_list(CODES[self.model], flat=True).first()


@admin.register(AuditEntry)
class ChangesAdmin(admin.ModelAdmin[AuditEntry]):
    """One list of what happened to all audited rows that the person may see."""

    def get_urls(self) -> list[Any]:
        return [path("", self.admin_site.admin_view(self.changelist_view), name="cameras_auditentry_changelist")]

    def has_view_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return any(request.user.has_perm(view_permission(model)) for model in CODES)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """GET: the list."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        scope = Scope.of(request.user)
        form = FilterForm(request, scope)
        context = {
            **self.admin_site.each_context(request),
            **_page(request, scope, form.question()),
            "title": _("Changes"),
            "opts": self.opts,
            "form": form,
            "narrowed": any(request.GET.get(name) for name in form.fields),
        }
        return render(request, "admin/cameras/changes.html", context)
