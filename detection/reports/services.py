"""Takes in what boxes tell of their bindings' hours, and lets go of it when its time is over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings

from cameras.models import Binding, Device
from detection.core.coverage_event import CoverageEvent
from detection.core.coverage_event import CoverageHour as ToldHour
from detection.reports.models import CoverageHour

log = structlog.get_logger(__name__)

AHEAD_S = 3600.0  # a box's clock may be ahead of the hub's
AT_ONCE = 2000
NUMBERS = ("wanted_s", "seen_s", "coarse_s", "person_s", "alerts", "revision")

Key = tuple[str, datetime]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a binding is, as the hub knows it: what the box might say of that does not count."""

    camera_id: str
    roi_id: str
    roi_name: str
    algo_code: str


def take_coverage(event: CoverageEvent, *, device_id: str, now: datetime) -> None:
    """Stores the rows, each if it is the newest of its binding and hour; a repetition changes nothing.

    What is not the device's own is left out, and what lies in the future or beyond the days that are kept: it has no place
    here, and the device need not keep it either. Five queries at most, and one for each row that grew.
    """
    places = _places(device_id, {row.bind_id for row in event.rows})
    since, until = (now - timedelta(days=settings.REPORT_DAYS)).timestamp(), now.timestamp() + AHEAD_S
    rows = _newest(row for row in event.rows if row.bind_id in places and since <= row.start <= until)
    if left_out := len({(row.bind_id, row.start) for row in event.rows}) - len(rows):
        log.warning("hours for reports left out", device=device_id, rows=left_out)
    if not rows:
        return
    known = _known(device_id, rows)
    if new := [key for key in rows if key not in known]:
        zone = ZoneInfo(Device.objects.values_list("site__time_zone", flat=True).get(pk=device_id))
        made = [_made(device_id, key, rows[key], places[key[0]], zone) for key in new]
        CoverageHour.objects.bulk_create(made, ignore_conflicts=True)
        known = _known(device_id, rows)  # of two workers of the hub at once one may have been ignored
    for key, (pk, revision) in known.items():
        if rows[key].revision > revision:
            CoverageHour.objects.filter(pk=pk, revision__lt=rows[key].revision).update(**_numbers(rows[key]))


def _places(device_id: str, bind_ids: set[str]) -> dict[str, _Place]:
    """Of the device's own bindings, also of deleted ones of which there are hours already."""
    own = Binding.objects.filter(bind_id__in=bind_ids, roi__camera__device=device_id)
    found = own.values_list("bind_id", "roi__camera_id", "roi_id", "roi__name", "algo_code")
    places = {row[0]: _Place(*map(str, row[1:])) for row in found}
    if gone := bind_ids - places.keys():
        before = CoverageHour.objects.filter(device_id=device_id, bind_id__in=gone).order_by()
        told = before.values_list("bind_id", "camera_id", "roi_id", "roi_name", "algo_code").distinct()
        places |= {row[0]: _Place(*row[1:]) for row in told}
    return places


def _newest(rows: Iterable[ToldHour]) -> dict[Key, ToldHour]:
    newest: dict[Key, ToldHour] = {}
    for row in rows:
        key = row.bind_id, datetime.fromtimestamp(row.start, UTC)
        if key not in newest or newest[key].revision < row.revision:
            newest[key] = row
    return newest


def _known(device_id: str, rows: dict[Key, ToldHour]) -> dict[Key, tuple[int, int]]:
    """Number and revision of the rows that are here."""
    here = CoverageHour.objects.filter(
        device_id=device_id, bind_id__in={bind_id for bind_id, _ in rows}, start__in={start for _, start in rows}
    )
    found = here.values_list("bind_id", "start", "pk", "revision")
    return {(bind_id, start): (pk, revision) for bind_id, start, pk, revision in found if (bind_id, start) in rows}


def _made(device_id: str, key: Key, row: ToldHour, place: _Place, zone: ZoneInfo) -> CoverageHour:
    local = key[1].astimezone(zone)
    return CoverageHour(
        device_id=device_id, bind_id=row.bind_id, camera_id=place.camera_id, roi_id=place.roi_id,
        roi_name=place.roi_name, algo_code=place.algo_code, start=key[1], day=local.date(), hour=local.hour, **_numbers(row),
    )  # fmt: skip


def _numbers(row: ToldHour) -> dict[str, Any]:
    return {name: getattr(row, name) for name in NUMBERS}


def step(*, now: datetime) -> bool:
    """Removes what is older than `REPORT_DAYS`, a bounded number at a time; True when something went."""
    before = (now - timedelta(days=settings.REPORT_DAYS)).date()
    old = list(CoverageHour.objects.filter(day__lt=before).order_by("day").values_list("pk", flat=True)[:AT_ONCE])
    if not old:
        return False
    gone, _ = CoverageHour.objects.filter(pk__in=old).delete()
    log.info("hours for reports removed: their time is over", rows=gone, days=settings.REPORT_DAYS)
    return True
