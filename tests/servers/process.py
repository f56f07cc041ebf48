"""What every server of the tests needs: a free port, a clear word when its package is missing, an end for sure."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time


class ServerError(Exception):
    """A server of the tests cannot run; the message names what to install or what it printed."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], *, seconds: float = 15.0) -> None:
    """Returns when `port` accepts a connection; raises ServerError when `process` ends or `seconds` are over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            said = process.stderr.read().decode(errors="replace")[-2000:] if process.stderr else ""
            raise ServerError(f"{process.args!r} ended with {process.returncode}: {said}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return
        time.sleep(0.05)
    raise ServerError(f"{process.args!r} does not listen on port {port} after {seconds:.0f} s")


def end_process(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGKILL) -> None:
    """Sends `how` (also to a stopped process), waits, and closes its pipes."""
    if process.poll() is None:
        process.send_signal(how)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()
