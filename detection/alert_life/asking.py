"""Which alerts somebody wants to see, as the list's URL says it, and the rows that answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from django.db.models import Max, Min, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext

from cameras.choices import Severity
from cameras.core.algorithms import registry
from cameras.models import ROI
from cameras.selectors import visible_cameras, visible_devices
from detection.alert_life.models import Verdict
from detection.models import Alert, AlertState
from detection.places import at_camera, places_at
from detection.selectors import visible_alerts

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

LONGEST_VALUE = 200
FEW = 5_000  # alerts of a period that are looked for by its index alone
MOST_MATCHES = 500  # cameras, boxes or regions that one search word may name
MOST_WORDS = 5
APART = "\x1f"  # no ID holds it
UNRESOLVED = "unresolved"
ME, NOBODY = "me", "nobody"
EACH = "each"
VERDICTS = (*Verdict.values, "none")


@dataclass(frozen=True, slots=True)
class Question:
    """What the list is narrowed to. Empty asks nothing; what makes no sense is taken for empty.

    state: one, or `unresolved`. site: its number. assignee: `me` or `nobody`. verdict: one, or `none`. q: words of a
    site, box, camera, region or algorithm, or an identifier. repeats: `each` lists them by themselves, else they are within
    their alert. since, until: days of the hub's time zone, inclusive.
    """

    q: str = ""
    state: str = ""
    severity: str = ""
    site: str = ""
    camera: str = ""
    algorithm: str = ""
    binding: str = ""
    assignee: str = ""
    verdict: str = ""
    escalated: str = ""
    repeats: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Question:
        """From a URL's query."""
        text = {f.name: _clean(given.get(f.name, "")) for f in fields(cls)}
        known = {
            "state": (*AlertState.values, UNRESOLVED), "severity": Severity.values, "assignee": (ME, NOBODY),
            "verdict": VERDICTS, "escalated": ("yes",), "repeats": (EACH,),
        }  # fmt: skip
        for name, values in known.items():
            if text[name] not in values:
                text[name] = ""
        if not (text["site"].isascii() and text["site"].isdecimal() and len(text["site"]) < 19):
            text["site"] = ""
        since, until = _day(text.pop("since")), _day(text.pop("until"))
        return cls(since=since, until=until, **text)

    def asks(self) -> bool:
        """Whether it narrows the list at all."""
        return self != Question()


def _clean(text: str) -> str:
    return text.strip()[:LONGEST_VALUE] if text.isprintable() else ""


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def known_query(given: QueryDict) -> str:
    """Of a URL's query only what the list knows, encoded anew; without the place in the list."""
    kept = QueryDict(mutable=True)
    for field in fields(Question):
        if value := given.get(field.name):
            kept[field.name] = value
    return kept.urlencode()


def wanted_alerts(user: User | AnonymousUser, question: Question) -> QuerySet[Alert]:
    """The rows that the person may see and asked for, unordered. Five queries beforehand at most, for each search word seven
    more."""
    rows = visible_alerts(user).order_by()
    if question.repeats != EACH:
        rows = rows.filter(part_of=None)
    if question.state:
        states = (AlertState.OPEN, AlertState.ACKNOWLEDGED) if question.state == UNRESOLVED else (question.state,)
        rows = rows.filter(state__in=states)
    for name, column in (
        ("severity", "severity"), ("algorithm", "algo_code"), ("binding", "bind_id"),
    ):  # fmt: skip
        if value := getattr(question, name):
            rows = rows.filter(**{column: value})
    rows = _at_place(rows, user, question)
    if question.assignee:
        rows = rows.filter(assignee=user.get_username() if question.assignee == ME else "")
    if question.verdict:
        rows = rows.filter(verdict="" if question.verdict == "none" else question.verdict)
    if question.escalated:
        rows = rows.exclude(escalated_at=None)
    rows = rows.alias(place=Concat("device_id", Value(APART), "camera_id"))
    for word in question.q.split()[:MOST_WORDS]:
        rows = rows.filter(_naming(user, word))
    return _within(rows, question)


def _at_place(rows: QuerySet[Alert], user: User | AnonymousUser, question: Question) -> QuerySet[Alert]:
    if question.camera:
        rows = at_camera(rows, user, question.camera)
    if question.site:
        here = visible_devices(user).filter(site=int(question.site))
        rows = rows.filter(device_id__in=list(here.values_list("pk", flat=True)))
    return rows


def _within(rows: QuerySet[Alert], question: Question) -> QuerySet[Alert]:
    """Only those of the period. The index of times says first between which numbers they lie."""
    if not question.since and not question.until:
        return rows
    period = Q()
    if question.since:
        period &= Q(timestamp__gte=_midnight(question.since))
    if question.until and question.until < date.max:
        period &= Q(timestamp__lt=_midnight(question.until + timedelta(days=1)))
    inside = Alert.objects.filter(period).order_by()
    if not question.until and inside[: FEW + 1].count() > FEW:
        return rows.filter(period)  # it begins at the newest, where the list begins too
    ends = inside.aggregate(low=Min("id"), high=Max("id"))
    if ends["low"] is None:
        return rows.none()
    return rows.filter(period, id__gte=ends["low"], id__lte=ends["high"])


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def _naming(user: User | AnonymousUser, word: str) -> Q:
    """Alerts of whatever the word is part of the name of; the names are looked up first, they are few.

    A camera's names, and its regions', are those of the alerts that are at it (`detection.places`): what another box told of it
    shows no such name, and is not found by it.
    """
    devices, cameras = visible_devices(user), visible_cameras(user).select_related(None)
    named = devices.filter(Q(name__icontains=word) | Q(site__name__icontains=word) | Q(device_id__icontains=word))
    seen = cameras.filter(Q(name__icontains=word) | Q(location__icontains=word) | Q(camera_id__icontains=word))
    rois = ROI.objects.filter(Q(name__icontains=word) | Q(roi_id__icontains=word), camera__device__in=devices)
    codes = [a.code for a in registry.all() if word.casefold() in f"{a.code} {gettext(a.label)}".casefold()]
    regions = list(rois.values_list("roi_id", "camera_id")[:MOST_MATCHES])
    seen_ids, region_ids = list(seen.values_list("pk", flat=True)[:MOST_MATCHES]), {camera for _, camera in regions}
    here = Q(place__in=[APART.join(place) for place in places_at({*seen_ids, *region_ids})])
    return (
        Q(event_id=word)
        | Q(
            event_id__in=list(
                Alert.objects.filter(event_id=word, part_of__isnull=False).values_list("part_of", flat=True)
            )
        )
        | Q(bind_id=word)
        | Q(camera_id=word)  # also when the camera is gone
        | Q(device_id__in=list(named.values_list("pk", flat=True)[:MOST_MATCHES]))
        | Q(camera_id__in=seen_ids) & here
        | Q(algo_code__in=codes)
        | Q(roi_id__in={roi for roi, _ in regions}, camera_id__in=region_ids) & here
    )
