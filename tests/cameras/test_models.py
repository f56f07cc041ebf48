"""What the models refuse, each error next to its field."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from cameras.issued import ConfigVersion, ImmutableError
from cameras.models import ROI, Binding, Camera, Device, DeviceStatus, Site, SiteAccess
from cameras.validators import validate_code
from tests.cameras.documents import EPOCH
from tests.rows import SOURCE, SQUARE, make_all, make_camera, make_device, make_person, make_roi, make_site

pytestmark = pytest.mark.django_db


def problems(row: Any) -> dict[str, list[str]]:
    try:
        row.full_clean()
    except ValidationError as error:
        return error.message_dict
    return {}


@given(st.text(max_size=70))
def test_an_identifier_fits_into_urls_file_names_and_keys(text: str) -> None:
    try:
        validate_code(text)
    except ValidationError:
        return
    assert text.isascii()
    assert 0 < len(text) <= 64
    assert not set(text) & set("/:?#%\\ \n\t*[]{}")
    assert text[0] not in ".-_"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../UTC", "utc "])
def test_a_site_has_a_time_zone_that_exists(zone: str) -> None:
    assert list(problems(Site(name="x", time_zone=zone))) == ["time_zone"]
    assert problems(Site(name="x", time_zone="Asia/Shanghai")) == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("camera_id", "a/b"), ("camera_id", ""), ("camera_id", "-x"), ("camera_id", "x" * 65), ("camera_id", "é"),
        ("rtsp_url", "http://h/"), ("rtsp_url", "rtsp://"), ("rtsp_url", "webcam:x"), ("rtsp_url", ""),
        ("max_fps", 0.0), ("max_fps", 61.0), ("max_fps", "many"), ("device", None),
    ],
)  # fmt: skip
def test_what_a_camera_cannot_be(field: str, value: object) -> None:
    values: dict[str, Any] = {"camera_id": "vid1", "device": make_device(), "rtsp_url": SOURCE} | {field: value}
    assert list(problems(Camera(**values))) == [field]


def test_a_message_does_not_repeat_the_url() -> None:
    camera = Camera(camera_id="v", device=make_device(), rtsp_url="http://u:hunter2@h/")
    assert "hunter2" not in str(problems(camera))
    assert "must begin with rtsp://" in problems(camera)["rtsp_url"][0]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"coordinates": [[0, 0], [1, 1]]}, "coordinates"),
        ({"coordinates": "nonsense"}, "coordinates"),
        ({"coordinates": {}}, "coordinates"),
        ({"coordinates": None}, "coordinates"),
        ({"coordinates": [[0, 0], [1, 0], [1, 2]]}, "coordinates"),
        ({"roi_type": "line"}, "coordinates"),
        ({"roi_type": "circle"}, "roi_type"),
        ({"priority": 2_000_000}, "priority"),
        ({"roi_id": "a b"}, "roi_id"),
    ],
)
def test_what_a_roi_cannot_be(changes: dict[str, Any], field: str) -> None:
    row = ROI(**{"roi_id": "r", "camera": make_camera(), "coordinates": SQUARE} | changes)
    assert field in problems(row)


def test_the_points_of_a_roi_are_stored_plain_and_without_repeats() -> None:
    row = ROI(camera=make_camera(), coordinates=[[0, 0], [0, 0], [1, 0], [1, 1], [0, 0]])
    row.full_clean()
    assert row.coordinates == [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]
    assert row.roi_id.startswith("roi-")


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"algo_code": "teleport"}, "algo_code", "known: "),
        ({"params": {"dwell_s": -1}}, "params", "dwell_s: must be 0 or more"),
        ({"params": {"dwel": 1}}, "params", "dwel: is an unknown parameter"),
        (
            {"params": {"classes": ["person", "persn"]}},
            "params",
            "classes: the model knows no class “persn”; those spelled most alike: person, ",
        ),
        ({"params": []}, "params", "must be a JSON object"),
        ({"params": {"min_score": 2, "classes": []}}, "params", "min_score"),
        ({"severity": "fatal"}, "severity", "not a valid choice"),
        ({"priority": -2_000_000}, "priority", "greater than or equal"),
    ],
)
def test_what_a_binding_cannot_be(changes: dict[str, Any], field: str, words: str) -> None:
    row = Binding(**{"roi": make_roi(), "algo_code": "intrusion"} | changes)
    assert list(problems(row)) == [field]
    assert words in " ".join(problems(row)[field])


def test_every_bad_parameter_is_named() -> None:
    row = Binding(roi=make_roi(), algo_code="intrusion", params={"min_score": 2, "dwell_s": -1})
    assert [m.split(":")[0] for m in problems(row)["params"]] == ["min_score", "dwell_s"]


def test_an_algorithm_watches_only_its_shapes() -> None:
    roi = make_roi(roi_type="line", coordinates=[[0, 0], [1, 1]])
    assert list(problems(Binding(roi=roi, algo_code="intrusion"))) == ["roi"]


def test_the_database_refuses_what_the_code_let_through() -> None:
    make_all()
    with transaction.atomic(), pytest.raises(IntegrityError, match="roi_type_known"):
        ROI.objects.update(roi_type="circle")


def test_the_database_knows_three_severities() -> None:
    make_all()
    with transaction.atomic(), pytest.raises(IntegrityError, match="binding_severity_known"):
        Binding.objects.update(severity="fatal")


def make_version(device: Device, number: int = 1) -> ConfigVersion:
    return ConfigVersion.objects.create(
        device=device, epoch=EPOCH, version=number, sha256="0" * 64, document="{}", author="x", issued_at=timezone.now()
    )


def test_an_issued_version_is_never_changed_or_deleted() -> None:
    row = make_version(make_device())
    row.reason = "other"
    for act in (
        row.save,
        row.delete,
        lambda: ConfigVersion.objects.update(reason="other"),
        lambda: ConfigVersion.objects.all().delete(),
    ):
        with pytest.raises(ImmutableError):
            act()
    assert ConfigVersion.objects.get().reason == ""


def test_a_number_is_given_once_in_an_epoch() -> None:
    device = make_device()
    make_version(device)
    with transaction.atomic(), pytest.raises(IntegrityError):
        make_version(device)


def test_rows_say_what_they_are() -> None:
    device = make_all()
    user = make_person("ann", sites=[make_site()])
    assert [str(row) for row in (make_site(), device, Camera.objects.get(), ROI.objects.get())] == [
        "Kitchen",
        "box-1",
        "Line 1",
        "Door 1",
    ]
    assert str(Binding.objects.get()) == "intrusion · Door 1"
    assert str(SiteAccess.objects.get(user=user)) == "ann"
    assert str(make_version(device, 3)) == "box-1 v3"
    assert str(DeviceStatus(device=device, state="applied")) == "box-1: applied"
