"""One group in a process of its own: started, adopted, watched, started again after a crash, ended."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from detection.core.groups import Condition, Group, GroupReport, State, crash_reason
from detection.executors.base import Unit
from detection.executors.run_folder import Identity, RunFolder, start_ticks
from detection.executors.seat import TAKEN
from edgesite.core.backoff import Backoff, RestartPolicy
from edgesite.edge_store.database import try_lock
from edgesite.process_guard import kill_group
from edgesite.supervise import describe_status

log = structlog.get_logger(__name__)

FAULTS = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGSYS}
FIRST_SIGN_S = 60.0
OTHER_MODEL = "the analysis process is restarted because it ran another model"
AGAIN_S = 0.5  # between two looks at something that has to end or come first


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. base, cap: of the pause before a restart. settled: who lived that long crashes for the first time again.

    grace: from SIGTERM to SIGKILL. silent: without a sign of life for that long a process is killed, and first_sign at its
    start.
    """

    base: float = 0.5
    cap: float = 10.0
    settled: float = 30.0
    grace: float = 4.0
    silent: float = 30.0
    first_sign: float = FIRST_SIGN_S


@dataclass(slots=True)
class _Process:
    """popen: None for one that another parent started. same_model: it is known to run the model that is wanted, as every one
    of our own does. Times are the caller's monotonic clock."""

    identity: Identity
    popen: subprocess.Popen[bytes] | None
    begun: float
    told: int
    told_at: float
    spoke: bool = False
    same_model: bool = False
    asked_at: float | None = None
    silent: bool = False

    def ended(self) -> bool:
        return self.popen.poll() is not None if self.popen else not self.identity.alive()

    def signal(self, number: signal.Signals) -> None:
        """To its process group, which is its own; never to a number that may be somebody else's by now."""
        if not self.ended():
            kill_group(self.identity.pid, number)


