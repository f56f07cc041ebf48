"""Redis clients. `redis.exceptions.RedisError` is the one exception type; connection errors and time-outs can be retried."""

from __future__ import annotations

from typing import Any, cast

import redis
from redis.asyncio import Redis as AsyncClient
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

Client = redis.Redis
Entry = tuple[str, dict[str, str]]

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0


def connect(url: str, *, decode: bool = True) -> Client:
    """A lazy client: nothing is sent before the first call. Time-outs are short, retrying is the caller's decision.

    decode: answers are `str` instead of `bytes`.
    """
    return redis.Redis.from_url(
        url,
        decode_responses=decode,
        encoding_errors="replace",  # what is not UTF-8 must not stop the reader of a stream that many write to
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )


def connect_async(url: str) -> AsyncClient:
    """The same for an event loop, with answers as bytes; the caller closes it (`aclose`)."""
    return AsyncClient.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        health_check_interval=15,
        retry=AsyncRetry(NoBackoff(), 0),
        protocol=2,
    )


def get_texts(client: Client, keys: list[str]) -> list[str | None]:
    """The strings under these keys, None where there is none. Raises RedisError."""
    return cast("list[str | None]", client.mget(keys)) if keys else []


def redis_time(client: Client) -> float:
    """Unix seconds by the Redis' clock. Raises RedisError."""
    return _seconds(client.time())


def _seconds(moment: Any) -> float:
    """What the command TIME answers."""
    seconds, microseconds = moment
    return int(seconds) + int(microseconds) / 1e6


def read_streams(client: Client, positions: dict[str, str], *, count: int, block_ms: int) -> dict[str, list[Entry]]:
    """Entries behind the positions, by stream; waits up to `block_ms` for the first. Raises RedisError."""
    return _by_stream(client.xread(cast(Any, positions), count=count, block=block_ms))


def read_streams_at(
    client: Client, positions: dict[str, str], *, count: int, block_ms: int
) -> tuple[dict[str, list[Entry]], float]:
    """The same, and what time it was by the Redis' clock when it answered, without a second way there."""
    with client.pipeline(transaction=False) as pipe:  # what stands behind a command that waits is done after it
        pipe.xread(cast(Any, positions), count=count, block=block_ms)
        pipe.time()
        answer, moment = pipe.execute()
    return _by_stream(answer), _seconds(moment)


def _by_stream(answer: Any) -> dict[str, list[Entry]]:
    return {stream: entries for stream, entries in answer or [] if entries}


def entry_place(entry_id: str) -> tuple[int, int]:
    """A stream entry's place in time, for comparing; anything that is no entry id comes first."""
    milliseconds, _, number = entry_id.partition("-")
    if not (milliseconds.isdecimal() and (number or "0").isdecimal()):
        return (-1, 0)
    return int(milliseconds), int(number or "0")


def last_entry(client: Client, stream: str) -> str:
    """The id of the newest entry; "0-0" when there is none. Raises RedisError."""
    entries = cast(Any, client.xrevrange(stream, count=1))
    return str(entries[0][0]) if entries else "0-0"


def read_group(
    client: Client, streams: list[str], *, group: str, consumer: str, count: int, block_ms: int | None
) -> dict[str, list[Entry]]:
    """Entries for this consumer: new ones, waiting up to `block_ms` (0: not at all); with None its own unacknowledged
    ones, at once.

    Raises RedisError.
    """
    return _by_stream(client.xreadgroup(group, consumer, **_places(streams, count=count, block_ms=block_ms)))


def read_group_at(
    client: Client, streams: list[str], *, group: str, consumer: str, count: int, block_ms: int | None
) -> tuple[dict[str, list[Entry]], float]:
    """The same, and what time it was by the Redis' clock when it answered, without a second way there."""
    with client.pipeline(transaction=False) as pipe:
        pipe.xreadgroup(group, consumer, **_places(streams, count=count, block_ms=block_ms))
        pipe.time()
        answer, moment = pipe.execute()
    return _by_stream(answer), _seconds(moment)


def _places(streams: list[str], *, count: int, block_ms: int | None) -> dict[str, Any]:
    place = "0" if block_ms is None else ">"
    # To Redis a wait of 0 is one without end.
    return {"streams": dict.fromkeys(streams, place), "count": count, "block": block_ms or None}


def describe(error: Exception) -> str:
    """A short reason for logs and reports, without an address that may hold a password."""
    if isinstance(error, redis.exceptions.AuthenticationError):
        return "Redis refused the user or password"
    if isinstance(error, redis.exceptions.TimeoutError):
        return "Redis did not answer in time"
    if isinstance(error, redis.exceptions.ConnectionError):
        return "Redis cannot be reached"
    return f"Redis answered: {error}"
