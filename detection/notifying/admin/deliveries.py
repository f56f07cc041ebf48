"""The delivery log: what was sent, what waits, what was given up and can be sent again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from cameras.admin.chips import chip
from cameras.admin.deletion import GoesWithAnother
from detection.notifying.models import Delivery
from detection.notifying.selectors import visible_channels, visible_deliveries, visible_rules
from detection.notifying.services import replay
from edgesite.told import told

STEP_NAMES = {"escalated": gettext_lazy("escalated"), "resolved": gettext_lazy("resolved")}
KINDS = {"held": "off", "waiting": "busy", "sending": "busy", "delivered": "good", "dead": "bad"}


class _OfPerson(admin.SimpleListFilter):
    """A filter by rows that the person may see."""

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in self.rows(request).order_by("name").values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        value = self.value()
        if value not in {key for key, _ in self.lookup_choices}:
            return queryset
        return queryset.filter(**{str(self.parameter_name): value})


class ChannelFilter(_OfPerson):
    title, parameter_name = gettext_lazy("channel"), "channel"

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        return visible_channels(request.user)


class RuleFilter(_OfPerson):
    title, parameter_name = gettext_lazy("rule"), "rule"

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        return visible_rules(request.user)


@admin.register(Delivery)
class DeliveryAdmin(GoesWithAnother[Delivery]):
    """Looked at, never typed; what was given up can be sent again."""

    parent_right = "detection.delete_channel"
    list_display = ["created", "condition", "about", "rule_name", "channel_name", "tries", "took"]
    list_filter = ["state", ChannelFilter, RuleFilter, "created_at"]
    search_fields = ["key__startswith"]
    date_hierarchy = "created_at"
    show_full_result_count = False
    list_per_page = 50
    actions = ["send_again"]
    fields = [
        "created", "about", "rule_name", "channel_name", "condition", "with_others", "tries", "status", "took", "due_at",
        "ended_at", "key",
    ]  # fmt: skip
    change_list_template = "admin/detection/delivery/change_list.html"
    change_form_template = "admin/detection/delivery/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows = visible_deliveries(request.user).select_related("rule", "channel", "leader", "trial__device")
        return rows.defer("channel__url", "channel__secret").annotate(members_count=Count("members"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        return False

    def has_send_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("detection.change_delivery")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        again = path("<int:pk>/again/", view(require_POST(self.again_view)), name="detection_delivery_again")
        return [again, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        row: Delivery | None = kwargs.get("obj")
        context["may_send_again"] = bool(row and row.state == "dead" and self.has_send_again_permission(request))
        return super().render_change_form(request, context, *args, **kwargs)

    def again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = visible_deliveries(request.user).filter(pk=pk)
        if not rows.exists():
            raise Http404
        if not self.has_send_again_permission(request):
            raise PermissionDenied
        self.send_again(request, rows)
        return HttpResponseRedirect(reverse("admin:detection_delivery_change", args=[pk]))

    @admin.action(description=gettext_lazy("Send again what was given up"), permissions=["send_again"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        mine = visible_deliveries(request.user).filter(pk__in=list(queryset.values_list("pk", flat=True)))
        mine = mine.filter(channel__enabled=True, alert__isnull=False)
        count = replay(mine, author=request.user.get_username(), now=timezone.now())
        if count:
            text = ngettext("%(count)s message is sent again.", "%(count)s messages are sent again.", count)
            messages.success(request, text % {"count": count})
        else:
            text = _("Nothing is sent again: it was not given up, it was a test, or its channel is disabled.")
            messages.warning(request, text)

    @admin.display(description=gettext_lazy("time"), ordering="created_at")
    def created(self, row: Delivery) -> str:
        return f"{row.created_at:%Y-%m-%d %H:%M:%S} UTC"

    @admin.display(description=gettext_lazy("message"))
    def about(self, row: Delivery) -> SafeString | str:
        if row.trial is not None:
            words = {"trial": _("test alert of %(device)s"), "trial_failed": _("no test alert from %(device)s")}
            text = words.get(row.step, _("test alerts of %(device)s come out again"))
            url = reverse("admin:detection_trialalert_change", args=[row.trial.pk])
            return format_html('<a href="{}">{}</a>', url, text % {"device": row.trial.device})
        if row.alert_id is None:
            return _("test")
        text = _("alert %(number)s") % {"number": row.alert_id}
        more: int = row.members_count  # type: ignore[attr-defined]  # annotated above
        if more:
            text += " " + ngettext("and %(count)s more", "and %(count)s more", more) % {"count": more}
        if row.step:
            text = f"{text}: {STEP_NAMES.get(row.step, row.step)}"
        url = reverse("admin:detection_alert_change", args=[row.alert_id])
        return format_html('<a href="{}">{}</a>', url, text)

    @admin.display(description=gettext_lazy("rule"), ordering="rule")
    def rule_name(self, row: Delivery) -> str:
        return str(row.rule or "–")

    @admin.display(description=gettext_lazy("channel"), ordering="channel")
    def channel_name(self, row: Delivery) -> str:
        return str(row.channel)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def condition(self, row: Delivery) -> SafeString:
        state = row.leader.state if row.leader else row.state
        label = str(row.leader.get_state_display() if row.leader else row.get_state_display())
        problem = "" if state == "delivered" else row.problem
        return chip(KINDS[state], f"{label}: {told(problem)}" if problem else label)

    @admin.display(description=gettext_lazy("sent with"))
    def with_others(self, row: Delivery) -> SafeString | str:
        if row.leader_id is None:
            return "–"
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:detection_delivery_change", args=[row.leader_id]), row.leader_id
        )

    @admin.display(description=gettext_lazy("took"), ordering="took_ms")
    def took(self, row: Delivery) -> str:
        return "–" if row.took_ms is None else f"{row.took_ms} ms"
