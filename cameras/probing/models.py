from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from cameras.choices import RequestState


class CameraProbe(models.Model):
    """A test of a camera's connection. Its state leaves `waiting` once. It holds no URL.

    camera: None for one that is being added and stands in no row yet. device: the box that was asked, and the only one that
    may answer. facts: as `StreamFacts`. picture: what came, as JPEG in Base64, or "". message: in English.
    """

    request_id = models.CharField(max_length=64, unique=True)
    camera = models.ForeignKey("cameras.Camera", models.CASCADE, null=True, related_name="probes")
    device = models.ForeignKey("cameras.Device", models.CASCADE, related_name="probes")
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField(db_index=True)
    deadline = models.DateTimeField()
    state = models.CharField(max_length=16, choices=RequestState, default=RequestState.WAITING)
    facts = models.JSONField(default=dict)
    picture = models.TextField(blank=True, default="")
    message = models.CharField(max_length=500, blank=True)

    class Meta:
        app_label = "cameras"
        verbose_name = _("connection test")
        verbose_name_plural = _("connection tests")
        default_permissions = ()  # who may change the camera may test it
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.camera_id or self.device_id} {self.request_id}"
