"""Fakes for unit tests, all in this one file: clocks, as much of a Redis or a bucket as the code under test asks for."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, ClassVar, Self, cast

from botocore.exceptions import ClientError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from edgesite.redis_clients import Client

Entry = tuple[str, dict[str, str]]


class Clock:
    """A clock that only goes on when it is told to."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def _place(entry_id: str) -> tuple[int, int]:
    time, _, sequence = entry_id.partition("-")
    return int(time), int(sequence or 0)


class FakeRedis:
    """Strings and streams in memory. `down` makes every command fail; `calls` counts them by name.

    on_block: called instead of waiting when a blocking read finds nothing. now: its own clock.
    """

    def __init__(self, on_block: Callable[[], None] = lambda: None) -> None:
        self.strings: dict[str, str] = {}
        self.streams: dict[str, list[Entry]] = {}
        self.published: list[tuple[str, Any]] = []
        self.listeners = 1
        self.down = False
        self.calls: dict[str, int] = {}
        self.on_block = on_block
        self.now: Callable[[], float] = time.time
        self._next = 1

    def client(self) -> Client:
        """This fake, as the type that the code under test takes."""
        return cast(Client, self)

    def _command(self, name: str) -> None:
        self.calls[name] = self.calls.get(name, 0) + 1
        if self.down:
            raise RedisConnectionError("the fake is down")

    def ping(self) -> bool:
        self._command("ping")
        return True

    def time(self) -> tuple[int, int]:
        self._command("time")
        return int(self.now()), round(self.now() % 1 * 1e6)

    def get(self, key: str) -> str | None:
        self._command("get")
        return self.strings.get(key)

    def set(self, key: str, value: str, **options: Any) -> None:
        self._command("set")
        self.strings[key] = value

    def mget(self, keys: list[str]) -> list[str | None]:
        self._command("mget")
        return [self.strings.get(key) for key in keys]

    def mset(self, values: dict[str, str]) -> None:
        self._command("mset")
        self.strings.update(values)

    def xadd(self, stream: str, fields: dict[str, str], **options: Any) -> str:
        self._command("xadd")
        entry_id = f"{self._next}-0"
        self._next += 1
        self.streams.setdefault(stream, []).append((entry_id, fields))
        return entry_id

    def publish(self, channel: str, message: Any) -> int:
        self._command("publish")
        self.published.append((channel, message))
        return self.listeners

    def xrevrange(self, stream: str, count: int) -> list[Entry]:
        self._command("xrevrange")
        return self.streams.get(stream, [])[::-1][:count]

    def xread(self, positions: dict[str, str], count: int, block: int) -> list[tuple[str, list[Entry]]]:
        self._command("xread")
        found = self._behind(positions, count)
        if not found:
            self.on_block()
            found = self._behind(positions, count)
        return found

    def pipeline(self, transaction: bool = True) -> FakePipeline:
        return FakePipeline(self, transaction)

    def _behind(self, positions: dict[str, str], count: int) -> list[tuple[str, list[Entry]]]:
        answer = []
        for stream, position in positions.items():
            newer = [e for e in self.streams.get(stream, []) if _place(e[0]) > _place(position)]
            if newer:
                answer.append((stream, newer[:count]))
        return answer


