"""Reads, limited to what the person may see. Who is confined to sites sees their channels, and none that serves all sites."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db.models import Model, QuerySet

from cameras.selectors import sites_are_limited, visible_sites
from detection.notifying.models import Channel, Delivery, NotificationRule
from detection.notifying.trial_models import TrialAlert
from detection.notifying.trials import failing

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Row = TypeVar("Row", bound=Model)


def _of_sites(rows: QuerySet[Row], user: User | AnonymousUser, permission: str, path: str) -> QuerySet[Row]:
    if not user.is_authenticated or not user.has_perm(f"detection.{permission}"):
        return rows.none()
    return rows.filter(**{f"{path}__in": visible_sites(user)}) if sites_are_limited(user) else rows


def visible_channels(user: User | AnonymousUser) -> QuerySet[Channel]:
    """Channels of the person's sites; those without a site only for people who see all sites."""
    return _of_sites(Channel.objects.all(), user, "view_channel", "site")


def visible_rules(user: User | AnonymousUser) -> QuerySet[NotificationRule]:
    """As `visible_channels`."""
    return _of_sites(NotificationRule.objects.all(), user, "view_notificationrule", "site")


def visible_deliveries(user: User | AnonymousUser) -> QuerySet[Delivery]:
    """Deliveries by the channels that `visible_channels` would show; newest first."""
    return _of_sites(Delivery.objects.order_by("-id"), user, "view_delivery", "channel__site")


def visible_trials(user: User | AnonymousUser) -> QuerySet[TrialAlert]:
    """Test alerts of the person's devices; newest first."""
    return _of_sites(TrialAlert.objects.order_by("-id"), user, "view_trialalert", "device__site")


def failing_trials(user: User | AnonymousUser) -> QuerySet[TrialAlert]:
    """The newest test alert of each of the person's devices, where it did not come out."""
    return _of_sites(failing(), user, "view_trialalert", "device__site")
