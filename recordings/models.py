"""Pixels kept, as the hub knows of them."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from cameras.choices import RequestState
from cameras.models import Camera
from recordings.extracts.models import Hiding


class SnapshotOrigin(models.TextChoices):
    REQUEST = "request", _("Asked for")
    SCHEDULE = "schedule", _("On schedule")


class SnapshotRequest(models.Model):
    """A picture that somebody asked a camera for, or the hub by itself. Its state leaves `waiting` once, and never changes
    afterwards.

    device_id: the box that was asked, and the only one that may answer. key: where the picture is to stand. at, width,
    height: of the picture, when there is one. message: what went wrong and what to do, in English. It goes with its
    camera, and its object after it (`recordings.objects`).
    """

    request_id = models.CharField(max_length=64, unique=True)
    camera = models.ForeignKey(Camera, models.CASCADE, related_name="snapshot_requests")
    device_id = models.CharField(max_length=64)
    origin = models.CharField(max_length=16, choices=SnapshotOrigin, default=SnapshotOrigin.REQUEST)
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField()
    deadline = models.DateTimeField()
    state = models.CharField(max_length=16, choices=RequestState, default=RequestState.WAITING)
    key = models.CharField(max_length=500, db_index=True)
    at = models.DateTimeField(null=True)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    message = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = _("snapshot request")
        verbose_name_plural = _("snapshot requests")
        ordering = ["-id"]
        default_permissions = ()  # who sees the camera sees its pictures
        indexes = [
            models.Index(fields=["camera", "state", "-id"], name="snapshot_by_camera"),
            models.Index(fields=["camera", "origin", "at"], name="snapshot_by_origin"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=RequestState.values), name="snapshot_state_known"),
            models.CheckConstraint(condition=models.Q(origin__in=SnapshotOrigin.values), name="snapshot_origin_known"),
        ]

    def __str__(self) -> str:
        return f"{self.camera_id} {self.request_id}"

    @property
    def extract_id(self) -> str:
        """Under which the log of who did what names it (`recordings.extracts.logbook.Logged`)."""
        return self.request_id

    @property
    def begin(self) -> datetime:
        return self.at or self.requested_at

    @property
    def end(self) -> datetime:
        """A picture is of one moment."""
        return self.begin

    @property
    def hiding(self) -> str:
        """It shows what the camera gave."""
        return Hiding.NOTHING


from recordings.alert_clips.models import AlertClip  # noqa: E402, F401
from recordings.evidence.models import Evidence, Loss  # noqa: E402, F401  their file, this app's models
from recordings.extracts.models import Extract, ExtractStep  # noqa: E402, F401  their file, this app's models
from recordings.objects.models import StoredObject  # noqa: E402, F401
from recordings.orders.models import ReceivedAnswer, SnapshotOrder  # noqa: E402, F401
from recordings.snapping.models import SnapshotTurn  # noqa: E402, F401  its file, this app's model
from recordings.spans.models import RecordedHour  # noqa: E402, F401
from recordings.tasks.models import RecordingTask  # noqa: E402, F401  its file, this app's model
from recordings.timelapses.models import TimeLapse  # noqa: E402, F401  its file, this app's model
