"""Notifications and test alerts for those who watch the hub: `/metrics` and `/readyz`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.db import Error as DatabaseProblem
from django.db.models import Count, OuterRef, Subquery
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from cameras.selectors import visible_devices
from detection.notifying.models import DeliveryState
from detection.notifying.selectors import visible_deliveries
from detection.notifying.trial_models import TrialAlert, TrialState
from detection.notifying.trials import failing

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def trial_warning() -> str:
    """How many devices' test alerts do not come out; "" for none. Names nobody: `/readyz` is open."""
    try:
        count = failing().count()
    except DatabaseProblem:
        return ""  # a reason of its own says so
    return (
        f"The newest test alert of {count} device(s) did not come out; see Test alerts in the admin." if count else ""
    )


def notification_metrics(user: User) -> Iterator[Metric]:
    """Deliveries that the person may see by state, and how the newest ended test alert of each device went."""
    counts = dict(visible_deliveries(user).order_by().values_list("state").annotate(Count("id")))
    states = GaugeMetricFamily("edgesite_deliveries", "Deliveries in the log by state.", labels=["state"])
    for state in DeliveryState.values:
        states.add_metric([state], counts.get(state, 0))
    yield states
    ended = TrialAlert.objects.filter(device=OuterRef("pk"), ended_at__isnull=False).order_by("-id")
    rows = visible_devices(user).annotate(
        trial_state=Subquery(ended.values("state")[:1]), trial_at=Subquery(ended.values("ended_at")[:1])
    )
    labels = ["device_id", "site"]
    good = GaugeMetricFamily("edgesite_test_alert_ok", "1 when the newest test alert came out.", labels=labels)
    age = GaugeMetricFamily("edgesite_test_alert_age_seconds", "Since the newest test alert ended.", labels=labels)
    now = timezone.now()
    told = rows.exclude(trial_state=None).order_by("pk")
    for pk, site, state, at in told.values_list("pk", "site__name", "trial_state", "trial_at"):
        good.add_metric([pk, site], float(state == TrialState.PASSED))
        age.add_metric([pk, site], (now - at).total_seconds())
    yield good
    yield age
