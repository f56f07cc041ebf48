"""What a ROI, a binding and a request to a box can be, as the admin shows it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class RoiType(models.TextChoices):
    POLYGON = "polygon", _("Polygon")
    RECTANGLE = "rectangle", _("Rectangle")
    LINE = "line", _("Line")


class Severity(models.TextChoices):
    INFO = "info", _("Info")
    WARNING = "warning", _("Warning")
    CRITICAL = "critical", _("Critical")


class RecordMode(models.TextChoices):
    """What of a camera is recorded without anybody asking (`cameras.core.recording`)."""

    OFF = "off", _("No")
    ALWAYS = "always", _("All the time")
    SCHEDULE = "schedule", _("On a schedule")


class SnapEvery(models.IntegerChoices):
    """Minutes between the snapshots that the hub takes of a camera by itself (`cameras.core.snapping.MINUTES`)."""

    OFF = 0, _("No")
    MINUTE = 1, _("Every minute")
    MINUTES_5 = 5, _("Every 5 minutes")
    MINUTES_15 = 15, _("Every 15 minutes")
    HOUR = 60, _("Every hour")


class RequestState(models.TextChoices):
    """Of what a camera's box was asked for (`cameras.asking`)."""

    WAITING = "waiting", _("Waiting")
    READY = "ready", _("Ready")
    ERROR = "error", _("Error")
