"""Rules: which alerts go to which channels."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cameras.admin.audit import AuditedAdmin
from cameras.admin.base import SiteLimitedChoices, VisibleOnly
from cameras.core.algorithms import registry
from cameras.selectors import sites_are_limited
from detection.live_texts import lasting
from detection.notifying.models import Channel, NotificationRule
from detection.notifying.selectors import visible_channels, visible_rules


class RuleForm(forms.ModelForm[NotificationRule]):
    class Meta:
        model = NotificationRule
        fields = "__all__"  # noqa: DJ007  the admin class names the fields

    limited = False  # whether the person's sites are

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        site = given.get("site")
        if self.limited and site is None:
            self.add_error("site", _("Choose one of your sites."))
        chosen = given.get("channels")
        foreign = [c.name for c in chosen if c.site_id is not None and c.site != site] if chosen is not None else []
        if foreign:
            text = _("%(channels)s: alerts of another site than the rule's may not leave by it.")
            self.add_error("channels", text % {"channels": ", ".join(foreign)})
        return given


@admin.register(NotificationRule)
class RuleAdmin(SiteLimitedChoices, AuditedAdmin[NotificationRule]):
    form = RuleForm
    list_display = ["name", "about", "hours", "grouped", "goes_to", "enabled"]
    list_filter = ["enabled", "min_severity", ("site", VisibleOnly)]
    search_fields = ["name", "camera__name", "camera__camera_id"]
    list_select_related = ["site", "camera", "schedule"]
    filter_horizontal = ["channels"]
    fieldsets = [
        (None, {"fields": ["name", "enabled"]}),
        (gettext_lazy("Which alerts"), {"fields": ["site", "camera", "algo_code", "min_severity"]}),
        (gettext_lazy("When"), {"fields": ["schedule", "out_of_hours", "group_s"]}),
        (gettext_lazy("What else"), {"fields": ["tell_escalated", "tell_resolved", "test_alerts"]}),
        (gettext_lazy("Where to"), {"fields": ["channels"]}),
    ]
    change_list_template = "admin/detection/notificationrule/change_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[NotificationRule]:
        return visible_rules(request.user).prefetch_related("channels").order_by("name", "id")

    def _reaches_beyond(self, request: HttpRequest, rule: NotificationRule | None) -> bool:
        """Whether it uses channels that the person does not see: saving would take them out."""
        if rule is None or not sites_are_limited(request.user):
            return False
        return rule.channels.exclude(pk__in=visible_channels(request.user)).exists()

    def has_change_permission(self, request: HttpRequest, obj: NotificationRule | None = None) -> bool:
        return super().has_change_permission(request, obj) and not self._reaches_beyond(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: NotificationRule | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not self._reaches_beyond(request, obj)

    def get_actions(self, request: HttpRequest) -> Any:
        return {}  # many at once would go by without the question above

    def get_form(
        self, request: HttpRequest, obj: NotificationRule | None = None, change: bool = False, **options: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **options)
        form.limited = sites_are_limited(request.user)
        return form

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "algo_code":
            choices = [("", _("all algorithms")), *((a.code, _(a.label)) for a in registry.all())]
            return forms.ChoiceField(label=capfirst(db_field.verbose_name), choices=choices, required=False)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "channels":
            kwargs["queryset"] = visible_channels(request.user).defer("url", "secret").select_related("site")
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @admin.display(description=gettext_lazy("alerts"))
    def about(self, rule: NotificationRule) -> str:
        known = registry.get(rule.algo_code)
        named = _(known.label) if known else rule.algo_code
        least = _("%(severity)s or worse") % {"severity": rule.get_min_severity_display()}
        places = [rule.site or _("all sites"), rule.camera, named, least]
        return " · ".join(str(place) for place in places if place)

    @admin.display(description=gettext_lazy("hours"), ordering="schedule")
    def hours(self, rule: NotificationRule) -> str:
        return str(rule.schedule or _("always"))

    @admin.display(description=gettext_lazy("grouped"), ordering="group_s")
    def grouped(self, rule: NotificationRule) -> str:
        return lasting(rule.group_s) if rule.group_s else _("each on its own")

    @admin.display(description=gettext_lazy("goes to"))
    def goes_to(self, rule: NotificationRule) -> str:
        channels: list[Channel] = list(rule.channels.all())
        return ", ".join(c.name if c.enabled else _("%(channel)s (disabled)") % {"channel": c} for c in channels) or "–"
