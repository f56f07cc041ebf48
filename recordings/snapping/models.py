from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SnapshotTurn(models.Model):
    """How far the hub is with a camera's scheduled snapshots; what is wanted stands at the camera. Only `run_hub` writes it.

    every: the minutes that `due_at` was worked out for. asked: the request_id of a picture that is still awaited.
    taken_at: of the newest picture. failures: in a row, since the last picture; failed: ever. failed_at, problem: of the last
    failure, in English.
    """

    camera = models.OneToOneField("cameras.Camera", models.CASCADE, primary_key=True, related_name="snapshot_turn")
    every = models.PositiveSmallIntegerField()
    due_at = models.DateTimeField(db_index=True)
    asked = models.CharField(max_length=64, blank=True)
    taken_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    failed_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=500, blank=True)

    class Meta:
        app_label = "recordings"
        verbose_name = _("scheduled snapshots")
        verbose_name_plural = _("scheduled snapshots")
        default_permissions = ()  # who sees the camera sees how its snapshots are

    def __str__(self) -> str:
        return self.camera_id
