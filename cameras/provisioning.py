"""Letting a box in and shutting it out: its epoch, its token, its Redis user."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from redis.exceptions import RedisError

from cameras.acl_users import ConfinementError, delete_user, save_users, set_user
from cameras.audit import acting
from cameras.models import Device, Site
from cameras.validators import validate_code
from cameras.versions import begin_epoch
from cameras.withdraw import clear_device, withdraw_document
from edgesite.confinement import acl_user
from edgesite.core.urls import mask_url
from edgesite.redis_clients import Client, describe

log = structlog.get_logger(__name__)

REVOKED_BY = "revoke_device"  # the command: the only way
TOKEN_PREFIX = "esd_"  # noqa: S105  not a secret: how one is recognised


class ProvisioningError(Exception):
    """A device cannot be let in or shut out; the text says why."""


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What the box needs; the secrets exist nowhere else. redis_password is empty when Redis confines nobody.

    warning: what a person has to know or do; empty when nothing.
    """

    device_id: str
    token: str
    redis_password: str
    created: bool
    warning: str = ""


def provision_device(*, client: Client, device_id: str, site: str = "", name: str = "", author: str) -> Provisioned:
    """Begins a new epoch with a new token and a new Redis password; makes the device when there is none.

    What the box had before stops working: its token, its Redis user, its connections. client: the cloud Redis as the hub
    sees it. Raises ProvisioningError, DocumentError when the device's rows make no valid document.
    """
    token, password = TOKEN_PREFIX + secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    with transaction.atomic(), acting(author=author, reason="provisioned"):
        created = _get_or_create(device_id, site, name)
        hashes = {"token_hash": _digest(token), "redis_password_hash": _digest(password)}
        Device.objects.filter(pk=device_id).update(**hashes, revoked_at=None)
        begin_epoch(device_id=device_id, author=author, reason="provisioned")
    log.info("device provisioned", device=device_id, created=created)
    warning = ""
    try:
        delete_user(client, device_id=device_id)
        set_user(client, device_id=device_id, password_hash=_digest(password))
        save_users(client)
    except ConfinementError as error:
        Device.objects.filter(pk=device_id).update(redis_password_hash="")
        password, warning = "", f"The box is NOT confined in Redis: {error}."
    except RedisError as error:
        warning = f"{describe(error)}: run_hub makes the box's Redis user when Redis is back."
    return Provisioned(device_id, token, password, created, warning)


def revoke_device(*, client: Client, device_id: str) -> bool:
    """Token and Redis user stop working, live connections are cut and its document leaves Redis; False when the box had no
    Redis user to remove.

    Raises ProvisioningError when there is no such device, RedisError when Redis cannot be reached or refuses: the token is
    revoked then all the same, and `run_hub` removes the user when Redis is back.
    """
    with transaction.atomic():
        device = Device.objects.select_for_update().filter(pk=device_id).first()
        if device is None:
            known = ", ".join(Device.objects.values_list("pk", flat=True)) or "none"
            raise ProvisioningError(f"There is no device {device_id}. Known: {known}.")
        confined = bool(device.redis_password_hash)
        device.token_hash, device.redis_password_hash, device.revoked_at = "", "", timezone.now()
        with acting(author=REVOKED_BY, reason="revoked"):
            device.save(update_fields=["token_hash", "redis_password_hash", "revoked_at"])
    log.info("device revoked", device=device_id)
    try:
        removed = delete_user(client, device_id=device_id)
    except ConfinementError:
        withdraw_document(client, device_id=device_id)
        if confined:
            raise
        return False  # this Redis confines nobody
    save_users(client)
    withdraw_document(client, device_id=device_id)
    return removed


def delete_device(*, client: Client, device_id: str) -> None:
    """Deletes the device with its cameras and its history, and what it has in the cloud Redis. Its alerts stay.

    Redis comes first: when it cannot be reached nothing is deleted, so that no document with credentials stays behind
    unknown; should the deletion fail after that, `run_hub` makes user and document again. Raises ProvisioningError when
    there is no such device, RedisError.
    """
    with transaction.atomic():
        device = Device.objects.select_for_update().filter(pk=device_id).first()
        if device is None:
            raise ProvisioningError(f"There is no device {device_id}.")
        camera_ids = list(device.cameras.values_list("pk", flat=True))
        try:
            delete_user(client, device_id=device_id)
        except ConfinementError:
            if device.redis_password_hash:
                raise
        clear_device(client, device_id=device_id, camera_ids=camera_ids)
        device.delete()
        transaction.on_commit(lambda: _clear_again(client, device_id, camera_ids))
    log.info("device deleted", device=device_id)


def _clear_again(client: Client, device_id: str, camera_ids: list[str]) -> None:
    """What somebody wrote between the first time and the commit."""
    try:
        clear_device(client, device_id=device_id, camera_ids=camera_ids)
    except RedisError as error:
        log.warning("a deleted device may have left keys in Redis", device=device_id, reason=describe(error))


def device_of_token(token: str) -> Device | None:
    """The device that shows this token, or None."""
    if not token.startswith(TOKEN_PREFIX):
        return None
    return Device.objects.filter(token_hash=_digest(token)).first()


def reach(*, given: str, hub_url: str) -> str:
    """How the box reaches the cloud Redis: as said, on the hub's database unless that is said too, or as the hub does."""
    parts, hub = urlsplit(given), urlsplit(hub_url)
    if not given:
        return hub_url
    if parts.path.strip("/") or "unix" in (parts.scheme, hub.scheme):
        return given
    return urlunsplit(parts._replace(path=hub.path))


def box_redis_url(base: str, *, device_id: str, password: str) -> str:
    """The URL for the box: where `base` leads, with the box's own user instead of anybody else's credentials.

    Without a password the URL of a Redis that confines nobody: credentials in `base` are masked.
    """
    parts = urlsplit(base)
    if not password:
        return mask_url(base)
    host = parts.netloc.rpartition("@")[2]
    query = [(k, v) for k, v in parse_qsl(parts.query) if k not in ("username", "password")]
    return urlunsplit(parts._replace(netloc=f"{acl_user(device_id)}:{password}@{host}", query=urlencode(query)))


def is_local(url: str) -> bool:
    """Whether the URL leads nowhere from another machine."""
    parts = urlsplit(url)
    if parts.scheme == "unix" or parts.hostname in (None, "localhost"):
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def _digest(secret: str) -> str:
    # 256 random bits need no slow hash; Redis takes a password as the same SHA-256.
    return hashlib.sha256(secret.encode()).hexdigest()


def _get_or_create(device_id: str, site: str, name: str) -> bool:
    """True when the device was made. One that exists is not moved or renamed: that is the admin's."""
    device = Device.objects.select_related("site").filter(pk=device_id).first()
    if device is None:
        try:
            validate_code(device_id)
        except ValidationError as error:
            raise ProvisioningError(f"“{device_id}” cannot be a device's ID. {error.messages[0]}") from None
        Device.objects.create(device_id=device_id, name=name, site=_site(site))
        return True
    if (site and site != device.site.name) or (name and name != device.name):
        raise ProvisioningError(f"Device {device_id} exists with another name or site: change those in the admin.")
    return False


def _site(name: str) -> Site:
    sites = list(Site.objects.filter(name=name) if name else Site.objects.all()[:2])
    if len(sites) == 1:
        return sites[0]
    known = ", ".join(Site.objects.values_list("name", flat=True)) or "none yet, make one in the admin"
    what = f"There is no site “{name}”." if name else "Say which site the new device stands at: --site NAME."
    raise ProvisioningError(f"{what} Known: {known}.")
