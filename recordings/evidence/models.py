"""What the hub knows of evidence: every picture that a box stored, with its place in the box's chain, and what was given up."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Evidence(models.Model):
    """A stored picture. chain, number, previous, link: its place (`edgesite.core.chain`), chain "" when the box told none.

    event_id: the alert's. taken_at: of which moment it is; None where that is its alert's, or the box did not tell.
    lost: the box had it and gave it up before it was stored here; the place in the chain counts.
    removed_at: when its time was over or its alert deleted; gone: the object was taken away, too. No reference to device or
    alert: evidence that something was here outlives both.
    """

    device_id = models.CharField(_("device ID"), max_length=64)
    chain = models.CharField(max_length=64, blank=True)
    number = models.PositiveBigIntegerField(_("number"), default=0)
    previous = models.CharField(max_length=64, blank=True)
    link = models.CharField(max_length=64, blank=True)
    event_id = models.CharField(_("event ID"), max_length=64)
    key = models.CharField(_("capture"), max_length=500)
    sha256 = models.CharField("SHA-256", max_length=64)
    size = models.PositiveBigIntegerField(_("bytes"))
    received_at = models.DateTimeField(_("received"), auto_now_add=True)
    lost = models.BooleanField(_("lost"), default=False)
    taken_at = models.DateTimeField(_("taken"), null=True)
    removed_at = models.DateTimeField(_("removed"), null=True)
    gone = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("stored evidence")
        verbose_name_plural = _("stored evidence")
        ordering = ["id"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["event_id", "sha256"], name="evidence_once")]
        indexes = [
            models.Index(fields=["device_id", "chain", "number"], name="evidence_by_place"),
            models.Index(fields=["gone", "removed_at", "id"], name="evidence_by_age"),
        ]

    def __str__(self) -> str:
        return self.key


class Loss(models.Model):
    """What a box reported to have given up. counts, links: as in `recordings.core.losses.LossEvent`."""

    event_id = models.CharField(_("event ID"), max_length=64, unique=True)
    device = models.ForeignKey(
        "cameras.Device", models.DO_NOTHING, db_constraint=False, related_name="losses", verbose_name=_("device")
    )
    since = models.DateTimeField(_("since"))
    until = models.DateTimeField(_("until"), db_index=True)
    counts = models.JSONField(_("given up"), default=dict)
    chain = models.CharField(max_length=64, blank=True)
    links = models.JSONField(default=list)
    received_at = models.DateTimeField(_("received"), auto_now_add=True)

    class Meta:
        verbose_name = _("loss")
        verbose_name_plural = _("losses")
        ordering = ["-id"]
        default_permissions = ()  # who sees the device sees what it lost

    def __str__(self) -> str:
        return f"{self.device_id} {self.until:%Y-%m-%d %H:%M}"
