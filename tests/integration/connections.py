"""What a test of the sample street's connection must find, and what it must say of wrong addresses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.servers.process import free_port
from tests.servers.rtsp import RtspServer


def check_facts(facts: dict[str, Any]) -> None:
    """As the sample street is."""
    assert (facts["codec"], facts["width"], facts["height"], facts["audio"]) == ("h264", 768, 576, "")
    assert facts["fps"] == pytest.approx(10, abs=1)
    assert facts["gop_s"] == pytest.approx(2, abs=0.3)


def wrong_addresses(camera: RtspServer, *, password: str) -> dict[str, str]:
    """By address how the reason begins."""
    return {
        camera.url(password="other-pw"): "wrong user name or password (401)",
        camera.url().replace("street", "nope"): "the camera has no stream at this path (404)",
        f"rtsp://op:{password}@127.0.0.1:{free_port()}/x": "connection refused by 127.0.0.1:",
        f"rtsp://op:{password}@nowhere.invalid/x": "name not found: nowhere.invalid",
        "file:///nowhere.mp4": "no such file: /nowhere.mp4",
    }
