"""Who is told of alerts, by which way, and what became of each message."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator, MaxValueValidator, RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cameras.audit import AuditRecords
from cameras.choices import Severity
from cameras.models import Camera, Site
from cameras.schedules import Schedule
from edgesite.core.addresses import AddressError, parse_target
from edgesite.fields import EncryptedTextField

LEAST_SECRET = 16
MOST_RECIPIENTS = 50


class ChannelKind(models.TextChoices):
    WEBHOOK = "webhook", _("Webhook")
    EMAIL = "email", _("E-mail")
    MQTT = "mqtt", _("MQTT")


SCHEMES = {ChannelKind.WEBHOOK: ("http", "https"), ChannelKind.MQTT: ("mqtt", "mqtts")}


class Channel(models.Model):
    """A way out. site: whose alerts alone may leave by it; None for all sites.

    url: of a webhook or a broker. secret: signs a webhook, or is the password at a broker. Both are encrypted: addresses of
    webhooks often are secrets too. topic: what all topics at a broker begin with.
    disabled_reason: English (`edgesite.told`), why it disabled itself.
    """

    name = models.CharField(_("name"), max_length=200, unique=True)
    kind = models.CharField(_("kind"), max_length=16, choices=ChannelKind)
    site = models.ForeignKey(
        Site, models.CASCADE, null=True, blank=True, related_name="channels", verbose_name=_("site"),
        help_text=_("Only alerts of this site leave by it; empty for all sites."),
    )  # fmt: skip
    enabled = models.BooleanField(_("enabled"), default=True)
    url = EncryptedTextField(
        _("address"), max_length=2000, blank=True,
        help_text=_(
            "Of a webhook: https://host/path. Of a broker: mqtts://host:port, or mqtt:// without encryption. "
            "The operator's setting NOTIFY_HOSTS must list the host."
        ),
    )  # fmt: skip
    secret = EncryptedTextField(_("secret"), max_length=500, blank=True)
    recipients = models.TextField(_("recipients"), blank=True, help_text=_("Of e-mail: one address on each line."))
    language = models.CharField(
        _("language"),
        max_length=16,
        choices=settings.LANGUAGES,
        default="en",
        help_text=_("In which e-mail is written."),
    )
    username = models.CharField(_("user"), max_length=200, blank=True, help_text=_("At the broker."))
    topic = models.CharField(
        _("topic"), max_length=100, default="edgesite", validators=[RegexValidator(r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")],
        help_text=_("What every topic at the broker begins with: letters, digits, dashes, parts between slashes."),
    )  # fmt: skip
    discovery = models.BooleanField(
        _("Home Assistant"), default=True, help_text=_("Cameras appear in Home Assistant by themselves.")
    )
    pictures = models.BooleanField(
        _("pictures"), default=False, help_text=_("Whoever may read at the broker sees each camera's newest alert.")
    )
    disabled_reason = models.CharField(max_length=500, blank=True, editable=False)
    delivered_at = models.DateTimeField(null=True, editable=False)
    failed_at = models.DateTimeField(null=True, editable=False)
    problem = models.CharField(max_length=500, blank=True, editable=False)
    history = AuditRecords(
        site="site", secrets=["url", "secret"], machine=["disabled_reason", "delivered_at", "failed_at", "problem"]
    )

    class Meta:
        verbose_name = _("notification channel")
        verbose_name_plural = _("notification channels")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=ChannelKind.values), name="channel_kind_known"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.kind == ChannelKind.EMAIL:
            self.recipients = "\n".join(clean_recipients(self.recipients))
            self.url = ""
        elif self.kind in ChannelKind.values:
            try:
                parse_target(self.url, SCHEMES[ChannelKind(self.kind)])
            except AddressError as error:
                text = _("This address cannot be used: it %(problem)s.") % {"problem": str(error)}
                raise ValidationError({"url": text}) from None
            self.recipients = ""
        if self.pk and self.site_id is not None:
            foreign = self.rules.exclude(site=self.site_id).values_list("name", flat=True)[:3]
            if foreign:
                problem = _("Rules of other sites use it: %(rules)s. Take it out of them first.")
                raise ValidationError({"site": problem % {"rules": ", ".join(foreign)}})


def clean_recipients(text: str) -> list[str]:
    """The addresses, one on each line. Raises ValidationError."""
    addresses = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    if not addresses:
        raise ValidationError({"recipients": _("Give at least one address.")})
    if len(addresses) > MOST_RECIPIENTS:
        raise ValidationError({"recipients": _("At most %(most)s addresses.") % {"most": MOST_RECIPIENTS}})
    for address in addresses:
        try:
            EmailValidator()(address)
        except ValidationError:
            problem = _("%(address)s is no e-mail address.") % {"address": address}
            raise ValidationError({"recipients": problem}) from None
    return addresses


class OutOfHours(models.TextChoices):
    SILENT = "silent", _("say nothing")
    HOLD = "hold", _("tell when the hours begin, as one message")


class NotificationRule(models.Model):
    """Which alerts go to which channels. Empty conditions ask nothing."""

    name = models.CharField(_("name"), max_length=200)
    enabled = models.BooleanField(_("enabled"), default=True)
    site = models.ForeignKey(
        Site, models.CASCADE, null=True, blank=True, related_name="notification_rules", verbose_name=_("site"),
        help_text=_("Empty for all sites."),
    )  # fmt: skip
    camera = models.ForeignKey(
        Camera, models.CASCADE, null=True, blank=True, related_name="notification_rules", verbose_name=_("camera"),
        help_text=_("Empty for all cameras."),
    )  # fmt: skip
    algo_code = models.CharField(_("algorithm"), max_length=128, blank=True, help_text=_("Empty for all algorithms."))
    min_severity = models.CharField(
        _("at least"), max_length=16, choices=Severity, default=Severity.WARNING, help_text=_("The least severity.")
    )
    schedule = models.ForeignKey(
        Schedule, models.PROTECT, to_field="schedule_id", null=True, blank=True, related_name="notification_rules",
        verbose_name=_("schedule"), help_text=_("The hours in which it tells of alerts; empty for always."),
    )  # fmt: skip
    out_of_hours = models.CharField(_("at other hours"), max_length=16, choices=OutOfHours, default=OutOfHours.SILENT)
    group_s = models.PositiveIntegerField(
        _("group for"), default=60, validators=[MaxValueValidator(86_400)],
        help_text=_(
            "Seconds. The first alert is told at once, those of so many seconds after it as one message. "
            "0 tells each on its own."
        ),
    )  # fmt: skip
    test_alerts = models.BooleanField(
        _("test alerts"), default=False,
        help_text=_("Also passes on the test alerts of the boxes, so that the whole way is tried, and these channels with it."),
    )  # fmt: skip
    tell_escalated = models.BooleanField(
        _("escalations"), default=True, help_text=_("Also tells of alerts that nobody acknowledged in time.")
    )
    tell_resolved = models.BooleanField(
        _("resolved alerts"), default=False, help_text=_("Also tells when somebody resolved the alert.")
    )
    channels = models.ManyToManyField(Channel, related_name="rules", verbose_name=_("channels"))
    history = AuditRecords(site="site", m2m_fields=[channels])

    class Meta:
        verbose_name = _("notification rule")
        verbose_name_plural = _("notification rules")
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(min_severity__in=Severity.values), name="rule_severity_known"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        cameras = Camera.objects.filter(pk=self.camera_id, device__site=self.site_id)
        if self.camera_id is not None and not cameras.exists():
            raise ValidationError({"camera": _("Choose the site that this camera belongs to, too.")})
        if (
            self.schedule_id is not None
            and not Schedule.objects.filter(schedule_id=self.schedule_id, site=self.site_id).exists()
        ):
            raise ValidationError({"schedule": _("Choose the site that this schedule belongs to, too.")})


class DeliveryState(models.TextChoices):
    HELD = "held", _("Waits for its group")
    WAITING = "waiting", _("Waiting")
    SENDING = "sending", _("Being sent")
    DELIVERED = "delivered", _("Delivered")
    DEAD = "dead", _("Given up")


ENDED = (DeliveryState.DELIVERED, DeliveryState.DEAD)


class Delivery(models.Model):
    """One message, or one alert that goes with others in one (`leader`).

    alert, trial: what it tells of; a person's test has neither. step: what happened to that; "" for an alert itself. key: names
    the message for the receiver, the same at each try. window_until: up to when further alerts of the rule wait for the next
    message. lease: whose try it is; leased_until: when that try counts as lost. status: the receiver's number, if it has one.
    problem: English (`edgesite.told`), never the address or anything the receiver said.
    """

    alert = models.ForeignKey(
        "detection.Alert", models.DO_NOTHING, db_constraint=False, null=True, related_name="deliveries",
        verbose_name=_("alert"),
    )  # fmt: skip
    trial = models.ForeignKey(
        "detection.TrialAlert", models.CASCADE, null=True, related_name="deliveries", verbose_name=_("test alert")
    )
    rule = models.ForeignKey(
        NotificationRule, models.SET_NULL, null=True, related_name="deliveries", verbose_name=_("rule")
    )
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="deliveries", verbose_name=_("channel"))
    step = models.CharField(_("step"), max_length=32, blank=True)
    key = models.CharField(_("key"), max_length=150)
    state = models.CharField(_("state"), max_length=16, choices=DeliveryState, default=DeliveryState.WAITING)
    leader = models.ForeignKey("self", models.CASCADE, null=True, related_name="members", verbose_name=_("sent with"))
    due_at = models.DateTimeField(_("due"), default=timezone.now)
    window_until = models.DateTimeField(null=True)
    lease = models.CharField(max_length=36, blank=True)
    leased_until = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(_("tries"), default=0)
    status = models.PositiveIntegerField(_("answer"), null=True)
    problem = models.CharField(_("problem"), max_length=500, blank=True)
    took_ms = models.PositiveIntegerField(_("took"), null=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-id"]
        default_permissions = ("view", "change")  # to change one: to send it again
        indexes = [
            models.Index(fields=["state", "due_at"], name="delivery_due"),
            models.Index(fields=["rule", "channel", "window_until"], name="delivery_window"),
            models.Index(fields=["ended_at"], name="delivery_ended"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["alert", "rule", "channel", "step"], name="delivery_once"),
            models.UniqueConstraint(fields=["channel", "key"], name="delivery_key"),
            models.CheckConstraint(condition=models.Q(state__in=DeliveryState.values), name="delivery_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class NotificationCursor(models.Model):
    """How far the alerts have been gone through. gaps: numbers before `position` that were not there, and when they were
    missed (Unix seconds): another transaction may still commit them."""

    name = models.CharField(max_length=32, primary_key=True)
    position = models.BigIntegerField()
    gaps = models.JSONField(default=list)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.position}"
