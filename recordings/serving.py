"""An object as an HTTP answer, whole or a range of it (RFC 9110 section 14), streamed in chunks."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import AsyncIterator
from typing import IO

from asgiref.sync import sync_to_async
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from edgesite.storage import open_object

CHUNK = 256 * 1024
RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII | re.IGNORECASE)


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """`(first, last)` byte of a single range; None when the header asks for something else and the whole is answered.

    Raises ValueError when the range lies outside the object (416).
    """
    match = RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        if int(last) == 0 or size == 0:
            raise ValueError("empty range")
        return max(0, size - int(last)), size - 1
    start, end = int(first), min(int(last) if last else size - 1, size - 1)
    if start >= size or end < start:
        raise ValueError("range outside the object")
    return start, end


async def _chunks(file: IO[bytes], length: int) -> AsyncIterator[bytes]:
    try:
        while length > 0:
            chunk = await sync_to_async(file.read)(min(CHUNK, length))
            if not chunk:
                return
            length -= len(chunk)
            yield chunk
    finally:
        await sync_to_async(file.close)()


def serve_object(key: str, *, range_header: str = "") -> HttpResponseBase:
    """200 with the object, 206 with a part, 416. Raises FileNotFoundError, StorageError."""
    file, size = open_object(key)
    kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
    try:
        part = parse_range(range_header, size)
    except ValueError:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    first, last = part or (0, size - 1)
    file.seek(first)
    response = StreamingHttpResponse(_chunks(file, last - first + 1), status=206 if part else 200, content_type=kind)
    response._resource_closers.append(file.close)  # type: ignore[attr-defined]  # as FileResponse does, for an answer that nobody reads to its end
    response["Content-Length"] = str(last - first + 1)
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-cache"  # a permission may be withdrawn
    response["X-Content-Type-Options"] = "nosniff"
    if part:
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    return response
