"""The admin as a whole: what needs attention on its first page, and navigation by task instead of by app."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

WATCH, PIXELS = "watch", "recordings"
RECENT = 8  # changes on the first page
# In the order of a day's work. A model that no task names stays below its app's name at the end.
TASKS: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
    (WATCH, _("Watch"), ()),
    (
        "alerts",
        _("Alerts"),
        (
            "detection.alert",
            "detection.escalationrule",
            "detection.notificationrule",
            "detection.channel",
            "detection.delivery",
            "detection.trialalert",
        ),
    ),
    ("reports", _("Reports"), ("detection.coveragehour",)),
    (PIXELS, _("Recordings"), ("recordings.recordingtask", "recordings.extract")),
    (
        "regions",
        _("Cameras and regions"),
        ("cameras.camera", "cameras.roi", "cameras.binding", "detection.backtest"),
    ),
    (
        "devices",
        _("Devices and configuration"),
        (
            "cameras.site",
            "cameras.device",
            "cameras.rollout",
            "cameras.configversion",
            "cameras.auditentry",
            "recordings.loss",
        ),
    ),
    ("schedules", _("Schedules"), ("cameras.schedule",)),
    ("people", _("People and access"), ("auth.user", "auth.group", "cameras.siteaccess", "edgesite.apitoken")),
)

Group = dict[str, Any]


class EdgesiteAdminSite(admin.AdminSite):
    site_title = site_header = "edgesite"
    index_title = _("Administration")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Groups by task, in the form of Django's groups by app; with a label that app's, as its own page wants it."""
        if app_label is not None:
            return super().get_app_list(request, app_label)
        apps = super().get_app_list(request)
        known = {f"{a['app_label']}.{m['object_name'].lower()}": m for a in apps for m in a["models"]}
        groups = [_group(key, name, [known.pop(m) for m in models if m in known]) for key, name, models in TASKS]
        if request.user.has_perm("cameras.view_camera"):
            shown = {
                WATCH: (_("Live"), "Live", "live"),
                PIXELS: (_("Timelines"), "Timeline", "admin:recordings_timelines"),
            }
            for group in groups:
                if page := shown.get(group["app_label"]):
                    group["models"].insert(0, _page(*page))
        for app in apps:
            left = [m for m in app["models"] if any(m is other for other in known.values())]
            groups.append(_group(app["app_label"], app["name"], left))
        return [group for group in groups if group["models"]]

    def get_urls(self) -> list[Any]:
        from recordings.timeline.pages import urls  # noqa: PLC0415  as in `index`

        return [*urls(self), *super().get_urls()]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """What needs attention and where to go; on a fresh installation the first steps."""
        # Not above: the pages below register themselves at this very site.
        from cameras.admin.audit_text import in_short  # noqa: PLC0415
        from cameras.admin.first_steps import first_steps  # noqa: PLC0415
        from cameras.admin.list_filters import fleet_for  # noqa: PLC0415
        from cameras.admin.overview import tiles  # noqa: PLC0415
        from cameras.audit_log import Scope  # noqa: PLC0415
        from detection.admin_overview import alert_tiles, trial_tiles  # noqa: PLC0415
        from recordings.evidence.overview import loss_tiles  # noqa: PLC0415

        sources = (tiles, alert_tiles, trial_tiles, loss_tiles)
        shown = {tile.key: tile for source in sources for tile in source(request)}
        order = ("sites", "devices", "cameras", "alerts", "test_alerts", "losses", "disk", "pending", "publishes")
        fleet, scope = fleet_for(request), Scope.of(request.user)
        context = {
            "first_steps": first_steps(request),
            "tiles": [shown[key] for key in order if key in shown],
            "recent": in_short(scope, count=RECENT) if scope.kinds else None,
            "has_fleet": bool(fleet.devices or fleet.cameras),
        }
        return super().index(request, {**context, **(extra_context or {})})


def _group(key: str, name: Any, models: list[Any]) -> Group:
    return {"name": name, "app_label": key, "app_url": "", "has_module_perms": True, "models": models}


def _page(name: Any, object_name: str, url: str) -> dict[str, Any]:
    """A page that is no model: the wall of pictures, the timelines."""
    return {
        "name": name,
        "object_name": object_name,
        "admin_url": reverse(url),
        "add_url": None,
        "view_only": True,
        "perms": {},
        "model": None,
    }
