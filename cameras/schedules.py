"""A site's schedules: when bindings run (docs/schedules.md)."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import ValidationError as EntryError

from cameras.audit import AuditRecords
from cameras.core.holidays import PlannedSchedule, document_holidays
from cameras.validators import validate_code
from edgesite.ids import short_id

PARTS = ("schedule_id", "name", "weekly", "holidays")


class Schedule(models.Model):
    """weekly: as in the config document. holidays: as `PlannedHoliday`. Changing one concerns every device whose bindings
    follow it."""

    schedule_id = models.CharField(
        gettext_lazy("schedule ID"), max_length=64, unique=True, default=partial(short_id, "sched"),
        validators=[validate_code],
    )  # fmt: skip
    site = models.ForeignKey("Site", models.CASCADE, related_name="schedules", verbose_name=gettext_lazy("site"))
    name = models.CharField(gettext_lazy("name"), max_length=200, blank=True)
    weekly = models.JSONField(gettext_lazy("weekly hours"), default=list, blank=True)
    holidays = models.JSONField(gettext_lazy("holidays"), default=list, blank=True)
    history = AuditRecords(site="site")

    class Meta:
        verbose_name = gettext_lazy("schedule")
        verbose_name_plural = gettext_lazy("schedules")
        ordering = ["site", "name", "schedule_id"]

    def __str__(self) -> str:
        return self.name or self.schedule_id

    def clean(self) -> None:
        try:
            PlannedSchedule.model_validate({key: getattr(self, key) for key in PARTS})
        except EntryError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ValidationError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None


def entry_of(schedule: Schedule) -> dict[str, Any]:
    """The schedule under the config document's names."""
    row = {key: getattr(schedule, key) for key in PARTS}
    return row | {"holidays": document_holidays(schedule.weekly, schedule.holidays)}


def check_schedule(schedule_id: str | None, *, site: int | None, field: str = "schedule") -> None:
    """A binding or a camera follows a schedule of its own site. site: None when not known. Raises ValidationError."""
    if schedule_id is None or site is None:
        return
    if Schedule.objects.filter(schedule_id=schedule_id).exclude(site=site).exists():
        raise ValidationError({field: _("This schedule belongs to another site.")})


def stay_with_schedules(bindings: models.QuerySet[Any], *, site: int | None) -> None:
    """Refuses a move to another site that would leave the bindings' schedules behind. Raises ValidationError."""
    left = bindings.exclude(schedule=None).exclude(schedule__site=site).values_list("schedule__name", "schedule_id")
    names = sorted({name or code for name, code in left})
    if site is not None and names:
        text = _("Bindings here follow schedules of another site: %(schedules)s. Give them others first.")
        raise ValidationError(text % {"schedules": ", ".join(names)})


def recordings_stay_with_schedules(cameras: models.QuerySet[Any], *, site: int | None) -> None:
    """The same for what cameras record, and for their snapshots. Raises ValidationError."""
    left = cameras.exclude(record_schedule=None).exclude(record_schedule__site=site)
    names = sorted({name or code for name, code in left.values_list("record_schedule__name", "record_schedule_id")})
    if site is not None and names:
        text = _("Recordings here follow schedules of another site: %(schedules)s. Give them others first.")
        raise ValidationError(text % {"schedules": ", ".join(names)})
    snapped = cameras.exclude(snap_schedule=None).exclude(snap_schedule__site=site)
    names = sorted({name or code for name, code in snapped.values_list("snap_schedule__name", "snap_schedule_id")})
    if site is not None and names:
        text = _("Snapshots here follow schedules of another site: %(schedules)s. Give them others first.")
        raise ValidationError(text % {"schedules": ", ".join(names)})
