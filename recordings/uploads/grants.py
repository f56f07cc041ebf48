"""Which keys a device may upload. What refers to objects registers here, since it lies in apps above this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cameras.models import Device
from recordings.access import is_own_folder

Rule = Callable[[Device, str], bool]

_grants: dict[str, Grant] = {}
_elsewhere: list[Grant] = []


@dataclass(frozen=True, slots=True)
class Grant:
    """A folder that boxes may fill. rule: whether this device may store under this key. most: bytes of one object.

    replaces: whether another content may take an object's place; evidence never changes.
    """

    rule: Rule
    most: int
    replaces: bool = False


def register(prefix: str, grant: Grant) -> None:
    """The grant decides about keys that begin with `prefix/`."""
    _grants[prefix] = grant


def register_elsewhere(grant: Grant) -> None:
    """The grant decides about keys outside the folders that are the product's own."""
    _elsewhere[:] = [grant]


def grant_for(device: Device, key: str) -> Grant | None:
    """None when the device may not store under the key, for whatever reason: it learns nothing about others' keys."""
    grant = _grants.get(key.partition("/")[0])
    if grant is None and _elsewhere and not is_own_folder(key):
        grant = _elsewhere[0]
    return grant if grant is not None and grant.rule(device, key) else None
