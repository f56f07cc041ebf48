"""Taking out of the cloud Redis what a device that was shut out or deleted has there."""

from __future__ import annotations

import structlog
from django.db import transaction

from cameras.models import Device
from edgesite import redis_keys
from edgesite.redis_clients import Client

log = structlog.get_logger(__name__)

# KEYS: config, version. ARGV: epoch, version: the newest that may go; an empty epoch for any.
# A document without an epoch is another control plane's, a newer one that of a hub that went on after this one's backup.
WITHDRAW = """
local current = redis.call('GET', KEYS[1])
if not current then return 0 end
local ok, doc = pcall(cjson.decode, current)
if not ok or type(doc) ~= 'table' or type(doc.epoch) ~= 'string' then return 0 end
if ARGV[1] ~= '' then
  if doc.epoch > ARGV[1] then return 0 end
  if doc.epoch == ARGV[1] and (tonumber(doc.version) or 0) > tonumber(ARGV[2]) then return 0 end
end
redis.call('DEL', KEYS[1], KEYS[2])
return 1
"""


def withdraw_document(client: Client, *, device_id: str, epoch: str = "", version: int = 0) -> bool:
    """Removes the device's document and its number; whether there was one of ours. Raises RedisError.

    epoch, version: only a document that is no newer. "": of any epoch. A foreign, bare document always stays.
    """
    keys = (redis_keys.config(device_id), redis_keys.version(device_id))
    removed = bool(client.eval(WITHDRAW, 2, *keys, epoch, str(version)))
    if removed:
        log.info("configuration withdrawn", device=device_id)
    return removed


def clear_device(client: Client, *, device_id: str, camera_ids: list[str]) -> None:
    """Removes everything of the device: document, streams, report, stills. Raises RedisError."""
    withdraw_document(client, device_id=device_id)
    names = (redis_keys.events, redis_keys.confirmations, redis_keys.commands, redis_keys.report)
    client.delete(*(name(device_id) for name in names), *(redis_keys.still(device_id, c) for c in camera_ids))


def withdraw_revoked(client: Client) -> bool:
    """Removes documents of devices that were shut out while Redis was away, or that somebody published since.

    True when it did something. Only of devices whose row says so, and nothing newer than the row knows. Raises RedisError.
    """
    revoked = list(Device.objects.exclude(revoked_at=None).values_list("pk", flat=True))
    with client.pipeline(transaction=False) as pipe:
        for device_id in revoked:
            pipe.exists(redis_keys.config(device_id))
        present = [d for d, there in zip(revoked, pipe.execute(), strict=True) if there]
    busy = False
    for device_id in present:
        with transaction.atomic():  # under the row's lock, so that a device that is provisioned again keeps its new one
            device = Device.objects.select_for_update().filter(pk=device_id).exclude(revoked_at=None).first()
            if device is not None:
                epoch, version = device.epoch, device.last_version
                busy = withdraw_document(client, device_id=device_id, epoch=epoch, version=version) or busy
    return busy
