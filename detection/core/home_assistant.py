"""What Home Assistant is told so that cameras appear there by themselves. Pure.

Format: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery. Everything is below the channel's topic; the discovery
messages stand where Home Assistant looks for them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DISCOVERY = "homeassistant"
ON, OFF = "ON", "OFF"
ONLINE, OFFLINE = "online", "offline"


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """A camera as Home Assistant's device. state: a word of `cameras.states`. alert: whether one is open and going on."""

    camera_id: str
    name: str
    site: str
    state: str
    reason: str
    alert: bool


def status_topic(prefix: str) -> str:
    """Where it says whether the hub is there; the broker says `offline` for a hub that is gone (the last will)."""
    return f"{prefix}/status"


def alerts_topic(prefix: str) -> str:
    """Where alerts are told, not retained: the JSON of a webhook."""
    return f"{prefix}/alerts"


def _topic(prefix: str, camera_id: str, what: str) -> str:
    return f"{prefix}/cameras/{camera_id}/{what}"


def state_messages(prefix: str, camera: CameraFacts) -> dict[str, Any]:
    """Retained topics and what they say: text, or JSON's terms."""
    return {
        _topic(prefix, camera.camera_id, "state"): {
            "camera_id": camera.camera_id,
            "name": camera.name,
            "site": camera.site,
            "state": camera.state,
            "reason": camera.reason,
        },
        _topic(prefix, camera.camera_id, "connected"): ON if camera.state == "live" else OFF,
        _topic(prefix, camera.camera_id, "alert"): ON if camera.alert else OFF,
    }


def picture_topic(prefix: str, camera_id: str) -> str:
    """Where the newest alert's picture stands, as JPEG."""
    return _topic(prefix, camera_id, "picture")


def node_id(prefix: str, camera_id: str) -> str:
    """The camera's name where only letters, digits, `_` and `-` may stand; another one for each prefix and camera."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", f"{prefix}_{camera_id}")
    return f"{plain[:80]}_{hashlib.sha256(f'{prefix}/{camera_id}'.encode()).hexdigest()[:8]}"


def discovery_messages(
    prefix: str, camera: CameraFacts, labels: Mapping[str, str], *, pictures: bool
) -> dict[str, Any]:
    """Retained topics and their JSON. labels: names of the entities `connected`, `alert`, `picture` for people."""
    node = node_id(prefix, camera.camera_id)
    shared = {
        "availability_topic": status_topic(prefix),
        "payload_available": ONLINE,
        "payload_not_available": OFFLINE,
        "device": {
            "identifiers": [node], "name": camera.name, "manufacturer": "edgesite", "suggested_area": camera.site,
        },
    }  # fmt: skip

    def sensor(what: str, kind: str) -> dict[str, Any]:
        return shared | {
            "name": labels[what], "unique_id": f"{node}_{what}", "device_class": kind,
            "state_topic": _topic(prefix, camera.camera_id, what), "payload_on": ON, "payload_off": OFF,
        }  # fmt: skip

    told = {
        f"{DISCOVERY}/binary_sensor/{node}/connected/config": sensor("connected", "connectivity"),
        f"{DISCOVERY}/binary_sensor/{node}/alert/config": sensor("alert", "safety"),
    }
    if pictures:
        told[f"{DISCOVERY}/camera/{node}/picture/config"] = shared | {
            "name": labels["picture"], "unique_id": f"{node}_picture", "topic": picture_topic(prefix, camera.camera_id),
        }  # fmt: skip
    return told
