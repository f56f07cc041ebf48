"""Orders of the hub that stand in rows and are repeated until the box has told of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from redis.exceptions import RedisError

from cameras.asking import NO_REDIS
from edgesite.commands import send_command
from edgesite.ids import uuid7
from edgesite.redis_clients import Client, describe

log = structlog.get_logger(__name__)

ORDER_SECONDS = 5.0  # what an order is worth; it is repeated with another request_id


def send_order(client: Client, *, device_id: str, kind: str, body: Mapping[str, Any], first: bool, **what: str) -> None:
    """Tells the box. Without Redis it is told later, and the first time that is a warning that names `what`."""
    try:
        send_command(client, device_id=device_id, request_id=uuid7(), kind=kind, seconds=ORDER_SECONDS, body=dict(body))
    except RedisError as error:
        tell = log.warning if first else log.debug
        tell("the box cannot be told yet", reason=f"{NO_REDIS}: {describe(error)}", **what)
