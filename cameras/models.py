"""WHAT should run WHERE: the authoritative configuration."""

from __future__ import annotations

from functools import partial

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError as ParametersError

from cameras.audit import AuditEntry, AuditRecords, site_of  # noqa: F401  AuditEntry: this app's model too
from cameras.choices import RecordMode, RoiType, Severity, SnapEvery
from cameras.core.algorithms import STRANGE_CLASS, registry
from cameras.core.colors import COLORS
from cameras.core.masks import MASK_HAS_NO_RULES, mask_problem
from cameras.core.recording import guarantees_too_much
from cameras.places import check_places
from cameras.recorded import RecordedCamera
from cameras.schedules import (  # its model is this app's too
    check_schedule,
    recordings_stay_with_schedules,
    stay_with_schedules,
)
from cameras.snapped import SnappedCamera
from cameras.validators import clean_shape, parameter_problem, validate_code, validate_source, validate_time_zone
from edgesite.fields import EncryptedTextField
from edgesite.ids import short_id, uuid7

PRIORITY_RANGE = [MinValueValidator(-1_000_000), MaxValueValidator(1_000_000)]  # the config document's


class Site(models.Model):
    name = models.CharField(_("name"), max_length=200, unique=True)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[validate_time_zone],
        help_text=_("IANA name, such as Europe/Vienna or Asia/Shanghai. Schedules and dates in file names follow it."),
    )  # fmt: skip
    history = AuditRecords(site="pk")

    class Meta:
        verbose_name = _("site")
        verbose_name_plural = _("sites")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SiteAccess(models.Model):
    """Which sites a person may see. Without a row: all of them, as far as the person's role goes."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="site_access", verbose_name=_("user")
    )
    all_sites = models.BooleanField(_("all sites"), default=False)
    sites = models.ManyToManyField(Site, blank=True, related_name="access", verbose_name=_("sites"))
    history = AuditRecords(m2m_fields=[sites])

    class Meta:
        verbose_name = _("site access")
        verbose_name_plural = _("site access")

    def __str__(self) -> str:
        return str(self.user)


class Device(models.Model):
    """An edge box. `epoch` and `last_version` number its config documents."""

    device_id = models.CharField(_("device ID"), max_length=64, primary_key=True, validators=[validate_code])
    name = models.CharField(_("name"), max_length=200, blank=True)
    site = models.ForeignKey(Site, models.PROTECT, related_name="devices", verbose_name=_("site"))
    publish_on_save = models.BooleanField(
        _("publish on save"), default=True,
        help_text=_("Every saved change reaches the box at once. Otherwise changes wait until somebody publishes them."),
    )  # fmt: skip
    epoch = models.CharField(_("epoch"), max_length=36, default=uuid7, editable=False)
    last_version = models.PositiveBigIntegerField(_("last version"), default=0, editable=False)
    publish_error = models.TextField(_("publish error"), blank=True, editable=False)
    redis_ahead = models.BooleanField(_("Redis is ahead"), default=False, editable=False)
    token_hash = models.CharField(_("token's hash"), max_length=64, blank=True, editable=False)
    redis_password_hash = models.CharField(_("hash of the Redis password"), max_length=64, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    history = AuditRecords(
        site="site", secrets=["token_hash", "redis_password_hash"],
        machine=["last_version", "publish_error", "redis_ahead"],
    )  # fmt: skip

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        ordering = ["device_id"]

    def __str__(self) -> str:
        return self.name or self.device_id

    def clean(self) -> None:
        stay_with_schedules(Binding.objects.filter(roi__camera__device=self.pk), site=self.site_id)
        recordings_stay_with_schedules(Camera.objects.filter(device=self.pk), site=self.site_id)


class DeviceStatus(models.Model):
    """What the device last reported (DESIGN 5.3). Written by `run_hub` only."""

    device = models.OneToOneField(Device, models.CASCADE, primary_key=True, related_name="status")
    epoch = models.CharField(max_length=36, blank=True)
    observed = models.PositiveBigIntegerField(default=0)
    applied = models.PositiveBigIntegerField(default=0)
    confirmed = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=16, blank=True)
    reason = models.TextField(blank=True)
    reported_at = models.DateTimeField(null=True)
    health = models.JSONField(default=dict)
    device_at = models.CharField(max_length=40, blank=True)  # the box's own time stamp of the report

    class Meta:
        verbose_name = _("device status")
        verbose_name_plural = _("device status")

    def __str__(self) -> str:
        return f"{self.device_id}: {self.state}"


class Camera(RecordedCamera, SnappedCamera):
    camera_id = models.CharField(_("camera ID"), max_length=64, primary_key=True, validators=[validate_code])
    device = models.ForeignKey(Device, models.CASCADE, related_name="cameras", verbose_name=_("device"))
    name = models.CharField(_("name"), max_length=200, blank=True)
    rtsp_url = EncryptedTextField(
        _("stream URL"), max_length=2000, validators=[validate_source],
        help_text=_("rtsp://user:password@host/path, rtsps://…, webcam:0, or file:///… which loops."),
    )  # fmt: skip
    sub_url = EncryptedTextField(
        _("sub-stream"), max_length=2000, blank=True, default="",
        help_text=_("A smaller stream of the camera to analyse: a path, such as /Streaming/Channels/102, or a URL."),
    )  # fmt: skip
    location = models.CharField(_("location"), max_length=200, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    analyse = models.BooleanField(
        _("analyse"), default=True, help_text=_("Whether detection should run on this camera.")
    )
    max_fps = models.FloatField(
        _("analyses per second"), default=10.0, validators=[MinValueValidator(0.1), MaxValueValidator(60)],
        help_text=_("At most this many frames a second are analysed."),
    )  # fmt: skip
    history = AuditRecords(site="device__site", secrets=["rtsp_url", "sub_url"])

    class Meta:
        verbose_name = _("camera")
        verbose_name_plural = _("cameras")
        ordering = ["camera_id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(record__in=RecordMode.values), name="camera_record_known"),
            models.CheckConstraint(condition=models.Q(snap_every__in=SnapEvery.values), name="camera_snap_known"),
        ]

    def __str__(self) -> str:
        return self.name or self.camera_id

    def clean(self) -> None:
        site = site_of(Camera, self.device_id, "device__site")
        stay_with_schedules(Binding.objects.filter(roi__camera=self.pk), site=site)
        if self.record == RecordMode.SCHEDULE and self.record_schedule_id is None:
            raise ValidationError({"record_schedule": _("Choose a schedule.")})
        check_schedule(self.record_schedule_id, site=site, field="record_schedule")
        if guarantees_too_much(keep_days=self.keep_days, least_days=self.least_days):
            raise ValidationError({"least_days": _("More days are guaranteed than are kept.")})
        check_schedule(self.snap_schedule_id, site=site, field="snap_schedule")


class ROI(models.Model):
    roi_id = models.CharField(
        _("ROI ID"), max_length=64, unique=True, default=partial(short_id, "roi"), validators=[validate_code]
    )
    camera = models.ForeignKey(Camera, models.CASCADE, related_name="rois", verbose_name=_("camera"))
    name = models.CharField(_("name"), max_length=200, blank=True)
    roi_type = models.CharField(_("shape"), max_length=16, choices=RoiType, default=RoiType.POLYGON)
    coordinates = models.JSONField(
        _("coordinates"),
        help_text=_("Points as [[x, y], …], each from 0 to 1 of the picture's width and height, from the top left."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    priority = models.IntegerField(
        _("priority"), default=0, validators=PRIORITY_RANGE, help_text=_("Larger comes first.")
    )
    # Cosmetic, and so no part of the config document: the box does not draw. Empty: one that the camera's others do not have.
    color = models.PositiveSmallIntegerField(
        _("colour"), null=True, blank=True, default=None, validators=[MaxValueValidator(COLORS - 1)]
    )
    # In no config document either: its shape goes to the box with each order of an export (`recordings.core.hiding`).
    mask = models.BooleanField(
        _("privacy mask"), default=False, help_text=_("Hidden in exported films. A mask has no rules.")
    )
    history = AuditRecords(site="camera__device__site")

    class Meta:
        verbose_name = _("ROI")
        verbose_name_plural = _("ROIs")
        ordering = ["camera", "-priority", "roi_id"]
        permissions = [("lift_masks", "Can change and remove privacy masks, and export films without them")]
        constraints = [
            models.CheckConstraint(condition=models.Q(roi_type__in=RoiType.values), name="roi_type_known"),
            models.CheckConstraint(condition=models.Q(color=None) | models.Q(color__lt=COLORS), name="roi_color_known"),
            models.CheckConstraint(
                condition=models.Q(mask=False) | ~models.Q(roi_type=RoiType.LINE), name="roi_mask_is_an_area"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.roi_id

    def clean(self) -> None:
        site = site_of(ROI, self.camera_id, "camera__device__site")
        stay_with_schedules(Binding.objects.filter(roi__roi_id=self.roi_id), site=site)
        if self.coordinates is not None:
            try:
                self.coordinates = clean_shape(self.roi_type, self.coordinates)
            except ValidationError as error:
                raise ValidationError({"coordinates": error}) from None
        if self.mask and (problem := mask_problem(self.roi_type, rules=self._has_rules())):
            raise ValidationError({"mask": _(problem)})

    def _has_rules(self) -> bool:
        return not self._state.adding and Binding.objects.filter(roi__roi_id=self.roi_id).exists()


class Binding(models.Model):
    bind_id = models.CharField(
        _("binding ID"), max_length=64, unique=True, default=partial(short_id, "bind"), validators=[validate_code]
    )
    roi = models.ForeignKey(ROI, models.CASCADE, to_field="roi_id", related_name="bindings", verbose_name=_("ROI"))
    algo_code = models.CharField(_("algorithm"), max_length=64)
    params = models.JSONField(
        _("parameters"), default=dict, blank=True,
        help_text=_("A JSON object; what is left out takes its default."),
    )  # fmt: skip
    severity = models.CharField(_("severity"), max_length=16, choices=Severity, default=Severity.WARNING)
    priority = models.IntegerField(
        _("priority"), default=0, validators=PRIORITY_RANGE, help_text=_("Larger comes first.")
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    schedule = models.ForeignKey(
        "Schedule", models.PROTECT, to_field="schedule_id", null=True, blank=True, related_name="bindings",
        verbose_name=_("schedule"), help_text=_("When the rule runs; empty for always."),
    )  # fmt: skip
    history = AuditRecords(site="roi__camera__device__site")

    class Meta:
        verbose_name = _("binding")
        verbose_name_plural = _("bindings")
        ordering = ["roi", "-priority", "bind_id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(severity__in=Severity.values), name="binding_severity_known"),
        ]

    def __str__(self) -> str:
        return f"{self.algo_code} · {self.roi}"

    def clean(self) -> None:
        algorithm = registry.get(self.algo_code)
        if algorithm is None:
            known = ", ".join(a.code for a in registry.all())
            raise ValidationError({"algo_code": _("Unknown algorithm; known: %(known)s.") % {"known": known}})
        roi = ROI.objects.filter(roi_id=self.roi_id).first()
        if roi is not None and roi.roi_type not in algorithm.roi_types:
            raise ValidationError({"roi": _("%(algo)s cannot watch this shape.") % {"algo": _(algorithm.label)}})
        if roi is not None and roi.mask:
            raise ValidationError({"roi": _(MASK_HAS_NO_RULES)})
        check_schedule(self.schedule_id, site=site_of(Binding, self.roi_id, "roi__camera__device__site"))
        if not isinstance(self.params, dict):
            raise ValidationError({"params": _('Parameters must be a JSON object, such as {"dwell_s": 2}.')})
        try:
            params = algorithm.parameters.model_validate(self.params)
        except ParametersError as error:
            raise ValidationError({"params": [parameter_problem(e) for e in error.errors()]}) from None
        if (strange := registry.strange_class(params)) is not None:
            raise ValidationError({"params": [f"classes: {_(STRANGE_CLASS) % strange._asdict()}"]})
        check_places(params, camera=None if roi is None else roi.camera_id)


from cameras.issued import ConfigVersion, ConfigVersionQuerySet, ImmutableError  # noqa: E402, F401  its file, this app's model
from cameras.probing.models import CameraProbe  # noqa: E402, F401  their file, this app's models
from cameras.rollouts.models import Rollout, RolloutDevice  # noqa: E402, F401  their file, this app's models
