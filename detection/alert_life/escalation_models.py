"""Which alerts must not wait, and for how long."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from cameras.audit import AuditRecords
from cameras.choices import Severity
from cameras.models import Binding, Site

LONGEST_MINUTES = 7 * 24 * 60


class EscalationRule(models.Model):
    """An alert of a site that nobody acknowledged within `after_minutes` is escalated, once.

    The closest rule counts: a binding's own before the site's for that severity, and that before the site's for all.
    raise_to: the severity that the alert gets when it has a lower one; empty leaves it.
    """

    site = models.ForeignKey(Site, models.CASCADE, related_name="escalation_rules", verbose_name=_("site"))
    severity = models.CharField(
        _("severity"), max_length=16, choices=Severity, blank=True, help_text=_("Empty for every severity.")
    )
    binding = models.ForeignKey(
        Binding, models.CASCADE, to_field="bind_id", null=True, blank=True, related_name="escalation_rules",
        verbose_name=_("binding"), help_text=_("Only alerts of this binding; empty for the whole site."),
    )  # fmt: skip
    after_minutes = models.PositiveIntegerField(
        _("after minutes"), default=10, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_MINUTES)],
        help_text=_("Counted from when the hub received the alert."),
    )  # fmt: skip
    raise_to = models.CharField(
        _("raise to severity"), max_length=16, choices=Severity, blank=True,
        help_text=_("Empty leaves the severity as it is."),
    )  # fmt: skip
    enabled = models.BooleanField(_("enabled"), default=True)
    changed_at = models.DateTimeField(auto_now=True, editable=False)
    history = AuditRecords(site="site", machine=["changed_at"])

    class Meta:
        app_label = "detection"
        verbose_name = _("escalation rule")
        verbose_name_plural = _("escalation rules")
        ordering = ["site", "severity", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(severity__in=[*Severity.values, ""]) & models.Q(raise_to__in=[*Severity.values, ""]),
                name="escalation_severity_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site} · {self.binding or self.get_severity_display() or _('every severity')}"

    def clean(self) -> None:
        binding: Any = self.binding
        if binding is not None and self.site_id and binding.roi.camera.device.site_id != self.site_id:
            raise ValidationError({"binding": _("This binding is of another site.")})
