"""Nothing that a supervisor started outlives it, even when it is killed and cannot clean up.

Two nets: the kernel kills each child when its parent dies (`die_with_parent`, Linux only), and a small process of its
own (`Guard`) notices the supervisor's end by the end of a pipe and kills the process groups that were left, and with
them the children's children. This file is also that process, run as `python -I -S`, so it imports little.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def set_death_signal(number: int) -> None:
    """Ask the kernel to send this process the signal when the *thread* that started it ends (prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def die_with_parent() -> Callable[[], None]:
    """A `preexec_fn` after which the child gets SIGKILL when this process dies. Start children from the main thread."""
    parent = os.getpid()
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # loaded before the fork: little is safe after it

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return arm


def kill_group(group: int, number: int) -> bool:
    """Send a signal to a process group. False: there is no such group any more."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # every member has changed its user: not ours to end
        return False
    return True


class Guard:
    """The supervisor's end of the guard process. `watch` and `release` name process groups."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C on the terminal is not for it
            cwd="/",
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def watch(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def release(self, group: int) -> None:
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Let it end; groups that were not released are killed."""
        pipe = self._process.stdin
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        try:
            self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _tell(self, message: str) -> None:
        pipe = self._process.stdin
        if pipe is None or pipe.closed:
            return
        try:
            os.write(pipe.fileno(), message.encode())
        except BrokenPipeError:  # somebody killed the guard; the kernel's net still holds
            return


def guard(lines: Iterable[bytes]) -> set[int]:
    """The groups that were announced and not released when the lines end."""
    groups: set[int] = set()
    for line in lines:
        group = int(line[1:])
        if line.startswith(b"+"):
            groups.add(group)
        else:
            groups.discard(group)
    return groups


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for group in guard(sys.stdin.buffer):
        kill_group(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
