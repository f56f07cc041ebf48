"""Two people edit the same row: who saves later is told before anything of the other's is lost.

A page carries the number of the row's newest entry in the audit. When a newer one is there as it comes back, nothing is saved:
the page says who changed what, and goes out again with what was typed and the new number. Saving again is then meant.
"""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib import admin
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from cameras.audit_log import history_of

Row = TypeVar("Row", bound=models.Model)
SEEN = "_seen"


class StaleEdits(admin.ModelAdmin[Row]):
    """For admins of audited models. A form that comes without the number, as a program may send it, is saved as it is."""

    def get_form(self, request: HttpRequest, obj: Row | None = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change, **options)
        told = _changed_meanwhile(request, obj) if obj is not None and request.method == "POST" else ""
        return _refusing(form, told) if told else form

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = kwargs.get("obj")
        if row is not None:
            context["seen"] = _entries(row).values_list("history_id", flat=True).first() or 0
        return super().render_change_form(request, context, *args, **kwargs)


def _entries(row: models.Model) -> models.QuerySet[Any]:
    """Of the row, the newest first."""
    entries = history_of(type(row))._default_manager.filter(**{row._meta.pk.attname: row.pk})
    return entries.order_by("-history_id")  # type: ignore[no-any-return]


def _changed_meanwhile(request: HttpRequest, row: models.Model) -> str:
    """Who changed what since the page was opened, in words; "" when nobody did. Looked up once for a request."""
    known: str | None = getattr(request, "_changed_meanwhile", None)
    if known is None:
        known = request._changed_meanwhile = _told(request.POST.get(SEEN, ""), row)  # type: ignore[attr-defined]
    return known


def _told(seen: str, row: models.Model) -> str:
    if not (seen.isascii() and seen.isdecimal() and len(seen) < 19):
        return ""
    newer = list(_entries(row).filter(history_id__gt=int(seen)).values_list("history_author", "history_changes")[:50])
    if not newer:
        return ""
    people = sorted({author or _("a program") for author, _changes in newer})
    names = {name for _author, changes in newer for name in changes}
    fields = sorted(capfirst(str(row._meta.get_field(name).verbose_name)) for name in names)  # type: ignore[union-attr]
    text = _(
        "Changed after you opened the page, by %(people)s: %(fields)s. Nothing is saved yet. Look at it, and save again to "
        "put your values in place of those."
    )
    return text % {"people": ", ".join(people), "fields": ", ".join(fields) or "–"}


def _refusing(form: type[ModelForm[Any]], told: str) -> type[ModelForm[Any]]:
    def clean(self: Any) -> Any:
        given = super(refusing, self).clean()
        self.add_error(None, told)
        return given

    metaclass: Any = type(form)
    refusing: Any = metaclass(form.__name__, (form,), {"clean": clean, "__module__": form.__module__})
    return refusing  # type: ignore[no-any-return]
