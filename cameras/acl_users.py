"""The devices' users in the cloud Redis: made, kept and removed. Only the password's hash is ever stored or sent."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import structlog
from django.db import transaction
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from cameras.models import Device
from cameras.withdraw import withdraw_revoked
from edgesite import redis_keys
from edgesite.confinement import USER_PREFIX, acl_rules, acl_user
from edgesite.redis_clients import Client

log = structlog.get_logger(__name__)


class ConfinementError(RedisError):
    """This Redis does not let the hub administer users; the text says why. Trying again does not help."""


def set_user(client: Client, *, device_id: str, password_hash: str) -> None:
    """Makes the device's user or gives it exactly these rules. Raises ConfinementError, other RedisErrors."""
    database = int(client.connection_pool.connection_kwargs.get("db") or 0)
    command = ["ACL SETUSER", acl_user(device_id)]
    command += acl_rules(device_id=device_id, password_hash=password_hash, database=database)
    try:
        try:
            _acl(client, *command, "+client|setinfo")  # what a client library says of itself, since 7.2
        except ResponseError as error:
            if "client|setinfo" not in str(error):
                raise
            _acl(client, *command)
    except ResponseError as error:
        raise _refused(error) from error


def delete_user(client: Client, *, device_id: str) -> bool:
    """Removes the device's user, which closes its connections; whether there was one. Raises as `set_user`."""
    try:
        return bool(_acl(client, "ACL DELUSER", acl_user(device_id)))
    except ResponseError as error:
        raise _refused(error) from error


def save_users(client: Client) -> None:
    """Keeps the users over a restart where Redis has an ACL file; elsewhere `ensure_acl_users` makes them again."""
    with contextlib.suppress(ResponseError):
        _acl(client, "ACL SAVE")


class AclKeeper:
    """Keeps the devices' access to Redis as it should be: their users, and no document of a device that was shut out.

    `run_hub` calls `step` now and then.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._refreshed = False

    def step(self) -> bool:
        """As `ensure_acl_users`; the first time every user gets the rules of this version. Raises RedisError."""
        busy = withdraw_revoked(self.client)  # first: a Redis that confines nobody ends the rest with an error
        busy = ensure_acl_users(self.client, refresh=not self._refreshed) or busy
        self._refreshed = True
        return busy


def ensure_acl_users(client: Client, *, refresh: bool = False) -> bool:
    """Makes users that Redis lost and removes those of devices that were revoked or deleted; True when it did something.

    One `ACL LIST` when all is well. refresh: give every user the rules of this version too, once at the start of `run_hub`;
    no connection is cut by that. Raises ConfinementError when a device needs a user and Redis refuses, other RedisErrors.
    """
    wanted = dict(Device.objects.exclude(redis_password_hash="").values_list("pk", "redis_password_hash"))
    try:
        present = _present(client)
    except ResponseError as error:
        if wanted:
            raise _refused(error) from error
        return False
    busy = False
    for device_id, password_hash in wanted.items():
        words = present.get(device_id, [])
        intact = "on" in words and f"#{password_hash}" in words
        if refresh or not intact:
            busy = _restore(client, device_id, cut=bool(words) and not intact) or busy
    for device_id in present.keys() - wanted.keys():
        busy = _remove_stray(client, device_id) or busy
    if busy:
        save_users(client)
    return busy


def _acl(client: Client, *words: str) -> Any:
    run: Callable[..., Any] = client.execute_command
    return run(*words)


def _present(client: Client) -> dict[str, list[str]]:
    """The rules of each device's user that the hub made, by device ID. An operator's own `device-…` users are left out."""
    found = {}
    for line in _acl(client, "ACL LIST"):
        words = line.split(" ")
        device_id = words[1].removeprefix(USER_PREFIX)
        if words[1].startswith(USER_PREFIX) and f"&{redis_keys.stats_channel(device_id)}" in words:
            found[device_id] = words
    return found


def _restore(client: Client, device_id: str, *, cut: bool) -> bool:
    with transaction.atomic():  # under the row's lock, so that a device that is being revoked does not come back
        device = Device.objects.select_for_update().filter(pk=device_id).exclude(redis_password_hash="").first()
        if device is None:
            return False
        if cut:
            delete_user(client, device_id=device_id)  # whoever is in with another password
        set_user(client, device_id=device_id, password_hash=device.redis_password_hash)
    log.info("device's Redis user set", device=device_id)
    return True


def _remove_stray(client: Client, device_id: str) -> bool:
    if Device.objects.filter(pk=device_id).exclude(redis_password_hash="").exists():
        return False  # provisioned meanwhile
    log.info("device's Redis user removed", device=device_id)
    return delete_user(client, device_id=device_id)


def _refused(error: ResponseError) -> ConfinementError:
    text = str(error)
    if isinstance(error, NoPermissionError):
        return ConfinementError("the hub's own Redis user may not administer users (ACL)")
    if "unknown command" in text.lower():
        return ConfinementError("this Redis has no ACL command: it is older than 6.0, or the command is disabled")
    if "ACL SETUSER modifier" in text:
        return ConfinementError("this Redis is older than 7.0 and cannot confine a user to reading a key")
    return ConfinementError(text)
