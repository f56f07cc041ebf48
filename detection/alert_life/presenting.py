"""An alert as pages show it: words, chips, times in its site's zone, the overlay of its picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from cameras.admin.chips import chip
from cameras.core.algorithms import registry
from cameras.models import Camera
from detection.alert_life.models import AlertStep, StepKind, Verdict
from detection.live_texts import ended, lasting, relative, repeated
from detection.models import Alert, AlertState
from detection.selectors import capture_url

STATE_KIND = {"open": "bad", "acknowledged": "busy", "resolved": "good"}
SEVERITY_KIND = {"info": "off", "warning": "warn", "critical": "bad"}


def algorithm_label(code: str) -> str:
    known = registry.get(code)
    return _(known.label) if known else code


def permanent_link(alert: Alert) -> str:
    """Root-relative; it stays the alert's for good."""
    return f"/alerts/{quote(alert.event_id)}"


def moment(at: datetime | None, zone: str, now: datetime) -> dict[str, str] | None:
    """A time as pages write it: how long ago, and exactly."""
    if at is None:
        return None
    return {
        "iso": at.astimezone(UTC).isoformat(),
        "ago": relative((now - at).total_seconds()),
        "exact": f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S} {zone}",
    }


def state_chip(alert: Alert) -> SafeString:
    return chip(STATE_KIND[alert.state], alert.get_state_display())


def severity_chip(alert: Alert) -> SafeString:
    return chip(SEVERITY_KIND[alert.severity], alert.get_severity_display())


def verdict_chip(verdict: str) -> SafeString:
    """Empty without one."""
    if not verdict:
        return SafeString("")
    return chip("good" if verdict == Verdict.TRUE else "off", str(Verdict(verdict).label))


def shown(alert: Alert, camera: Camera | None, now: datetime) -> dict[str, Any]:
    """What list and page both tell of it. camera: None when it is gone."""
    site = camera.device.site if camera else None
    zone = site.time_zone if site else "UTC"
    acted_at = alert.resolved_at or alert.acknowledged_at
    end = alert.whole_end.timestamp() if alert.whole_end else None
    last = alert.last_at.timestamp() if alert.last_at else None
    return {
        "alert": alert,
        "pk": alert.pk,
        "event_id": alert.event_id,
        "url": reverse("admin:detection_alert_change", args=[alert.pk]),
        "what": algorithm_label(alert.algo_code),
        "roi": alert.roi_name or alert.roi_id,
        "camera": str(camera) if camera else alert.camera_id,
        "site": site.name if site else "",
        "zone": zone,
        "when": moment(alert.timestamp, zone, now),
        "times": repeated(alert.occurrences, last, zone=zone, now=now.timestamp()),
        "end": ended(end, alert.whole_duration_s, zone=zone, now=now.timestamp()),
        "severity": severity_chip(alert),
        "state": state_chip(alert),
        "verdict": verdict_chip(alert.verdict),
        "acted_by": alert.resolved_by or alert.acknowledged_by,
        "acted_at": moment(acted_at, zone, now),
        "escalated_at": moment(alert.escalated_at, zone, now),
        "picture": capture_url(alert),
        "blank": _no_picture(alert),
        "is_open": alert.state == AlertState.OPEN,
        "is_resolved": alert.state == AlertState.RESOLVED,
    }


def told_occurrences(alerts: Sequence[Alert], zone: str, now: datetime) -> list[dict[str, Any]]:
    """Each time that an alert happened: when, for how long, its picture, its own link."""
    return [
        {
            "event_id": each.event_id,
            "link": permanent_link(each),
            "when": moment(each.timestamp, zone, now),
            "length": "" if each.duration_s is None else lasting(each.duration_s),
            "picture": capture_url(each),
            "blank": _no_picture(each),
        }
        for each in alerts
    ]


def later(seconds: float | None) -> str:
    """How long after the analysed picture another was taken; "" when that is not known."""
    return "" if seconds is None else _("{seconds} s later").replace("{seconds}", f"{seconds:.1f}")


def _no_picture(alert: Alert) -> str:
    if alert.capture_problem:
        return _("No picture: {reason}").replace("{reason}", alert.capture_problem)
    return _("Picture is on its way") if alert.capture else _("No picture")


def told_steps(alert: Alert, steps: Sequence[AlertStep], zone: str, now: datetime) -> list[dict[str, Any]]:
    """The alert's course, oldest first: how it began, what was added, what people did."""
    course = [{"text": _("Raised"), "at": moment(alert.timestamp, zone, now), "by": "", "note": "", "kind": "bad"}]
    if alert.updated_at:
        text = _("Went on, %(count)s updates") % {"count": alert.updates}
        course.append({"text": text, "at": moment(alert.updated_at, zone, now), "by": "", "note": "", "kind": "off"})
    if alert.ended_at:
        course.append(
            {"text": _("Ended"), "at": moment(alert.ended_at, zone, now), "by": "", "note": "", "kind": "off"}
        )
    course += [
        {
            "text": step_text(step),
            "at": moment(step.at, zone, now),
            "by": step.author,
            "note": step.note,
            "kind": _STEP_KIND.get(StepKind(step.kind), "off"),
        }
        for step in steps
    ]
    return sorted(course, key=lambda told: told["at"]["iso"])


_STEP_KIND = {
    StepKind.ACKNOWLEDGED: "busy", StepKind.RESOLVED: "good", StepKind.ESCALATED: "warn", StepKind.DELETED: "bad",
}  # fmt: skip


def step_text(step: AlertStep) -> str:
    """What happened, in words."""
    details: Mapping[str, Any] = step.details
    if step.kind == StepKind.ASSIGNED:
        name = details.get("assignee")
        return _("Assigned to %(name)s") % {"name": name} if name else _("Assigned to nobody")
    if step.kind == StepKind.RESOLVED and details.get("verdict"):
        label = str(Verdict(details["verdict"]).label)
        reason = details.get("reason")
        text = _("Resolved: %(verdict)s (%(reason)s)") if reason else _("Resolved: %(verdict)s")
        return text % {"verdict": label, "reason": reason}
    if step.kind == StepKind.ESCALATED:
        return _("Escalated: nobody acknowledged it within %(minutes)s min") % {"minutes": details.get("minutes")}
    return str(step.get_kind_display())
