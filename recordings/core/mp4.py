"""How much of a fragmented MP4 that was cut off anywhere is whole. Pure.

A box is its size (4 bytes, big endian; 1: the real size follows the type in 8 bytes; 0: to the end of the file) and its type
(4 bytes): ISO/IEC 14496-12, 4.2. A fragment is a `moof` and the `mdat` after it.
"""

from __future__ import annotations

from collections.abc import Callable


def whole_length(read: Callable[[int, int], bytes], size: int) -> int:
    """Bytes up to the end of the last whole fragment; 0 when there is none. read: (offset, count) → bytes."""
    offset = whole = 0
    described = fragment = False
    while offset + 8 <= size:
        length, kind = _box(read(offset, 16), size - offset)
        if length < 8 or offset + length > size:
            break
        offset += length
        if kind == b"moov":
            described = True
        elif kind == b"moof":
            fragment = True
        elif kind == b"mdat" and fragment and described:
            whole, fragment = offset, False
        elif whole and not fragment:
            whole = offset  # the index at the end of a file that was closed
    return whole


def _box(head: bytes, left: int) -> tuple[int, bytes]:
    length, kind = int.from_bytes(head[:4], "big"), head[4:8]
    if not kind.strip(b"\0"):
        return 0, kind  # blocks that the disk never got
    if length == 1:
        return (int.from_bytes(head[8:16], "big") if len(head) == 16 else 0), kind
    return (left if length == 0 else length), kind
