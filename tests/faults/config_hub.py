"""What a hub issued, of sound and of every bad kind, and what of it stands in Redis."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cameras.core.document import Document, parse_document
from cameras.core.strict_json import DocumentError
from cameras.publish import Outcome, write_document
from edgesite.redis_clients import Client
from tests.cameras.documents import DEVICE, REGISTRY, content, document

Number = tuple[str, int]
UNREADABLE: dict[str, Callable[[str], str]] = {
    "not JSON": lambda text: text[:-1],
    "wrong hash": lambda text: text.replace('"good', '"other'),
    "other device": lambda text: text.replace(f'"device_id":"{DEVICE}"', '"device_id":"box-2"'),
    "unknown key": str,  # issued with it
}
KINDS = ["good", "good", "good", "unappliable", "sick", "late", *UNREADABLE]


@dataclass(frozen=True)
class Issue:
    """An issued version. whole: None when no box can read it."""

    number: Number
    kind: str
    sha256: str
    text: str
    whole: Document | None


class Hub:
    """published: what stands in Redis. changes: how often that became another."""

    def __init__(self) -> None:
        self.issues: dict[Number, Issue] = {}
        self.published: Issue | None = None
        self.changes = 0
        self._epoch = 1

    @property
    def epoch(self) -> str:
        return f"01900000-0000-7000-8000-{self._epoch:012d}"

    @property
    def newest(self) -> Issue:
        return self.issues[max(self.issues)]

    def issue(self, kind: str, *, rollback_of: int | None = None) -> Issue:
        """A new version, not published. A rollback has the content of the version it goes back to."""
        version = 1 + max((v for e, v in self.issues if e == self.epoch), default=0)
        name = "good" if kind in UNREADABLE else kind
        given = content(site={"name": f"{name} {self._epoch} {rollback_of or version}"})
        if kind == "unknown key":
            given["regions"] = []
        text = document(given, version=version, epoch=self.epoch, rollback_of=rollback_of)
        sha256, whole = str(json.loads(text)["sha256"]), None
        if kind in UNREADABLE:
            text = UNREADABLE[kind](text)
            with pytest.raises(DocumentError):
                parse_document(text, device_id=DEVICE, registry=REGISTRY)
        else:
            whole = parse_document(text, device_id=DEVICE, registry=REGISTRY)
        issue = Issue((self.epoch, version), kind, sha256, text, whole)
        self.issues[issue.number] = issue
        return issue

    def provision_anew(self) -> None:
        self._epoch += 1

    def publish(self, client: Client, issue: Issue) -> None:
        """As a publisher does that may be late: never over a newer one."""
        (epoch, version), before = issue.number, self.published
        outcome = write_document(
            client, device_id=DEVICE, epoch=epoch, version=version, sha256=issue.sha256, text=issue.text,
            known=lambda epoch, version, sha256: (epoch, version) in self.issues,
        )  # fmt: skip
        older = before is not None and before.kind != "not JSON" and before.number > issue.number
        assert (outcome is Outcome.OVERTAKEN) == older
        if outcome is Outcome.WRITTEN:
            self.published = issue
            self.changes += 1

    def forget(self) -> None:
        """Redis lost everything."""
        self.published = None
        self.changes += 1
