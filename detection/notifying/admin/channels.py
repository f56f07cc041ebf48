"""Channels: how messages leave, a test of it, and a secret that is shown once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from cameras.admin.audit import AuditedAdmin
from cameras.admin.base import SiteLimitedChoices, VisibleOnly
from cameras.admin.chips import chip
from cameras.selectors import sites_are_limited
from detection.notifying.models import LEAST_SECRET, Channel, ChannelKind
from detection.notifying.selectors import visible_channels
from detection.notifying.services import Outcome, new_secret
from detection.notifying.worker import send_test
from edgesite.told import told


class ChannelForm(forms.ModelForm[Channel]):
    """The secret is only written: the stored one never comes back to a page."""

    new_secret = forms.CharField(
        label=gettext_lazy("Secret or password"),
        required=False,
        max_length=200,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"}),
        help_text=gettext_lazy(
            "Signs a webhook's messages, or is the password at a broker. Left empty, the present one stays; a webhook "
            "without one gets a secret that is shown once, after saving."
        ),
    )
    fresh = forms.BooleanField(
        label=gettext_lazy("Make a new secret"),
        required=False,
        help_text=gettext_lazy("The present one stops working when you save."),
    )

    class Meta:
        model = Channel
        fields = "__all__"  # noqa: DJ007  the admin class names the fields
        widgets = {
            "url": forms.TextInput(attrs={"class": "vLargeTextField"}),
            "recipients": forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"}),
        }

    made = ""  # the secret that this save made
    limited = False  # whether the person's sites are

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if self.limited and not given.get("site"):
            self.add_error("site", _("Choose one of your sites."))
        if given.get("kind") == ChannelKind.WEBHOOK:
            if given.get("fresh") or not (given.get("new_secret") or self.instance.secret):
                self.made = new_secret()
            self.instance.secret = self.made or given.get("new_secret") or self.instance.secret
            if given.get("new_secret") and len(given["new_secret"]) < LEAST_SECRET:
                self.add_error("new_secret", _("Use at least %(least)s characters.") % {"least": LEAST_SECRET})
        elif given.get("kind") == ChannelKind.MQTT:
            self.instance.secret = given.get("new_secret") or self.instance.secret
        else:
            self.instance.secret = ""
        if given.get("enabled"):
            self.instance.disabled_reason = ""
        return given


def state_chip(channel: Channel) -> SafeString:
    """Whether it works, as far as the last message tells."""
    if not channel.enabled:
        reason = channel.disabled_reason
        return chip("off", _("disabled: %(why)s") % {"why": told(reason)} if reason else _("disabled"))
    if channel.problem:
        return chip("bad", told(channel.problem))
    if channel.delivered_at is None:
        return chip("off", _("nothing sent yet"))
    return chip("good", _("delivered %(time)s ago") % {"time": timesince(channel.delivered_at)})


def outcome_text(outcome: Outcome) -> str:
    """What became of a test, for the person who pressed the button."""
    if outcome.result == "delivered":
        return _("The test was delivered.") + (f" ({outcome.status})" if outcome.status else "")
    return _("The test was not delivered. %(why)s.") % {"why": told(outcome.problem)}


@admin.register(Channel)
class ChannelAdmin(SiteLimitedChoices, AuditedAdmin[Channel]):
    form = ChannelForm
    list_display = ["name", "state", "kind", "site", "rules_count"]
    list_filter = ["kind", "enabled", ("site", VisibleOnly)]
    search_fields = ["name"]
    list_select_related = ["site"]
    fieldsets = [
        (None, {"fields": ["name", "kind", "site", "enabled", "state"]}),
        (gettext_lazy("Webhook or MQTT"), {"fields": ["url", "new_secret"]}),
        (gettext_lazy("Webhook"), {"fields": ["fresh"]}),
        (gettext_lazy("MQTT"), {"fields": ["username", "topic", "discovery", "pictures"]}),
        (gettext_lazy("E-mail"), {"fields": ["recipients", "language"]}),
    ]
    readonly_fields = ["state"]
    change_list_template = "admin/detection/channel/change_list.html"
    change_form_template = "admin/detection/channel/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        return visible_channels(request.user).prefetch_related("rules").order_by("name")

    def get_fieldsets(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        if self.has_change_permission(request, obj) or obj is None:
            return self.fieldsets
        return [(None, {"fields": ["name", "kind", "site", "enabled", "state"]})]  # an address may be a secret

    def get_form(self, request: HttpRequest, obj: Channel | None = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change=change, **options)
        form.limited = sites_are_limited(request.user)
        return form

    @admin.display(description=gettext_lazy("state"))
    def state(self, channel: Channel) -> SafeString | str:
        return state_chip(channel) if channel.pk else "–"

    @admin.display(description=gettext_lazy("rules"))
    def rules_count(self, channel: Channel) -> int:
        return len(channel.rules.all())

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        test = path("<int:pk>/test/", view(require_POST(self.test_view)), name="detection_channel_test")
        return [test, *super().get_urls()]

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Sends a test and says in words what became of it."""
        channel = visible_channels(request.user).filter(pk=pk).first()
        if channel is None:
            raise Http404
        if not self.has_change_permission(request, channel):
            raise PermissionDenied
        outcome = send_test(channel, now=timezone.now())
        level = messages.SUCCESS if outcome.result == "delivered" else messages.ERROR
        messages.add_message(request, level, outcome_text(outcome))
        return HttpResponseRedirect(reverse("admin:detection_channel_change", args=[pk]))

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        request._made_secret = form.made  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Channel, post_url_continue: str | None = None) -> HttpResponse:
        return self._secret_page(request, obj) or super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Channel) -> HttpResponse:
        return self._secret_page(request, obj) or super().response_change(request, obj)

    def _secret_page(self, request: HttpRequest, channel: Channel) -> HttpResponse | None:
        """A secret that was made is shown in the answer itself: a message after a redirect would lie in a cookie."""
        secret = getattr(request, "_made_secret", "")
        if not secret:
            return None
        title = _("Secret of %(channel)s") % {"channel": channel}
        context = {**self.admin_site.each_context(request), "title": title, "opts": self.opts, "original": channel}
        page = render(request, "admin/detection/channel/secret.html", {**context, "secret": secret})
        page["Cache-Control"] = "no-store"
        return page
