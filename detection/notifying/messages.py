"""What is told: the alerts of a delivery, as data for machines and as words for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cameras.core.algorithms import registry
from cameras.models import Camera
from detection.models import Alert
from detection.notifying.models import Channel, Delivery
from detection.notifying.trial_models import TrialAlert
from detection.places import own_cameras
from detection.selectors import FullPicture, alert_message, full_pictures
from edgesite.ids import uuid7
from edgesite.told import told

MOST_TOLD = 50  # alerts of one message; how many there are is told too
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Line:
    """One alert in words."""

    what: str
    where: str
    when: str
    url: str


@dataclass(frozen=True, slots=True)
class Message:
    """body: for machines. subject, lines, more: for people, in the channel's language; more: alerts beyond the lines."""

    key: str
    body: dict[str, Any]
    subject: str
    intro: str
    lines: tuple[Line, ...]
    more: int = 0


def link(path: str) -> str:
    """How others reach a page of the hub; "" when PUBLIC_URL is not set."""
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else ""


def alerts_of(delivery: Delivery) -> tuple[list[Alert], int]:
    """The alerts that a message tells of, the first of them, and how many there are. Alerts that are gone are left out."""
    members = delivery.members.order_by("id").values_list("alert", flat=True)
    ids = [pk for pk in (delivery.alert_id, *members) if pk is not None]
    found = {alert.pk: alert for alert in Alert.objects.filter(pk__in=ids[:MOST_TOLD])}
    return [found[pk] for pk in ids[:MOST_TOLD] if pk in found], len(ids)


def message_of(delivery: Delivery) -> Message | None:
    """The message; None when none of its alerts is there any more."""
    if delivery.trial is not None:
        return _trial_message(delivery, delivery.trial)
    alerts, count = alerts_of(delivery)
    if not alerts:
        return None
    cameras, full = own_cameras(alerts), full_pictures(alerts)
    data = [_data(alert, cameras.get(alert.event_id), full.get(alert.event_id)) for alert in alerts]
    body: dict[str, Any] = {
        "format": FORMAT,
        "type": "alert" if count == 1 else "alerts",
        "key": delivery.key,
        "rule": delivery.rule.name if delivery.rule else "",
        "step": delivery.step,
        "count": count,
        "alerts": data,
    }
    with translation.override(delivery.channel.language):
        lines = tuple(_line(alert, cameras.get(alert.event_id)) for alert in alerts)
        subject = _("%(what)s: %(where)s") % {"what": lines[0].what, "where": lines[0].where}
        if count > 1:
            more = ngettext("%(count)s more alert", "%(count)s more alerts", count) % {"count": count}
            subject = f"{more}: {delivery.rule.name}" if delivery.rule else more
        if delivery.step:
            word = {"escalated": _("Nobody acknowledged in time"), "resolved": _("Resolved")}[delivery.step]
            subject = f"{word}: {subject}"
        intro = _("Rule: %(rule)s") % {"rule": delivery.rule} if delivery.rule else ""
    return Message(delivery.key, body, subject, intro, lines, count - len(alerts))


def trial_message(channel: Channel, *, at: datetime) -> Message:
    """What the test button sends."""
    key = f"test.{uuid7()}"
    body = {"format": FORMAT, "type": "test", "key": key, "rule": "", "count": 0, "alerts": []}
    with translation.override(channel.language):
        subject = _("Test of the channel %(channel)s") % {"channel": channel}
        intro = _("Somebody pressed “Send a test”. Alerts will reach you this way.")
    return Message(key, body, subject, intro, ())


def _trial_message(delivery: Delivery, trial: TrialAlert) -> Message:
    """Of a test alert of a box: that it came, or that it did not, or that it does again."""
    site = trial.device.site
    body: dict[str, Any] = {
        "format": FORMAT, "type": "test_alert" if delivery.step == "trial" else "test_alert_problem", "key": delivery.key,
        "rule": delivery.rule.name if delivery.rule else "", "count": 0, "alerts": [], "device_id": trial.device_id,
        "site": site.name, "ok": delivery.step != "trial_failed", "problem": trial.problem,
        "asked_at": trial.asked_at.timestamp(),
    }  # fmt: skip
    with translation.override(delivery.channel.language):
        subject = {
            "trial": _("Test alert of %(device)s"),
            "trial_failed": _("No alerts from %(device)s: its test alert did not come out"),
            "trial_passed": _("Test alerts of %(device)s come out again"),
        }[delivery.step] % {"device": f"{trial.device} ({site.name})"}
        problem = told(trial.problem)
    return Message(delivery.key, body, subject, problem, ())


def _data(alert: Alert, camera: Camera | None, full: FullPicture | None) -> dict[str, Any]:
    site = camera.device.site if camera else None
    fields = alert_message(alert, camera_name=str(camera or ""), full=full)
    del fields["cursor"]
    pictures = {name: fields[name] for name in ("capture_url", "full_capture_url")}
    return fields | {
        **{name: link(path) or path if path else None for name, path in pictures.items()},
        "site": site.name if site else None,
        "time_zone": site.time_zone if site else "UTC",
        "url": link(reverse("admin:detection_alert_change", args=[alert.pk])) or None,
    }


def _line(alert: Alert, camera: Camera | None) -> Line:
    zone = ZoneInfo(camera.device.site.time_zone if camera else "UTC")
    known = registry.get(alert.algo_code)
    what = _(known.label) if known else alert.algo_code
    places: Sequence[str] = [str(camera or alert.camera_id), alert.roi_name or alert.roi_id]
    if camera:
        places = [camera.device.site.name, *places]
    return Line(
        what=_("%(severity)s: %(algorithm)s") % {"severity": alert.get_severity_display(), "algorithm": what},
        where=" · ".join(place for place in places if place),
        when=f"{alert.timestamp.astimezone(zone):%Y-%m-%d %H:%M:%S} {zone.key}",
        url=link(reverse("admin:detection_alert_change", args=[alert.pk])),
    )
