"""Publishing into a real Redis: atomic, never over something newer, one hint for each document."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from redis.exceptions import RedisError

from cameras import services
from cameras.core.algorithms import registry
from cameras.core.document import parse_document
from cameras.issued import ConfigVersion
from cameras.models import Camera
from cameras.publish import Outcome, write_document
from cameras.services import issue_version, publish_edit, publish_version
from edgesite import redis_keys
from edgesite.redis_clients import Client, connect
from tests.cameras.documents import DEVICE, EPOCH, LATER_EPOCH, content, document
from tests.rows import make_all
from tests.servers.redis import RedisServer
from tests.servers.stack import ROOT, Stack

pytestmark = pytest.mark.integration

CONFIG, VERSION = redis_keys.config(DEVICE), redis_keys.version(DEVICE)


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[Client]:
    client = connect(redis_server.url())
    yield client
    client.close()


def text_of(version: int, epoch: str = EPOCH, name: str = "") -> str:
    return document(content(site={"name": name or f"v{version}"}), version=version, epoch=epoch)


def publish(client: Client, version: int, epoch: str = EPOCH, name: str = "", *, known: bool = True) -> Outcome:
    """known: whether the hub remembers what Redis holds."""
    text = text_of(version, epoch, name)
    sha256 = json.loads(text)["sha256"]
    return write_document(
        client, device_id=DEVICE, epoch=epoch, version=version, sha256=sha256, text=text, known=lambda *held: known
    )


def held(client: Client) -> tuple[str, int, str | None]:
    """Epoch and version of the document, and the number beside it."""
    raw = json.loads(cast(str, client.get(CONFIG)))
    return raw["epoch"], raw["version"], cast("str | None", client.get(VERSION))


def hints(client: Client) -> list[dict[str, str]]:
    entries = cast("list[tuple[str, dict[str, str]]]", client.xrange(redis_keys.HINT_STREAM))
    return [fields for _, fields in entries]


def test_document_number_and_hint_are_written_together(client: Client) -> None:
    assert publish(client, 3) is Outcome.WRITTEN
    assert held(client) == (EPOCH, 3, "3")
    assert client.get(CONFIG) == text_of(3)
    assert hints(client) == [{"device_id": DEVICE, "version": "3", "action": "UPDATE"}]


def test_the_same_again_writes_and_hints_nothing(client: Client) -> None:
    publish(client, 3)
    assert publish(client, 3) is Outcome.SAME
    assert len(hints(client)) == 1


def test_an_older_document_never_replaces_a_newer_one(client: Client) -> None:
    publish(client, 3)
    assert publish(client, 2) is Outcome.OVERTAKEN
    assert held(client) == (EPOCH, 3, "3")
    assert len(hints(client)) == 1


def test_a_later_epoch_wins_and_an_earlier_one_never(client: Client) -> None:
    publish(client, 30)
    assert publish(client, 1, LATER_EPOCH) is Outcome.WRITTEN
    assert publish(client, 31) is Outcome.OVERTAKEN
    assert held(client) == (LATER_EPOCH, 1, "1")


@pytest.mark.parametrize(
    "foreign",
    [
        json.dumps({"cameras": [], "rois": [], "binds": []}), "nonsense", "[]", "", '{"epoch": 5, "version": 99}',
        json.dumps({"epoch": EPOCH, "version": "many"}),
    ],
)  # fmt: skip
def test_a_foreign_document_gives_way(client: Client, foreign: str) -> None:
    client.set(CONFIG, foreign)
    client.set(VERSION, "99")
    assert publish(client, 1) is Outcome.WRITTEN
    assert held(client) == (EPOCH, 1, "1")


@pytest.mark.parametrize("version", [2, 3, 4])
def test_what_the_hub_never_issued_is_not_replaced_within_its_epoch(client: Client, version: int) -> None:
    """The hub was restored from a backup: its next numbers say nothing about what it has forgotten."""
    publish(client, 3, name="before the backup came back")
    assert publish(client, version, known=False) is Outcome.AHEAD
    assert client.get(CONFIG) == text_of(3, name="before the backup came back")
    assert len(hints(client)) == 1
    assert publish(client, 1, LATER_EPOCH, known=False) is Outcome.WRITTEN


@pytest.mark.parametrize("damage", ["no document", "no number", "other number", "other content"])
def test_half_of_it_is_made_whole(client: Client, damage: str) -> None:
    publish(client, 3)
    if damage == "no document":
        client.delete(CONFIG)
    elif damage == "no number":
        client.delete(VERSION)
    elif damage == "other number":
        client.set(VERSION, "2")
    else:
        client.set(CONFIG, text_of(3).replace('"name":"v3"', '"name":"somebody else\'s"'))
        assert client.get(CONFIG) != text_of(3)
    assert publish(client, 3) is Outcome.WRITTEN
    assert held(client) == (EPOCH, 3, "3")
    assert client.get(CONFIG) == text_of(3)


def test_many_at_once_end_with_the_newest_and_never_go_back(redis_server: RedisServer, client: Client) -> None:
    def run(versions: list[int]) -> None:
        own = connect(redis_server.url())
        for version in versions:
            publish(own, version)
        own.close()

    threads = [threading.Thread(target=run, args=(list(range(n, 61, 4)),)) for n in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert held(client) == (EPOCH, 60, "60")
    numbers = [int(h["version"]) for h in hints(client)]
    assert numbers == sorted(set(numbers))


def test_the_hint_stream_is_trimmed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_keys, "HINT_STREAM_LENGTH", 50)
    for version in range(1, 400):
        publish(client, version)
    assert len(hints(client)) < 250


@pytest.mark.django_db
def test_from_an_edit_to_the_document_that_a_device_takes(
    redis_server: RedisServer, client: Client, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.CLOUD_REDIS_URL = redis_server.url()
    make_all()
    for name in ("a", "b"):
        Camera.objects.update(name=name)
        with django_capture_on_commit_callbacks(execute=True):
            publish_edit(device_ids=[DEVICE], author="ann")
    read = parse_document(cast(str, client.get(CONFIG)), device_id=DEVICE, registry=registry)
    assert read.header.version == 2
    assert read.content.cameras[0].camera_name == "b"
    assert [h["version"] for h in hints(client)] == ["1", "2"]
    first = ConfigVersion.objects.get(version=1)
    assert publish_version(first) is Outcome.OVERTAKEN  # a late publisher
    assert held(client)[1] == 2
    services.cloud_redis.cache_clear()


@pytest.mark.django_db
def test_an_edit_without_a_redis_stands_and_is_published_later(
    redis_server: RedisServer, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.CLOUD_REDIS_URL = redis_server.url()
    make_all()
    redis_server.kill()
    with django_capture_on_commit_callbacks(execute=True):
        version = issue_version(device_id=DEVICE, author="ann")
    assert version is not None
    with pytest.raises(RedisError):
        publish_version(version)
    redis_server.start()
    assert publish_version(version) is Outcome.WRITTEN
    services.cloud_redis.cache_clear()


EDITS = """
from cameras.models import Camera
from cameras.services import publish_edit
from django.db import transaction
for number in range(10):
    with transaction.atomic():
        Camera.objects.filter(pk="vid1").update(name=f"{WHO} {number}")
        publish_edit(device_ids=["box-1"], author=WHO)
