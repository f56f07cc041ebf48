"""Writes. Issuing a config version, publishing it, and making what Redis holds agree with the rows."""

from __future__ import annotations

import functools
from collections.abc import Collection

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from redis.exceptions import RedisError

from cameras.audit import LONGEST_REASON
from cameras.core.algorithms import registry
from cameras.core.compiler import compile_content
from cameras.core.document import canonical, is_hash_of, make_document, signed
from cameras.core.strict_json import DocumentError
from cameras.core.subject import check_rows
from cameras.issued import ConfigVersion
from cameras.models import Device
from cameras.publish import Outcome, write_document
from cameras.selectors import device_rows
from edgesite.fields import DecryptionError
from edgesite.redis_clients import Client, connect, describe

log = structlog.get_logger(__name__)


@functools.lru_cache(maxsize=2)
def cloud_redis(url: str) -> Client:
    """The process's client for the cloud Redis."""
    return connect(url)


def latest_version(device: Device) -> ConfigVersion | None:
    """The newest version issued in the device's epoch."""
    return ConfigVersion.objects.filter(device=device, epoch=device.epoch).order_by("-version").first()


def issue_version(
    *, device_id: str, author: str, reason: str = "", rollback_of: int | None = None
) -> ConfigVersion | None:
    """Compiles the device's rows and issues a new version, unless nothing changed (then None), whoever asks.

    Runs inside one transaction with the caller's edit and publishes after its commit (invariant 6: the counter is
    raised under a row lock, so that two publishers make two versions). Raises DocumentError when the rows do not make a
    valid document; nothing is issued then.
    """
    with transaction.atomic():
        device = Device.objects.select_for_update().select_related("site").get(pk=device_id)
        content = compile_content(device_rows(device))
        newest = latest_version(device)
        if newest is not None and is_hash_of(newest.sha256, canonical(content), author=newest.author):
            _note_problem(device, "")
            return None
        content = signed(content, author)
        check_rows(content, registry)
        Device.objects.filter(pk=device_id).update(last_version=F("last_version") + 1, publish_error="")
        device.refresh_from_db(fields=["last_version"])
        now = timezone.now()
        text, sha256 = make_document(
            content,
            device_id=device_id,
            epoch=device.epoch,
            version=device.last_version,
            rollback_of=rollback_of,
            issued_at=now,
        )
        version = ConfigVersion.objects.create(
            device=device,
            epoch=device.epoch,
            version=device.last_version,
            rollback_of=rollback_of,
            sha256=sha256,
            document=text,
            author=author,
            reason=reason[:LONGEST_REASON],
            issued_at=now,
        )
        transaction.on_commit(lambda: publish_after_commit(version))
        return version


def _note_problem(device: Device, text: str) -> None:
    if device.publish_error != text:
        if text:
            log.warning("the rows do not make a valid configuration", device=device.pk, reason=text)
        Device.objects.filter(pk=device.pk).update(publish_error=text)


def _issued(device_id: str, epoch: str, version: int, sha256: str) -> bool:
    """Whether this hub's history has it."""
    return ConfigVersion.objects.filter(device_id=device_id, epoch=epoch, version=version, sha256=sha256).exists()


def publish_version(version: ConfigVersion) -> Outcome:
    """Writes an issued version to the cloud Redis, unless the device was shut out or deleted. Raises RedisError."""
    if not Device.objects.filter(pk=version.device_id, revoked_at=None).exists():
        return Outcome.SAME
    outcome = write_document(
        cloud_redis(settings.CLOUD_REDIS_URL),
        device_id=version.device_id,
        epoch=version.epoch,
        version=version.version,
        sha256=version.sha256,
        text=version.document,
        known=functools.partial(_issued, version.device_id),
    )
    ahead = outcome is Outcome.AHEAD
    if Device.objects.filter(pk=version.device_id).exclude(redis_ahead=ahead).update(redis_ahead=ahead) and ahead:
        log.error("Redis holds a newer configuration than this hub", device=version.device_id, version=version.version)
    if outcome is Outcome.WRITTEN:
        log.info("configuration published", device=version.device_id, version=version.version)
    return outcome


def publish_after_commit(version: ConfigVersion) -> None:
    """Publishes now if Redis is there; otherwise the reconcile step of `run_hub` does it when it is back."""
    try:
        publish_version(version)
    except RedisError as error:
        log.warning(
            "not published yet, run_hub will do it", device=version.device_id, version=version.version,
            reason=describe(error),
        )  # fmt: skip


def publish_edit(*, device_ids: Collection[str], author: str, reason: str = "") -> dict[str, ConfigVersion | Exception]:
    """After an edit: issues a version for each device that publishes on save.

    Answers what happened where anything did: the version, or why its rows do not make a valid document (noted on the
    device too, so that the admin shows it).
    """
    results: dict[str, ConfigVersion | Exception] = {}
    for device in Device.objects.filter(pk__in=set(device_ids), publish_on_save=True):
        try:
            version = issue_version(device_id=device.pk, author=author, reason=reason)
        except (DocumentError, DecryptionError) as error:
            _note_problem(device, str(error))
            results[device.pk] = error
        else:
            if version is not None:
                results[device.pk] = version
    for device in Device.objects.filter(pk__in=set(device_ids), publish_on_save=False).exclude(publish_error=""):
        _look_again(device)
    return results


def _look_again(device: Device) -> None:
    """A problem that was noted while the device published on save is gone, or another one, after an edit."""
    try:
        check_rows(compile_content(device_rows(device)), registry)
    except (DocumentError, DecryptionError) as error:
        _note_problem(device, str(error))
    else:
        _note_problem(device, "")
