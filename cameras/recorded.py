"""What of a camera is recorded without anybody asking: its columns (docs/recordings.md)."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from cameras.choices import RecordMode
from cameras.core.recording import DEFAULTS, MOST_AFTER_S, MOST_BEFORE_S, MOST_DAYS, MOST_GIB


class RecordedCamera(models.Model):
    """Under the names of `cameras.core.recording.COLUMNS`."""

    record = models.CharField(
        _("record"), max_length=16, choices=RecordMode, default=RecordMode.OFF,
        help_text=_("Without anybody asking, and without detection. Recording tasks record at any time."),
    )  # fmt: skip
    record_schedule = models.ForeignKey(
        "cameras.Schedule", models.PROTECT, to_field="schedule_id", null=True, blank=True, related_name="recorded_cameras",
        verbose_name=_("recording schedule"), help_text=_("When it records on a schedule."),
    )  # fmt: skip
    record_events = models.BooleanField(
        _("record alerts"), default=False, help_text=_("Keeps what is before, during and after each alert as a clip.")
    )
    event_pre_s = models.PositiveSmallIntegerField(
        _("seconds before an alert"), default=DEFAULTS["event_pre_s"], validators=[MaxValueValidator(MOST_BEFORE_S)]
    )
    event_post_s = models.PositiveSmallIntegerField(
        _("seconds after an alert"), default=DEFAULTS["event_post_s"],
        validators=[MinValueValidator(1), MaxValueValidator(MOST_AFTER_S)],
    )  # fmt: skip
    record_sound = models.BooleanField(
        _("record sound"), default=False,
        help_text=_("When the camera sends any. Look first whether the law of the place allows it."),
    )  # fmt: skip
    keep_days = models.PositiveSmallIntegerField(
        _("days kept"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MOST_DAYS)],
        help_text=_("How long the box keeps what it recorded of this camera; empty: as the box was told."),
    )  # fmt: skip
    keep_gib = models.PositiveIntegerField(
        _("gigabytes kept"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MOST_GIB)],
        help_text=_("At most so much of this camera stays on its box, the oldest goes first; empty: no limit of its own."),
    )  # fmt: skip
    least_days = models.PositiveSmallIntegerField(
        _("days guaranteed"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MOST_DAYS)],
        help_text=_("What is younger goes only when the disk is full and nothing else is left to go; then that is reported."),
    )  # fmt: skip

    class Meta:
        abstract = True