"""


def test_two_publishers_make_two_versions_each_and_redis_ends_with_the_newest(
    redis_server: RedisServer, client: Client, tmp_path: Path
) -> None:
    with Stack(tmp_path, redis_server.url) as stack:
        stack.migrate()
        stack.manage("shell", "-v0", "-c", "from tests.rows import make_all; make_all()")
        writers = [
            subprocess.Popen(
                [sys.executable, "manage.py", "shell", "-v0", "-c", f"WHO = {who!r}\n{EDITS}"],
                cwd=ROOT, env=stack.env, stderr=subprocess.PIPE,
            )
            for who in ("ann", "bob")
        ]  # fmt: skip
        for writer in writers:
            _, complaints = writer.communicate(timeout=60)
            assert writer.returncode == 0, complaints.decode()
        code = "from cameras.models import *\nfor v in ConfigVersion.objects.order_by('id'): print(v.version, v.author)"
        issued = [line.split() for line in stack.manage("shell", "-v0", "-c", code).splitlines()]
    assert [int(version) for version, _ in issued] == list(range(1, 21))
    assert sorted(author for _, author in issued) == ["ann"] * 10 + ["bob"] * 10
    assert held(client)[1:] == (20, "20")
    hinted = [int(h["version"]) for h in hints(client)]
    assert hinted == sorted(set(hinted))
    assert hinted[-1] == 20
