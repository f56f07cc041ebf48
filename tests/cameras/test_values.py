"""Single values that forms and documents check alike."""

from __future__ import annotations

import pytest

from cameras.core.document import parse_content
from tests.cameras.documents import REGISTRY, content


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://10.0.0.5/1", "rtsps://u:p@cam.example:322/x?a=b", "rtsp://u:p%2Fw@h/x", "rtsp://h/x?user=a@b/",
        "rtsp://[::1]:554/x", "webcam:0", "webcam:12", "file:///srv/a%20b.mp4",
    ],
)  # fmt: skip
def test_sources_that_can_be_opened(url: str) -> None:
    given = content(cameras=[{"camera_id": "vid1", "rtsp_url": url}])
    assert parse_content(given, REGISTRY).cameras[0].rtsp_url == url
