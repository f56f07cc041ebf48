"""A text column that is encrypted at rest with FIELD_ENCRYPTION_KEY."""

from __future__ import annotations

import contextlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core import checks
from django.db import models
from django.utils.translation import gettext_noop

if TYPE_CHECKING:
    TextField = models.TextField[str, str]
else:
    TextField = models.TextField


TOKEN_START = "gAAAA"  # noqa: S105  every Fernet token: version 0x80 and a time of this century


LOST_KEY = gettext_noop(
    "A stored secret cannot be decrypted: FIELD_ENCRYPTION_KEY is not the one it was stored with. "
    "Put the old key behind the new one, separated by a comma."
)


class DecryptionError(Exception):
    """A stored secret cannot be read with the keys of this process. Trying again does not help."""


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> str:
    """The text as a Fernet token under the newest key."""
    return _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(text.encode()).decode("ascii")


def decrypt(token: str) -> str:
    """The text of a token made by `encrypt` with any of the keys. Raises DecryptionError."""
    try:
        return _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken:
        raise DecryptionError(LOST_KEY) from None


class EncryptedTextField(TextField):
    """Encrypted in the database, plain in Python. It cannot be searched or ordered by."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return encrypt(value) if value else value

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return decrypt(value) if value else value

    def value_to_string(self, obj: models.Model) -> str:
        """What `dumpdata` writes: the token, never the secret."""
        value = self.value_from_object(obj)
        return encrypt(value) if value else ""

    def to_python(self, value: Any) -> Any:
        """What `loaddata` reads: a token of `value_to_string`, or plain text."""
        if isinstance(value, str) and value.startswith(TOKEN_START):
            with contextlib.suppress(DecryptionError):
                return decrypt(value)
        return super().to_python(value)

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        errors = super().check(**kwargs)
        if getattr(self, "db_index", False) or self.unique:
            errors.append(
                checks.Error("An encrypted column cannot be indexed or unique.", obj=self, id="edgesite.E010")
            )
        return errors
