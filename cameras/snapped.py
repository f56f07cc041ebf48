"""What snapshots the hub takes of a camera by itself: its columns (docs/recordings.md). A box is not told of them."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from cameras.choices import SnapEvery
from cameras.core.snapping import DEFAULTS, LONGEST_DAYS


class SnappedCamera(models.Model):
    """Under the names of `cameras.core.snapping.COLUMNS`."""

    snap_every = models.PositiveSmallIntegerField(
        _("take snapshots"), choices=SnapEvery, default=SnapEvery.OFF,
        help_text=_("By themselves, such as for a time-lapse. They show on the tab Snapshots."),
    )  # fmt: skip
    snap_schedule = models.ForeignKey(
        "cameras.Schedule", models.PROTECT, to_field="schedule_id", null=True, blank=True, related_name="snapped_cameras",
        verbose_name=_("snapshot schedule"), help_text=_("Only in its hours; empty: at any time."),
    )  # fmt: skip
    snap_days = models.PositiveSmallIntegerField(
        _("days snapshots are kept"), default=DEFAULTS["snap_days"],
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_DAYS)],
        help_text=_("Those taken by themselves. Pictures that somebody asked for stay."),
    )  # fmt: skip

    class Meta:
        abstract = True
