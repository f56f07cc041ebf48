"""How a box is asked for an integrator's picture before anything is stored."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from django.db import connection
from django.utils.crypto import salted_hmac

from cameras.choices import RequestState
from cameras.models import Camera
from recordings import snapshots
from recordings.core.orders import TAKE_S, Order
from recordings.models import SnapshotRequest
from recordings.orders.models import SnapshotOrder

AUTHOR = "edge_snap_request"

STATED = (
    Camera.objects.order_by()
    .select_related("device__status")
    .only(  # what its state is told from
        "enabled", "analyse", "device__revoked_at", "device__status__reported_at", "device__status__health"
    )
)


def known_among(orders: Iterable[Order]) -> set[str]:
    """The names of those that stand already. Raises django.db.Error."""
    names = [order.request_id for order in orders]
    if not names:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_known_sql(len(names)), names)
        return {name for (name,) in cursor.fetchall()}


@cache
def _known_sql(count: int) -> str:
    """Made once: every picture waits for it, and to make it takes longer than to ask."""
    rows = SnapshotOrder.objects.filter(request_id__in=[str(n) for n in range(count)]).order_by()
    sql, _ = rows.values_list("request_id").query.sql_with_params()
    return str(sql)


def stated(code: str) -> Camera | None:
    """The camera with what its state is told from. Raises django.db.Error."""
    return STATED.filter(pk=code).first()


def ask_first(order: Order, camera: Camera, *, entry_id: str, age: float, now: float) -> SnapshotRequest | None:
    """Asks the box of the camera before anything is stored: until it is answered the entry in the stream stands for the
    order, and whoever reads that again asks under the same identifier.

    None: nobody was asked; `open_order` says why. age: seconds since the entry was written. now: by the Redis' clock. Nobody
    counts here what waits for the camera. Raises RedisError, django.db.Error.
    """
    request = snapshots.planned(
        camera=camera,
        author=AUTHOR,
        key=order.cos_path,
        request_id=name_of(order, entry_id),
        seconds=TAKE_S - age,
        counted=False,
    )
    if request.state != RequestState.WAITING:
        return None
    snapshots.ask_first(request, now=now)
    return request


def name_of(order: Order, entry_id: str) -> str:
    """Of the box's request: always the same for one entry, and nothing that others could work out."""
    return salted_hmac("recordings.orders", f"{entry_id} {order.request_id}", algorithm="sha256").hexdigest()[:32]
