from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class StoredClip(models.Model):
    """A clip whose object the hub takes away in time, and whose row tells what it was.

    stored_at: since when its object stands in the storage, as the hub heard; None before. removed_at: when its time was over;
    gone: the object was taken away, too. protected: until somebody lifts that it stays, whatever its age. device_id: the box
    that recorded it. gaps: as (start, end) in Unix seconds. error: in English, see `edgesite.told`.
    """

    DAYS: ClassVar[str] = ""  # the setting that says for how many days; 0: for good

    device_id = models.CharField(max_length=64)
    started_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)
    stop_reason = models.CharField(max_length=100, blank=True)
    error = models.CharField(max_length=500, blank=True)
    storage_type = models.CharField(max_length=16, blank=True)
    object_name = models.CharField(max_length=500, blank=True, db_index=True)
    sha256 = models.CharField(max_length=64, blank=True)
    bytes = models.PositiveBigIntegerField(default=0)
    duration = models.FloatField(default=0.0)
    gaps = models.JSONField(default=list)
    stored_at = models.DateTimeField(null=True, editable=False)
    protected = models.BooleanField(_("protected"), default=False, editable=False)
    removed_at = models.DateTimeField(null=True, editable=False)
    gone = models.BooleanField(default=False, editable=False)

    class Meta:
        abstract = True

    @classmethod
    def days(cls) -> int:
        return int(getattr(settings, cls.DAYS))

    def kept_until(self) -> datetime | None:
        """None where nothing takes it away by age, and where it is not stored (any more)."""
        if self.stored_at is None or self.removed_at is not None or self.protected or not self.days():
            return None
        return self.stored_at + timedelta(days=self.days())
