"""API tokens: made once, stored hashed, checked in constant effort by their hash."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from edgesite.models import ApiToken

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PREFIX = "es_"
LONGEST_NAME = 100
USED_RESOLUTION = timedelta(minutes=1)  # `last_used_at` is not written at every request


def _hash(token: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(token.encode()).hexdigest()


def create_token(*, name: str, role: str) -> str:
    """Makes a token with its service user in the role's group and returns it; it is never shown again.

    Raises ValueError when a token of that name exists or the name cannot be one.
    """
    if not name.strip() or len(name) > LONGEST_NAME:
        raise ValueError(f"A token's name has 1 to {LONGEST_NAME} characters.")
    if ApiToken.objects.filter(name=name).exists():
        raise ValueError(f"A token named “{name}” exists already. Replace it or choose another name.")
    token = PREFIX + secrets.token_urlsafe(32)
    users, username = get_user_model().objects, f"token:{name}"
    with transaction.atomic():
        users.filter(username=username, api_token=None).delete()  # of a token that was deleted in the admin
        user = users.create_user(username=username)
        user.groups.set([Group.objects.get(name=role)])
        ApiToken.objects.create(name=name, user=user, token_hash=_hash(token))
    return token


def replace_token(*, name: str, role: str) -> str:
    """As `create_token`, but a token of that name stops working. Its service user stays, and so do its sites."""
    with transaction.atomic():
        old = ApiToken.objects.select_for_update().select_related("user").filter(name=name).first()
        if old is None:
            return create_token(name=name, role=role)
        token = PREFIX + secrets.token_urlsafe(32)
        old.user.groups.set([Group.objects.get(name=role)])
        ApiToken.objects.filter(pk=old.pk).update(token_hash=_hash(token), revoked_at=None, last_used_at=None)
        return token


def user_of_token(token: str) -> User | None:
    """The service user of a valid token, else None."""
    found = ApiToken.objects.select_related("user").filter(token_hash=_hash(token), revoked_at=None).first()
    if found is None or not found.user.is_active:
        return None
    now = timezone.now()
    if found.last_used_at is None or now - found.last_used_at > USED_RESOLUTION:
        ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
    return found.user
