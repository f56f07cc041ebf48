from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from cameras.choices import RequestState
from edgesite.fields import EncryptedTextField


class SnapshotOrder(models.Model):
    """A picture that an integrator asked for. Its state leaves `waiting` once, and with it the answer stands.

    request_id: the integrator's; the picture's own request has another one, so that nobody can name that of somebody else.
    snapshot: what the box was asked; None when it was not. url: in an answer it is a permission, so it is encrypted.
    message: in English.
    """

    request_id = models.CharField(max_length=128, unique=True)
    camera_code = models.CharField(max_length=200, blank=True)
    snapshot = models.OneToOneField("recordings.SnapshotRequest", models.CASCADE, null=True, related_name="order")
    received_at = models.DateTimeField(db_index=True)
    state = models.CharField(max_length=16, choices=RequestState, default=RequestState.WAITING)
    url = EncryptedTextField(blank=True)
    message = models.CharField(max_length=500, blank=True)

    class Meta:
        app_label = "recordings"
        verbose_name = _("ordered snapshot")
        verbose_name_plural = _("ordered snapshots")
        ordering = ["-id"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=RequestState.values), name="order_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.camera_code} {self.request_id}"


class ReceivedAnswer(models.Model):
    """An answer that another installation posted here. The first one of a request_id stands."""

    request_id = models.CharField(max_length=128, unique=True)
    camera_code = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=8)
    url = EncryptedTextField(blank=True)
    message = models.CharField(max_length=500, blank=True)
    received_at = models.DateTimeField(db_index=True)
    received_from = models.CharField(max_length=150)

    class Meta:
        app_label = "recordings"
        verbose_name = _("received snapshot answer")
        verbose_name_plural = _("received snapshot answers")
        ordering = ["-id"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.camera_code} {self.request_id}"
