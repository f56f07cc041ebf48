"""Alerts as marks on a camera's timeline."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from cameras.core.algorithms import registry
from cameras.selectors import visible_cameras
from detection.alert_life.presenting import algorithm_label
from detection.live_texts import repeated
from detection.models import Alert, AlertState
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
    went_on = Q(ended_at__gt=begin) | Q(over_at__gt=begin) | Q(last_at__gte=begin)
    wanted = rows.filter(Q(timestamp__gte=begin) | went_on | _going_on()).filter(
        Q(timestamp__lt=end) | Q(began_at__lt=end)
    )
    found = list(wanted.order_by("-timestamp")[: MOST + 1])
    left_out = wanted.count() - MOST if len(found) > MOST else 0
    zone, so_far = camera.device.site.time_zone, min(end, timezone.now())
    return Marks(tuple(_mark(alert, zone, so_far) for alert in reversed(found[:MOST])), left_out)


def _going_on() -> Q:
    """Alerts of which an end will be told and was not, and that nobody has done with."""
    codes = [algorithm.code for algorithm in registry.all() if algorithm.ends]
    without_end = Q(occurrences=1, ended_at=None) | Q(occurrences__gt=1, over_at=None)
    return Q(algo_code__in=codes) & ~Q(state=AlertState.RESOLVED) & without_end


def _goes_on(alert: Alert) -> bool:
    known = registry.get(alert.algo_code)
    return bool(known and known.ends) and alert.whole_end is None and alert.state != AlertState.RESOLVED


def _mark(alert: Alert, zone: str, so_far: datetime) -> Mark:
    """From the first beginning to the end of all, else to the last beginning; of one that goes on as far as it is known."""
    where = alert.roi_name or alert.roi_id
    at = (alert.began_at or alert.timestamp).timestamp()
    last = alert.last_at.timestamp() if alert.last_at else None
    until = alert.whole_end.timestamp() if alert.whole_end else last
    if _goes_on(alert):
        until = max(at, so_far.timestamp())
    title = _("%(algorithm)s, %(roi)s") % {"algorithm": algorithm_label(alert.algo_code), "roi": where}
    times = repeated(alert.occurrences, last, zone=zone, now=at)  # with a date only where it is another day's
    return Mark(
        at=at,
        until=until,
        kind=KINDS.get(alert.severity, "off"),
        title=f"{title}: {times}" if times else title,
        url=reverse("alert", args=[alert.event_id]),
    )