class FakePipeline:
    """Keeps what it is called with, and does it when it is executed."""

    def __init__(self, redis: Any, transaction: bool) -> None:
        self.redis, self.transaction = redis, transaction
        self.acts: list[Callable[[], Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.acts = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        def queue(*args: Any, **options: Any) -> None:
            self.acts.append(lambda: getattr(self.redis, name)(*args, **options))

        return queue

    def execute(self) -> list[Any]:
        return [act() for act in self.acts]


class FakeReader:
    """A camera's reader that reads nothing; `made` are all of them, in order."""

    made: ClassVar[list[FakeReader]] = []

    def __init__(self, camera_id: str, streams: Any, **options: Any) -> None:
        from detection.ingest.reader_state import CameraState  # it brings FFmpeg along, which few tests need

        self.camera_id, self.streams, self.url, self.options = camera_id, streams, streams.main, options
        self.acts: list[str] = []
        self.state = CameraState("connecting", 1000.0)
        FakeReader.made.append(self)

    def start(self) -> None:
        self.acts.append("start")

    def stop(self, timeout: float = 3.0) -> None:
        if "stop" not in self.acts:  # told once, waited for later
            self.acts.append("stop")


class FakeDetector:
    """Sees in picture `i` of a `make_clip` what `script(i)` says: rows of class id, score and box. provider: any word."""

    classes = ("person", "car")
    provider = "CPUExecutionProvider"

    def __init__(self, script: Callable[[int], list[tuple[int, float, list[float]]]], pause: float = 0.0) -> None:
        self.script, self.pause = script, pause
        self.limits: list[Any] = []

    def fit(self, width: int, height: int) -> tuple[int, int]:
        return width, height

    def detect(self, scaled: Any, *, min_score: Any) -> Any:
        """As `Detector.detect`. The later pictures are quicker, so that answers overtake each other."""
        import numpy as np

        from detection.core.detections import Detections
        from tests.servers.clips import FIRST_SHADE, SHADE_STEP

        self.limits.append(min_score)
        # 255 / 219: swscale widens the luma of television (16..235) to the whole range.
        number = round((float(scaled.mean()) * 219 / 255 + 16 - FIRST_SHADE) / SHADE_STEP)
        time.sleep(self.pause if number % 2 else 0)
        rows = [row for row in self.script(number) if row[1] >= np.broadcast_to(min_score, 2)[row[0]]]
        rows.sort(key=lambda row: -row[1])
        return Detections(
            np.array([row[2] for row in rows], np.float32).reshape(len(rows), 4),
            np.array([row[1] for row in rows], np.float32),
            np.array([row[0] for row in rows], np.int32),
        )


def failing_accelerator() -> FakeDetector:
    """Of which every run fails."""

    def run(number: int) -> Any:
        from detection.inference.errors import ModelError

        raise ModelError("device lost", retryable=True)

    made = FakeDetector(run)
    made.provider = "CUDAExecutionProvider"
    return made


class GroupRedis(FakeRedis):
    """Also one consumer group a stream. die_before: the name of the command before which the worker is killed, once.

    ids: by `now`, as those of a Redis.
    """

    def __init__(self) -> None:
        super().__init__()
        self.die_before = ""
        self.groups: dict[str, dict[str, Any]] = {}
        self.expiry: dict[str, int] = {}

    def _command(self, name: str) -> None:
        super()._command(name)
        if name == self.die_before:
            self.die_before = ""
            raise SystemExit  # no `except Exception` may stop it

    def set(self, key: str, value: str, **options: Any) -> None:
        super().set(key, value)
        self.expiry[key] = options.get("ex", 0)

    def xadd(self, stream: str, fields: dict[str, str], **options: Any) -> str:
        self._command("xadd")
        entry_id = f"{int(self.now() * 1000)}-{self._next}"
        self._next += 1
        self.streams.setdefault(stream, []).append((entry_id, fields))
        return entry_id

    def xgroup_create(self, stream: str, group: str, *, id: str, mkstream: bool) -> None:
        self._command("xgroup_create")
        assert mkstream
        if stream in self.groups:
            raise ResponseError("BUSYGROUP Consumer Group name already exists")
        self.streams.setdefault(stream, [])
        self.groups[stream] = {"last": id, "pending": {}}

    def xreadgroup(
        self, group: str, consumer: str, streams: dict[str, str], *, count: int, block: int | None
    ) -> list[tuple[str, list[Entry]]]:
        self._command("xreadgroup")
        answer = []
        for stream, place in streams.items():
            known = self.groups.get(stream)
            if known is None:
                raise ResponseError("NOGROUP No such key or consumer group")
            entries = self.streams.get(stream, [])
            if place == ">":
                found = [e for e in entries if _place(e[0]) > _place(known["last"])][:count]
                known["last"] = found[-1][0] if found else known["last"]
            else:
                mine = {key for key, held in known["pending"].items() if held["consumer"] == consumer}
                found = [e for e in entries if e[0] in mine][:count]
            self._deliver(stream, consumer, found)
            answer.append((stream, found))
        return answer

    def _deliver(self, stream: str, consumer: str, entries: list[Entry]) -> None:
        pending = self.groups[stream]["pending"]
        for entry_id, _ in entries:
            times = pending.get(entry_id, {"times": 0})["times"]
            pending[entry_id] = {"consumer": consumer, "at": self.now(), "times": times + 1}

    def xautoclaim(self, stream: str, group: str, consumer: str, *, min_idle_time: int, count: int) -> list[Any]:
        self._command("xautoclaim")
        known = self.groups.get(stream)
        if known is None:
            raise ResponseError("NOGROUP No such key or consumer group")
        old = {k for k, held in known["pending"].items() if (self.now() - held["at"]) * 1000 >= min_idle_time}
        found = [e for e in self.streams[stream] if e[0] in old][:count]
        self._deliver(stream, consumer, found)
        return ["0-0", found, []]

    def xpending_range(self, stream: str, group: str, *, min: str, max: str, count: int) -> list[dict[str, Any]]:
        self._command("xpending_range")
        held = self.groups[stream]["pending"].get(min)
        return [{"message_id": min, "times_delivered": held["times"]}] if held else []

    def pipeline(self, transaction: bool = True) -> GroupPipeline:
        return GroupPipeline(self, transaction)


class GroupPipeline(FakePipeline):
    """All or nothing, as MULTI is, if it is a transaction."""

    def xack(self, stream: str, group: str, *ids: str) -> None:
        def act() -> None:
            for one in ids:
                self.redis.groups.get(stream, {"pending": {}})["pending"].pop(one, None)

        self.acts.append(act)

    def xdel(self, stream: str, *ids: str) -> None:
        def act() -> None:
            kept = [entry for entry in self.redis.streams.get(stream, []) if entry[0] not in ids]
            self.redis.streams[stream] = kept

        self.acts.append(act)

    def execute(self) -> list[Any]:
        if self.transaction:
            self.redis._command("execute")
        return super().execute()


class FakeS3:
    """As much of an S3 client as uploads in parts ask for. `before`: called with each operation and what it was given;
    what it raises is the answer. `calls`: the operations. now: the server's clock.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.before: Callable[[str, dict[str, Any]], None] = lambda operation, given: None
        self.now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    @staticmethod
    def error(code: str, status: int = 400) -> ClientError:
        told: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return ClientError(told, "an operation")

    def _begin(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(operation)
        self.before(operation, given)
        date = format_datetime(self.now, usegmt=True)
        return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}

    def _upload(self, upload_id: str) -> dict[str, Any]:
        if upload_id not in self.uploads:
            raise self.error("NoSuchUpload", 404)
        return self.uploads[upload_id]

    def put_object(self, **given: Any) -> dict[str, Any]:
        told = self._begin("put", given)
        assert isinstance(given["Body"], bytes)
        self.objects[given["Key"]] = given["Body"]
        return told

    def create_multipart_upload(self, **given: Any) -> dict[str, Any]:
        answer = self._begin("create", given)
        upload_id = f"upload-{len(self.calls)}"
        self.uploads[upload_id] = {"Key": given["Key"], "Initiated": self.now, "parts": {}}
        return {**answer, "UploadId": upload_id}

    def upload_part(self, **given: Any) -> dict[str, Any]:
        answer = self._begin("part", given)
        parts = self._upload(given["UploadId"])["parts"]
        content = given["Body"].read()
        digest = hashlib.md5(content, usedforsecurity=False)
        if base64.b64encode(digest.digest()).decode() != given["ContentMD5"]:
            raise self.error("BadDigest")
        tag = f'"{digest.hexdigest()}"'
        parts[given["PartNumber"]] = {"ETag": tag, "content": content, "LastModified": self.now}
        return {**answer, "ETag": tag}

    def list_parts(self, **given: Any) -> dict[str, Any]:
        answer = self._begin("list parts", given)
        parts = self._upload(given["UploadId"])["parts"].items()
        return {**answer, "Parts": [{"PartNumber": n, "Size": len(p["content"]), **p} for n, p in sorted(parts)]}

    def complete_multipart_upload(self, **given: Any) -> dict[str, Any]:
        answer = self._begin("complete", given)
        held = self._upload(given["UploadId"])["parts"]
        wanted = given["MultipartUpload"]["Parts"]
        if any(held.get(p["PartNumber"], {}).get("ETag") != p["ETag"] for p in wanted):
            raise self.error("InvalidPart")
        self.objects[given["Key"]] = b"".join(held[p["PartNumber"]]["content"] for p in wanted)
        del self.uploads[given["UploadId"]]
        return answer

    def abort_multipart_upload(self, **given: Any) -> dict[str, Any]:
        answer = self._begin("abort", given)
        self._upload(given["UploadId"])
        del self.uploads[given["UploadId"]]
        return answer

    def list_multipart_uploads(self, **given: Any) -> dict[str, Any]:
        answer = self._begin("list uploads", given)
        found = [{"UploadId": i, **u} for i, u in self.uploads.items() if u["Key"].startswith(given["Prefix"])]
        return {**answer, "Uploads": found}

    def get_paginator(self, operation: str) -> FakePages:
        return FakePages(getattr(self, operation))


class FakePages:
    """All on one page."""

    def __init__(self, ask: Callable[..., dict[str, Any]]) -> None:
        self.ask = ask

    def paginate(self, **given: Any) -> Iterator[dict[str, Any]]:
        yield self.ask(**given)
