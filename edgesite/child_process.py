"""One child process in a process group of its own, whose output is read line by line without waiting."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from edgesite.process_guard import die_with_parent, kill_group

Sink = Callable[[bytes], None]

_READ_BYTES = 65_536  # of one stream in one round, so that a chatty child does not starve the others
_LONGEST_LINE = 16_384


@dataclass(slots=True)
class _Stream:
    """A pipe from the child; complete lines, without their end, go to `sink`."""

    pipe: IO[bytes]
    sink: Sink
    rest: bytes = b""

    def read(self) -> bool:
        """Take what is there. False: the other end is closed."""
        try:
            data = os.read(self.pipe.fileno(), _READ_BYTES)
        except BlockingIOError:
            return True
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.sink(line.rstrip(b"\r"))
        if self.rest and (not data or len(self.rest) > _LONGEST_LINE):
            self.sink(self.rest)
            self.rest = b""
        return bool(data)


@dataclass(slots=True)
class Process:
    """A running child. `started` is the caller's clock at its start; its pid is also the id of its process group."""

    popen: subprocess.Popen[bytes]
    started: float
    streams: list[_Stream] = field(default_factory=list)

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        stdout: Sink,
        stderr: Sink,
        now: float,
        stdin: bytes = b"",
    ) -> Process:
        """Start it; equal sinks share one pipe, so that the order of the lines holds. Raises OSError.

        stdin: all that it can read there; no more than a pipe holds (65,536 bytes), so that nothing waits.
        """
        shared = stdout is stderr
        popen = subprocess.Popen(
            list(argv),
            env=dict(env),
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if shared else subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C on the terminal is the supervisor's: it ends the children in order
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - one thread, and it only calls prctl
        )
        if popen.stdin is not None:
            with contextlib.suppress(BrokenPipeError), popen.stdin:  # it may have ended already
                popen.stdin.write(stdin)
        process = cls(popen, now)
        for pipe, sink in ((popen.stdout, stdout), (popen.stderr, stderr)):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                process.streams.append(_Stream(pipe, sink))
        return process

    @staticmethod
    def pump(processes: Iterable[Process], wake: int, wait_s: float) -> bool:
        """Pass on what the processes wrote, waiting at most `wait_s` seconds for something, or for the `wake` pipe.

        Whether more than lines came: somebody woke it, or a process closed a stream.
        """
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        streams = {s.pipe.fileno(): (p, s) for p in processes for s in p.streams}
        for fd in streams:
            poll.register(fd, select.POLLIN)
        more = False
        for fd, _event in poll.poll(wait_s * 1000):
            if fd == wake:
                os.read(wake, 1024)
                more = True
                continue
            process, stream = streams[fd]
            if not stream.read():
                stream.pipe.close()
                process.streams.remove(stream)
                more = True
        return more

    @property
    def pid(self) -> int:
        return self.popen.pid

    def ended(self) -> bool:
        """Whether it is over. It is not reaped yet, so that its process group's id cannot be somebody else's."""
        if self.popen.returncode is not None:
            return True
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def signal(self, number: int) -> None:
        """Send a signal to the whole process group of a process that was not collected yet."""
        kill_group(self.pid, number)

    def collect(self) -> int:
        """Kill what is left of the group, pass on its last lines, reap it. The exit status (negative: the signal)."""
        self.signal(signal.SIGKILL)
        status = self.popen.wait()
        for stream in self.streams:
            self._drain(stream)
            stream.pipe.close()
        self.streams.clear()
        return status

    @staticmethod
    def _drain(stream: _Stream) -> None:
        """Read what the pipe holds: at most its capacity, as a process that left the group may still be writing."""
        ready = select.poll()
        ready.register(stream.pipe, select.POLLIN)
        for _ in range(32):
            if not ready.poll(0) or not stream.read():
                break
        if stream.rest:
            stream.sink(stream.rest)
