"""The stream `edge_snap_request` with its group, its dead letters and the keys of answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from redis.exceptions import RedisError, ResponseError

from edgesite import redis_keys
from edgesite.redis_clients import Client, read_group_at, redis_time

CONSUMER = "run_hub"
OWN = 1_000  # entries: what is under way here is among those that were read before
RECLAIM_MS = 7_000  # nobody who lives takes longer for one entry
LONGEST_LETTER = 4_000  # characters of an entry that are kept of one that is set aside

STREAM, GROUP = redis_keys.SNAP_STREAM, redis_keys.SNAP_GROUP


class Read(NamedTuple):
    """again: it was read before. fields: None for an entry that was deleted meanwhile. at: when, by the Redis' clock."""

    entry_id: str
    fields: dict[str, str] | None
    again: bool
    at: float


@dataclass(slots=True)
class OrderStream:
    """Every method raises RedisError."""

    client: Client
    _grouped: bool = field(default=False)
    _history: bool = field(default=True)

    def read(self, *, count: int, wait_ms: int, claim: bool) -> list[Read]:
        """At most so many entries, after `wait_ms` (0: at once) perhaps none. claim: also those that a reader who is gone left.

        What this consumer read before it was started comes first, and at once.
        """
        if not self._grouped:
            self._make_group()
        try:
            left = self._own(count) if self._history else []
            left = left or (self._claimed(count) if claim else [])
            return left or self._new(count, wait_ms)
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self._grouped = False  # Redis lost its data
            return []
        except RedisError:
            self._history = True  # its answer may be lost, and with it what it handed out
            raise

    def _make_group(self) -> None:
        try:
            # From the beginning: a group made at `$` would miss what was written before.
            self.client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        self._grouped = True

    def _own(self, count: int) -> list[Read]:
        found = self._group(max(count, OWN), None, again=True)
        self._history = False
        return found

    def _new(self, count: int, wait_ms: int) -> list[Read]:
        return self._group(count, wait_ms, again=False)

    def _group(self, count: int, wait_ms: int | None, *, again: bool) -> list[Read]:
        answer, now = read_group_at(
            self.client, [STREAM], group=GROUP, consumer=CONSUMER, count=count, block_ms=wait_ms
        )
        return [Read(entry_id, fields or None, again, now) for entry_id, fields in answer.get(STREAM, [])]

    def _claimed(self, count: int) -> list[Read]:
        answer = cast(Any, self.client.xautoclaim(STREAM, GROUP, CONSUMER, min_idle_time=RECLAIM_MS, count=count))
        left = [(entry_id, fields) for entry_id, fields in answer[1] if entry_id]
        now = redis_time(self.client) if left else 0.0
        return [Read(entry_id, fields or None, True, now) for entry_id, fields in left]

    def deliveries(self, entry_id: str) -> int:
        """How often the entry was handed to a reader."""
        pending = cast(Any, self.client.xpending_range(STREAM, GROUP, min=entry_id, max=entry_id, count=1))
        return int(pending[0]["times_delivered"]) if pending else 0

    def kept_answer(self, request_id: str) -> dict[str, Any] | None:
        """What the integrator was told of late; None when that was nothing, or is over."""
        text = cast("str | None", self.client.get(redis_keys.snap_result(request_id)))
        try:
            answer = json.loads(text) if text else None
        except ValueError:
            return None
        if not isinstance(answer, dict) or answer.get("request_id") != request_id:
            return None  # somebody else wrote it
        return answer if answer.get("status") == "error" or isinstance(answer.get("url"), str) else None

    def done(self, entry_ids: Sequence[str], answers: Iterable[Mapping[str, Any]] = ()) -> None:
        """Acknowledged, and out of the stream: it holds nothing but what is still to be answered. With it, at once, the
        answers that integrators look for.
        """
        with self.client.pipeline(transaction=True) as pipe:
            for answer in answers:
                keep_answer(pipe, answer)
            pipe.xack(STREAM, GROUP, *entry_ids)
            pipe.xdel(STREAM, *entry_ids)
            pipe.execute()

    def bury(self, entry_id: str, fields: Mapping[str, str], *, reason: str) -> None:
        """Into the dead letters, whose oldest go."""
        text = json.dumps(dict(fields), ensure_ascii=False)[:LONGEST_LETTER]
        letter = {"entry_id": entry_id, "reason": reason, "fields": text}
        with self.client.pipeline(transaction=True) as pipe:
            pipe.xadd(redis_keys.SNAP_DEAD, letter, maxlen=redis_keys.SNAP_DEAD_LENGTH, approximate=True)  # type: ignore[arg-type]
            pipe.xack(STREAM, GROUP, entry_id)
            pipe.xdel(STREAM, entry_id)
            pipe.execute()


def keep_answer(client: Client, answer: Mapping[str, Any]) -> None:
    """Where the integrator looks for it. Raises RedisError."""
    key = redis_keys.snap_result(str(answer["request_id"]))
    client.set(key, json.dumps(answer, ensure_ascii=False), ex=redis_keys.SNAP_RESULT_SECONDS)
