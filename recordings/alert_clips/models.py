from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from recordings.stored_clips.models import StoredClip


class AlertClip(StoredClip):
    """The recording of an alert, as the box that raised it last told. alert_id: the alert's event_id.

    state: of `recordings.core.tasks`. revision: the box's, rises. started_at, stopped_at: what it holds; the end lies ahead
    while the alert goes on, and is None while its end is not known.
    No constraint on the camera: like its alert the clip outlives it, and its object goes with the alert.
    """

    DAYS = "ALERT_CLIP_DAYS"

    alert_id = models.CharField(max_length=64, unique=True)
    camera = models.ForeignKey("cameras.Camera", models.DO_NOTHING, db_constraint=False, related_name="alert_clips")
    revision = models.PositiveIntegerField()
    state = models.CharField(max_length=16)

    class Meta:
        app_label = "recordings"
        verbose_name = _("clip of an alert")
        verbose_name_plural = _("clips of alerts")
        ordering = ["-id"]
        default_permissions = ()  # who sees the alert sees its clip
        indexes = [models.Index(fields=["gone", "removed_at", "stored_at"], name="alert_clip_by_age")]

    def __str__(self) -> str:
        return f"{self.camera_id} {self.alert_id}"
