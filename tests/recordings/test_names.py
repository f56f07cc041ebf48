"""Names of stored objects, whatever a camera is called."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesite.storage import check_key
from recordings.core.names import LONGEST_BYTES, capture_key, safe_name

any_text = st.text(st.characters(), max_size=150)  # with surrogates, controls and separators


@given(any_text)
def test_any_text_becomes_one_part_of_a_path(text: str) -> None:
    name = safe_name(text)
    assert name
    assert len(name.encode()) <= LONGEST_BYTES
    assert not set(name) & set('/\\:*?"<>|\x00\n\r\t ')
    assert not name.startswith((".", "-"))
    assert safe_name(name) in (name, name.rstrip(".-"))


@given(any_text, any_text, st.floats(0, 4e9))
def test_no_key_leaves_its_folder(camera_id: str, event_id: str, timestamp: float) -> None:
    key = capture_key(camera_id=camera_id, event_id=event_id, timestamp=timestamp, time_zone="Asia/Shanghai")
    assert check_key(key) == key
    assert posixpath.normpath(key) == key
    folder, day, name = key.split("/")
    assert folder == "captures"
    assert day.isdigit()
    assert len(day) == 8
    assert name.endswith(".jpg")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("vid1", "vid1"),
        ("厨房 1", "厨房-1"),
        ("Küche/Ofen", "Küche-Ofen"),
        ("مطبخ", "مطبخ"),
        ("../../etc/passwd", "etc-passwd"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("\x00\n", "unnamed"),
        ("a" * 200, "a" * 100),
        ("房" * 50, "房" * 33),
        ("Line 1 (left)", "Line-1-left"),
    ],
)
def test_names_stay_readable(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_the_day_is_that_of_the_site() -> None:
    def key(time_zone: str) -> str:
        return capture_key(camera_id="vid1", event_id="e1", timestamp=1_795_305_600, time_zone=time_zone)

    assert key("UTC") == "captures/20261122/vid1_e1.jpg"  # midnight there
    assert key("Asia/Shanghai") == "captures/20261122/vid1_e1.jpg"
    assert key("America/Sao_Paulo") == "captures/20261121/vid1_e1.jpg"
