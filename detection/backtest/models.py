"""A draft configuration tried on a stored video, beside the published one."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cameras.models import Camera
from edgesite.ids import uuid7


class BackTestState(models.TextChoices):
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class BackTest(models.Model):
    """What was asked, how far it is, and what came of it.

    name: of its folder in the storage. bind_id: the only binding that is compared, "" for all of the camera's. video_key: in
    the folder of the test that it was uploaded for. video_s: its length in seconds, None when the file does not say.
    began_at: when the video begins; None leaves schedules out. tries: how often it was started. seen_at: its process's last
    sign of life. reason: a stored sentence (`cameras.rollouts.texts`). contents: `draft` and `published` (or None), the
    camera's part of each document as it was then, without stream URLs. result: see `detection.backtest.engine`.
    """

    name = models.CharField(max_length=64, unique=True, default=uuid7, editable=False)
    camera = models.ForeignKey(Camera, models.CASCADE, related_name="backtests", verbose_name=_("camera"))
    bind_id = models.CharField(_("binding ID"), max_length=128, blank=True)
    video_name = models.CharField(_("video"), max_length=200)
    video_key = models.CharField(max_length=500, db_index=True)
    video_s = models.FloatField(_("length"), null=True)
    fps = models.FloatField(_("frames per second"))
    began_at = models.DateTimeField(_("the video begins at"), null=True)
    author = models.CharField(_("author"), max_length=150)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    started_at = models.DateTimeField(_("started"), null=True)
    seen_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    state = models.CharField(_("state"), max_length=16, choices=BackTestState, default=BackTestState.QUEUED)
    progress = models.FloatField(_("progress"), default=0.0)
    tries = models.PositiveIntegerField(default=0)
    reason = models.JSONField(_("reason"), default=dict)
    draft_sha256 = models.CharField(_("draft's hash"), max_length=64)
    published_version = models.BigIntegerField(_("published version"), default=0)
    contents = models.JSONField(default=dict)
    result = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("back-test")
        verbose_name_plural = _("back-tests")
        ordering = ["-id"]
        default_permissions = ()  # whoever may change bindings may try them
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=BackTestState.values), name="backtest_state_known"),
            models.CheckConstraint(
                condition=models.Q(progress__gte=0.0, progress__lte=1.0), name="backtest_progress_share"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"

    @property
    def under_way(self) -> bool:
        """Whether something can still change by itself."""
        return self.state in (BackTestState.QUEUED, BackTestState.RUNNING)
