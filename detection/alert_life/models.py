"""What people did with alerts. The alert's row holds how it stands; steps tell how it came there, and stay."""

from __future__ import annotations

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

LONGEST_NOTE = 2000
LONGEST_REASON = 500
LONGEST_QUERY = 1000  # of a saved filter
# Columns of an alert that its repeats share with it.
FOLLOWED = (
    "state", "acknowledged_at", "acknowledged_by", "resolved_at", "resolved_by", "assignee", "verdict", "verdict_reason",
)  # fmt: skip


class StepKind(models.TextChoices):
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    ASSIGNED = "assigned", _("Assigned")
    NOTED = "noted", pgettext_lazy("step of an alert", "Note")
    RESOLVED = "resolved", _("Resolved")
    ESCALATED = "escalated", _("Escalated")
    DELETED = "deleted", _("Deleted")


class Verdict(models.TextChoices):
    """What a person found the alert to be; empty while nobody said."""

    TRUE = "true", pgettext_lazy("verdict", "Right")
    FALSE = "false", pgettext_lazy("verdict", "False alarm")


class StepError(Exception):
    """A step was about to be changed or deleted."""


class AlertStepQuerySet(models.QuerySet["AlertStep"]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise StepError("Steps never change.")

    def delete(self) -> NoReturn:
        raise StepError("Steps are kept.")


class AlertStep(models.Model):
    """Something that happened to an alert. Only ever added: its numbers are the order in which others may read on.

    author: as the person was called; empty for the hub itself. device_id, camera_id: where the alert came from, so that
    the step can be read, and limited to sites, when the alert is gone. details: by kind, `assignee` (empty: nobody any
    more), `verdict` and `reason`, `severity` (`[before, after]`) and `minutes`; of a deleted alert what it was
    (`detection.alert_life.deleting`).
    """

    alert = models.ForeignKey(
        "detection.Alert", models.DO_NOTHING, db_constraint=False, related_name="steps", verbose_name=_("alert")
    )
    event_id = models.CharField(_("event ID"), max_length=64, db_index=True)
    device_id = models.CharField(_("device ID"), max_length=128)
    camera_id = models.CharField(_("camera ID"), max_length=128)
    kind = models.CharField(_("step"), max_length=16, choices=StepKind)
    author = models.CharField(pgettext_lazy("who did it", "person"), max_length=150, blank=True)
    at = models.DateTimeField(_("time"))
    note = models.TextField(pgettext_lazy("step of an alert", "note"), max_length=LONGEST_NOTE, blank=True)
    details = models.JSONField(_("details"), default=dict)

    objects = AlertStepQuerySet.as_manager()

    class Meta:
        app_label = "detection"
        verbose_name = _("step of an alert")
        verbose_name_plural = _("steps of alerts")
        ordering = ["id"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.event_id} {self.kind}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise StepError("Steps never change.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise StepError("Steps are kept.")


class SavedAlertFilter(models.Model):
    """A list of alerts that somebody comes back to. query: the URL's, without a page."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="alert_filters")
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(max_length=LONGEST_QUERY, blank=True)

    class Meta:
        app_label = "detection"
        ordering = ["name"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="alert_filter_name")]

    def __str__(self) -> str:
        return self.name


class EvidenceView(models.Model):
    """Somebody was shown an alert's picture. One row for a person, an alert and an hour, however often it was fetched."""

    author = models.CharField(max_length=150)
    event_id = models.CharField(max_length=64, db_index=True)
    device_id = models.CharField(max_length=128)
    hour = models.DateTimeField()

    class Meta:
        app_label = "detection"
        ordering = ["-hour", "author"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["event_id", "author", "hour"], name="evidence_view_once_an_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.author} {self.event_id}"


class ExportKind(models.TextChoices):
    ALERTS = "alerts", _("Alerts")
    REPORT = "report", _("Report")


class AlertExport(models.Model):
    """Somebody took alerts, or a report of them, out of the product. query: what the page was narrowed to, of a report
    always with its days. rows: how many, None while it runs."""

    kind = models.CharField(max_length=16, choices=ExportKind, default=ExportKind.ALERTS, db_default=ExportKind.ALERTS)
    author = models.CharField(pgettext_lazy("who did it", "person"), max_length=150)
    at = models.DateTimeField(_("time"))
    query = models.CharField(max_length=LONGEST_QUERY, blank=True)
    rows = models.PositiveBigIntegerField(_("rows"), null=True)

    class Meta:
        app_label = "detection"
        ordering = ["-id"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.author} {self.at:%Y-%m-%d %H:%M}"
