"""Schedules, written as lines of text and shown as a week."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, gettext_noop
from django.utils.translation import gettext as _

from cameras.admin.audit import AuditedAdmin
from cameras.admin.base import PublishingAdmin, VisibleOnly
from cameras.admin.chips import chip
from cameras.admin.schedule_preview import SchedulePreview
from cameras.admin.schedule_words import DAY_NAMES, meaning, meaning_list, now_text
from cameras.core.schedule import DAY_MINUTES, DAYS, ScheduleEntry, minutes_of
from cameras.core.schedule_text import CLOSED, ScheduleTextError, Written, format_text, hours_of, parse
from cameras.schedules import Schedule, entry_of

PROBLEMS = (
    gettext_noop("%(word)s is not a date such as 2026-12-25"),
    gettext_noop("%(word)s stands twice"),
    gettext_noop("%(word)s has hours and is closed"),
    gettext_noop("%(word)s is too much here"),
    gettext_noop("a day such as Mon or a date such as 2026-12-25 is missing here"),
    gettext_noop("a time of day such as 08:30 is missing here"),
    gettext_noop("24:00 can only end hours; write 00:00 of the next day"),
    gettext_noop("“-” and the end of the hours are missing here"),
    gettext_noop("start and end are the same; a whole day is 00:00-24:00"),
    gettext_noop("the name has more than %(count)s characters"),
    gettext_noop("there are more than %(count)s dates"),
    gettext_noop("there are more than %(count)s hours in a week"),
)


class HoursField(forms.CharField):
    """Lines such as `Mon-Fri 08:00-12:00`; cleans to `Written`."""

    widget = forms.Textarea(attrs={"rows": 10, "class": "vLargeTextField code", "spellcheck": "false"})

    def clean(self, value: Any) -> Written:
        text = super().clean(value)
        try:
            return parse(text)
        except ScheduleTextError as error:
            values = {"line": error.line, "column": error.column, "reason": _(error.template) % error.values}
            raise ValidationError(_("Line %(line)s, column %(column)s: %(reason)s.") % values) from None


class ScheduleForm(forms.ModelForm[Schedule]):
    hours = HoursField(
        label=gettext_lazy("Hours"),
        required=False,
        help_text=gettext_lazy(
            "One line for days of the week or for a date: Mon-Fri 08:00-12:00, 13:00-17:00, or 2026-12-25 closed. "
            "Hours whose end comes before their start end on the next day. A date replaces the hours of its day of the week; "
            "2026-12-25 like Sun gives it those of another day, and what comes after # is its name."
        ),
    )

    class Meta:
        model = Schedule
        fields = "__all__"  # noqa: DJ007  the admin class names the fields

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.initial["hours"] = format_text(self.instance.weekly, self.instance.holidays)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        written: Written | None = given.get("hours")
        # The same hours leave the row as it is, in its own order, so that a save that changes nothing makes no version.
        if written is not None and written != parse(format_text(self.instance.weekly, self.instance.holidays)):
            self.instance.weekly, self.instance.holidays = written.weekly, written.holidays
        return given


def week_bars(weekly: list[dict[str, str]]) -> dict[str, list[tuple[int, int]]]:
    """The stretches of each day, in minutes from its midnight; nights are cut in two."""
    bars: dict[str, list[tuple[int, int]]] = {day: [] for day in DAYS}
    for interval in weekly:
        day, start, end = interval["day"], minutes_of(interval["start"]), minutes_of(interval["end"])
        if end > start:
            bars[day].append((start, end))
        else:
            bars[day].append((start, DAY_MINUTES))
            bars[DAYS[(DAYS.index(day) + 1) % 7]].append((0, end))
    return {day: sorted(stretch for stretch in found if stretch[0] < stretch[1]) for day, found in bars.items()}


@admin.register(Schedule)
class ScheduleAdmin(SchedulePreview, AuditedAdmin[Schedule], PublishingAdmin[Schedule]):
    site_path = "site"
    form = ScheduleForm
    list_display = ["schedule_id", "name", "site", "now", "summary", "bindings_count"]
    list_filter = [("site", VisibleOnly)]
    search_fields = ["schedule_id", "name"]
    list_select_related = ["site"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Schedule]:
        return super().get_queryset(request).annotate(bindings_count=Count("bindings"))

    def get_fieldsets(self, request: HttpRequest, obj: Schedule | None = None) -> Any:
        """What it is, then its hours; the page puts the week that is drawn in between."""
        known = ["schedule_id", "name", "site"]
        if obj is None:
            return [(None, {"fields": known}), (_("Hours as text"), {"fields": ["hours"]})]
        if not self.has_change_permission(request, obj):
            return [(None, {"fields": [*known, "written", "week", "meant"]})]
        return [(None, {"fields": known}), (_("Hours as text"), {"fields": ["hours", "week", "meant"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Schedule | None = None) -> Any:
        # Bindings of its site follow it: it does not move to another one.
        return ["schedule_id", "site", "written", "week", "meant"] if obj else []

    def device_ids(self, rows: QuerySet[Schedule]) -> set[str]:
        paths = ("bindings__roi__camera__device_id", "recorded_cameras__device_id")
        return {device for path in paths for device in rows.values_list(path, flat=True) if device}

    @admin.display(description=gettext_lazy("now"))
    def now(self, schedule: Schedule) -> SafeString:
        found = now_text(_entry(schedule), schedule.site.time_zone, timezone.now().timestamp())
        return chip(found.kind, found.text)

    @admin.display(description=gettext_lazy("hours"))
    def summary(self, schedule: Schedule) -> str:
        return "; ".join(format_text(schedule.weekly, []).splitlines()) or "–"

    @admin.display(description=gettext_lazy("bindings"), ordering="bindings_count")
    def bindings_count(self, schedule: Schedule) -> int:
        return schedule.bindings_count  # type: ignore[attr-defined,no-any-return]  # annotated above

    @admin.display(description=gettext_lazy("hours"))
    def written(self, schedule: Schedule) -> SafeString:
        return format_html(
            '<pre class="document" tabindex="0">{}</pre>', format_text(schedule.weekly, schedule.holidays)
        )

    @admin.display(description=gettext_lazy("what it means"))
    def meant(self, schedule: Schedule) -> SafeString:
        zone, now = schedule.site.time_zone, timezone.now().timestamp()
        return meaning_list(meaning(_entry(schedule), schedule.holidays, zone, now))

    @admin.display(description=gettext_lazy("week as saved"))
    def week(self, schedule: Schedule) -> SafeString:
        """A table with a bar for each day, from midnight to midnight."""
        hours, bars = hours_of(schedule.weekly), week_bars(schedule.weekly)
        rows = format_html_join(  # hours stand below the bar, so that a telephone shows both
            "",
            '<tr><th scope="row">{}</th><td><svg width="192" height="12" viewBox="0 0 1440 12" '
            'preserveAspectRatio="none" aria-hidden="true"><rect width="1440" height="12" fill="currentColor" '
            'fill-opacity="0.12"/>{}</svg><div class="help">{}</div></td></tr>',
            ((DAY_NAMES[day], _bars(bars[day]), _words(hours[day], bars[day])) for day in DAYS),
        )
        head = format_html("<tr><th>{}</th><th>{}</th></tr>", _("Day"), _("Hours, 0–24"))
        return format_html("<table><thead>{}</thead><tbody>{}</tbody></table>", head, rows)


def _entry(schedule: Schedule) -> ScheduleEntry:
    return ScheduleEntry.model_validate(entry_of(schedule))


def _words(hours: str, stretches: list[tuple[int, int]]) -> str:
    """The hours that begin on a day; of one that only has the end of a night, when that is."""
    if hours != CLOSED or not stretches:
        return hours
    end = max(end for _, end in stretches)
    return gettext("until %(time)s") % {"time": f"{end // 60:02}:{end % 60:02}"}


def _bars(stretches: list[tuple[int, int]]) -> SafeString:
    bar = '<rect x="{}" width="{}" height="12" fill="currentColor"/>'
    return format_html_join("", bar, ((start, end - start) for start, end in stretches))
