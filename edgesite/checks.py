"""System checks: a setting that makes no sense stops every command and the web server with its name."""

from __future__ import annotations

import os
import re
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from edgesite.core.addresses import AddressError, AllowList

DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
MODEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
HOST_NAME = re.compile(r"\*|\.?[\w.-]+|\[[0-9A-Fa-f:.]+\]")
SENDER = re.compile(r"[^\s@<>]+@[^\s@<>]+|[^<>\r\n]+ <[^\s@<>]+@[^\s@<>]+>")


@checks.register("edgesite")
def environment(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """One error for each variable of DESIGN 5.1 whose value cannot be used."""
    problems = list(settings.ENV.problems)
    for key in settings.FIELD_ENCRYPTION_KEYS:
        try:
            Fernet(key)
        except ValueError:
            hint = "must be a Fernet key (32 bytes, URL-safe base64); several are separated by commas, newest first."
            problems.append(("FIELD_ENCRYPTION_KEY", hint))
    if not settings.FIELD_ENCRYPTION_KEYS and "FIELD_ENCRYPTION_KEY" not in dict(problems):
        problems.append(("FIELD_ENCRYPTION_KEY", "holds no key."))
    if settings.DEVICE_ID and not DEVICE.fullmatch(settings.DEVICE_ID):
        problems.append(("DEVICE_ID", "must be up to 64 letters, digits, dots, dashes and underscores."))
    if settings.DETECTION_MODEL and not MODEL.fullmatch(settings.DETECTION_MODEL):
        problems.append(("DETECTION_MODEL", "must be the name of a folder below VAR_DIR/models, not a path."))
    problems += _addresses() + _storage()
    return [checks.Error(f"{name} {text}", id="edgesite.E001") for name, text in problems]


def _addresses() -> list[tuple[str, str]]:
    problems = []
    bad_names = [host for host in settings.ALLOWED_HOSTS if not HOST_NAME.fullmatch(host)]
    if bad_names:
        problems.append(("ALLOWED_HOSTS", f"must list host names, without http:// and port, not {bad_names[0]!r}."))
    for name in ("SNAPSHOT_CALLBACK_HOSTS", "NOTIFY_HOSTS"):
        try:
            AllowList.parse(getattr(settings, name))
        except AddressError as error:
            problems.append((name, f"must name hosts as `host` or `host:port`: {error}."))
    if not SENDER.fullmatch(settings.DEFAULT_FROM_EMAIL):
        problems.append(
            ("EMAIL_FROM", "must be an address such as edgesite@example.org, or: Name <edgesite@example.org>.")
        )
    return problems


def _storage() -> list[tuple[str, str]]:
    problems = []
    if settings.FFMPEG_PATH and not os.access(settings.FFMPEG_PATH, os.X_OK):
        problems.append(("FFMPEG_PATH", f"names no program that can be run: {settings.FFMPEG_PATH}."))
    if settings.S3_BUCKET and not BUCKET.fullmatch(settings.S3_BUCKET):
        problems.append(("S3_BUCKET", "must be a bucket's name: 3 to 63 small letters, digits, dots and dashes."))
    if re.search(r"\s", settings.DEVICE_TOKEN):
        problems.append(("DEVICE_TOKEN", "must not hold a space."))
    if settings.S3_BUCKET and bool(settings.S3_ACCESS_KEY_ID) != bool(settings.S3_SECRET_ACCESS_KEY):
        problems.append(("S3_ACCESS_KEY_ID", "and S3_SECRET_ACCESS_KEY belong together: set both or neither."))
    return problems


def require_sound_settings() -> None:
    """Raises ImproperlyConfigured with every setting that is wrong. Servers that no management command starts call it."""
    problems = [str(error.msg) for error in environment(None)]
    if not settings.ALLOWED_HOSTS:  # only a web server needs it
        problems.append("ALLOWED_HOSTS must name the hosts that people reach the hub by when DEBUG is off.")
    if problems:
        raise ImproperlyConfigured("; ".join(problems))
