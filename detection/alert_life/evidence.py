"""Who was shown the picture or the clip of which alert."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet
from django.utils import timezone

from detection.alert_life.models import EvidenceView
from detection.models import Alert
from detection.selectors import visible_alerts
from recordings.alert_clips.selectors import alerts_of_clip
from recordings.core.names import capture_of

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

REMEMBERED = 4096
SHOWN = 20


class _Noted:
    """What this process has written already: a page that shows fifty pictures again writes nothing and asks nothing."""

    def __init__(self) -> None:
        self._keys: OrderedDict[tuple[int, str, datetime], None] = OrderedDict()
        self._lock = threading.Lock()

    def holds(self, key: tuple[int, str, datetime]) -> bool:
        with self._lock:
            return key in self._keys

    def add(self, key: tuple[int, str, datetime]) -> None:
        with self._lock:
            self._keys[key] = None
            while len(self._keys) > REMEMBERED:
                self._keys.popitem(last=False)


_noted = _Noted()


def note_viewed(user: User | AnonymousUser, key: str, *, now: datetime | None = None) -> None:
    """Notes that the picture or clip under this key is given to the person. Raises DatabaseError: then it is not given."""
    hour = (now or timezone.now()).replace(minute=0, second=0, microsecond=0)
    place = (user.pk or 0, key, hour)
    if _noted.holds(place):
        return
    alerts = (
        visible_alerts(user)
        .filter(Q(capture__in={key, capture_of(key)}) | Q(event_id__in=alerts_of_clip(key)))
        .values_list("event_id", "device_id")
    )
    rows = [
        EvidenceView(author=user.get_username(), event_id=event_id, device_id=device_id, hour=hour)
        for event_id, device_id in alerts
    ]
    EvidenceView.objects.bulk_create(rows, ignore_conflicts=True)
    _noted.add(place)


def views_of(alert: Alert) -> QuerySet[EvidenceView]:
    """Who was shown it, latest first."""
    return EvidenceView.objects.filter(event_id=alert.event_id).order_by("-hour", "author")[:SHOWN]
