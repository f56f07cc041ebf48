"""The test side of the RTSP cameras."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.process import ServerError, end_process, free_port, wait_for_port

PYTHON = Path("/usr/bin/python3")
SCRIPT = Path(__file__).with_name("rtsp_server.py")
PACKAGES = (
    "gir1.2-gst-rtsp-server-1.0 python3-gi python3-gst-1.0 "
    "gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
)


class RtspServer:
    """Cameras that loop `clip`; `names` are their paths, `name=/another/clip.mp4` for a clip of its own.

    The port stays the same over `kill` and `restart`.

    Raises ServerError, which names the Debian packages, when it cannot run.
    """

    def __init__(self, clip: Path, *names: str, user: str = "", password: str = "") -> None:
        self.port = free_port()
        self.user, self.password = user, password
        self._cameras = [name if "=" in name else f"{name}={clip}" for name in names or ("street",)]
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, name: str = "street", *, password: str | None = None) -> str:
        secret = self.password if password is None else password
        login = f"{self.user}:{secret}@" if self.user else ""
        return f"rtsp://{login}127.0.0.1:{self.port}/{name}"

    def start(self) -> Self:
        login = ["--user", self.user, "--password", self.password] if self.user else []
        command = [str(PYTHON), str(SCRIPT), "--port", str(self.port), *login, *self._cameras]
        try:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        except FileNotFoundError:
            raise ServerError(f"{PYTHON} is missing: apt-get install python3 {PACKAGES}") from None
        try:
            wait_for_port(self.port, process)
        except ServerError as error:
            end_process(process)
            raise ServerError(f"{error}\nThe RTSP cameras need: apt-get install {PACKAGES}") from None
        self._process = process
        return self

    def kill(self) -> None:
        """As when a camera loses its power: SIGKILL; its connections are reset."""
        if self._process:
            end_process(self._process)
            self._process = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def cpu_seconds(self) -> float:
        """What it has cost so far, user and system."""
        fields = Path(f"/proc/{self._running().pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def freeze(self) -> None:
        """As when a camera hangs: its connections stay open and nothing comes any more."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        return self._running().pid

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ServerError("the RTSP server does not run")
        return self._process

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
