"""Alerts as marks on a camera's timeline."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from detection.alert_life.presenting import algorithm_label
from detection.models import Alert
from detection.selectors import visible_alerts
from recordings.timeline.marks import Mark, Marks

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST = 500
KINDS = {"critical": "bad", "warning": "warn", "info": "off"}


def alert_marks(user: User | AnonymousUser, camera_id: str, begin: datetime, end: datetime) -> Marks:
    """Those that began in that time, and those that still went on when it began."""
    goes_on = Q(timestamp__lt=begin, ended_at__gt=begin)
    wanted = visible_alerts(user).filter(Q(timestamp__gte=begin) | goes_on, camera_id=camera_id, timestamp__lt=end)
    rows = list(wanted.filter(phase="started").order_by("-timestamp")[: MOST + 1])
    left_out = wanted.filter(phase="started").count() - MOST if len(rows) > MOST else 0
    return Marks(tuple(_mark(alert) for alert in reversed(rows[:MOST])), left_out)


def _mark(alert: Alert) -> Mark:
    where = alert.roi_name or alert.roi_id
    return Mark(
        at=alert.timestamp.timestamp(),
        until=alert.ended_at.timestamp() if alert.ended_at else None,
        kind=KINDS.get(alert.severity, "off"),
        title=_("%(algorithm)s, %(roi)s") % {"algorithm": algorithm_label(alert.algo_code), "roi": where},
        url=reverse("alert", args=[alert.event_id]),
    )
