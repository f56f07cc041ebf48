from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class StoredObject(models.Model):
    """An object that a row refers to, or referred to: its camera, or its alert, may be deleted in whatever way.

    tried_at: when it could not be removed last, or was looked after. again_until: up to when it may still come, although
    nothing refers to it; None for one that is stored before it is noted.
    """

    key = models.CharField(max_length=500, unique=True)
    tried_at = models.DateTimeField(null=True)
    again_until = models.DateTimeField(null=True)

    class Meta:
        app_label = "recordings"
        verbose_name = _("stored object")
        verbose_name_plural = _("stored objects")
        ordering = ["id"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.key
