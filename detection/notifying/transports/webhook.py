"""Webhooks: a signed POST to an allowed address. The scheme is in docs/notifications.md."""

from __future__ import annotations

import json
import time

from django.conf import settings
from django.utils.translation import gettext_noop

from detection.core.notifications import retry_after, sign
from detection.notifying.messages import Message
from detection.notifying.models import Channel
from detection.notifying.services import Outcome
from edgesite import guarded_http
from edgesite.core.addresses import AllowList
from edgesite.guarded_http import Answer, GuardedError

SECONDS = 10.0
AGAIN = (408, 425, 429)  # of 4xx: in time, too early, too many

GONE = gettext_noop("The receiver answered that it is gone for good (410)")
REFUSED = gettext_noop("The receiver refused the message")
REDIRECTED = gettext_noop("The receiver redirects, which is not followed; give the new address")
FAILED = gettext_noop("The receiver failed")


def send_webhook(channel: Channel, message: Message) -> Outcome:
    """One try, of at most SECONDS."""
    body = json.dumps(message.body, ensure_ascii=False, separators=(",", ":")).encode()
    now = time.time()
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": message.key,
        "Edgesite-Timestamp": str(int(now)),
        "Edgesite-Signature": sign(channel.secret, int(now), body),
    }
    try:
        answer = guarded_http.request(
            "POST",
            channel.url,
            allowed=AllowList.parse(settings.NOTIFY_HOSTS),
            body=body,
            headers=headers,
            seconds=SECONDS,
        )
    except GuardedError as error:
        return Outcome("retry" if error.retryable else "dead", str(error))
    return outcome_of(answer, now=now)


def outcome_of(answer: Answer, *, now: float) -> Outcome:
    """What a status means (RFC 9110): 2xx delivered, 410 disables, 408, 425, 429 and 5xx are tried again, all else is final."""
    status = answer.status
    if 200 <= status < 300:
        return Outcome("delivered", status=status)
    if status == 410:
        return Outcome("disable", GONE, status)
    asked = retry_after(answer.headers.get("retry-after", ""), now=now)
    if status >= 500 or status in AGAIN:
        return Outcome("retry", f"{FAILED}: {status}", status, asked)
    return Outcome("dead", f"{REDIRECTED if 300 <= status < 400 else REFUSED}: {status}", status)
