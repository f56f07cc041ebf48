from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from recordings.core.tasks import RUNNING
from recordings.extracts.models import Hiding
from recordings.stored_clips.models import StoredClip


class TaskState(models.TextChoices):
    STARTING = "starting", _("Starting")
    RECORDING = "recording", _("Recording")
    STOPPING = "stopping", _("Stopping")
    UPLOADING = "uploading", _("Uploading")
    UPLOADED = "uploaded", _("Uploaded")
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")


class RecordingTask(StoredClip):
    """A recording that somebody started, as the hub wants it (`state`) and as the box last told (`revision` and the rest).

    device_id's box is the only one that may report. box_state: "" before its first report. ordered_at: when the box was
    last told what to do. slot: the camera, while the task runs: of one camera only one does. deleted_at, deleted_by: when
    somebody deleted its clip, and who.
    """

    DAYS = "TASK_CLIP_DAYS"

    task_id = models.CharField(max_length=64, unique=True)
    slot = models.OneToOneField("cameras.Camera", models.CASCADE, null=True, related_name="running_task")
    camera = models.ForeignKey("cameras.Camera", models.CASCADE, related_name="recording_tasks")
    task_name = models.CharField(max_length=200)
    state = models.CharField(max_length=16, choices=TaskState, default=TaskState.STARTING)
    box_state = models.CharField(max_length=16, blank=True)
    revision = models.PositiveIntegerField(default=0)
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField()
    ordered_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=40, blank=True)
    local_file = models.CharField(max_length=1000, blank=True)
    local_file_deleted = models.BooleanField(default=False)
    bucket = models.CharField(max_length=100, blank=True)
    deleted_at = models.DateTimeField(null=True, editable=False)
    deleted_by = models.CharField(max_length=150, blank=True, default="", editable=False)

    class Meta:
        app_label = "recordings"
        verbose_name = _("recording task")
        verbose_name_plural = _("recording tasks")
        ordering = ["-id"]
        default_permissions = ()  # who sees the camera sees its recordings, who may change it starts and stops them
        indexes = [
            models.Index(fields=["camera", "task_name", "-id"], name="task_by_name"),
            models.Index(fields=["gone", "removed_at", "stored_at"], name="task_by_age"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=TaskState.values), name="task_state_known"),
            models.CheckConstraint(
                condition=models.Q(state__in=RUNNING, slot__isnull=False)
                | ~models.Q(state__in=RUNNING) & models.Q(slot=None),
                name="task_slot_while_running",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.camera_id} {self.task_name}"

    @property
    def extract_id(self) -> str:
        """Under which the log of who did what names it (`recordings.extracts.logbook.Logged`)."""
        return self.task_id

    @property
    def begin(self) -> datetime:
        return self.started_at or self.requested_at

    @property
    def end(self) -> datetime:
        return self.stopped_at or self.begin

    @property
    def hiding(self) -> str:
        """A task's clip shows what the camera gave."""
        return Hiding.NOTHING
