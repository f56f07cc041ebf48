"""Open alerts, as a tile of the admin's first page."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count
from django.http import HttpRequest
from django.utils.translation import gettext as _

from cameras.admin.overview import Tile, tile
from cameras.choices import Severity
from detection.alert_life.presenting import SEVERITY_KIND
from detection.models import AlertState
from detection.notifying.selectors import failing_trials, visible_trials
from detection.selectors import visible_alerts

WORST_FIRST = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)


def alert_tiles(request: HttpRequest) -> Iterator[Tile]:
    """One tile for whoever may see alerts at all; one query."""
    if not request.user.has_perm("detection.view_alert"):
        return
    rows = visible_alerts(request.user).filter(state=AlertState.OPEN, part_of=None).order_by()
    counts: dict[str, int] = dict(rows.values_list("severity").annotate(Count("id")))
    present = [severity for severity in WORST_FIRST if counts.get(severity)]
    kind, text = "good", _("none is open")
    if present:
        kind = SEVERITY_KIND[present[0]] if present[0] != Severity.INFO else "busy"
        text = ", ".join(f"{counts[s]} {str(s.label).lower()}" for s in present)
    yield tile(
        "alerts",
        _("Open alerts"),
        sum(counts.values()),
        kind,
        text,
        "detection_alert",
        f"state={AlertState.OPEN}",
    )


def trial_tiles(request: HttpRequest) -> Iterator[Tile]:
    """Devices whose newest test alert did not come out; nothing while there never was one."""
    count = failing_trials(request.user).count()
    if count or visible_trials(request.user).exists():
        kind, text = ("bad", _("did not come out")) if count else ("good", _("all come out"))
        label = _("Test alerts missing")
        yield tile("test_alerts", label, count, kind, text, "detection_trialalert", "state__exact=failed")
