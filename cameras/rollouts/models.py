"""A staged publish and what it did on each of its devices."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

HEALTHY_SECONDS, ANSWER_SECONDS, ERROR_THRESHOLD, WAVE_SIZE = 300, 3600, 1, 50  # what is set when nobody says otherwise


class RolloutState(models.TextChoices):
    CANARIES = "canaries", _("Canaries")
    SOAKING = "soaking", _("Watching the canaries")
    ASKING = "asking", _("Waits for a decision")
    REST = "rest", _("The rest")
    DONE = "done", _("Done")
    STOPPED = "stopped", _("Stopped")


class DeviceState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    ISSUED = "issued", _("Issued")
    CONFIRMED = "confirmed", _("Confirmed")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")
    ROLLED_BACK = "rolled_back", _("Rolled back")


class Rollout(models.Model):
    """A publish to many devices in stages. `run_hub` moves it on.

    note, stop_reason: `{"template": …, "values": {…}}`, so that whoever shows them can translate them. healthy_since:
    since when every canary has been confirmed and healthy without a break; waits_since: since when not every one is.
    """

    state = models.CharField(_("state"), max_length=16, choices=RolloutState, default=RolloutState.CANARIES)
    author = models.CharField(_("author"), max_length=150)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    healthy_seconds = models.PositiveIntegerField(
        _("healthy time"), default=HEALTHY_SECONDS, validators=[MaxValueValidator(604_800)],
        help_text=_("Seconds for which all canaries must stay healthy before the rest follows."),
    )  # fmt: skip
    answer_seconds = models.PositiveIntegerField(
        _("answer time"), default=ANSWER_SECONDS, validators=[MinValueValidator(1), MaxValueValidator(604_800)],
        help_text=_("Seconds for which it waits for a canary that gives no answer; then somebody has to decide."),
    )  # fmt: skip
    error_threshold = models.PositiveIntegerField(
        _("stop at"), default=ERROR_THRESHOLD, validators=[MinValueValidator(1)],
        help_text=_("The publish stops when this many devices refused it, went back or became unhealthy."),
    )  # fmt: skip
    wave_size = models.PositiveIntegerField(
        _("wave size"), default=WAVE_SIZE, validators=[MinValueValidator(1)],
        help_text=_("At most this many of the rest are under way at once."),
    )  # fmt: skip
    note = models.JSONField(_("waits for"), default=dict, editable=False)
    stop_reason = models.JSONField(_("why it stopped"), default=dict, editable=False)
    stopped_by = models.CharField(_("stopped by"), max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(_("started"), default=timezone.now, editable=False)
    state_since = models.DateTimeField(_("in this state since"), default=timezone.now, editable=False)
    healthy_since = models.DateTimeField(_("healthy since"), null=True, editable=False)
    waits_since = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)

    class Meta:
        verbose_name = _("staged publish")
        verbose_name_plural = _("staged publishes")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=RolloutState.values), name="rollout_state_known"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class RolloutDevice(models.Model):
    """One device of a staged publish.

    content_sha256: of the content that was shown when it started; nothing else is ever issued. version: what was issued
    to it (0: nothing yet) and previous_version what it had before (0: nothing), both in `epoch`. claim: the device while
    the rollout runs, null afterwards; unique, so that no device is in two of them. live_cameras: those whose pictures
    came before and should come afterwards. sick_since: since when it has been unhealthy without a break.
    """

    rollout = models.ForeignKey(Rollout, models.CASCADE, related_name="devices", verbose_name=_("staged publish"))
    device = models.ForeignKey("cameras.Device", models.CASCADE, related_name="rollout_parts", verbose_name=_("device"))
    claim = models.CharField(max_length=64, null=True, unique=True, editable=False)  # noqa: DJ001  NULLs are not equal
    is_canary = models.BooleanField(_("canary"), default=False)
    content_sha256 = models.CharField(max_length=64)
    epoch = models.CharField(max_length=36)
    previous_version = models.PositiveBigIntegerField(default=0)
    version = models.PositiveBigIntegerField(_("version"), default=0)
    state = models.CharField(_("state"), max_length=16, choices=DeviceState, default=DeviceState.WAITING)
    reason = models.JSONField(_("reason"), default=dict)
    was_online = models.BooleanField(default=False)
    live_cameras = models.JSONField(default=list)
    sick_since = models.DateTimeField(null=True)
    issued_at = models.DateTimeField(_("issued"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("device of a staged publish")
        verbose_name_plural = _("devices of a staged publish")
        ordering = ["-is_canary", "device_id"]
        constraints = [
            models.UniqueConstraint(fields=["rollout", "device"], name="rollout_device_once"),
            models.CheckConstraint(condition=models.Q(state__in=DeviceState.values), name="rollout_device_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.rollout} {self.device_id}"
