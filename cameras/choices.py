"""What a ROI and a binding can be, as the admin shows it."""

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
