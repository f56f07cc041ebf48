"""Boxes give the hub their pictures over HTTP: resumed, verified, and nothing but their own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cameras.models import Device
from edgesite import storage
from edgesite.hub_upload import PART, NotExpectedError
from edgesite.storage import StorageError
from recordings.models import SnapshotRequest
from recordings.uploads import services
from tests.detection.alerts import make_alert
from tests.recordings.uploads import TOKEN, Flaky, give_token, sha256, uploader, use_files
from tests.rows import make_all, make_person

pytestmark = pytest.mark.django_db

KEY = "captures/20261122/vid1_e1.jpg"
PICTURE = bytes(range(256)) * (PART // 256) * 2 + b"the end"  # three parts


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    make_all()
    make_all("box-2", site="Yard", number=2)
    give_token(Device.objects.get(pk="box-1"))
    give_token(Device.objects.get(pk="box-2"), "esd_other")
    make_alert("e1", capture=KEY)
    make_alert("e2", device_id="box-2", camera_id="vid2", capture="captures/20261122/vid2_e2.jpg")
    return use_files(settings, tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "picture.jpg"
    path.write_bytes(PICTURE)
    return path


def send(file: Path, transport: Flaky, *, key: str = KEY, token: str = TOKEN) -> None:
    content = file.read_bytes()
    uploader(transport, token=token).send(key, file, sha256=sha256(content), size=len(content))


def test_a_picture_arrives_in_parts_and_nothing_of_them_stays(media: Path, file: Path) -> None:
    hub = Flaky()
    send(file, hub)
    assert (media / KEY).read_bytes() == PICTURE
    assert [r.partition("/")[0] for r in hub.sent()] == [
        f"bytes 0-{PART - 1}", f"bytes {PART}-{2 * PART - 1}", f"bytes {2 * PART}-{2 * PART + 6}",
    ]  # fmt: skip
    assert list((media.parent / "uploads").rglob("*.part")) == []


def test_it_goes_on_where_it_was_interrupted(media: Path, file: Path) -> None:
    first = Flaky(fail={2})
    with pytest.raises(StorageError) as caught:
        send(file, first)
    assert caught.value.retryable
    second = Flaky()
    send(file, second)
    assert [r.split()[1].partition("-")[0] for r in second.sent()] == [str(PART), str(2 * PART)]
    assert (media / KEY).read_bytes() == PICTURE


def test_a_part_that_is_spoiled_on_its_way_is_sent_once_more_and_no_other(media: Path, file: Path) -> None:
    hub = Flaky(spoil={2, 3})
    send(file, hub)
    begins = [r.split()[1].partition("-")[0] for r in hub.sent()]
    assert begins == ["0", str(PART), str(PART), str(PART), str(2 * PART)]
    assert (media / KEY).read_bytes() == PICTURE


def test_what_was_spoiled_on_the_hub_is_sent_once_more(media: Path, file: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        send(file, Flaky(fail={3}))
    [part] = tmp_path.rglob("*.part")
    part.write_bytes(b"X" + part.read_bytes()[1:])
    send(file, Flaky())
    assert (media / KEY).read_bytes() == PICTURE


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_an_answer_that_was_lost_doubles_nothing(media: Path, file: Path, lost: int) -> None:
    with pytest.raises(StorageError):
        send(file, Flaky(lose={lost}))
    send(file, Flaky())
    assert (media / KEY).read_bytes() == PICTURE


def test_what_is_stored_already_is_not_sent_again(media: Path, file: Path) -> None:
    storage.put(KEY, PICTURE)
    hub = Flaky()
    send(file, hub)
    assert hub.sent() == []


def test_a_part_that_was_changed_on_its_way_is_never_stored(media: Path, file: Path) -> None:
    announced = sha256(PICTURE)
    file.write_bytes(b"X" + PICTURE[1:])
    with pytest.raises(StorageError) as caught:
        uploader(Flaky()).send(KEY, file, sha256=announced, size=len(PICTURE))
    assert caught.value.retryable  # the box looks at its own copy before it gives up (`Uploads`)
    assert not (media / KEY).exists()
    file.write_bytes(PICTURE)
    send(file, Flaky())  # and what came of it is in nobody's way
    assert (media / KEY).read_bytes() == PICTURE


def test_stored_evidence_is_never_replaced(media: Path, file: Path) -> None:
    storage.put(KEY, b"the first")
    with pytest.raises(StorageError) as caught:
        send(file, Flaky())
    assert not caught.value.retryable
    assert (media / KEY).read_bytes() == b"the first"


def test_what_the_storage_did_not_keep_is_not_called_stored(
    media: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = storage.put

    def half(key: str, content: Any) -> None:
        real(key, PICTURE[:100])

    monkeypatch.setattr("edgesite.storage.put", half)
    with pytest.raises(StorageError) as caught:
        send(file, Flaky())
    assert caught.value.retryable


@pytest.mark.parametrize("asked", [True, False])
def test_what_came_whole_and_was_not_stored_is_stored_by_the_next_try(
    media: Path, file: Path, monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    def away(key: str, content: Any) -> None:
        raise StorageError("the storage is away", retryable=True)

    with monkeypatch.context() as patch:
        patch.setattr("edgesite.storage.put", away)
        with pytest.raises(StorageError, match="503"):
            send(file, Flaky())
    if asked:
        hub = Flaky()
        send(file, hub)
        assert hub.sent() == []  # nothing of it travels twice
    else:
        size, whole = len(PICTURE), sha256(PICTURE)
        last = {"Content_Range": f"bytes {size - 1}-{size - 1}/{size}", "X_Content_SHA256": whole}
        assert call("PUT", KEY, body=PICTURE[-1:], **last)[0] == 200
    assert (media / KEY).read_bytes() == PICTURE
    assert list((media.parent / "uploads").rglob("*.part")) == []


@pytest.mark.parametrize(
    "key",
    [
        "captures/20261122/vid2_e2.jpg",  # another device's
        "captures/20261122/vid1_e9.jpg",  # nobody's, or not yet
        "snapshots/20261122/vid1_r1.jpg",  # nobody asked for it
        "backtests/x.jpg",
        "elsewhere/x.jpg",
    ],
)
def test_a_box_stores_nothing_but_its_own(media: Path, file: Path, key: str) -> None:
    with pytest.raises(NotExpectedError, match="expects no such object"):
        send(file, Flaky(), key=key)
    assert not media.exists()


def call(method: str, key: str, *, token: str = TOKEN, body: bytes = b"x", **headers: str) -> tuple[int, str]:
    given = {"Authorization": f"Bearer {token}"} if token else {}
    given |= {"Content-Range": f"bytes 0-{len(body) - 1}/{len(body)}", "X-Content-SHA256": sha256(body)}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/api/device/objects/{key}"
    if method == "GET":
        path += f"?sha256={sha256(body)}&size={len(body)}"
    answer = Client().generic(method, path, data=body, content_type="application/octet-stream", headers=given)
    return answer.status_code, answer.json().get("detail", "")


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("token", ["", "esd_", "esd_wrong", "x", TOKEN[:-1]])
def test_without_the_devices_token_there_is_no_answer(media: Path, method: str, token: str) -> None:
    assert call(method, KEY, token=token)[0] == 401


def test_a_persons_and_a_machines_token_are_none(media: Path) -> None:
    from edgesite.tokens import create_token

    assert call("PUT", KEY, token=create_token(name="n", role="admin"))[0] == 401
    browser = Client()
    browser.force_login(make_person("kim", superuser=True))
    answer = browser.put(f"/api/device/objects/{KEY}", data=b"x", content_type="application/octet-stream")
    assert answer.status_code == 401


def test_a_device_that_was_shut_out_uploads_no_more(media: Path) -> None:
    Device.objects.filter(pk="box-1").update(token_hash="", revoked_at=timezone.now())
    assert call("PUT", KEY)[0] == 401


@pytest.mark.parametrize(
    "key",
    [
        "captures/../../etc/passwd",
        "captures/%2e%2e/x.jpg",
        "captures//x.jpg",
        "/etc/passwd",
        "captures/a%00b",
        "captures/a%5Cb",
    ],
)
def test_no_name_leaves_its_folder(media: Path, tmp_path: Path, key: str) -> None:
    before = sorted(p for p in tmp_path.rglob("*") if "uploads" not in p.parts)
    status, _ = call("PUT", key)
    assert status in (400, 404)
    assert sorted(p for p in tmp_path.rglob("*") if "uploads" not in p.parts) == before
    assert list(tmp_path.rglob("*.part")) == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Range": "bytes 0-9/1"}, 400),
        ({"Content_Range": "bytes 5-1/9"}, 400),
        ({"Content_Range": "bytes 0-0/"}, 400),
        ({"Content_Range": "items 0-0/1"}, 400),
        ({"Content_Range": "bytes 0-1/2"}, 400),  # the body is shorter
        ({"Content_Range": "bytes 0-0/99999999999999"}, 413),
        ({"Content_Range": "bytes ٠-٠/١"}, 400),
        ({"X_Content_SHA256": "0" * 63}, 400),
        ({"X_Content_SHA256": "Z" * 64}, 400),
        ({"X_Content_SHA256": "0" * 64}, 422),
        ({"Content_Range": "bytes 1-1/2"}, 409),
    ],
)
def test_what_cannot_be_is_refused_in_words(media: Path, headers: dict[str, str], status: int) -> None:
    given: dict[str, Any] = {k: v.encode().decode("latin-1") for k, v in headers.items()}
    answer = call("PUT", KEY, **given)
    assert answer[0] == status
    assert answer[1]
    assert not (media / KEY).exists()


def test_a_part_has_a_bound(media: Path) -> None:
    assert call("PUT", KEY, body=b"x" * (services.LARGEST_PART + 1))[0] == 413


def test_a_full_disk_of_the_hub_is_no_final_word(media: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "SPARE", 2**60)
    with pytest.raises(StorageError, match="full") as caught:
        send(file, Flaky())
    assert caught.value.retryable


def test_a_box_with_another_content_begins_anew_and_leaves_nothing(media: Path, file: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        send(file, Flaky(fail={2}))
    file.write_bytes(PICTURE[::-1])
    send(file, Flaky())
    assert (media / KEY).read_bytes() == PICTURE[::-1]
    assert list(tmp_path.rglob("*.part")) == []


def test_uploads_that_nobody_goes_on_with_are_removed(media: Path, file: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        send(file, Flaky(fail={2}))
    [part] = tmp_path.rglob("*.part")
    began = part.stat().st_mtime
    assert services.clear_up(now=began + services.STALE_S - 60) == 0
    assert services.clear_up(now=began + services.STALE_S + 60) == 1
    assert not part.exists()


def test_a_picture_on_request_is_taken_while_it_is_waited_for(media: Path) -> None:
    key = "frames/vid1.jpg"
    storage.put(key, b"the one before")
    now = timezone.now()
    request = SnapshotRequest.objects.create(
        request_id="r1",
        camera_id="vid1",
        device_id="box-1",
        requested_by="kim",
        requested_at=now,
        deadline=now + timedelta(seconds=5),
        key=key,
    )
    uploader(Flaky()).put(key, b"newer", sha256=sha256(b"newer"))
    assert (media / key).read_bytes() == b"newer"
    SnapshotRequest.objects.filter(pk=request.pk).update(state="ready")
    with pytest.raises(NotExpectedError):
        uploader(Flaky()).put(key, b"late", sha256=sha256(b"late"))
    with pytest.raises(NotExpectedError):
        uploader(Flaky(), token="esd_other").put(key, b"theirs", sha256=sha256(b"theirs"))
    assert (media / key).read_bytes() == b"newer"


def test_a_large_object_is_read_back_once_and_not_each_time_that_its_box_asks(
    media: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "LARGE", len(PICTURE))
    read, is_stored = list[str](), storage.is_stored

    def look(key: str, **expected: Any) -> bool:
        read.append(key)
        return is_stored(key, **expected)

    monkeypatch.setattr(storage, "is_stored", look)
    with pytest.raises(StorageError):
        send(file, Flaky(lose={3}))  # the box did not wait for the end of the last part
    before = len(read)
    send(file, Flaky())
    assert len(read) == before
    (media / KEY).write_bytes(b"something else")
    with pytest.raises(StorageError):
        send(file, Flaky())
    (media / KEY).unlink()
    send(file, Flaky())
    assert (media / KEY).read_bytes() == PICTURE
    assert services.clear_up(now=(media / KEY).stat().st_mtime + services.STALE_S + 60) == 1
