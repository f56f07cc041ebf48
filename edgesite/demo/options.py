"""What the person who starts the demo can choose, and the environment that its processes get from that."""

from __future__ import annotations

import math
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet

from edgesite.env import load_or_make_key
from edgesite.files import write_atomically

REDIS_VARIABLES = ("CLOUD_REDIS_URL", "LOCAL_REDIS_URL", "CHANNEL_REDIS_URL")
DEVICE_ID = "demo-01"
HOST = "127.0.0.1"
LAST_PORT = 65_535


class DemoError(Exception):
    """The demo cannot go on; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """port: where the web server listens. var_dir: absolute. source: a camera URL, None for the sample clip.
    seconds: how long to run after READY, None for ever. redis: the URLs that were given, by variable."""

    port: int
    var_dir: Path
    source: str | None = field(repr=False)  # it may hold a password
    seconds: float | None
    redis: Mapping[str, str] = field(repr=False)

    @classmethod
    def read(cls, environ: Mapping[str, str], folder: Path) -> Options:
        """From PORT, VAR_DIR, CAMERA, DEMO_SECONDS and the Redis URLs; relative paths start at `folder`.

        Raises DemoError that names the variable.
        """
        given = {name: value.strip() for name, value in environ.items() if value.strip()}
        return cls(
            port=_port(given.get("PORT", "8000")),
            var_dir=(folder / given.get("VAR_DIR", "var")).absolute(),
            source=camera_source(given["CAMERA"], folder) if "CAMERA" in given else None,
            seconds=_seconds(given["DEMO_SECONDS"]) if "DEMO_SECONDS" in given else None,
            redis={name: given[name] for name in REDIS_VARIABLES if name in given},
        )

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def needs_redis(self) -> bool:
        return len(self.redis) < len(REDIS_VARIABLES)


def camera_source(text: str, folder: Path) -> str:
    """The camera URL for what a person wrote: a URL, a webcam's number, or the path of a video file in `folder`.

    Raises DemoError for a path where there is no file.
    """
    if text.isdecimal():
        return f"webcam:{int(text)}"
    if "://" in text or text.startswith("webcam:"):
        return text
    path = (folder / Path(text).expanduser()).absolute()
    if not path.is_file():
        raise DemoError(f"CAMERA: there is no file {path}; give a video file, a URL such as rtsp://host/path, or 0")
    return path.as_uri()


def environment(options: Options, inherited: Mapping[str, str], redis: Mapping[str, str]) -> dict[str, str]:
    """The settings (DESIGN 5.1) of this demo: what decides where data goes is always set, so that a `.env` that lies
    about, perhaps of a real installation, is not touched by a demo. Makes the two keys in VAR_DIR once."""
    var_dir = options.var_dir
    fixed = {
        "VAR_DIR": str(var_dir),
        "DEBUG": "0",
        "SECRET_KEY": load_or_make_key(var_dir / "secret_key", lambda: secrets.token_urlsafe(50)),
        "FIELD_ENCRYPTION_KEY": load_or_make_key(
            var_dir / "field_encryption_key", lambda: Fernet.generate_key().decode()
        ),
        "ALLOWED_HOSTS": f"{HOST},localhost",
        "PUBLIC_URL": options.url,
        **redis,
    }
    chosen = {
        "DATABASE_URL": f"sqlite:///{var_dir}/edgesite.sqlite3",
        "EDGE_DATABASE_URL": f"sqlite:///{var_dir}/edge.sqlite3",
        "DEVICE_ID": DEVICE_ID,
        "MEDIA_ROOT": str(var_dir / "media"),
        "OUTPUT_DIR": str(var_dir / "recordings"),
        "S3_BUCKET": "",
    }
    return fixed | {name: inherited.get(name) or value for name, value in chosen.items()}


def process_environment(inherited: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """A child's whole environment. What only the demo reads stays out: CAMERA may hold a password."""
    own = {"CAMERA", "PORT", "DEMO_SECONDS", "EDGESITE_FOLLOW_PARENT", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    kept = {name: value for name, value in inherited.items() if name not in own}
    return kept | dict(settings) | {"PYTHONUNBUFFERED": "1", "DJANGO_SETTINGS_MODULE": "edgesite.settings"}


def write_environment_file(path: Path, settings: Mapping[str, str]) -> None:
    """Write `NAME=value` lines that a shell can read, mode 0600, in one step."""
    write_atomically(path, "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items()))


def _port(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= LAST_PORT:
        return int(text)
    raise DemoError(f"PORT must be a number from 1 to {LAST_PORT}, not {text!r}")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise DemoError(f"DEMO_SECONDS must be a number of seconds, not {text!r}")
    return seconds
