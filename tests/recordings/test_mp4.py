"""What of a fragmented MP4 is whole, wherever it was cut off."""

from __future__ import annotations

from recordings.core.mp4 import whole_length


def box(kind: bytes, length: int, *, large: bool = False) -> bytes:
    if large:
        return (1).to_bytes(4, "big") + kind + (length + 16).to_bytes(8, "big") + bytes(length)
    return (length + 8).to_bytes(4, "big") + kind + bytes(length)


HEAD = box(b"ftyp", 8) + box(b"moov", 40)
FRAGMENTS = [box(b"moof", 20) + box(b"mdat", 100), box(b"moof", 20) + box(b"mdat", 50, large=True)]
INDEX = box(b"mfra", 30)


def whole(content: bytes) -> int:
    return whole_length(lambda offset, count: content[offset : offset + count], len(content))


def test_cut_anywhere_it_ends_behind_a_whole_fragment() -> None:
    file = HEAD + b"".join(FRAGMENTS) + INDEX
    ends = [len(HEAD) + len(FRAGMENTS[0]), len(HEAD) + len(FRAGMENTS[0] + FRAGMENTS[1]), len(file)]
    for length in range(len(file) + 1):
        assert whole(file[:length]) == max((e for e in ends if e <= length), default=0), length


def test_what_is_no_fragmented_mp4_has_nothing_whole() -> None:
    assert whole(b"") == 0
    assert whole(b"not a video at all, but longer than a box") == 0
    assert whole(box(b"ftyp", 8) + FRAGMENTS[0]) == 0  # nothing says what the pictures are
    assert whole(box(b"ftyp", 8) + box(b"mdat", 100)) == 0  # an ordinary MP4 without its index
    assert whole(HEAD + bytes(64)) == 0
    assert whole(HEAD + FRAGMENTS[0] + bytes(64)) == len(HEAD + FRAGMENTS[0])  # blocks that the disk never got
