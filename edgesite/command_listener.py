"""The device's end of the command stream: reads, drops what came too late, takes on what is its own, once, and has it done.

The place in the stream is durable. A stream that was trimmed or deleted costs the commands in it (whoever sent them hears
nothing and says so); a place ahead of the server begins at the stream's beginning again, where what was done before is known.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from edgesite import redis_keys
from edgesite.commands import Command, CommandError, parse_command
from edgesite.edge_store.commands import CommandStore
from edgesite.redis_clients import Client, Entry, entry_place, last_entry, read_streams_at

log = structlog.get_logger(__name__)

BATCH = 100
WAIT_MS = 500
CHECK_SECONDS = 2.0  # so often the place is compared with the server's
WAITING = 200


class Handler(Protocol):
    """Does commands of one kind."""

    def mine(self, command: Command) -> bool:
        """Whether this process is the one of the box that should do it. Quick: called by the reader."""

    def obey(self, command: Command, left_s: float) -> None:
        """Does it and answers. left_s: seconds until its deadline. Called by a thread of its lane."""

    def refuse(self, command: Command) -> None:
        """Answers that too many wait already."""


class Claim:
    """Which commands of one read this process has taken on; known once that is durable."""

    def __init__(self) -> None:
        self._known = threading.Event()
        self._taken: Collection[str] = ()

    def settle(self, taken: Collection[str]) -> None:
        self._taken = taken
        self._known.set()

    def holds(self, request_id: str) -> bool:
        """Waits until it is known."""
        self._known.wait()
        return request_id in self._taken


@dataclass(slots=True)
class Lane:
    """Commands of one kind on their way to be done; any number of threads call `step`. dropped: refused, too many waited.

    prepare: begins a command that this process may not have taken on yet, so it changes nothing that outlives it; what it
    answers is called instead of the handler's `obey` when it has.
    """

    handler: Handler
    monotonic: Callable[[], float] = time.monotonic
    prepare: Callable[[Command, float], Callable[[], None]] | None = None
    dropped: int = 0
    _jobs: queue.Queue[tuple[Command, float, Claim]] = field(default_factory=lambda: queue.Queue(WAITING))

    def add(self, command: Command, left_s: float, claim: Claim) -> bool:
        """False: too many wait."""
        try:
            self._jobs.put_nowait((command, self.monotonic() + left_s, claim))
        except queue.Full:
            return False
        return True

    def refuse(self, command: Command) -> None:
        self.dropped += 1
        log.warning("command refused, too many wait", kind=command.kind, dropped=self.dropped)
        self.handler.refuse(command)

    def step(self, *, wait_s: float = 0.3) -> bool:
        """Does one command; what waited past its deadline is dropped."""
        try:
            command, end, claim = self._jobs.get(timeout=wait_s)
        except queue.Empty:
            return False
        if not self._is_late(command, end):
            self._do(command, end, claim)
        return True

    def _do(self, command: Command, end: float, claim: Claim) -> None:
        finish = self.prepare(command, end - self.monotonic()) if self.prepare else None
        if not claim.holds(command.request_id):
            return
        if finish is not None:
            finish()
        elif not self._is_late(command, end):  # while that was made durable
            self.handler.obey(command, end - self.monotonic())

    def _is_late(self, command: Command, end: float) -> bool:
        if end > self.monotonic():
            return False
        log.warning("command waited too long", kind=command.kind, request_id=command.request_id)
        return True


@dataclass(slots=True)
class CommandListener:
    """One thread calls `step`. lanes: by kind; commands of other kinds are some other process's."""

    device_id: str
    client: Client
    store: CommandStore
    lanes: Mapping[str, Lane]
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    _position: str = ""
    _check_at: float = field(default=float("-inf"))

    @property
    def stream(self) -> str:
        return redis_keys.commands(self.device_id)

    def step(self) -> bool:
        """Waits shortly for commands and passes them on. Raises RedisError, EdgeStoreError; nothing is lost by that."""
        if not self._position or self.monotonic() >= self._check_at:
            self._find_place()
        entries, now = read_streams_at(self.client, {self.stream: self._position}, count=BATCH, block_ms=WAIT_MS)
        found = entries.get(self.stream, [])
        if found:
            self._take(found, now)
            self._position = found[-1][0]
        return True

    def _find_place(self) -> None:
        place = self._position or self.store.position() or "0-0"
        if entry_place(place) > entry_place(last_entry(self.client, self.stream)):
            place = "0-0"  # another Redis, or this one after it lost its data: beyond its end nothing would ever come
        self._position = place
        self._check_at = self.monotonic() + CHECK_SECONDS

    def _take(self, entries: list[Entry], now: float) -> None:
        mine: dict[str, Command] = {}
        for entry_id, fields in entries:
            try:
                command = parse_command(fields or {})
            except CommandError as error:
                log.warning("entry of the command stream ignored", entry=entry_id, reason=str(error))
                continue
            lane = self.lanes.get(command.kind)
            if lane is None or command.deadline <= now or not lane.handler.mine(command):
                continue
            mine.setdefault(command.request_id, command)
        if mine:
            self._claim(list(mine.values()), position=entries[-1][0], now=now)

    def _claim(self, mine: list[Command], *, position: str, now: float) -> None:
        """Lanes have them before that is durable, which takes as long as some of them do."""
        claim, taken = Claim(), set[str]()
        refused = [c for c in mine if not self.lanes[c.kind].add(c, c.deadline - now, claim)]
        try:
            taken = self.store.claim([c.request_id for c in mine], position=position, now=self.clock())
        finally:
            claim.settle(taken)
        for command in refused:
            if command.request_id in taken:
                self.lanes[command.kind].refuse(command)
