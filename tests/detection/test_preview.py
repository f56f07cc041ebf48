"""The messages of a watch: what goes in comes out, and nothing else gets through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from detection.core.preview import (
    LARGEST_HEAD,
    LARGEST_JPEG,
    Fired,
    Preview,
    PreviewError,
    Seen,
    StatePart,
    pack,
    unpack,
)

WATCH = "0192aaaa-0000-7000-8000-000000000001"
JPEG = b"\xff\xd8\xff" + b"x" * 100
WHOLE = Preview(
    watch_id=WATCH, camera_id="vid1", draft=3, camera="live", age_s=0.25, width=768, height=576,
    seen=(Seen(id=4, name="person", score=0.9, box=(0.1, 0.2, 0.3, 0.4)),),
    states=(StatePart(bind_id="roi-1#0", word="counting", value=3.2, target=10.0, counts={"visits": 1}),),
    fired=(Fired(bind_id="roi-1#0", phase="started", at=1000.0),),
)  # fmt: skip


@pytest.mark.parametrize("jpeg", [b"", JPEG])
def test_a_message_is_read_as_it_was_written(jpeg: bytes) -> None:
    assert unpack(pack(WHOLE, jpeg)) == (WHOLE, jpeg)


def framed(head: bytes, jpeg: bytes = b"") -> bytes:
    return len(head).to_bytes(4, "big") + head + jpeg


def changed(**values: Any) -> bytes:
    return framed(json.dumps(json.loads(WHOLE.model_dump_json()) | values).encode())


@pytest.mark.parametrize(
    "message",
    [
        b"", b"\x00\x00", b"\x00\x00\x00\x05{}", b"\xff\xff\xff\xff{}", framed(b"nonsense"), framed(b"[]"),
        framed(b"[" * 5000), framed(b" " * (LARGEST_HEAD + 1)), changed(extra=1), changed(watch_id="*"), changed(draft=-1),
        changed(draft=True), changed(age_s=float("nan")), changed(width=-4), changed(camera="off"), changed(seen=[1]),
        changed(problem="x" * 501), changed(states=[{"bind_id": "a", "word": "shouting"}]),
        changed(seen=[WHOLE.seen[0].model_dump()] * 101), changed(fired=[WHOLE.fired[0].model_dump()] * 21),
        pack(WHOLE, b"<svg onload=alert(1)>"), pack(WHOLE, JPEG + b"x" * LARGEST_JPEG),
    ],
)  # fmt: skip
def test_everything_else_is_refused(message: bytes) -> None:
    with pytest.raises(PreviewError):
        unpack(message)
