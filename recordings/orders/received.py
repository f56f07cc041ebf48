"""Answers that other installations post here."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from recordings.orders.models import ReceivedAnswer

MOST_RECEIVED = 10_000


class ConflictError(Exception):
    """Something else stands under this request_id."""


def take_answer(body: Mapping[str, str], *, author: str) -> bool:
    """Keeps an answer of another installation; whether it was news. Raises ConflictError when another one stands."""
    values = {key: body.get(key, "") for key in ("camera_code", "status", "url", "message")}
    with transaction.atomic():
        row, new = ReceivedAnswer.objects.get_or_create(
            request_id=body["request_id"],
            defaults={**values, "received_at": timezone.now(), "received_from": author[:150]},
        )
        if new:
            kept = ReceivedAnswer.objects.order_by("-id").values_list("pk", flat=True)
            oldest = kept[MOST_RECEIVED : MOST_RECEIVED + 1]
            ReceivedAnswer.objects.filter(pk__lte=oldest[0] if oldest else 0).delete()
    if not new and any(getattr(row, key) != value for key, value in values.items()):
        raise ConflictError
    return new
