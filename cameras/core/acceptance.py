"""Whether a device applies a document that it has just read (invariant 1). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What to do with an incoming document."""

    APPLY = "apply"
    SAME = "same"
    STALE = "stale"
    CONFLICT = "conflict"
    RENUMBER = "renumber"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Applied:
    """What runs now. version 0 with an empty epoch: nothing yet."""

    epoch: str = ""
    version: int = 0
    sha256: str = ""


def decide(current: Applied, *, epoch: str, version: int, sha256: str) -> Verdict:
    """Compares by epoch first (UUIDv7 text grows with time), then by version.

    The same number with other content is a conflict: somebody broke the rule that issued documents are immutable.
    """
    if epoch != current.epoch:
        return Verdict.APPLY if epoch > current.epoch else Verdict.STALE
    if version != current.version:
        return Verdict.APPLY if version > current.version else Verdict.STALE
    return Verdict.SAME if sha256 == current.sha256 else Verdict.CONFLICT


def decide_bare(current: Applied, *, floor: int, version: int, sha256: str) -> Verdict:
    """For a document without an epoch, whose number and content two keys hold that nobody writes at once (DESIGN 5.4).

    The number must rise, also above `floor`, the one that a rollback left. Other content under the same number waits for
    its number; the same content under a new number only moves the number.
    """
    if version <= floor or version < current.version:
        return Verdict.STALE
    if version == current.version:
        return Verdict.SAME if sha256 == current.sha256 else Verdict.WAIT
    return Verdict.RENUMBER if sha256 == current.sha256 else Verdict.APPLY
