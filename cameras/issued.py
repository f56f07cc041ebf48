"""Config documents that were issued: kept, and never changed."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _

from edgesite.fields import EncryptedTextField


class ImmutableError(Exception):
    """An issued config version was about to be changed or deleted."""


class ConfigVersionQuerySet(models.QuerySet["ConfigVersion"]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise ImmutableError("Config versions never change.")

    def delete(self) -> NoReturn:
        raise ImmutableError("Config versions are kept.")


class ConfigVersion(models.Model):
    """One issued config document. Never changed; the document is encrypted because it holds camera credentials."""

    device = models.ForeignKey("cameras.Device", models.CASCADE, related_name="versions", verbose_name=_("device"))
    epoch = models.CharField(_("epoch"), max_length=36)
    version = models.PositiveBigIntegerField(_("version"))
    rollback_of = models.PositiveBigIntegerField(_("rollback of"), null=True)
    sha256 = models.CharField("SHA-256", max_length=64)
    document = EncryptedTextField(_("document"))
    author = models.CharField(_("author"), max_length=150)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    issued_at = models.DateTimeField(_("issued"))

    objects = ConfigVersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("config version")
        verbose_name_plural = _("config versions")
        ordering = ["-issued_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["device", "epoch", "version"], name="config_version_number"),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} v{self.version}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ImmutableError("Config versions never change.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ImmutableError("Config versions are kept.")
