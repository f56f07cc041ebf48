"""A finished back-test as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cameras.core.algorithms import registry
from cameras.rollouts.texts import loaded, translated
from detection.backtest.engine import MOST_ALERTS, MOST_PICTURES
from detection.backtest.models import BackTest
from detection.core.comparison import Alert, align

PER_PAGE = 50
SEVERITY_KIND = {"info": "off", "warning": "warn", "critical": "bad"}


def compared(test: BackTest, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Rows by time: `draft` and `published`, each an alert as it is shown or None, and `verdict`."""
    rois = {side: _rois(test, side) for side in ("draft", "published")}
    rows = []
    for draft, published in align(_alerts(test, "draft"), _alerts(test, "published")):
        rows.append(
            {
                "draft": draft and _shown(draft, rois["draft"], test, zone),
                "published": published and _shown(published, rois["published"], test, zone),
                "verdict": "both" if draft and published else "draft" if draft else "published",
            }
        )
    return rows


def told_result(test: BackTest, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The summary in words, the figures, and what is to be known about them."""
    figures = test.result["figures"]
    return {
        "summary": _summary(test, sum(row["verdict"] == "both" for row in rows)),
        "figures": figures,
        "media": _seconds(figures["media_s"]),
        "wall": _seconds(figures["wall_s"]),
        "notes": [capfirst(translated(loaded(note))) for note in test.result["notes"]] + _limits(test),
        "broken": _broken(test),
        "same": test.contents["draft"] == test.contents["published"],
    }


def _summary(test: BackTest, agree: int) -> str:
    ours = test.result["draft"]["raised"]
    values = {"draft": ours, "agree": agree}
    if not test.result["published"]:
        text = ngettext(
            "The draft raises %(draft)s alert; nothing is published for this camera yet.",
            "The draft raises %(draft)s alerts; nothing is published for this camera yet.",
            ours,
        )
        return text % values
    values["published"] = test.result["published"]["raised"]
    text = ngettext(
        "The draft raises %(draft)s, the published configuration %(published)s; %(agree)s agrees.",
        "The draft raises %(draft)s, the published configuration %(published)s; %(agree)s agree.",
        agree,
    )
    return text % values


def _sides() -> tuple[tuple[str, str], ...]:
    return ("draft", _("draft")), ("published", _("published"))


def _broken(test: BackTest) -> list[str]:
    """A line for each rule that failed or could not be made: whose it is, and why."""
    found = []
    for side, name in _sides():
        binds = {bind["bind_id"]: bind for bind in (test.contents[side] or {}).get("binds", [])}
        rois = _rois(test, side)
        for bind_id, reason in (test.result[side] or {}).get("broken", {}).items():
            bind = binds[bind_id]
            values = {
                "side": name,
                "algorithm": _algorithm(bind["algo_code"]),
                "roi": rois.get(bind["roi_id"], {}).get("roi_name") or bind["roi_id"],
                "binding": bind_id,
                "reason": reason,
            }
            found.append(_("%(side)s: %(algorithm)s on %(roi)s (binding %(binding)s): %(reason)s") % values)
    return [capfirst(text) for text in found]


def _algorithm(algo_code: str) -> str:
    known = registry.get(algo_code)
    return _(known.label) if known else algo_code


def _limits(test: BackTest) -> list[str]:
    found = []
    for side, name in _sides():
        raised = (test.result[side] or {}).get("raised", 0)
        values = {"side": name, "most": MOST_ALERTS if raised > MOST_ALERTS else MOST_PICTURES, "raised": raised}
        if raised > MOST_ALERTS:
            found.append(_("%(side)s: only the first %(most)s of %(raised)s alerts are shown.") % values)
        elif raised > MOST_PICTURES:
            found.append(_("%(side)s: only the first %(most)s of %(raised)s alerts have a picture.") % values)
    return [capfirst(text) for text in found]


def _alerts(test: BackTest, side: str) -> list[Alert]:
    return list((test.result[side] or {}).get("alerts", []))


def _rois(test: BackTest, side: str) -> dict[str, Mapping[str, Any]]:
    return {roi["roi_id"]: roi for roi in (test.contents[side] or {}).get("rois", [])}


def _shown(alert: Alert, rois: Mapping[str, Mapping[str, Any]], test: BackTest, zone: ZoneInfo) -> dict[str, Any]:
    roi = rois.get(alert["roi_id"], {})
    at = test.began_at and (test.began_at + timedelta(seconds=alert["t"])).astimezone(zone)
    box = alert["box"]
    return {
        "time": _seconds(alert["t"]),
        "at": at and f"{at:%H:%M:%S}",
        "lasted": alert["ended_t"] is not None and _seconds(alert["ended_t"] - alert["t"]),
        "roi": roi.get("roi_name") or alert["roi_id"],
        "bind_id": alert["bind_id"],
        "algorithm": _algorithm(alert["algo_code"]),
        "severity": alert["severity"],
        "kind": SEVERITY_KIND[alert["severity"]],
        "picture": f"/api/media/{quote(alert['picture'])}" if alert["picture"] else "",
        "points": " ".join(f"{x * 100:.2f},{y * 100:.2f}" for x, y in _outline(roi)),
        "is_line": roi.get("roi_type") == "line",
        "box": box and dict(zip("xywh", (_hundredth(v) for v in _sized(box)), strict=True)),
    }


def _outline(roi: Mapping[str, Any]) -> list[tuple[float, float]]:
    """The corners; a rectangle may be given by two."""
    points = [(float(x), float(y)) for x, y in roi.get("coordinates", [])]
    if roi.get("roi_type") == "rectangle" and len(points) == 2:
        (left, top), (right, bottom) = points
        return [(left, top), (right, top), (right, bottom), (left, bottom)]
    return points


def _sized(box: list[float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    return left, top, right - left, bottom - top


def _hundredth(share: float) -> str:
    """In hundredths of the picture, with a point in every language."""
    return f"{share * 100:.2f}"


def _seconds(value: float) -> str:
    """`3.2 s`, `2:05.3` from a minute on."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}"
