"""A small site as an import sees it, and what importing a text into it says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st

from cameras.core.algorithms import registry
from cameras.core.recording import DEFAULTS
from cameras.core.snapping import DEFAULTS as SNAPPING
from cameras.core.transfer import Elsewhere, Plan, SiteState, plan_import
from cameras.core.transfer_file import TransferError, read_site
from cameras.transfer.reading import read_tree

SECRET = "hunter2-pw"
URL = f"rtsp://admin:{SECRET}@10.0.0.5:554/1"
STORED = SiteState(
    {"name": "Kitchen", "time_zone": "UTC"},
    {
        "devices": {"box-1": {"device_id": "box-1", "name": "", "publish_on_save": True}},
        "schedules": {},
        "cameras": {
            "vid1": {
                "camera_id": "vid1", "device": "box-1", "name": "Line 1", "rtsp_url": URL, "sub_url": "",
                "location": "", "enabled": True, "analyse": True, "max_fps": 10.0, **DEFAULTS, **SNAPPING,
            }
        },
        "rois": {
            "roi-1": {
                "roi_id": "roi-1", "camera": "vid1", "name": "Door", "roi_type": "polygon",
                "coordinates": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]], "enabled": True, "priority": 0, "color": None,
                "mask": False,
            }
        },
        "bindings": {
            "bind-1": {
                "bind_id": "bind-1", "roi": "roi-1", "algo_code": "intrusion", "params": {"dwell_s": 3},
                "severity": "warning", "priority": 0, "enabled": True, "schedule": None,
            }
        },
    },
)  # fmt: skip
EMPTY = SiteState({"name": "Kitchen", "time_zone": "UTC"})


def plan(name: str, text: str | bytes, *, stored: SiteState = STORED, delete: bool = False) -> Plan:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    file = read_site(read_tree(name, data))
    return plan_import(file, stored=stored, elsewhere=Elsewhere(), delete=delete, registry=registry)


def problems(name: str, text: str | bytes, **values: Any) -> list[str]:
    with pytest.raises(TransferError) as caught:
        plan(name, text, **values)
    assert SECRET not in str(caught.value)
    return [str(problem) for problem in caught.value.problems]


def said(name: str, text: str | bytes, **values: Any) -> list[str]:
    return [str(change) for change in plan(name, text, **values).changes]


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
TRICKY = st.sampled_from(
    [
        "007",
        "1e5",
        "12",
        "-1.5",
        "1:20",
        "yes",
        "null",
        "~",
        "",
        " x ",
        "=1+1",
        "'=1",
        "'@",
        "a: b",
        "- a",
        "#",
        "2026-01-01",
    ]
)
