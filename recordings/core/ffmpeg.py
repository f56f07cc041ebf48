"""How ffmpeg is called, and what its lines mean. Pure: nothing is started here.

A camera's URL never stands in the arguments, where every user of the machine reads it: ffmpeg is given a list of one file, in
the format of its `concat` demuxer, on its standard input. The list's `option` lines are that file's own options.
https://ffmpeg.org/ffmpeg-formats.html#concat-1, https://ffmpeg.org/ffmpeg-formats.html#segment_002c-stream_005fsegment_002c-ssegment
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from urllib.parse import unquote, urlsplit

from edgesite.core.urls import MASK, mask_url
from recordings.core.segments import FRAGMENT_SECONDS, SEGMENT_SECONDS

SOCKET_TIMEOUT_US = 5_000_000
FRAGMENTED = (
    "movflags=+frag_keyframe+empty_moov+default_base_moof:flush_packets=1:"
    f"frag_duration={round(FRAGMENT_SECONDS * 1e6)}"
)
FILE_FORMATS = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,mxf"
LEVELS = {
    "panic": "error", "fatal": "error", "error": "error", "warning": "warning", "info": "info", "verbose": "debug",
    "debug": "debug", "trace": "debug",
}  # fmt: skip
_LEVEL = re.compile(r"\[(panic|fatal|error|warning|info|verbose|debug|trace)\] ")
_ADDRESS = re.compile(r"\[([\w:/,.-]+) @ 0x[0-9a-f]+\] ")


@dataclass(frozen=True, slots=True)
class Tool:
    """The ffmpeg that is there, and how the operator wants it."""

    path: str
    loglevel: str = "warning"
    preset: str = "veryfast"


@dataclass(frozen=True, slots=True)
class Call:
    """Arguments, what goes to the standard input, and texts that must not reach a log."""

    argv: list[str]
    stdin: bytes = b""
    secrets: tuple[tuple[str, str], ...] = ()


def _head(tool: Tool) -> list[str]:
    return [tool.path, "-hide_banner", "-nostdin", "-nostats", "-loglevel", f"level+{tool.loglevel}"]


def _segments(pattern: str) -> list[str]:
    return [
        "-f", "segment", "-segment_time", f"{SEGMENT_SECONDS:g}", "-segment_format", "mp4",
        "-segment_format_options", FRAGMENTED, "-reset_timestamps", "1",
        "-segment_list", "pipe:1", "-segment_list_type", "csv", pattern,
    ]  # fmt: skip


def _streams(*, sound: bool) -> list[str]:
    """The video as it is. Sound, if there is any, as AAC: what most cameras send (G.711) has no place in MP4."""
    return ["-map", "0:v:0", "-c:v", "copy", *(["-map", "0:a:0?", "-c:a", "aac", "-b:a", "64k"] if sound else [])]


def quoted(text: str) -> str:
    """As a word of a concat list (ffmpeg-utils, quoting and escaping)."""
    return "'" + text.replace("'", r"'\''") + "'"


def rtsp_call(tool: Tool, url: str, *, transport: str, pattern: str, sound: bool = False) -> Call:
    """Copies a camera's video into segments. transport: `tcp` or `udp`."""
    tls = urlsplit(url).scheme == "rtsps"
    protocols = "rtsps,tls,tcp" if tls else "rtsp,tcp"
    if transport == "udp":
        protocols += ",rtp,udp"
    script = [
        "ffconcat version 1.0",
        f"file {quoted(url)}",
        f"option rtsp_transport {transport}",
        f"option timeout {SOCKET_TIMEOUT_US}",
        f"option allowed_media_types {'video+audio' if sound else 'video'}",
        "option analyzeduration 500000",
        "option fpsprobesize 0",
    ]
    argv = [
        *_head(tool), "-f", "concat", "-safe", "0", "-protocol_whitelist", f"pipe,{protocols}",
        "-fpsprobesize", "0", "-i", "pipe:0", *_streams(sound=sound), *_segments(pattern),
    ]  # fmt: skip
    return Call(argv, ("\n".join(script) + "\n").encode(), secrets_of(url))


def file_call(tool: Tool, path: str, *, position: float, pattern: str, sound: bool = False) -> Call:
    """Copies a file's video, round after round and as fast as it plays. position: seconds from its beginning."""
    argv = [
        *_head(tool), "-re", "-stream_loop", "-1", "-ss", f"{position:.3f}", "-protocol_whitelist", "file",
        "-format_whitelist", FILE_FORMATS, "-i", f"file:{path}", *_streams(sound=sound), *_segments(pattern),
    ]  # fmt: skip
    return Call(argv)


