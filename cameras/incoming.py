"""What a box reads from Redis or from its store, turned into a verified document, ours or a bare one."""

from __future__ import annotations

import structlog

from cameras.core.algorithms import Registry
from cameras.core.bare import is_bare, parse_bare
from cameras.core.document import Document, Header, parse_document
from cameras.core.strict_json import DocumentError, load_json
from edgesite.edge_store.documents import StoredDocument

log = structlog.get_logger(__name__)

LARGEST_VERSION = 2**53
NAMED = 10  # of what was ignored


def read_incoming(text: str, number: str | None, *, device_id: str, registry: Registry) -> Document | None:
    """The document in the text; `number` is what stands in `device:{id}:version`, which only a bare one needs.

    None: a bare document whose number is not there yet (none, empty or 0). Raises DocumentError.
    """
    raw = load_json(text)
    if not is_bare(raw):
        return parse_document(text, device_id=device_id, registry=registry)
    if raw.get("device_id", device_id) != device_id:
        raise DocumentError("device_id", f"is for {raw['device_id']!r}, this box is {device_id!r}")
    version = _version(number)
    if not version:
        return None
    bare = parse_bare(raw, registry)
    if bare.warnings:  # one line: each row of another control plane may have a dozen
        log.warning("ignored in the configuration", what=", ".join(bare.warnings[:NAMED]), count=len(bare.warnings))
    header = Header(
        schema=0, device_id=device_id, epoch="", version=version, rollback_of=None, issued_at=None, sha256=bare.sha256
    )
    return Document(header=header, content=bare.content, pixels=bare.pixels)


def _version(number: str | None) -> int:
    """The number of a bare document; 0 while there is none. Raises DocumentError for what will never be one."""
    if not number or number == "0":
        return 0
    if not (number.isdecimal() and len(number) < 17 and 1 <= int(number) <= LARGEST_VERSION):
        raise DocumentError("version", f"{number[:40]!r} is not a number from 1 to {LARGEST_VERSION}")
    return int(number)


def read_stored(stored: StoredDocument, *, device_id: str, registry: Registry) -> Document:
    """A document of the edge store. Raises DocumentError when this edgesite cannot run it any more."""
    document = read_incoming(stored.text, str(stored.version), device_id=device_id, registry=registry)
    if document is None:
        raise DocumentError("version", "is missing")
    return document
