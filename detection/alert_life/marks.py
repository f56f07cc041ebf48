"""Alerts as marks on a camera's timeline."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from cameras.selectors import visible_cameras
from detection.alert_life.presenting import algorithm_label
from detection.live_texts import repeated
from detection.models import Alert
from detection.places import boxes_of, of_boxes
from detection.selectors import visible_alerts
from recordings.timeline.marks import Mark, Marks

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST = 500
KINDS = {"critical": "bad", "warning": "warn", "info": "off"}


def alert_marks(user: User | AnonymousUser, camera_id: str, begin: datetime, end: datetime) -> Marks:
    """Those that began in that time, and those that still went on when it began; an alert with its repeats is one."""
    camera = visible_cameras(user).filter(pk=camera_id).first()
    if camera is None:
        return Marks(())
    rows = of_boxes(visible_alerts(user).filter(camera_id=camera_id, part_of=None, phase="started"), boxes_of(camera))
    goes_on = Q(ended_at__gt=begin) | Q(over_at__gt=begin) | Q(last_at__gte=begin)
    wanted = rows.filter(Q(timestamp__gte=begin) | goes_on).filter(Q(timestamp__lt=end) | Q(began_at__lt=end))
    found = list(wanted.order_by("-timestamp")[: MOST + 1])
    left_out = wanted.count() - MOST if len(found) > MOST else 0
    zone = camera.device.site.time_zone
    return Marks(tuple(_mark(alert, zone) for alert in reversed(found[:MOST])), left_out)


def _mark(alert: Alert, zone: str) -> Mark:
    """From the first beginning to the end of all, else to the last beginning."""
    where = alert.roi_name or alert.roi_id
    at = (alert.began_at or alert.timestamp).timestamp()
    last = alert.last_at.timestamp() if alert.last_at else None
    until = alert.whole_end.timestamp() if alert.whole_end else last
    title = _("%(algorithm)s, %(roi)s") % {"algorithm": algorithm_label(alert.algo_code), "roi": where}
    times = repeated(alert.occurrences, last, zone=zone, now=at)  # with a date only where it is another day's
    return Mark(
        at=at,
        until=until,
        kind=KINDS.get(alert.severity, "off"),
        title=f"{title}: {times}" if times else title,
        url=reverse("alert", args=[alert.event_id]),
    )
