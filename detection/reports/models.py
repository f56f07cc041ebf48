"""What reports are made of, beside the alerts themselves."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class CoverageHour(models.Model):
    """One binding in one hour of its site's clock, as its box told it last. Written by `detection.reports.services` only.

    start: when the hour began. day, hour: what the site's clock showed then; of the hour that comes twice in autumn there are
    two rows. wanted_s: seconds within the schedule; seen_s: of those, when the rule could see; coarse_s: of those, when
    what is short may have been missed. person_s: observed seconds of all that it counts, added up. alerts: raised on the box.
    revision: the box's; only a higher one changes the row.

    Box, camera, region and binding are no references: a report outlives them.
    """

    device_id = models.CharField(_("device ID"), max_length=64)
    camera_id = models.CharField(_("camera ID"), max_length=64)
    roi_id = models.CharField(_("ROI ID"), max_length=64)
    roi_name = models.CharField(_("ROI"), max_length=200, blank=True)
    bind_id = models.CharField(_("binding ID"), max_length=64)
    algo_code = models.CharField(_("algorithm"), max_length=64)
    start = models.DateTimeField()
    day = models.DateField()
    hour = models.PositiveSmallIntegerField()
    wanted_s = models.FloatField(default=0.0)
    seen_s = models.FloatField(default=0.0)
    coarse_s = models.FloatField(default=0.0)
    person_s = models.FloatField(default=0.0)
    alerts = models.PositiveIntegerField(default=0)
    revision = models.PositiveBigIntegerField(default=0)

    class Meta:
        app_label = "detection"
        verbose_name = _("report")
        verbose_name_plural = _("Violations and coverage")
        ordering = ["-start"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["device_id", "day"], name="coverage_by_device"),
            models.Index(fields=["day"], name="coverage_by_day"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["device_id", "bind_id", "start"], name="coverage_hour_once"),
            models.CheckConstraint(condition=models.Q(hour__lt=24), name="coverage_hour_of_day"),
        ]

    def __str__(self) -> str:
        return f"{self.bind_id} {self.start:%Y-%m-%d %H:%M}"
