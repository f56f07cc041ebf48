"""What a report is asked for: its form, and the question that a valid one makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from cameras.core.algorithms import registry
from cameras.models import ROI, Binding
from cameras.selectors import visible_cameras, visible_devices, visible_sites
from detection.core.reporting import MOST_SHIFTS, ShiftError, Shifts

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

DAYS = 7  # of the report that nobody narrowed
MOST_DAYS = 92
EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)
MOST_CHOICES = 1000
USUAL = Shifts((6, 14, 22))


@dataclass(frozen=True, slots=True)
class Question:
    """since, until: days of the sites' own time zones, inclusive. site: its number. shift: its number in `shifts`."""

    since: date
    until: date
    shifts: Shifts
    site: int | None = None
    zone: str = ""
    algorithm: str = ""
    shift: int | None = None

    def query(self) -> str:
        """As a URL asks it, with everything that the form fills in by itself."""
        asked = {
            "since": self.since, "until": self.until, "site": self.site, "zone": self.zone,
            "algorithm": self.algorithm, "shifts": self.shifts, "shift": self.shift,
        }  # fmt: skip
        return urlencode({name: str(value) for name, value in asked.items() if value not in (None, "")})

    @property
    def days(self) -> list[date]:
        return [self.since + timedelta(days=n) for n in range((self.until - self.since).days + 1)]

    @property
    def before(self) -> date:
        """The first day of the period of the same length directly before."""
        return self.since - (self.until - self.since) - timedelta(days=1)

    @property
    def hours(self) -> list[int] | None:
        """Of the shift that is asked for; None for all."""
        return None if self.shift is None else self.shifts.hours(self.shift)


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    wrong = gettext_lazy("This is no day. Write it like 2026-11-22.")
    return forms.DateField(label=label, input_formats=["%Y-%m-%d"], widget=widget, error_messages={"invalid": wrong})


class ReportForm(forms.Form):
    """given: the URL's query; what it does not say has a default. today: of the hub. Six queries at most."""

    since = _day(gettext_lazy("From"))
    until = _day(gettext_lazy("Until"))
    site = forms.ChoiceField(label=gettext_lazy("Site"), required=False)
    zone = forms.ChoiceField(label=gettext_lazy("Zone"), required=False)
    algorithm = forms.ChoiceField(label=gettext_lazy("Algorithm"), required=False)
    shifts = forms.CharField(
        label=gettext_lazy("Shifts begin at"), max_length=200,
        widget=forms.TextInput(attrs={"aria-describedby": "shifts-help id_shifts_error"}),
    )  # fmt: skip
    shift = forms.ChoiceField(label=gettext_lazy("Shift"), required=False)

    def __init__(self, user: User | AnonymousUser, given: Mapping[str, str], *, today: date) -> None:
        site = given.get("site", "")
        site = site if site.isascii() and site.isdecimal() and len(site) < 19 else ""
        values = {name: given[name] for name in self.base_fields if given.get(name)}
        values.setdefault("since", (today - timedelta(days=DAYS - 1)).isoformat())
        values.setdefault("until", today.isoformat())
        if "shifts" not in values:
            values["shifts"] = str(_usual_shifts(user, site))
        super().__init__(values, label_suffix="")
        choices: dict[str, list[tuple[Any, Any]]] = {
            "site": list(visible_sites(user).order_by("name").values_list("pk", "name")),
            "zone": _zones(user, site),
            "algorithm": [(a.code, _(a.label)) for a in registry.all()],
            "shift": _shift_choices(values["shifts"]),
        }
        for name, known in choices.items():
            self.fields[name].choices = [("", _("any")), *known]  # type: ignore[attr-defined]

    def clean_shifts(self) -> Shifts:
        try:
            return Shifts.read(self.cleaned_data["shifts"])
        except ShiftError as error:
            texts = {
                "time": _("“%(text)s” is no full hour. Write full hours with commas, such as 06:00, 14:00, 22:00."),
                "twice": _("%(text)s stands twice."),
                "many": _("At most %(most)s shifts."),
            }
            raise forms.ValidationError(texts[error.kind] % {"text": error.text, "most": MOST_SHIFTS}) from None

    def clean_since(self) -> date:
        return _within(self.cleaned_data["since"])

    def clean_until(self) -> date:
        return _within(self.cleaned_data["until"])

    def clean(self) -> dict[str, Any]:
        found = self.cleaned_data
        since, until = found.get("since"), found.get("until")
        if since and until and until < since:
            self.add_error("until", _("The last day lies before the first."))
        elif since and until and (until - since).days >= MOST_DAYS:
            self.add_error(
                "until",
                ngettext("At most %(n)s day at once.", "At most %(n)s days at once.", MOST_DAYS) % {"n": MOST_DAYS},
            )
        return found

    def question(self) -> Question:
        """Of a valid form."""
        found = self.cleaned_data
        shift = str(found["shift"])
        return Question(
            since=found["since"], until=found["until"], shifts=found["shifts"],
            site=int(found["site"]) if found["site"] else None, zone=found["zone"], algorithm=found["algorithm"],
            shift=int(shift) if shift else None,
        )  # fmt: skip


def _within(day: date) -> date:
    if not EARLIEST <= day < LATEST:
        raise forms.ValidationError(_("A day of the years 2000 to 2099."))
    return day


def _zones(user: User | AnonymousUser, site: str) -> list[tuple[Any, Any]]:
    rois = ROI.objects.filter(camera__in=visible_cameras(user).order_by().values("pk")).order_by("name", "roi_id")
    if site:
        rois = rois.filter(camera__device__site=int(site))
    rows = rois.values_list("roi_id", "name", "camera__name", "camera_id")[:MOST_CHOICES]
    return [(roi_id, f"{name or roi_id} · {camera or camera_id}") for roi_id, name, camera, camera_id in rows]


def _shift_choices(text: str) -> list[tuple[Any, Any]]:
    try:
        shifts = Shifts.read(text)
    except ShiftError:
        return []
    return [(number, shifts.name(number)) for number in range(len(shifts.begins))]


def _usual_shifts(user: User | AnonymousUser, site: str) -> Shifts:
    """Those at which most counters of crossings begin anew (`line_crossing`), where they count by full hours."""
    devices = visible_devices(user).order_by()
    if site:
        devices = devices.filter(site=int(site))
    counters = Binding.objects.filter(algo_code="line_crossing", roi__camera__device__in=devices.values("pk"))
    found = Counter[Shifts]()
    for params in counters.order_by().values_list("params", flat=True)[:MOST_CHOICES]:
        given = params.get("reset_at") if isinstance(params, dict) else None
        if isinstance(given, list) and len(given) > 1 and all(isinstance(each, str) for each in given):
            try:
                found[Shifts.read(",".join(given))] += 1
            except ShiftError:
                continue
    return max(found, key=lambda shifts: (found[shifts], shifts.begins)) if found else USUAL
