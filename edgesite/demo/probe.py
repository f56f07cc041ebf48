"""Questions that the demo asks of its surroundings."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edgesite.demo.options import HOST, DemoError


def check_port_is_free(port: int) -> None:
    """Raises DemoError when the web server could not listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web server will
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except PermissionError:
            raise DemoError(
                f"port {port} may not be used by this user; choose another one: make demo PORT=8001"
            ) from None
        except OSError:
            raise DemoError(f"port {port} is in use; choose another one: make demo PORT={port + 1}") from None


def lock_folder(var_dir: Path) -> IO[str]:
    """The lock that makes this the only demo in the folder, for as long as the file is open. Raises DemoError."""
    path = var_dir / "run" / "demo.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise DemoError(f"VAR_DIR {var_dir} cannot be written: {error.strerror}") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise DemoError(f"a demo is already running in {var_dir}; end it, or choose another VAR_DIR") from None
    for stale in path.parent.glob("*.pid"):  # of a demo that was killed
        stale.unlink()
    os.set_inheritable(file.fileno(), False)
    return file


@dataclass(slots=True)
class StatisticsProbe:
    """Whether the first frame has been analysed: the API has statistics of the camera. `answer`: what it said last."""

    port: int
    camera_id: str
    token: str
    answer: str = "no answer yet"

    def __call__(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request(
                "GET", f"/api/cameras/{self.camera_id}/stats", headers={"Authorization": f"Bearer {self.token}"}
            )
            response = connection.getresponse()
            self.answer = f"{response.status} {_detail(response.read())}".rstrip()
        except (OSError, http.client.HTTPException) as error:
            self.answer = f"the web server does not answer ({type(error).__name__})"
            return False
        finally:
            connection.close()
        return response.status == http.HTTPStatus.OK


def _detail(body: bytes) -> str:
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    return str(answer.get("detail", "")) if isinstance(answer, dict) else ""
