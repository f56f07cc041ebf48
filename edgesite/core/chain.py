"""A device's chain of evidence: each picture's hash is tied to the one before it, so that nothing goes or changes unseen. Pure.

The construction is that of a hash chain: `link(n) = SHA-256(chain ‖ n ‖ link(n-1) ‖ what is kept)`, after S. Haber and
W. S. Stornetta, "How to time-stamp a digital document", Journal of Cryptology 3, 1991.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Content:
    """What a link vouches for. event_id: the alert's. sha256: of the picture, hexadecimal. size: bytes."""

    event_id: str
    key: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Link:
    """One place in a chain. chain: its name. number: from 1. previous: the `value` before it, "" at the first."""

    chain: str
    number: int
    previous: str
    value: str

    def message(self) -> dict[str, Any]:
        """As it travels and is stored."""
        return {"chain": self.chain, "n": self.number, "previous": self.previous, "link": self.value}

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Link:
        """Raises KeyError, ValueError and TypeError for what `message` did not make."""
        return cls(str(message["chain"]), int(message["n"]), str(message["previous"]), str(message["link"]))


def value_of(chain: str, number: int, previous: str, content: Content) -> str:
    """The hash that ties the content to its place, hexadecimal."""
    parts = [chain, number, previous, content.event_id, content.key, content.sha256, content.size]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()


def next_link(last: Link, content: Content) -> Link:
    """The link after `last`; that of an empty chain is `Link(name, 0, "", "")`."""
    number = last.number + 1
    return Link(last.chain, number, last.value, value_of(last.chain, number, last.value, content))


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a place of a chain. kind: `forged`, `doubled`, `broken` or `gap` (first to last are not here)."""

    kind: str
    first: int
    last: int


def faults_of(
    entries: Iterable[tuple[Link, Content]],
    *,
    reported: Mapping[int, str] | None = None,
    newest: tuple[int, str] = (0, ""),
) -> list[Fault]:
    """What is wrong with the entries of one chain, by rising number.

    reported: the values of places whose loss the device itself reported, by number: they are no gap, and what comes after
    them must still fit. newest: number and value that the device says are its last; 0 when that is not known.
    """
    told = dict(reported or {})
    faults: list[Fault] = []
    number, value = 0, ""
    for link, content in sorted(entries, key=lambda entry: entry[0].number):
        if link.number == number:
            faults.append(Fault("doubled", number, number))
            continue
        faults += _between(number, link.number, told)
        before = value if link.number == number + 1 else told.get(link.number - 1)
        if before is not None and link.previous != before:
            faults.append(Fault("broken", link.number, link.number))
        if value_of(link.chain, link.number, link.previous, content) != link.value:
            faults.append(Fault("forged", link.number, link.number))
        number, value = link.number, link.value
    if number and number == newest[0] and value != newest[1]:
        faults.append(Fault("broken", number, number))
    return faults + _between(number, newest[0] + 1, told)


def _between(last: int, number: int, told: Mapping[int, str]) -> list[Fault]:
    """The places after `last` and before `number` that nobody accounts for, as ranges."""
    faults: list[Fault] = []
    for place in [*sorted(n for n in told if last < n < number), number]:
        if place > last + 1:
            faults.append(Fault("gap", last + 1, place - 1))
        last = max(last, place)
    return faults
