"""The config document: one table of what refuses it, and that nothing else than a refusal can happen."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cameras.core.document import (
    HEADER,
    Document,
    canonical,
    content_hash,
    content_of,
    is_hash_of,
    make_document,
    parse_document,
    shape_of,
    signed,
)
from cameras.core.strict_json import DocumentError, load_json
from tests.cameras.documents import CONTENT, DEVICE, EPOCH, REGISTRY, content, document, spoiled


def parse(text: str | bytes) -> Document:
    return parse_document(text, device_id=DEVICE, registry=REGISTRY)


def test_a_sound_document_is_read_with_its_defaults() -> None:
    read = parse(document(version=7, rollback_of=3))
    assert read.number == (EPOCH, 7)
    assert read.header.rollback_of == 3
    assert read.header.issued_at == datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    first, second = read.content.cameras
    assert (first.camera_name, first.enabled, first.analyse, first.location) == ("厨房", True, True, "")
    assert (second.enabled, second.max_fps) == (False, 10.0)
    assert shape_of(read.content.rois[0]) == ((0.1, 0.1), (0.6, 0.1), (0.6, 0.6))
    [bind] = read.content.binds
    assert (bind.severity, bind.priority, bind.schedule_id, bind.enabled) == ("critical", 0, None, True)


def test_a_document_may_be_empty() -> None:
    read = parse(document({"site": {}, "cameras": [], "rois": [], "binds": []}))
    assert read.content.cameras == ()
    assert read.content.site.time_zone == "UTC"


BAD: list[tuple[str, Any, str, str]] = [
    # what is changed, to what (... for: taken away), the path of the refusal, words of its reason
    ("schema", 2, "schema", "not a schema that this box knows"),
    ("schema", True, "schema", "not a schema"),
    ("schema", "1", "schema", "not a schema"),
    ("schema", None, "schema", "not a schema"),
    ("schema", [], "schema", "not a schema"),
    ("schema", ..., "schema", "not a schema"),
    ("device_id", "box-2", "device_id", "is for 'box-2', this box is 'box-1'"),
    ("device_id", "", "device_id", "must not be empty"),
    ("epoch", "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "epoch", "UUIDv7"),
    ("epoch", EPOCH.upper().replace("-7", "-7", 1).replace("0001", "000A"), "epoch", "lower case"),
    ("epoch", "nonsense", "epoch", "badly formed"),
    ("epoch", ..., "epoch", "is missing"),
    ("version", 0, "version", "must be 1 or more"),
    ("version", -1, "version", "must be 1 or more"),
    ("version", True, "version", "must be a whole number"),
    ("version", 1.5, "version", "must be a whole number"),
    ("version", "1", "version", "must be a whole number"),
    ("version", 2**60, "version", "or less"),
    ("rollback_of", ..., "rollback_of", "is missing"),
    ("rollback_of", "3", "rollback_of", "must be a whole number"),
    ("issued_at", "yesterday", "issued_at", "datetime"),
    ("sha256", "0" * 64, "sha256", "does not match the content"),
    ("sha256", "short", "sha256", "characters that are not allowed"),
    ("sha256", ..., "sha256", "is missing"),
    ("cameras", ..., "cameras", "is missing"),
    ("cameras", {}, "cameras", "must be a list"),
    ("extra", 1, "extra", "is an unknown key"),
    ("site.extra", 1, "site.extra", "is an unknown key"),
    ("site.time_zone", "Mars/Olympus", "site.time_zone", "not a time zone"),
    ("site.time_zone", "localtime", "site.time_zone", "not a time zone"),
    ("cameras.0.extra", 1, "cameras[0].extra", "is an unknown key"),
    ("cameras.1.camera_id", "vid1", "cameras[1].camera_id", "'vid1' stands twice"),
    ("cameras.0.camera_id", "a/b", "cameras[0].camera_id", "hold a slash or a control character"),
    ("cameras.0.camera_id", "a\n", "cameras[0].camera_id", "hold a slash or a control character"),
    ("cameras.0.camera_id", "x" * 129, "cameras[0].camera_id", "longer than 128 characters"),
    ("cameras.0.camera_id", 5, "cameras[0].camera_id", "must be text"),
    ("cameras.0.enabled", 1, "cameras[0].enabled", "must be true or false"),
    ("cameras.0.enabled", None, "cameras[0].enabled", "must be true or false"),
    ("cameras.0.max_fps", 0, "cameras[0].max_fps", "must be more than 0"),
    ("cameras.0.max_fps", "10", "cameras[0].max_fps", "must be a number"),
    ("cameras.0.rtsp_url", "http://u:hunter2@h/", "cameras[0].rtsp_url", "must begin with rtsp://"),
    ("cameras.0.rtsp_url", "webcam:hunter2", "cameras[0].rtsp_url", "by its number"),
    ("cameras.0.rtsp_url", "webcam:" + "9" * 5000, "cameras[0].rtsp_url", "longer than 2000 characters"),
    ("cameras.0.rtsp_url", "rtsp:///hunter2", "cameras[0].rtsp_url", "names no host"),
    ("cameras.0.rtsp_url", "rtsp://u:hunter2@/x", "cameras[0].rtsp_url", "names no host"),
    ("cameras.0.rtsp_url", "rtsp://h/\n", "cameras[0].rtsp_url", "must begin"),
    ("cameras.0.rtsp_url", ..., "cameras[0].rtsp_url", "is missing"),
    ("rois.0.camera_id", "vid9", "rois[0].camera_id", "no camera 'vid9'"),
    ("rois.0.roi_type", "circle", "rois[0].roi_type", "'polygon', 'rectangle' or 'line'"),
    ("rois.0.coordinates", [], "rois[0].coordinates", "there are no points"),
    ("rois.0.coordinates", [[0, 0], [1, 1]], "rois[0].coordinates", "three or more distinct points"),
    ("rois.0.coordinates", [[0, 0], [0.5, 0.5], [1, 1]], "rois[0].coordinates", "encloses no area"),
    ("rois.0.coordinates", [[0, 0], [1, 1], [1, 0], [0, 0.5]], "rois[0].coordinates", "crosses itself"),
    ("rois.0.coordinates", [[0, 0], [1, 0], [1, 1.2]], "rois[0].coordinates", "outside the picture"),
    ("rois.0.coordinates", [[0, 0], [1, 0], [1]], "rois[0].coordinates[2][1]", "is missing"),
    ("rois.0.coordinates", [[0, 0], [1, 0], [1, True]], "rois[0].coordinates[2][1]", "must be a number"),
    ("rois.0.coordinates", [{"x": 0, "y": 0}], "rois[0].coordinates[0]", "must be a list"),
    ("rois.0.priority", 2_000_000, "rois[0].priority", "must be 1000000 or less"),
    ("rois.1.roi_id", "r1", "rois[1].roi_id", "'r1' stands twice"),
    ("binds.0.roi_id", "r9", "binds[0].roi_id", "no ROI 'r9'"),
    ("binds.0.roi_id", "r2", "binds[0].roi_id", "intrusion cannot watch a line"),
    ("binds.0.algo_code", "teleport", "binds[0].algo_code", "unknown algorithm 'teleport'; known: attribute"),
    ("binds.0.params", {"dwell_s": -1}, "binds[0].params.dwell_s", "must be 0 or more"),
    ("binds.0.params", {"dwel": 1}, "binds[0].params.dwel", "is an unknown parameter"),
    ("binds.0.params", {"classes": []}, "binds[0].params.classes", "has too few entries: at least 1"),
    ("binds.0.params", {"classes": [""]}, "binds[0].params.classes[0]", "must not be empty"),
    ("binds.0.params", [], "binds[0].params", "must be keys with values"),
    ("binds.0.severity", "fatal", "binds[0].severity", "'info', 'warning' or 'critical'"),
    ("binds.0.schedule_id", "s1", "binds[0].schedule_id", "no schedule 's1' in this document"),
]


@pytest.mark.parametrize(("place", "value", "path", "reason"), BAD)
def test_what_refuses_a_document(place: str, value: Any, path: str, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(spoiled(place, value))
    assert caught.value.path == path
    assert reason in caught.value.reason
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ("nonsense", "is not JSON"),
        ("[]", "is not a JSON object"),
        ("null", "is not a JSON object"),
        (b"\xff\xfe{", "is not JSON"),
        ('{"a": NaN}', "NaN is not a number"),
        ('{"a": [-Infinity]}', "-Infinity is not a number"),
        ('{"cameras": [], "rois": [], "cameras": []}', "key 'cameras' stands twice"),
        ('{"a": {"b": 1, "b": 1}}', "key 'b' stands twice"),
        ('{"a": ' + "9" * 5000 + "}", "is not JSON"),
        ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "is not JSON"),
        ('{"a": "' + "x" * (16 * 1024 * 1024) + '"}', "is larger than 16 MB"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_not_even_json(text: str | bytes, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load_json(text)
    assert reason in caught.value.reason
    with pytest.raises(DocumentError):
        parse(text)


@pytest.mark.parametrize("value", [float("inf"), 2**60, "\ud800", {"\ud800": 1}])
def test_content_without_a_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(DocumentError, match="canonical form"):
        content_hash({"a": value})


def test_a_number_that_overflows_is_refused() -> None:
    text = document().replace('"max_fps":10.0', '"max_fps":1e999')
    assert "1e999" in text
    with pytest.raises(DocumentError, match="canonical form"):
        parse(text)


def test_one_changed_sign_is_noticed() -> None:
    text = document()
    with pytest.raises(DocumentError, match="sha256: does not match"):
        parse(text.replace("10.0.0.5", "10.0.0.6"))


def test_a_reason_has_a_length_that_can_be_reported() -> None:
    with pytest.raises(DocumentError) as caught:
        parse(spoiled("x" * 100_000, 1))
    assert len(str(caught.value)) < 1000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.text() | st.binary())
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    with pytest.raises(DocumentError):
        parse(text)


@given(json_values)
def test_any_json_is_read_or_refused(value: Any) -> None:
    with pytest.raises(DocumentError):
        parse(json.dumps(value))


places = st.sampled_from(
    [*HEADER, "site", "cameras", "rois", "binds", "site.time_zone", "cameras.0", "cameras.0.rtsp_url", "rois.0",
     "rois.0.coordinates", "rois.0.coordinates.1", "rois.0.coordinates.1.0", "rois.0.roi_type", "rois.0.camera_id",
     "binds.0", "binds.0.params", "binds.0.params.dwell_s", "binds.0.params.classes", "binds.0.algo_code", "new"]
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.filter_too_much])
@given(places, json_values)
def test_any_value_in_any_place_is_read_or_refused(place: str, value: Any) -> None:
    try:
        text = spoiled(place, value)
    except DocumentError:  # it has no hash, so that no hub could have made it
        text = spoiled(place, value, rehash=False)
    outcome = ""
    try:
        parse(text)
    except DocumentError as error:
        outcome = str(error)
    assert "hunter2" not in outcome


def test_the_hash_does_not_depend_on_the_order_of_keys_or_the_way_numbers_are_written() -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: turned(value[k]) for k in reversed(value)}
        return [turned(v) for v in value] if isinstance(value, list) else value

    assert json.dumps(turned(CONTENT)) != json.dumps(CONTENT)
    assert content_hash(turned(CONTENT)) == content_hash(CONTENT)
    assert content_hash({"a": 10}) == content_hash({"a": 10.0}) != content_hash({"a": 10.5})
    assert content_hash({"a": [1, 2]}) != content_hash({"a": [2, 1]})


def test_the_hash_is_that_of_rfc_8785() -> None:
    # SHA-256 of the bytes {"a":"é","b":[1,0.5,1e+30]}, computed outside this project.
    given = {"b": [1.0, 0.50, 1e30], "a": "é"}
    assert content_hash(given) == "91a3f4e764f09447ebc0d216887eac8c9ca9f88f59a8beefd655cee9752f5b00"


coordinates = st.floats(0, 1)
points = st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=2)


@given(
    names=st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=3),
    fps=st.floats(0.1, 60),
    zone=st.sampled_from(["UTC", "Asia/Shanghai", "America/Sao_Paulo"]),
    version=st.integers(1, 2**53),
    at=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_what_is_made_is_read(names: list[str], fps: float, zone: str, version: int, at: datetime) -> None:
    given = content(
        site={"name": names[0], "time_zone": zone},
        cameras=[
            {"camera_id": f"vid{n}", "camera_name": name, "rtsp_url": "webcam:0", "max_fps": fps}
            for n, name in enumerate(names, start=1)
        ],
    )
    text, sha256 = make_document(given, device_id=DEVICE, epoch=EPOCH, version=version, rollback_of=None, issued_at=at)
    read = parse(text)
    assert read.number == (EPOCH, version)
    assert read.header.sha256 == sha256 == content_hash(content_of(json.loads(text)))
    assert read.header.issued_at == at.replace(microsecond=0)
    assert [c.camera_name for c in read.content.cameras] == names
    assert read.content.cameras[0].max_fps == fps
    assert parse(text.encode()) == read


def test_the_header_comes_first_and_tells_the_time_in_utc() -> None:
    text, _ = make_document(
        content(), device_id=DEVICE, epoch=EPOCH, version=1, rollback_of=None,
        issued_at=datetime(2026, 11, 22, 9, 0, tzinfo=timezone(timedelta(hours=1))),
    )  # fmt: skip
    assert tuple(json.loads(text))[:7] == HEADER
    assert json.loads(text)["issued_at"] == "2026-11-22T08:00:00Z"


def test_who_issued_it_is_covered_by_the_hash_and_may_be_missing() -> None:
    assert parse(document()).content.issued_by == ""
    text = document(content(issued_by="kim"))
    assert parse(text).content.issued_by == "kim"
    assert json.loads(text)["sha256"] != json.loads(document())["sha256"]
    with pytest.raises(DocumentError, match="sha256"):
        parse(text.replace('"issued_by":"kim"', '"issued_by":"lee"'))
    for wrong in ("x" * 151, 7, None):
        with pytest.raises(DocumentError, match="issued_by"):
            parse(document(content(issued_by=wrong)))


@pytest.mark.parametrize("author", ["", "kim", "x" * 400])
def test_the_same_content_is_known_again_whoever_issued_it(author: str) -> None:
    issued = content_hash(signed(CONTENT, author))
    assert is_hash_of(issued, canonical(CONTENT), author=author)
    assert is_hash_of(content_hash(CONTENT), canonical(CONTENT), author=author)  # from before authors were in documents
    assert not is_hash_of(issued, canonical(CONTENT), author="somebody else")
    assert not is_hash_of(issued, canonical(content(rois=[], binds=[])), author=author)


def test_a_document_cannot_be_changed() -> None:
    read = parse(document())
    for part, name in (
        (read, "header"),
        (read.header, "version"),
        (read.content, "rois"),
        (read.content.cameras[0], "enabled"),
    ):
        with pytest.raises(ValueError, match="frozen"):
            setattr(part, name, None)
