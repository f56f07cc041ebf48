from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from cameras.admin.base import SiteLimitedAdmin, VisibleOnly
from recordings.evidence.models import Loss

SEE = "cameras.view_device"


def given_up(counts: dict[str, Any]) -> str:
    """What went, in words, the worst first."""
    words = {
        "critical": ngettext("%(n)s critical alert event", "%(n)s critical alert events", counts.get("critical", 0)),
        "warning": ngettext("%(n)s warning", "%(n)s warnings", counts.get("warning", 0)),
        "guaranteed": ngettext(
            "%(n)s second of guaranteed recordings",
            "%(n)s seconds of guaranteed recordings",
            counts.get("guaranteed", 0),
        ),
        "info": ngettext("%(n)s notice", "%(n)s notices", counts.get("info", 0)),
        "memory": ngettext(
            "%(n)s alert while the disk was full", "%(n)s alerts while the disk was full", counts.get("memory", 0)
        ),
        "pictures": ngettext("%(n)s picture", "%(n)s pictures", counts.get("pictures", 0)),
        "reports": ngettext("%(n)s report of a picture", "%(n)s reports of pictures", counts.get("reports", 0)),
        "by_hand": ngettext(
            "%(n)s row dropped by a person", "%(n)s rows dropped by a person", counts.get("by_hand", 0)
        ),
        "coverage": ngettext("%(n)s hour for reports", "%(n)s hours for reports", counts.get("coverage", 0)),
        "dead_letters": ngettext("%(n)s dead letter", "%(n)s dead letters", counts.get("dead_letters", 0)),
        "delivered_pictures": ngettext(
            "%(n)s copy of a delivered picture",
            "%(n)s copies of delivered pictures",
            counts.get("delivered_pictures", 0),
        ),
    }
    told = [text % {"n": counts[name]} for name, text in words.items() if counts.get(name)]
    return ", ".join(told) or _("nothing")


@admin.register(Loss)
class LossAdmin(SiteLimitedAdmin[Loss]):
    """What boxes had to give up: looked at here, never typed."""

    site_path = "device__site"
    nothing_yet = gettext_lazy(
        "What boxes had to give up shows here, for example because a disk was full. So far nothing was lost."
    )
    list_display = ["until_there", "device", "what"]
    list_filter = [("device", VisibleOnly)]
    search_fields = ["device__device_id", "device__name"]
    date_hierarchy = "until"
    list_select_related = ["device__site"]
    fields = ["device", "since_there", "until_there", "what", "event_id", "received_at"]

    @admin.display(description=gettext_lazy("from"), ordering="since")
    def since_there(self, loss: Loss) -> str:
        return self._there(loss, loss.since)

    @admin.display(description=gettext_lazy("time"), ordering="until")
    def until_there(self, loss: Loss) -> str:
        return self._there(loss, loss.until)

    @admin.display(description=gettext_lazy("given up"))
    def what(self, loss: Loss) -> str:
        return given_up(loss.counts)

    @staticmethod
    def _there(loss: Loss, at: Any) -> str:
        zone = loss.device.site.time_zone
        return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S} {zone}"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(SEE)

    def has_view_permission(self, request: HttpRequest, obj: Loss | None = None) -> bool:
        return request.user.has_perm(SEE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Loss | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Loss | None = None) -> bool:
        return False
