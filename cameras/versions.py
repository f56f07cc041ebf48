"""History at work: what is pending, what differs between versions, rolling back, beginning a new epoch."""

from __future__ import annotations

import json
import re
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_noop
from redis.exceptions import RedisError

from cameras.audit import acting
from cameras.core.compiler import compile_content
from cameras.core.difference import Change, difference
from cameras.core.document import canonical, content_of
from cameras.core.values import check_epoch
from cameras.issued import ConfigVersion
from cameras.models import Device
from cameras.publish import published_heads
from cameras.restoring import VersionError, restore_rows
from cameras.selectors import device_rows
from cameras.services import cloud_redis, issue_version, latest_version, publish_edit
from edgesite.ids import uuid7_after

log = structlog.get_logger(__name__)


def content_of_version(version: ConfigVersion | None) -> dict[str, Any]:
    """The stored content; empty for none."""
    return content_of(json.loads(version.document)) if version else {}


def pending_changes(device: Device, *, own: bool = False) -> list[Change]:
    """What the rows say beyond the newest issued version: what a publish would bring to the box.

    own: only of the rows that are the device's own, not of its site and schedules: what discarding or going back would lose.
    """
    old, new = content_of_version(latest_version(device)), compile_content(device_rows(device))
    if own:
        new |= {key: old[key] for key in ("site", "schedules") if key in old}
    return difference(old, new)


def content_sha256(device: Device) -> str:
    """The hash of what the rows say now, whoever will issue it."""
    return canonical(compile_content(device_rows(device))).sha256()


def publish_pending(*, device_id: str, author: str, reason: str = "", expected: str = "") -> ConfigVersion | None:
    """Issues what is pending; None when that is nothing.

    expected: the `content_sha256` that the person saw, empty for whatever is there. Raises VersionError when the rows
    are others now, and what `issue_version` raises; nothing is issued then.
    """
    with transaction.atomic():
        _locked_as_seen(device_id, expected)
        return issue_version(device_id=device_id, author=author, reason=reason)


def _locked_as_seen(device_id: str, expected: str) -> Device:
    """The device, its row locked until the transaction ends. Raises VersionError when its rows are not those of `expected`."""
    device = Device.objects.select_for_update().select_related("site").get(pk=device_id)
    if expected and content_sha256(device) != expected:
        text = gettext_noop("%(device)s was edited while you were looking at its changes")
        raise VersionError(text, device=device_id)
    return device


def discard_pending(*, device_id: str, author: str, reason: str = "", expected: str = "") -> ConfigVersion:
    """Writes the newest issued version back into the rows and answers the one that is the newest then.

    That is the same one: the box is sent nothing. Only of a device that publishes on save it may be a new one, with what
    others changed, as of `_put_back`.
    Unlike a rollback it brings back stream URLs too: they are what the box uses, and the edited ones are what is discarded.
    The site and its schedules stay, as they are other devices' too. expected: as of `publish_pending`. Raises VersionError,
    also when nothing was issued yet or nothing is left to discard.
    """
    with transaction.atomic():
        device = _locked_as_seen(device_id, expected)
        newest = latest_version(device)
        if newest is None:
            raise VersionError(
                gettext_noop("%(device)s was never published: there is nothing to go back to"), device=device_id
            )
        now = _put_back(device, newest, author=author, why=_joined("pending changes discarded", reason))
        if now is None:
            text = gettext_noop("%(device)s has nothing to discard; schedules and sites are edited on their own pages")
            raise VersionError(text, device=device_id)
        return now


def _joined(why: str, reason: str) -> str:
    return f"{why}: {reason}" if reason else why


def _put_back(device: Device, newest: ConfigVersion, *, author: str, why: str) -> ConfigVersion | None:
    """The rows as the newest version says, with its stream URLs. None when they were so already, else what is newest now.

    That is another one where the device publishes on save and its site or schedules, which stay, say something new.
    """
    before = content_sha256(device)
    with acting(author=author, reason=why):
        restore_rows(device, content_of_version(newest), urls=True)
    if content_sha256(device) == before:
        return None
    issued = publish_edit(device_ids=[device.pk], author=author, reason=why)  # takes back what was noted of bad rows
    log.info("rows put back", device=device.pk, to=newest.version)
    now = issued.get(device.pk)
    return now if isinstance(now, ConfigVersion) else newest


def changes_between(old: ConfigVersion, new: ConfigVersion) -> list[Change]:
    """What led from one version to the other."""
    return difference(content_of_version(old), content_of_version(new))


def roll_back(*, device_id: str, version: int, author: str, reason: str = "") -> ConfigVersion:
    """Writes the content of an earlier version of this epoch back into the rows and issues it as a new version.

    Secrets stay current: a camera that still exists keeps its stream URL. So do the site and its schedules, which are other
    devices' too; a schedule that is gone is made again.
    Everything happens in one transaction, so that rows, history and box agree afterwards and the reconcile step finds nothing
    to do. Where the box has that content already and only the rows had become others (unpublished, or such that nothing can
    be issued), they are put back and the newest version is answered; back to the newest version itself is discarding what is
    pending. Raises VersionError, also when nothing differs.
    """
    with transaction.atomic():
        device = Device.objects.select_for_update().get(pk=device_id)
        target = ConfigVersion.objects.filter(device=device, epoch=device.epoch, version=version).first()
        if target is None:
            text = gettext_noop("%(device)s has no version %(version)s in its present epoch")
            raise VersionError(text, device=device_id, version=version)
        newest, before, why = latest_version(device), content_sha256(device), f"rollback to version {version}"
        if target == newest:
            now = _put_back(device, target, author=author, why=_joined(why, reason))
        else:
            with acting(author=author, reason=_joined(why, reason)):
                restore_rows(device, content_of_version(target))
            now = issue_version(device_id=device_id, author=author, reason=reason or why, rollback_of=version)
            if now is not None:
                log.info("rolled back", device=device_id, to=version, issued=now.version)
            elif content_sha256(device) != before:
                now = newest
        if now is None:
            text = gettext_noop(
                "%(device)s has the content of version %(version)s already: there is nothing to roll back"
            )
            raise VersionError(text, device=device_id, version=version)
        return now


def begin_epoch(*, device_id: str, author: str, reason: str = "") -> ConfigVersion | None:
    """Gives the device a new epoch and issues its first version: for a box or a hub whose history was lost.

    It comes after the present one and, where Redis is ahead of this hub, after the one there: the clock may have been put back.
    """
    with transaction.atomic():
        device = Device.objects.select_for_update().get(pk=device_id)
        epoch = uuid7_after(device.epoch, _published_epoch(device) if device.redis_ahead else "")
        device.epoch, device.last_version, device.publish_error, device.redis_ahead = epoch, 0, "", False
        with acting(author=author, reason=reason or "new epoch"):
            device.save(update_fields=["epoch", "last_version", "publish_error", "redis_ahead"])
        return issue_version(device_id=device_id, author=author, reason=reason or "new epoch")


def _published_epoch(device: Device) -> str:
    """The epoch of the document in Redis; "" without a Redis, without a document and for a foreign one."""
    try:
        text, _ = published_heads(cloud_redis(settings.CLOUD_REDIS_URL), device_ids=[device.pk])[device.pk]
    except RedisError:
        return ""
    found = re.search(r'"epoch":\s?"([0-9a-f-]{36})"', text)
    try:
        return check_epoch(found[1]) if found else ""
    except ValueError:
        return ""