class ProcessUnit:
    """Everything happens in `look`. command: what runs the group of a name. clock: Unix seconds. monotonic: seconds."""

    def __init__(
        self,
        name: str,
        *,
        folder: RunFolder,
        command: Callable[[str], Sequence[str]],
        timing: Timing,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.folder = folder
        self.command = command
        self.timing = timing
        self.clock = clock
        self.monotonic = monotonic
        self.group: Group | None = None  # what is wanted; None: nothing any more
        self.condition = Condition("starting", clock())
        self._ordered: Group | None = None  # what the process was told
        self._told: frozenset[str] = frozenset()  # cameras of that and of earlier orders that it may not have left yet
        self._report = GroupReport()
        self._process: _Process | None = None
        self._policy = RestartPolicy(Backoff(timing.base, timing.cap), settled_s=timing.settled)
        self._crashes = 0
        self._due = 0.0
        self._replacing = False

    @property
    def done(self) -> bool:
        """Nothing is wanted and nothing runs."""
        return self.group is None and self._process is None

    @property
    def being_replaced(self) -> bool:
        """From the end of one with another model until the next one analyses: none other follows while that does not."""
        return self._replacing and self.group is not None

    def unit(self) -> Unit:
        group = self.group or self._ordered or Group(self.name, ())
        return Unit(group, self.condition, self._report, self._told)

    def take_over(self) -> bool:
        """After a restart of the parent: goes on with what its predecessor had under this name. False: there is nothing."""
        self._ordered = self.folder.order(self.name)
        if self._look_for_one():
            self.group = self._ordered
            return True
        self.folder.forget(self.name)
        self._ordered = None
        return False

    def look(self) -> None:
        now = self.monotonic()
        process = self._process
        if process is None:
            if self.group is not None and now >= self._due and self._order() and not self._look_for_one():
                self._start(now)
        elif process.ended():
            self._lost(process, now)
        else:
            self._listen(process, now)
            if self.group is None or process.asked_at is not None:
                self._press(process, now)
            elif now - process.told_at > (self.timing.silent if process.spoke else self.timing.first_sign):
                log.error("analysis process gives no sign of life and is killed", group=self.name)
                process.silent = True
                process.signal(signal.SIGKILL)
            else:
                self._order()

    def replace_other_model(self, wanted: str) -> bool:
        """Ends an adopted process that runs another model than the wanted one (empty: not known); True when it does.

        Asked of each process until it is known to run the right one: what changes on the disk afterwards is for the next start.
        """
        process = self._process
        if process is None or self.group is None or not wanted or not process.spoke or process.asked_at is not None:
            return False
        if process.popen is not None or process.same_model or self._report.model == wanted:
            process.same_model = True
            return False
        log.warning(
            "analysis process runs another model, it is restarted",
            group=self.name, pid=process.identity.pid, runs=self._report.model or "not told", wanted=wanted,
        )  # fmt: skip
        self._replacing = True
        self._press(process, self.monotonic())
        self._become("starting", OTHER_MODEL)  # it stays this group's place: its cameras go nowhere else
        return True

    def kill(self) -> bool:
        """At the very end. True when there was something to kill."""
        if self._process is None or self._process.ended():
            return False
        self._process.signal(signal.SIGKILL)
        log.warning("analysis process did not end in time and is killed", group=self.name)
        if self._process.popen:
            self._process.popen.wait()
        return True

    # -- inside -------------------------------------------------------------------------------------------------------

    def _become(self, state: State, reason: str = "", *, fault: bool = False) -> None:
        new = Condition(state, self.condition.since, self._crashes, reason, fault)
        if new != self.condition:
            self.condition = replace(new, since=self.clock())

    def _order(self) -> bool:
        """Tells the process which cameras; a full disk is tried again. True when it knows."""
        if self.group is not None and self.group != self._ordered:
            self._told |= frozenset(self.group.cameras)
            try:
                self.folder.write_order(self.group)
            except OSError as error:
                self._become("waiting", f"its cameras cannot be written down: {error.strerror}")
                self._due = self.monotonic() + AGAIN_S
                return False
            self._ordered = self.group
        return True

    def _look_for_one(self) -> bool:
        """Adopts the process that runs this group already. True: there is one, even if it cannot be told yet which."""
        lock = try_lock(self.folder.lock_path(self.name))
        if lock is not None:
            lock.close()
            return False
        now = self.monotonic()
        identity = self.folder.identity(self.name)
        if identity is None or not identity.alive():
            self._become("waiting", "another process holds this group")
            self._due = now + AGAIN_S
            return True
        self._process = _Process(identity, None, now, 0, now)
        self._told |= self._of_order()
        if identity.command != tuple(self.command(self.name)):  # of another device, another edgesite
            log.warning("a process that was started otherwise runs this group, it is ended", group=self.name)
            self._press(self._process, now)
        else:
            log.info("analysis process adopted", group=self.name, pid=identity.pid)
            self._become("starting", self.condition.reason)
            self._listen(self._process, now)  # what it told before, so that nothing seems to be away meanwhile
        return True

    def _start(self, now: float) -> None:
        try:
            popen = subprocess.Popen(
                list(self.command(self.name)),
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # it outlives a parent that is killed, and a Ctrl-C is the parent's
            )
        except OSError as error:
            self._told = frozenset()  # nobody runs who could follow an earlier order
            self._crashed(f"it cannot be started: {error.strerror}", fault=False, lived_s=0.0, now=now)
            return
        identity = Identity(popen.pid, start_ticks(popen.pid) or 0)
        self._process = _Process(identity, popen, now, self.folder.told_at(self.name), now)
        self._told |= self._of_order()
        kept = self.condition.reason if self._crashes or self.being_replaced else ""
        self._become("starting", kept, fault=self.condition.fault)
        log.info("analysis process started", group=self.name, pid=popen.pid)

    def _listen(self, process: _Process, now: float) -> None:
        told = self.folder.told_at(self.name)
        if told != process.told:
            process.told, process.told_at = told, now
            status = self.folder.status(self.name)
            if status is not None and status.pid == process.identity.pid:
                process.spoke = True
                self._report = status.report
                self._note_obeyed()
                if process.popen is not None and (self._report.cameras or self._report.broken):
                    self._replacing = False
        if self._crashes and now - process.begun >= self.timing.settled:
            self._crashes = 0
        if process.spoke and process.asked_at is None:
            self._become("running", self._report.waiting, fault=self.condition.fault and self._crashes > 0)

    def _note_obeyed(self) -> None:
        if self._report.obeyed is None or frozenset(self._report.obeyed) == self._of_order():
            self._told = self._of_order()

    def _of_order(self) -> frozenset[str]:
        return frozenset(self._ordered.cameras if self._ordered else ())

    def _press(self, process: _Process, now: float) -> None:
        if process.asked_at is None:
            process.asked_at = now
            process.signal(signal.SIGTERM)
            self._become("stopping")
        elif now - process.asked_at > self.timing.grace:
            log.warning("analysis process did not end in time and is killed", group=self.name)
            process.signal(signal.SIGKILL)

    def _lost(self, process: _Process, now: float) -> None:
        self._process, self._report, self._told = None, GroupReport(), frozenset()
        status = process.popen.returncode if process.popen else None
        if process.asked_at is not None:
            log.info("analysis process ended", group=self.name)
            self._crashes, self._due = 0, now
            self.condition = Condition("starting", self.clock(), reason=OTHER_MODEL if self.being_replaced else "")
            if self.group is None:
                self.folder.forget(self.name)
                self._ordered = None
        elif status == TAKEN:
            self._become("waiting", "another process holds this group")
            self._due = now + AGAIN_S
        else:
            how = "no sign of life" if process.silent else "it ended" if status is None else describe_status(status)
            last = self.folder.status(self.name)
            if last is not None and last.pid == process.identity.pid and last.fatal:
                how = last.fatal
            fault = status is not None and (status > 0 or -status in FAULTS)
            self._crashed(how, fault=fault, lived_s=now - process.begun, now=now)

    def _crashed(self, how: str, *, fault: bool, lived_s: float, now: float) -> None:
        if lived_s >= self.timing.settled:
            self._crashes = 0
        self._crashes += 1
        delay = self._policy.delay(lived_s=lived_s)
        self._due = now + delay
        reason = crash_reason(crashes=self._crashes, how=how, delay_s=delay)
        self._become("crashed", reason, fault=fault)
        log.error(
            "analysis process crashed", group=self.name, how=how, crashes=self._crashes, again_in_s=round(delay, 1)
        )
