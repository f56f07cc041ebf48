"""Alerts as the hub keeps them."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from cameras.choices import Severity
from cameras.core.algorithms import registry
from cameras.models import Camera, Device
from detection.alert_life.models import LONGEST_REASON, AlertStep, SavedAlertFilter, Verdict  # noqa: F401  this app's


class AlertState(models.TextChoices):
    OPEN = "open", _("Open")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    RESOLVED = "resolved", _("Resolved")


class Alert(models.Model):
    """An event that a rule raised. `event_id` makes it exactly one row; `id` is the order in which the hub stored it.

    ended_at: when it was over, as the device says with an event of its own, `ended_event_id`; None while it goes on and
    for alerts that have no end. started_event_id: of a record that waits for its alert (`detection.hub.store`), else "".
    part_of: the alert that it repeats (`detection.hub.repeats`); None for one that stands for itself. Of an alert with
    repeats began_at, last_at: first and last beginning; over_at: when all were over. occurrences: itself and its repeats.

    Device and camera are references without a database constraint: an alert outlives the row that it came from.
    """

    event_id = models.CharField(_("event ID"), max_length=64, unique=True)
    device = models.ForeignKey(
        Device, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="alerts", verbose_name=_("device")
    )
    camera = models.ForeignKey(
        Camera, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="alerts", verbose_name=_("camera")
    )
    roi_id = models.CharField(_("ROI ID"), max_length=128)
    roi_name = models.CharField(_("ROI"), max_length=200, blank=True)
    bind_id = models.CharField(_("binding ID"), max_length=128)
    algo_code = models.CharField(_("algorithm"), max_length=128)
    phase = models.CharField(_("phase"), max_length=16)
    severity = models.CharField(_("severity"), max_length=16, choices=Severity)
    timestamp = models.DateTimeField(_("time"), db_index=True)
    data = models.JSONField(_("data"), default=dict)
    capture = models.CharField(_("capture"), max_length=500, blank=True, db_index=True)
    capture_ready = models.BooleanField(_("picture stored"), default=False)
    capture_problem = models.CharField(_("picture problem"), max_length=500, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=AlertState, default=AlertState.OPEN)
    received_at = models.DateTimeField(_("received"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    started_event_id = models.CharField(max_length=64, blank=True, db_index=True, editable=False)
    ended_event_id = models.CharField(max_length=64, blank=True, db_index=True, editable=False)
    end_data = models.JSONField(_("data at the end"), default=dict)
    updates = models.PositiveIntegerField(_("updates"), default=0)
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True)
    acknowledged_by = models.CharField(_("acknowledged by"), max_length=150, blank=True)
    resolved_at = models.DateTimeField(_("resolved"), null=True)
    resolved_by = models.CharField(_("resolved by"), max_length=150, blank=True)
    assignee = models.CharField(_("assigned to"), max_length=150, blank=True)
    verdict = models.CharField(_("verdict"), max_length=8, choices=Verdict, blank=True)
    verdict_reason = models.CharField(_("reason of the verdict"), max_length=LONGEST_REASON, blank=True)
    escalated_at = models.DateTimeField(_("escalated"), null=True)
    part_of = models.ForeignKey(
        "self", models.DO_NOTHING, to_field="event_id", null=True, db_constraint=False, db_index=False,
        related_name="repeats", editable=False, verbose_name=_("part of"),
    )  # fmt: skip
    occurrences = models.PositiveIntegerField(_("times"), default=1, db_default=1)
    began_at = models.DateTimeField(null=True, editable=False)
    last_at = models.DateTimeField(_("last time"), null=True)
    over_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-id"]
        # One for each filter of the list, in the list's order (`detection.alert_life.paging`).
        indexes = [
            models.Index(fields=["camera", "-id"], name="alert_by_camera"),
            models.Index(fields=["state", "-id"], name="alert_by_state"),
            models.Index(fields=["device", "-id"], name="alert_by_device"),
            models.Index(fields=["bind_id", "-id"], name="alert_by_binding"),
            models.Index(fields=["severity", "-id"], name="alert_by_severity"),
            models.Index(fields=["algo_code", "-id"], name="alert_by_algorithm"),
            models.Index(fields=["assignee", "-id"], name="alert_by_assignee"),
            models.Index(fields=["verdict", "-id"], name="alert_by_verdict"),
            models.Index(fields=["state", "escalated_at", "received_at"], name="alert_to_escalate"),
            # Only of repeats: an index of all would be taken for the many rows that are none.
            models.Index(fields=["part_of"], condition=models.Q(part_of__isnull=False), name="alert_repeats"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=AlertState.values), name="alert_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.algo_code} · {self.camera_id}"

    @property
    def duration_s(self) -> float | None:
        """From the alert to its end; None without an end, and when the beginning is not known."""
        return (
            None
            if self.ended_at is None or self.phase == "ended"
            else max((self.ended_at - self.timestamp).total_seconds(), 0.0)
        )

    @property
    def whole_end(self) -> datetime | None:
        """When the alert was over with all its repeats; None while one goes on, or when its rule tells of no end."""
        return self.over_at if self.occurrences > 1 else self.ended_at

    @property
    def whole_duration_s(self) -> float | None:
        """From the first beginning to the end of all; without a told end to the last beginning, when there are repeats."""
        if self.occurrences == 1 or self.began_at is None:
            return self.duration_s
        known = registry.get(self.algo_code)
        end = self.over_at or (None if known and known.ends else self.last_at)
        return None if end is None else (end - self.began_at).total_seconds()


from detection.alert_life.escalation_models import EscalationRule  # noqa: E402, F401  its file, this app's model
from detection.backtest.models import BackTest  # noqa: E402, F401  its file, this app's model
from detection.notifying.models import (  # noqa: E402, F401  their file, this app's models
    Channel,
    Delivery,
    NotificationCursor,
    NotificationRule,
)
from detection.notifying.trial_models import TrialAlert  # noqa: E402, F401  as above
from detection.reports.models import CoverageHour  # noqa: E402, F401  as above
