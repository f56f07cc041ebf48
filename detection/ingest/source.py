"""Opens what a camera's URL names and yields its pictures, however long that takes. Blocking: one thread for each.

FFmpeg is only ever given a format and a list of protocols that fit the URL's kind: without them ``concat:`` or a
playlist inside a file would make it open anything else that the process may read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import av
from av.container import InputContainer

from cameras.streams.errors import IngestError, explain
from cameras.streams.rtsp_check import checked_rtsp
from cameras.streams.stop import StopSignal
from cameras.streams.target import Target, parse_target
from detection.ingest.attention import Attention, WatchBudget
from detection.ingest.live import READ_TIMEOUT_S, STALL_S, LiveSource
from detection.ingest.loop import LoopingFile
from detection.ingest.pictures import Source, video_stream
from detection.ingest.stuck import OwnSockets, Peer

OPEN_TIMEOUT_S = 4.0
QUICK_REFUSAL_S = 2.0
SECOND_TRY_S = 0.3
SOCKET_TIMEOUT_US = round(STALL_S * 1e6)  # FFmpeg's own, of a socket in which nothing comes

Opened = TypeVar("Opened")

FORMATS = {"rtsp": "rtsp", "webcam": "v4l2", "file": None}
FILE_FORMATS = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,mxf"
_LIVE = {"analyzeduration": "500000", "fpsprobesize": "0"}  # else FFmpeg collects 25 pictures before the first one


def open_source(
    url: str,
    *,
    stop: StopSignal,
    on_damage: Callable[[], None],
    transport: str = "tcp",
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    attention: Attention | None = None,
    budget: WatchBudget | None = None,
    idle: bool = False,
) -> Source:
    """Opens a camera's URL; raises IngestError in plain words.

    stop: ends opening and reading. on_damage: called for each packet that cannot be decoded. transport: ``tcp`` or
    ``udp``, of RTSP. clock: Unix seconds, which say where a looping file is. idle: a camera over RTSP is decoded as
    little as possible while nothing happens; a webcam sends whole pictures, and a file is read at its own pace.
    """
    target = parse_target(url)
    if target.kind == "file" and not Path(target.location).is_file():
        raise IngestError(f"no such file: {target.location}", retryable=True)
    sockets: OwnSockets | None = None
    if target.kind == "rtsp":
        container, sockets = _open_for_long(target, transport, stop)
    else:
        container = open_container(target, transport, stop)
    try:
        stream = video_stream(container)
        if target.kind == "file":
            return LoopingFile(container, stream, stop=stop, on_damage=on_damage, clock=clock)
        return LiveSource(
            container,
            stream,
            stop=stop,
            on_damage=on_damage,
            clock=clock,
            monotonic=monotonic,
            attention=attention or Attention(),
            budget=budget or WatchBudget(),
            sleeps=idle and target.kind == "rtsp",
            rests=target.kind == "rtsp" and transport == "tcp",
            sockets=sockets,
        )
    except IngestError:
        container.close()
        raise


def open_container(target: Target, transport: str, stop: StopSignal, *, audio: bool = False) -> InputContainer:
    """What the target names, with its video stream and, of RTSP, its sound only if `audio`; each read of it returns after
    READ_TIMEOUT_S at the latest. Raises IngestError.
    """
    if target.kind != "rtsp":
        return _open(target, transport)
    return _asked_first(target, stop, lambda _: _open(target, transport, audio=audio))


def _open_for_long(target: Target, transport: str, stop: StopSignal) -> tuple[InputContainer, OwnSockets]:
    """The same for a camera that is read for days: its reads last, and its connection can be cut."""

    def opened(peer: Peer) -> tuple[InputContainer, OwnSockets]:
        sockets = OwnSockets(peer)
        container = _open(target, transport, read_timeout_s=None)
        sockets.opened()
        return container, sockets

    return _asked_first(target, stop, opened)


def _asked_first(target: Target, stop: StopSignal, opened: Callable[[Peer], Opened]) -> Opened:
    with checked_rtsp(target, stop=stop) as peer:
        asked = time.monotonic()
        try:
            return opened(peer)
        except IngestError as error:
            if not error.retryable or time.monotonic() - asked > QUICK_REFUSAL_S:
                raise
    stop.wait(SECOND_TRY_S)  # a camera that serves one connection at a time refuses the second; the first is gone now
    return opened(peer)


def _open(
    target: Target, transport: str, *, audio: bool = False, read_timeout_s: float | None = READ_TIMEOUT_S
) -> InputContainer:
    # The monotonic clock proper, not the injected one: FFmpeg's limits are real seconds.
    started = time.monotonic()
    try:
        name = f"file:{target.location}" if target.kind == "file" else target.location
        return av.open(
            name,
            "r",
            format=FORMATS[target.kind],
            options=_options(target, transport, audio=audio),
            timeout=(OPEN_TIMEOUT_S, read_timeout_s),
        )
    except av.FFmpegError as error:
        if target.kind == "file" and isinstance(error, av.error.InvalidDataError | av.error.ArgumentError):
            raise IngestError("the file is not a video that can be played", retryable=False) from None
        if time.monotonic() - started >= OPEN_TIMEOUT_S:  # FFmpeg then often says "invalid data"
            raise IngestError("timed out: the camera does not answer", retryable=True) from None
        raise explain(error) from None


def _options(target: Target, transport: str, *, audio: bool) -> dict[str, str]:
    if target.kind == "file":
        return {"protocol_whitelist": "file", "format_whitelist": FILE_FORMATS}
    if target.kind == "webcam":
        return {}
    protocols = "rtsps,tls,tcp" if target.tls else "rtsp,tcp"
    if transport == "udp":
        protocols += ",rtp,udp"
    return {
        **_LIVE,
        "rtsp_transport": transport,
        "timeout": str(SOCKET_TIMEOUT_US),
        "protocol_whitelist": protocols,
        "allowed_media_types": "video+audio" if audio else "video",
    }
