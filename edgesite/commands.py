"""Commands from the hub to one device (DESIGN 5.3), and the device's answers.

A command is worth something for some seconds only: what comes too late is not done. Its `deadline` is in the time of the
Redis that carries it, which both sides ask, because a box may have another time than the hub.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from edgesite import redis_keys
from edgesite.ids import uuid7
from edgesite.redis_clients import Client, redis_time

LONGEST_BODY = 64 * 1024  # characters; the largest is a draft of a camera's rules


class CommandError(ValueError):
    """An entry of the stream that is no command."""


@dataclass(frozen=True, slots=True)
class Command:
    """deadline: Unix seconds of the Redis' clock."""

    request_id: str
    kind: str
    deadline: float
    body: Mapping[str, Any]


def send_command(
    client: Client,
    *,
    device_id: str,
    request_id: str,
    kind: str,
    seconds: float,
    body: Mapping[str, Any],
    now: float | None = None,
) -> None:
    """Tells the device to do something within so many seconds. now: by the Redis' clock, when the caller knows it.

    Raises RedisError.
    """
    moment = redis_time(client) if now is None else now
    fields = {
        "request_id": request_id,
        "kind": kind,
        "deadline": f"{moment + seconds:.3f}",
        "body": json.dumps(body, allow_nan=False),
    }
    client.xadd(
        redis_keys.commands(device_id),
        fields,  # type: ignore[arg-type]
        maxlen=redis_keys.COMMANDS_LENGTH,
        approximate=True,
    )


def parse_command(fields: Mapping[str, str]) -> Command:
    """An entry as the device reads it. Raises CommandError."""
    request_id, kind, text = (fields.get(key, "") for key in ("request_id", "kind", "body"))
    if not 1 <= len(request_id) <= 64 or not 1 <= len(kind) <= 40 or len(text) > LONGEST_BODY:
        raise CommandError("request_id, kind or body is missing or too long")
    try:
        deadline, body = float(fields.get("deadline", "")), json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise CommandError("deadline or body cannot be read") from None
    if not isinstance(body, dict) or not math.isfinite(deadline):
        raise CommandError("deadline or body cannot be read")
    return Command(request_id, kind, deadline, body)


def send_answer(client: Client, *, device_id: str, kind: str, body: Mapping[str, Any]) -> None:
    """From the device to the hub, as an event; tried twice. Not through the outbox: nobody waits for a late one.

    Raises RedisError.
    """
    fields = {"event_id": uuid7(), "kind": kind, "body": json.dumps(body, ensure_ascii=False, allow_nan=False)}
    for last in (False, True):
        try:
            client.xadd(redis_keys.events(device_id), fields)  # type: ignore[arg-type]
        except RedisError:
            if last:
                raise
        else:
            return
