"""Test alerts: asked of a box, and followed until they have left the hub."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from cameras.models import Device
from edgesite.ids import uuid7


class TrialState(models.TextChoices):
    ASKED = "asked", _("Asked for")
    ARRIVED = "arrived", _("At the hub")
    PASSED = "passed", _("Came out")
    FAILED = "failed", _("Did not come out")


TRIAL_UNDER_WAY = (TrialState.ASKED, TrialState.ARRIVED)


class TrialAlert(models.Model):
    """A test alert of one device. It is no `Alert`: no list, number or statistic of alerts can hold it.

    under_way: the device's ID up to the end, so that it has one at a time. event_id: its name in the box's outbox.
    told: to how many channels it was given. problem: English (`edgesite.told`), where it went missing.
    """

    device = models.ForeignKey(Device, models.CASCADE, related_name="trial_alerts", verbose_name=_("device"))
    request_id = models.CharField(max_length=36, unique=True, default=uuid7)
    under_way = models.CharField(max_length=64, null=True, unique=True, editable=False)  # noqa: DJ001
    event_id = models.CharField(max_length=64, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=TrialState, default=TrialState.ASKED)
    asked_at = models.DateTimeField(_("asked for"))
    deadline = models.DateTimeField(_("deadline"))
    arrived_at = models.DateTimeField(_("at the hub"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    told = models.PositiveIntegerField(_("channels"), default=0)
    problem = models.CharField(_("problem"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("test alert")
        verbose_name_plural = _("test alerts")
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["device", "-id"], name="trial_by_device")]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=TrialState.values), name="trial_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} {self.asked_at:%Y-%m-%d %H:%M}"
