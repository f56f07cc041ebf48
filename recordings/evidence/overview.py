"""What boxes had to give up lately, as a tile of the admin's first page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from cameras.admin.overview import Tile, tile
from cameras.selectors import visible_devices
from recordings.evidence.admin import SEE, given_up
from recordings.evidence.models import Loss

DAYS = 7
NOT_ALERTS = {"pictures", "reports", "delivered_pictures", "coverage"}  # the alert itself came


def loss_tiles(request: HttpRequest) -> Iterator[Tile]:
    """One tile for whoever may see boxes, while there was a loss within seven days; one query."""
    if not request.user.has_perm(SEE):
        return
    since = timezone.now() - timedelta(days=DAYS)
    found = list(
        Loss.objects.filter(until__gte=since, device__in=visible_devices(request.user)).values_list("counts", flat=True)
    )
    if not found:
        return
    totals: Counter[str] = Counter()
    for counts in found:
        totals.update({name: n for name, n in counts.items() if isinstance(n, int)})
    kind = "bad" if any(totals[name] for name in totals.keys() - NOT_ALERTS) else "warn"
    query = urlencode({"until__gte": since.strftime("%Y-%m-%d %H:%M:%S+00:00")})
    yield tile("losses", _("Losses in 7 days"), len(found), kind, given_up(totals), "recordings_loss", query)
