"""Open pages learn what somebody did with an alert: a hint over the live sockets' group, which reads the database itself."""

from __future__ import annotations

import asyncio
from functools import partial

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

from detection.hub.push import GROUP
from edgesite.redis_clients import describe

log = structlog.get_logger(__name__)

SEND_SECONDS = 2.0
AT_ONCE = 200  # event ids in one hint


def tell_after_commit(event_ids: list[str]) -> None:
    """Sends the hint once the present transaction is there for others to read; at once outside of one."""
    transaction.on_commit(partial(tell, event_ids))


def tell(event_ids: list[str]) -> None:
    """What cannot be sent is dropped: a page reads everything again when it connects."""
    layer = get_channel_layer()
    if layer is None:
        return

    async def send() -> None:
        for start in range(0, len(event_ids), AT_ONCE):
            message = {"type": "live.alerts", "newest": 0, "changed": event_ids[start : start + AT_ONCE]}
            await asyncio.wait_for(layer.group_send(GROUP, message), SEND_SECONDS)

    try:
        async_to_sync(send)()
    except RedisError as error:
        log.warning("live pages are not told of an alert's step", reason=describe(error), alerts=len(event_ids))
    except OSError as error:  # TimeoutError is one
        log.warning("live pages are not told of an alert's step", reason=type(error).__name__, alerts=len(event_ids))
