"""Reads for whoever acts on alerts: who may be given one, and what happened to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db.models import Q, QuerySet

from cameras.models import Device, SiteAccess
from detection.alert_life.models import AlertStep, StepKind
from detection.models import Alert

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def people_who_act() -> QuerySet[User]:
    """Active people, no machines, whose role may act on alerts."""
    acts = Permission.objects.filter(content_type__app_label="detection", codename="change_alert")
    by_role = Q(groups__permissions__in=acts) | Q(user_permissions__in=acts)
    people = get_user_model().objects.filter(Q(is_superuser=True) | by_role, is_active=True, api_token=None)
    return people.distinct().order_by("username")


def assignable_people(alert: Alert) -> QuerySet[User]:
    """Those who may see the alert and act on it."""
    site = Device.objects.filter(pk=alert.device_id).values_list("site", flat=True).first()
    shut_out = SiteAccess.objects.filter(all_sites=False).exclude(sites=site or 0)
    return people_who_act().filter(Q(is_superuser=True) | ~Q(pk__in=shut_out.values("user")))


def devices_to_act_on(username: str, device_ids: Iterable[str]) -> set[str]:
    """Those of the devices of which the person may act on alerts: none for whoever is no such person. Three queries."""
    person = people_who_act().filter(username=username).first()
    if person is None:
        return set()
    limited = SiteAccess.objects.filter(user=person, all_sites=False)
    if person.is_superuser or not limited.exists():
        return set(device_ids)
    return set(Device.objects.filter(pk__in=device_ids, site__in=limited.values("sites")).values_list("pk", flat=True))


def steps_of(alert: Alert) -> QuerySet[AlertStep]:
    """What happened to it, oldest first."""
    return AlertStep.objects.filter(alert_id=alert.pk).order_by("id")


def occurrences_of(first: Alert) -> list[Alert]:
    """The alert and its repeats, latest first."""
    both = Alert.objects.filter(event_id=first.event_id) | Alert.objects.filter(part_of__event_id=first.event_id)
    return list(both.defer("data", "end_data").order_by("-timestamp", "-id"))


def deleted_among(event_ids: Sequence[str]) -> set[str]:
    """Those that were alerts that somebody deleted: a device that sends one again does not bring it back."""
    steps = AlertStep.objects.filter(event_id__in=event_ids, kind=StepKind.DELETED)
    return set(steps.order_by().values_list("event_id", flat=True))


def was_deleted(event_id: str, *, device_id: str, camera_id: str) -> bool:
    """Whether somebody deleted that alert of this device and camera."""
    known = AlertStep.objects.filter(event_id=event_id, device_id=device_id, camera_id=camera_id)
    return known.filter(kind=StepKind.DELETED).exists()


def deleted_capture(event_id: str, *, device_id: str) -> str | None:
    """The key of the picture of the device's alert that somebody deleted; None when there was no such alert."""
    deleted = AlertStep.objects.filter(event_id=event_id, device_id=device_id, kind=StepKind.DELETED).first()
    return None if deleted is None else str(deleted.details.get("capture", ""))
