"""Keeps a handful of child processes running, and ends them all.

Everything happens in `Supervisor.step()`, in the thread that made the supervisor: no thread, so no lock, and the
kernel's death signal (see `process_guard`), which follows the starting *thread*, follows the supervisor.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgesite.child_process import Process, Sink
from edgesite.console import Console
from edgesite.core.backoff import Backoff, RestartPolicy
from edgesite.files import write_atomically
from edgesite.process_guard import Guard

POLL_S = 0.1  # how late the end of a child may be noticed
RESTART_BASE_S, RESTART_CAP_S, SETTLED_S = 0.5, 10.0, 30.0


@dataclass(frozen=True, slots=True)
class Child:
    """What to run. `ready` says whether it does its work; `last` children are ended after all others (a server that the
    others need to finish their work)."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    ready: Callable[[], bool] | None = None
    last: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """How a one-off command ended: exit status (negative: the signal) and what it wrote on standard output."""

    status: int
    output: list[str]


@dataclass(slots=True)
class _Slot:
    """One child that is kept running: its process, or when to start it again (monotonic seconds)."""

    child: Child
    policy: RestartPolicy
    process: Process | None = None
    due: float = 0.0
    starts: int = 0


@dataclass(slots=True)
class Supervisor:
    """Starts, watches, restarts and ends children.

    run_dir: where `{name}.pid` files live while a child runs. console: takes the children's lines as `name | line`.
    say: takes the supervisor's own lines. grace_s: the time from SIGTERM to SIGKILL. clock: monotonic seconds.
    """

    run_dir: Path
    console: Console
    say: Callable[[str], None]
    grace_s: float = 4.0
    clock: Callable[[], float] = time.monotonic
    stop_requested: bool = False
    _slots: dict[str, _Slot] = field(default_factory=dict)
    _alive: list[Process] = field(default_factory=list)
    _guard: Guard = field(default_factory=Guard)
    _wake: tuple[int, int] = field(default_factory=os.pipe)

    def __post_init__(self) -> None:
        self.run_dir.mkdir(parents=True, exist_ok=True)
        for fd in self._wake:
            os.set_blocking(fd, False)

    # -- being told to end ------------------------------------------------------------------------------------------

    def stop_on_signals(self) -> None:
        """SIGINT, SIGTERM and SIGHUP ask for the end. Call it from the main thread."""
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)  # else a wait would run to its end first
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: self.request_stop())

    def request_stop(self) -> None:
        self.stop_requested = True

    # -- children -----------------------------------------------------------------------------------------------------

    def add(self, child: Child) -> None:
        """Start a child and keep it running from now on. Raises ValueError for a name that is in use."""
        if child.name in self._slots:
            raise ValueError(f"there is a child {child.name!r} already")
        policy = RestartPolicy(Backoff(RESTART_BASE_S, RESTART_CAP_S), settled_s=SETTLED_S)
        slot = self._slots[child.name] = _Slot(child, policy)
        self._start(slot)

    def remove(self, name: str) -> None:
        """End one child and forget it."""
        slot = self._slots.pop(name)
        self._end([slot], self.clock() + self.grace_s)

    def pid(self, name: str) -> int | None:
        """The process id of a running child."""
        process = self._slots[name].process
        return process.pid if process else None

    def starts(self, name: str) -> int:
        """How often the child has been started."""
        return self._slots[name].starts

    def run(self, child: Child) -> Finished:
        """Run a command to its end while the children go on; a request to stop ends it early."""
        output: list[str] = []
        process = self._spawn(child, stdout=lambda line: output.append(line.decode(errors="replace")))
        self.wait_until(process.ended)
        if not process.ended():
            process.signal(signal.SIGTERM)
            self._pump_until(process.ended, self.clock() + self.grace_s / 2)
        return Finished(self._collect(process), output)

    # -- the loop -----------------------------------------------------------------------------------------------------

    def step(self, wait_s: float = POLL_S) -> bool:
        """Pass lines on, notice children that ended, start those that are due. True: a child ended or was started."""
        self._pump(wait_s)
        changed = False
        for slot in self._slots.values():
            if slot.process is not None and slot.process.ended():
                self._lost(slot, slot.process)
                changed = True
            elif slot.process is None and self.clock() >= slot.due and not self.stop_requested:
                self._start(slot)
                changed = True
        return changed

    def wait_until(
        self, condition: Callable[[], bool], timeout_s: float | None = None, every_s: float = POLL_S
    ) -> bool:
        """Step until the condition holds, the time is over (None: no limit) or a stop is requested. True: it holds."""
        deadline = None if timeout_s is None else self.clock() + timeout_s
        due = 0.0
        while not self.stop_requested:
            if self.clock() >= due:
                if condition():
                    return True
                due = self.clock() + every_s
            if deadline is not None and self.clock() >= deadline:
                return False
            self.step(min(POLL_S, every_s))
        return False

    def stop(self) -> None:
        """End every child: SIGTERM to its process group, SIGKILL for what is left after `grace_s`. Idempotent."""
        self.stop_requested = True
        begin = self.clock()
        slots = list(self._slots.values())
        self._end([s for s in slots if not s.child.last], begin + self.grace_s * 0.75)
        self._end([s for s in slots if s.child.last], begin + self.grace_s)
        self._slots.clear()
        self._guard.close()
        self.console.flush(timeout_s=0.2)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _start(self, slot: _Slot) -> None:
        try:
            slot.process = self._spawn(slot.child)
        except OSError as error:
            slot.due = self.clock() + slot.policy.delay(lived_s=0.0)
            self.say(f"{slot.child.name} cannot be started: {error.strerror}; trying again")
            return
        slot.starts += 1
        write_atomically(self._pid_file(slot.child.name), f"{slot.process.pid}\n", mode=0o644)

    def _spawn(self, child: Child, stdout: Sink | None = None) -> Process:
        def show(line: bytes) -> None:
            self.console.line(child.name, line)

        process = Process.start(child.argv, child.env, stdout=stdout or show, stderr=show, now=self.clock())
        self._alive.append(process)
        self._guard.watch(process.pid)
        return process

    def _lost(self, slot: _Slot, process: Process) -> None:
        lived = self.clock() - process.started
        status = self._collect(process)
        slot.process = None
        self._pid_file(slot.child.name).unlink(missing_ok=True)
        delay = slot.policy.delay(lived_s=lived)
        slot.due = self.clock() + delay
        again = "" if self.stop_requested else f"; starting it again in {delay:.1f} s"
        self.say(f"{slot.child.name} {describe_status(status)} after {lived:.1f} s{again}")

    def _collect(self, process: Process) -> int:
        group = process.pid
        status = process.collect()
        self._alive.remove(process)
        self._guard.release(group)
        return status

    def _end(self, slots: list[_Slot], deadline: float) -> None:
        running = [slot.process for slot in slots if slot.process is not None]
        for process in running:
            process.signal(signal.SIGTERM)
        self._pump_until(lambda: all(process.ended() for process in running), deadline)
        for slot in slots:
            if slot.process is not None:
                if not slot.process.ended():
                    self.say(f"{slot.child.name} did not end in time and is killed")
                self._collect(slot.process)
                slot.process = None
            self._pid_file(slot.child.name).unlink(missing_ok=True)

    def _pump_until(self, condition: Callable[[], bool], deadline: float) -> None:
        while not condition() and self.clock() < deadline:
            self._pump(0.02)

    def _pump(self, wait_s: float) -> None:
        Process.pump(self._alive, self._wake[0], wait_s)
        self.console.flush()

    def _pid_file(self, name: str) -> Path:
        return self.run_dir / f"{name}.pid"


def describe_status(status: int) -> str:
    """How a process ended, for people; negative is the signal, as `subprocess` counts."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
