"""A real MQTT broker (`apt-get install mosquitto`), with or without a login and TLS."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.process import ServerError, end_process, free_port, wait_for_port

PROGRAM = "/usr/sbin/mosquitto"


class Mosquitto:
    """port stays the same over `kill` and `start`. login: user and password that it asks for. tls: certificate and key."""

    def __init__(self, *, login: tuple[str, str] | None = None, tls: tuple[Path, Path] | None = None) -> None:
        if not Path(PROGRAM).exists():
            raise ServerError("the tests need mosquitto: apt-get install mosquitto")
        self.folder = Path(tempfile.mkdtemp(prefix="mosquitto-"))
        self.port = free_port()
        lines = [
            f"listener {self.port} 127.0.0.1",
            "persistence false",
            f"allow_anonymous {'false' if login else 'true'}",
        ]
        if os.geteuid() == 0:
            lines.append("user root")
        if login:
            subprocess.run(
                ["/usr/bin/mosquitto_passwd", "-b", "-c", str(self.folder / "users"), *login],
                check=True,
                capture_output=True,
            )
            lines.append(f"password_file {self.folder / 'users'}")
        if tls:
            lines += [f"certfile {tls[0]}", f"keyfile {tls[1]}"]
        (self.folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        self._process = subprocess.Popen(
            [PROGRAM, "-c", str(self.folder / "mosquitto.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        wait_for_port(self.port, self._process)

    def kill(self) -> None:
        end_process(self._process)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
