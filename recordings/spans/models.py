from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class RecordedHour(models.Model):
    """What the camera's box last told of an hour.

    hour: its beginning. spans: (start, end) in Unix milliseconds, in order, inside the hour. revision: the box's, rises.
    left_out: how many more spans there are than the box could tell.
    """

    camera = models.ForeignKey("cameras.Camera", models.CASCADE, related_name="recorded_hours")
    hour = models.DateTimeField()
    spans = models.JSONField(default=list)
    revision = models.PositiveBigIntegerField()
    left_out = models.PositiveIntegerField(default=0)

    class Meta:
        app_label = "recordings"
        verbose_name = _("recorded hour")
        verbose_name_plural = _("recorded hours")
        ordering = ["camera", "hour"]
        default_permissions = ()  # who sees the camera sees what is recorded of it
        constraints = [models.UniqueConstraint(fields=["camera", "hour"], name="recorded_hour_once")]

    def __str__(self) -> str:
        return f"{self.camera_id} {self.hour:%Y-%m-%dT%H}"