def webcam_call(tool: Tool, device: str, *, pattern: str) -> Call:
    """A webcam sends pictures, not video that could be copied: it is encoded."""
    argv = [
        *_head(tool), "-f", "v4l2", "-i", device, "-map", "0:v:0", *encoding(tool), "-force_key_frames",
        "expr:gte(t,n_forced*2)", *_segments(pattern),
    ]  # fmt: skip
    return Call(argv)


def encoding(tool: Tool) -> list[str]:
    """H.264 that every browser plays: 4:2:0 and even sides."""
    return [
        "-c:v", "libx264", "-preset", tool.preset, "-pix_fmt", "yuv420p", "-vf", "scale=trunc(iw/2)*2:trunc(ih/2)*2",
    ]  # fmt: skip


def clip_call(
    tool: Tool, *, listings: Mapping[str, bool], target: str, seconds: float, size: tuple[int, int] | None
) -> Call:
    """One MP4, its index first, of the files in some listings, one behind the other, with whether there is sound in each.

    All files of a listing are of one codec. size: encode to these sides; None: copy, which takes one listing.
    """
    read = [["-f", "concat", "-safe", "0", "-protocol_whitelist", "file", "-i", f"file:{name}"] for name in listings]
    how = ["-map", "0:v:0", "-map", "0:a:0?", "-c:a", "copy", "-c:v", "copy"]
    if size is not None:
        width, height = (max(2, side // 2 * 2) for side in size)
        fit = f"scale={width}:{height}:force_original_aspect_ratio=decrease,pad={width}:{height}:-1:-1"
        how = ["-map", "0:v:0", "-map", "0:a:0?", "-c:a", "copy", "-vf", fit]
        if len(listings) > 1:
            how = _joined(list(listings.values()), f"{fit},setsar=1")
        how += ["-c:v", "libx264", "-preset", tool.preset, "-pix_fmt", "yuv420p"]
    argv = [
        *_head(tool), *chain(*read), *how, "-t", f"{seconds:.3f}", "-movflags", "+faststart", "-f", "mp4", "-y",
        f"file:{target}",
    ]  # fmt: skip
    return Call(argv)


def _joined(sound: Sequence[bool], fit: str) -> list[str]:
    """Where the codec changes nothing but pictures and waves can be put one behind the other; silence where there is none."""
    graph, inputs, made = list[str](), "", ["[v]"]
    for number, has_sound in enumerate(sound):
        graph.append(f"[{number}:v:0]{fit}[v{number}]")
        inputs += f"[v{number}]"
        if any(sound):
            graph.append(f"[{number}:a:0]anull[a{number}]" if has_sound else f"anullsrc=d=0.1[a{number}]")
            inputs += f"[a{number}]"
    if any(sound):
        made.append("[a]")
    graph.append(f"{inputs}concat=n={len(sound)}:v=1:a={len(made) - 1}{''.join(made)}")
    return ["-filter_complex", ";".join(graph), *chain(*(("-map", pad) for pad in made)), "-c:a", "aac"]


def clip_listing(files: Sequence[tuple[str, float, bool]], *, copied: bool = False) -> str:
    """The list for `clip_call`: absolute paths, the seconds that each of them lasts, and whether there is sound in it.

    copied: nothing is decoded, so it need not be found out how many pictures a second each file has: half of the work.
    """
    lines = ["ffconcat version 1.0"]
    loud = next((path for path, _, sound in files if sound), "")
    if loud and not files[0][2]:  # ffmpeg takes no other streams than its list begins with: none of that one's packets
        lines += [f"file {quoted(f'file:{loud}')}", "outpoint 0", "duration 0"]
    for path, seconds, _ in files:
        lines.append(f"file {quoted(f'file:{path}')}")
        lines += ["option fpsprobesize 0"] if copied else []
        lines.append(f"duration {seconds:.6f}")
    return "\n".join(lines) + "\n"


def secrets_of(url: str) -> tuple[tuple[str, str], ...]:
    """What of a URL must not be shown, and what stands there instead; the longest first."""
    parts = urlsplit(url)
    found = [(url, mask_url(url))]
    if parts.password:
        login = parts.netloc.rpartition("@")[0]
        found += [(f"{login}@", f"{MASK}@"), (login, MASK), (parts.password, MASK), (unquote(parts.password), MASK)]
    return tuple(found)


def log_line(line: str, secrets: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """`(level, text)` of a line that ffmpeg wrote on its standard error; the level as our log names it, no secret left."""
    for secret, shown in secrets:
        line = line.replace(secret, shown)
    match = _LEVEL.search(line)
    level = LEVELS[match[1]] if match else "info"
    text = _ADDRESS.sub(r"\1: ", line.replace(match[0], "", 1) if match else line)
    return level, mask_url(text.strip())[:500]
