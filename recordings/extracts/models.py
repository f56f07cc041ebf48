from __future__ import annotations

from django.db import models
from django.utils.translation import gettext, gettext_noop, pgettext_lazy
from django.utils.translation import gettext_lazy as _


class ExtractState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    CUTTING = "cutting", _("Being cut")
    STORING = "storing", _("Being stored")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")
    EXPIRED = "expired", _("Expired")
    DELETED = "deleted", _("Deleted")


class ExtractPurpose(models.TextChoices):
    PLAY = "play", _("Playing")
    EXPORT = "export", _("Export")


class Hiding(models.TextChoices):
    """What an extract hides. UNMASKED: nothing, though the camera had privacy masks when it was asked for."""

    NOTHING = "nothing", _("Nothing hidden")
    MASKS = "masks", _("Privacy masks hidden")
    OUTSIDE = "outside", _("Everything outside chosen regions hidden")
    UNMASKED = "unmasked", _("Without the privacy masks")


SIGNED_LINK = gettext_noop("signed link")  # stands for a person in the log; no user name holds a space
STANDING = (ExtractState.WAITING, ExtractState.CUTTING, ExtractState.STORING, ExtractState.READY)
REMOVED = (ExtractState.EXPIRED, ExtractState.DELETED)


class MadeFilm(models.Model):
    """A film that somebody asked for, which is made, stored and kept for a time.

    device_id: the box of its camera then. progress: per cent. message: in English, see `edgesite.told`. gone: its object was
    taken away.
    """

    device_id = models.CharField(max_length=64)
    begin = models.DateTimeField(_("from"))
    end = models.DateTimeField(_("to"))
    progress = models.PositiveSmallIntegerField(default=0)
    message = models.CharField(max_length=500, blank=True)
    key = models.CharField(max_length=255, unique=True)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)
    bytes = models.PositiveBigIntegerField(_("size"), default=0)
    duration = models.FloatField(default=0.0)
    requested_by = models.CharField(pgettext_lazy("who did it", "person"), max_length=150)
    requested_at = models.DateTimeField(_("requested"))
    expires_at = models.DateTimeField(_("kept until"))
    gone = models.BooleanField(default=False)

    class Meta:
        abstract = True


class Extract(MadeFilm):
    """A stretch of a camera's recording that somebody wants to play or to export.

    device_id's box has it, and is the only one that may report. slot: names the stretch while it is under way or ready:
    another wish for the same is the same extract. hide: what is hidden, as the box is told it; None for nothing.
    hidden_names: of the regions that stay visible then. started_at: of the first picture. gaps: as (start, end) in Unix
    seconds. heard_at: when the box last told of it. No constraint on the camera: the object must go also when its camera
    went before.
    """

    extract_id = models.CharField(max_length=64, unique=True)
    camera = models.ForeignKey(
        "cameras.Camera", models.DO_NOTHING, db_constraint=False, related_name="extracts", verbose_name=_("camera")
    )
    slot = models.CharField(max_length=200, unique=True, null=True)  # noqa: DJ001  only NULL may stand twice
    purpose = models.CharField(max_length=16, choices=ExtractPurpose)
    state = models.CharField(_("state"), max_length=16, choices=ExtractState, default=ExtractState.WAITING)
    started_at = models.DateTimeField(null=True)
    gaps = models.JSONField(default=list)
    hiding = models.CharField(_("hidden"), max_length=16, choices=Hiding, default=Hiding.NOTHING)
    hide = models.JSONField(null=True, default=None)
    hidden_names = models.CharField(max_length=300, blank=True, default="")
    ordered_at = models.DateTimeField(null=True)
    heard_at = models.DateTimeField(null=True)
    protected = models.BooleanField(_("protected"), default=False)

    class Meta:
        app_label = "recordings"
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        ordering = ["-id"]
        default_permissions = ()  # who sees the camera plays its recording, who may change it exports
        indexes = [
            models.Index(fields=["state", "expires_at"], name="extract_by_age"),
            models.Index(fields=["purpose", "camera", "-id"], name="extract_by_camera"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=ExtractState.values), name="extract_state_known"),
            models.CheckConstraint(
                condition=models.Q(state__in=STANDING, slot__isnull=False)
                | ~models.Q(state__in=STANDING) & models.Q(slot=None),
                name="extract_slot_while_standing",
            ),
            models.CheckConstraint(condition=models.Q(end__gt=models.F("begin")), name="extract_ends_after_it_begins"),
        ]

    def __str__(self) -> str:
        return f"{self.camera_id} {self.begin:%Y-%m-%d %H:%M:%S}"


class StepKind(models.TextChoices):
    REQUESTED = "requested", _("Export requested")
    FILMED = "filmed", _("Time-lapse requested")
    VIEWED = "viewed", _("Watched or downloaded")
    PROTECTED = "protected", _("Protected")
    UNPROTECTED = "unprotected", _("Protection lifted")
    DELETED = "deleted", _("Deleted")
    EXPIRED = "expired", _("Time is over")
    REMOVED = "removed", _("File removed")


class ExtractStep(models.Model):
    """Who did what with an extract; it says all of it on its own, as the extract's row may go.

    at: of `viewed` the full hour: one row for a person, an extract and an hour. author: empty for the hub itself.
    """

    extract_id = models.CharField(max_length=64)
    camera_id = models.CharField(_("camera"), max_length=128)
    device_id = models.CharField(max_length=64)
    begin = models.DateTimeField(_("from"))
    end = models.DateTimeField(_("to"))
    kind = models.CharField(max_length=16, choices=StepKind)
    hiding = models.CharField(max_length=16, choices=Hiding, default=Hiding.NOTHING)
    author = models.CharField(pgettext_lazy("who did it", "person"), max_length=150, blank=True)
    at = models.DateTimeField(_("time"))

    class Meta:
        app_label = "recordings"
        ordering = ["-at", "-id"]
        default_permissions = ()
        indexes = [models.Index(fields=["-at", "-id"], name="extract_step_by_time")]
        constraints = [
            models.UniqueConstraint(fields=["extract_id", "kind", "author", "at"], name="extract_step_once"),
        ]

    def __str__(self) -> str:
        return f"{self.author} {self.kind} {self.extract_id}"

    @property
    def who(self) -> str:
        """In the reader's language where it was no person."""
        return gettext(self.author) if self.author == SIGNED_LINK else self.author
