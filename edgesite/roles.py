"""The three roles, as groups with permissions. Migrations bring the database to this table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VIEWER, OPERATOR, ADMIN = "viewer", "operator", "admin"
ROLES = (VIEWER, OPERATOR, ADMIN)

VIEW = {
    "cameras": ("site", "device", "devicestatus", "camera", "roi", "binding", "schedule"),
    "detection": ("alert", "trialalert", "escalationrule", "coveragehour"),
}
EDIT = {"cameras": ("camera", "roi", "binding", "schedule"), "detection": ("escalationrule",)}
ADMINISTER = {
    "cameras": ("site", "siteaccess", "device"),
    "edgesite": ("apitoken",),
    "auth": ("user",),
    "detection": ("channel", "notificationrule"),
}


def _codes(table: Mapping[str, tuple[str, ...]], *actions: str) -> set[tuple[str, str]]:
    return {(app, f"{action}_{model}") for app, models in table.items() for model in models for action in actions}


def permissions(role: str) -> set[tuple[str, str]]:
    """`(app label, codename)` of everything that the role may do; each role has what the one below it has."""
    codes = _codes(VIEW, "view")
    if role in (OPERATOR, ADMIN):
        codes |= _codes(EDIT, "add", "change", "delete") | {
            ("cameras", "view_configversion"),
            ("detection", "change_alert"),
            ("detection", "view_notificationrule"),
            ("detection", "view_delivery"),
        }
    if role == ADMIN:
        codes |= _codes(ADMINISTER, "view", "add", "change", "delete") | {
            ("auth", "view_group"),
            ("cameras", "lift_masks"),
            ("detection", "change_delivery"),
        }
    return codes


def sync_roles(apps: Any, schema_editor: Any) -> None:
    """For `RunPython`: makes the groups and gives them exactly their permissions.

    Django makes permissions only after the last migration, so those that are missing are made here first.
    """
    from django.contrib.auth.management import create_permissions  # noqa: PLC0415  needs the app registry

    for label in ("auth", "edgesite", "cameras", "detection"):
        config = apps.get_app_config(label)
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0)
        config.models_module = None
    group_model = apps.get_model("auth", "Group")
    permission_model = apps.get_model("auth", "Permission")
    for role in ROLES:
        group, _ = group_model.objects.get_or_create(name=role)
        # Models that a later migration adds have none yet; that one syncs again.
        known = permission_model.objects.select_related("content_type")
        wanted = permissions(role)
        group.permissions.set([p for p in known if (p.content_type.app_label, p.codename) in wanted])
