from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from recordings.extracts.models import Hiding, MadeFilm


class FilmState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    MAKING = "making", _("Being made")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")
    EXPIRED = "expired", _("Expired")
    DELETED = "deleted", _("Deleted")


REMOVED = (FilmState.EXPIRED, FilmState.DELETED)


class TimeLapse(MadeFilm):
    """A film of a camera's scheduled snapshots that somebody asked for.

    device_id: for who may see it (`of_own_sites`). begin, end: of the days, by the site's clock then. first, last: those days.
    fps: pictures a second. most: pictures at most, evenly spread over the days. pictures: in the film; skipped: those that
    could not be read. tries: how often it was begun. seen_at: the maker's last sign of life. It goes with its camera, as the
    snapshots do, and its object after it (`recordings.objects`).
    """

    film_id = models.CharField(max_length=64, unique=True)
    camera = models.ForeignKey(
        "cameras.Camera", models.CASCADE, db_constraint=False, related_name="timelapses", verbose_name=_("camera")
    )
    first = models.DateField(_("first day"))
    last = models.DateField(_("last day"))
    fps = models.PositiveSmallIntegerField(_("pictures a second"))
    most = models.PositiveIntegerField()
    state = models.CharField(_("state"), max_length=16, choices=FilmState, default=FilmState.WAITING)
    pictures = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    tries = models.PositiveIntegerField(default=0)
    seen_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "recordings"
        verbose_name = _("time-lapse")
        verbose_name_plural = _("time-lapses")
        ordering = ["-id"]
        default_permissions = ()  # who sees the camera watches them, who may change it makes them
        indexes = [
            models.Index(fields=["state", "expires_at"], name="timelapse_by_age"),
            models.Index(fields=["camera", "-id"], name="timelapse_by_camera"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=FilmState.values), name="timelapse_state_known"),
            models.CheckConstraint(condition=models.Q(end__gt=models.F("begin")), name="timelapse_ends_after_begin"),
        ]

    def __str__(self) -> str:
        return f"{self.camera_id} {self.first} {self.last}"

    @property
    def extract_id(self) -> str:
        """Under which the log of who did what names it."""
        return self.film_id

    @property
    def hiding(self) -> str:
        """Snapshots are stored as the camera gives them, so a film of them hides nothing."""
        return Hiding.NOTHING
