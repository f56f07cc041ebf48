"""Telling an integrator: a POST to an address that the operator allowed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings

from edgesite import guarded_http
from edgesite.core.addresses import AddressError, AllowList, parse_target
from edgesite.guarded_http import GuardedError
from recordings.core.orders import callback_address

Call = Callable[[str, Mapping[str, Any], float], str]


def call_back(base: str, body: Mapping[str, Any], seconds: float) -> str:
    """Posts the answer within so many seconds; empty when the receiver took it (2xx), else why it did not."""
    try:
        answer = guarded_http.request(
            "POST",
            callback_address(base),
            allowed=AllowList.parse(settings.SNAPSHOT_CALLBACK_HOSTS),
            body=json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
            headers={"Content-Type": "application/json"},
            seconds=seconds,
        )
    except (GuardedError, ValueError) as error:
        return str(error)
    return "" if 200 <= answer.status < 300 else f"the receiver answered {answer.status}"


def host_of(url: str) -> str:
    """What the calls to one receiver have in common."""
    try:
        return parse_target(url).netloc
    except AddressError:
        return ""
