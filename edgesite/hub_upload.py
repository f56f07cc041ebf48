"""A box without object storage gives the hub its files over HTTP, with its device token: in parts, resumed, verified.

Each part says where it belongs (`Content-Range`, RFC 9110 section 14.4, as in the resumable uploads of Google Cloud Storage)
and of what it is a part (`X-Content-SHA256`), and has a checksum of its own (`Content-Digest`, RFC 9530). The hub says how much
it has; when it has all, it compares size and hash.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from edgesite.storage import StorageError

PART = 512 * 1024
FINAL = {400, 409, 413, 422}  # saying the same again changes nothing; 404: the hub may not know the alert yet


class NotExpectedError(StorageError):
    """The hub knows nothing yet to which the object belongs; others may go on."""


def digest_of(content: bytes) -> str:
    """As `Content-Digest` says it."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


@dataclass(slots=True)
class HubUpload:
    """url: the hub's (PUBLIC_URL). stop: ends an upload between two parts. Used by one thread at a time."""

    url: str
    token: str
    stop: threading.Event = field(default_factory=threading.Event)
    timeout_s: float = 20.0
    transport: httpx.BaseTransport | None = None
    _client: httpx.Client | None = None

    def send(self, key: str, file: Path, *, sha256: str, size: int) -> None:
        """Returns when the hub has stored exactly this and said so; goes on where an earlier try ended.

        Raises StorageError, `retryable` unless the hub will never take it, FileNotFoundError.
        """
        query = {"sha256": sha256, "size": str(size)}
        answer = self._call("GET", key, params=query)
        with file.open("rb") as source:
            for _ in range(2 * (size // PART + 2)):  # each part may be answered once with another place, or come twice
                if answer["stored"]:
                    return
                if self.stop.is_set():
                    raise StorageError(f"{key} is not uploaded yet: the box stops", retryable=True)
                answer = self._part(key, source, int(answer["offset"]), sha256=sha256, size=size)
        raise StorageError(f"{key}: the hub never has enough of it", retryable=True)

    def is_stored(self, key: str, *, sha256: str, size: int) -> bool:
        """Whether the hub has stored exactly this. Raises StorageError."""
        return bool(self._call("GET", key, params={"sha256": sha256, "size": str(size)})["stored"])

    def put(self, key: str, content: bytes, *, sha256: str) -> None:
        """A small object at once, in one part. Raises StorageError."""
        if not self._content(key, content, 0, sha256=sha256, size=len(content))["stored"]:
            raise StorageError(f"{key}: the hub has not stored it", retryable=True)

    def _part(self, key: str, source: Any, offset: int, *, sha256: str, size: int) -> dict[str, Any]:
        if not 0 <= offset < size:
            raise StorageError(f"{key}: the hub has {offset} of {size} bytes, which cannot be", retryable=True)
        source.seek(offset)
        return self._content(key, source.read(PART), offset, sha256=sha256, size=size)

    def _content(self, key: str, content: bytes, offset: int, *, sha256: str, size: int) -> dict[str, Any]:
        headers = {
            "Content-Range": f"bytes {offset}-{offset + len(content) - 1}/{size}",
            "Content-Type": "application/octet-stream",
            "Content-Digest": digest_of(content),
            "X-Content-SHA256": sha256,
        }
        return self._call("PUT", key, headers=headers, content=content)

    def _call(self, method: str, key: str, **options: Any) -> dict[str, Any]:
        """The hub's answer: `offset` and `stored`."""
        if self._client is None:
            headers = {"Authorization": f"Bearer {self.token}"}
            self._client = httpx.Client(headers=headers, timeout=self.timeout_s, transport=self.transport)
        url = f"{self.url.rstrip('/')}/api/device/objects/{quote(key)}"
        try:
            response = self._client.request(method, url, **options)
            answer = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise StorageError(
                f"the hub cannot be reached for uploads: {type(error).__name__}", retryable=True
            ) from error
        if not isinstance(answer, dict):
            raise StorageError("the hub's answer is none", retryable=True)
        if response.status_code == 200 and {"offset", "stored"} <= answer.keys():
            return answer
        if response.status_code in (409, 422) and "offset" in answer:  # go on there; 422: what came was spoiled
            return {"offset": answer["offset"], "stored": False}
        detail = str(answer.get("detail", ""))[:200]
        if response.status_code == 404:
            raise NotExpectedError(f"{key}: {detail}", retryable=True)
        raise StorageError(
            f"the hub answered {response.status_code}: {detail}", retryable=response.status_code not in FINAL
        )

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
