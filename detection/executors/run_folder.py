"""What a parent and its groups' processes tell one another: small files in one folder, each replaced as a whole.

`NAME.order.json`: the group's cameras, by the parent. `NAME.process.json`: who runs it, by that process, which holds
`NAME.lock` as long as it lives. `NAME.status.json`: how it is, by that process. `parent.beat`: renewed by the parent.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from detection.core.groups import Group, GroupReport
from edgesite.files import write_atomically

SUFFIXES = (".order.json", ".process.json", ".status.json", ".lock")


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that cannot be mistaken for a later one with its number.

    started: clock ticks after the machine's start; 0 where the system does not tell. command: with which it was started.
    """

    pid: int
    started: int
    command: tuple[str, ...] = ()

    def alive(self) -> bool:
        now = start_ticks(self.pid)
        return now is not None and (now == self.started or not self.started)


@dataclass(frozen=True, slots=True)
class Status:
    """What the group's process last told. fatal: why it is about to end."""

    pid: int
    report: GroupReport
    fatal: str = ""


def start_ticks(pid: int) -> int | None:
    """When a process began (proc(5), field 22 of stat); None when there is none, or only what is left of one that ended."""
    if sys.platform != "linux":
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            pass
        return 0
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name before it may hold anything
    return None if fields[0] in ("Z", "X") else int(fields[19])


class RunFolder:
    """Reads answer None for what is not there or not (yet) readable; writes raise OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)

    def file(self, name: str, suffix: str) -> Path:
        return self.path / f"{name}{suffix}"

    def lock_path(self, name: str) -> Path:
        """What `try_lock` takes."""
        return self.path / name

    def group_names(self) -> list[str]:
        """Of every group that has left a file here."""
        return self._names(SUFFIXES)

    def seated_names(self) -> list[str]:
        """Of every group that a process has said to run."""
        return self._names((".process.json",))

    def _names(self, suffixes: Iterable[str]) -> list[str]:
        found = {p.name.removesuffix(s) for s in suffixes for p in self.path.glob(f"*{s}")}
        return sorted(found - {"parent"})

    def write_order(self, group: Group) -> None:
        write_atomically(self.file(group.name, ".order.json"), json.dumps(asdict(group)))

    def order(self, name: str) -> Group | None:
        raw = _read(self.file(name, ".order.json"))
        try:
            return Group(name, tuple(str(c) for c in raw["cameras"]), float(raw["share"])) if raw else None
        except (KeyError, TypeError, ValueError):
            return None

    def write_identity(self, name: str, identity: Identity) -> None:
        write_atomically(self.file(name, ".process.json"), json.dumps(asdict(identity)))

    def identity(self, name: str) -> Identity | None:
        raw = _read(self.file(name, ".process.json"))
        try:
            return Identity(int(raw["pid"]), int(raw["started"]), tuple(raw["command"])) if raw else None
        except (KeyError, TypeError, ValueError):
            return None

    def write_status(self, name: str, status: Status) -> None:
        """Where there is no room for it (OSError), the sign of life is given all the same."""
        path = self.file(name, ".status.json")
        try:
            write_atomically(path, json.dumps(asdict(status)))
        except OSError:
            with contextlib.suppress(OSError):
                os.utime(path)
            raise

    def told_at(self, name: str) -> int:
        """Changes with each sign of life of the group; 0 without any."""
        return _changed(self.file(name, ".status.json"))

    def status(self, name: str) -> Status | None:
        raw = _read(self.file(name, ".status.json"))
        try:
            return Status(int(raw["pid"]), GroupReport(**raw["report"]), str(raw["fatal"])) if raw else None
        except (KeyError, TypeError, ValueError):
            return None

    def beat(self) -> None:
        """The parent is there."""
        path = self.path / "parent.beat"
        path.touch()
        os.utime(path)

    def beaten_at(self) -> int:
        """Changes with each beat; 0 without any."""
        return _changed(self.path / "parent.beat")

    def forget(self, name: str) -> None:
        """Removes what a group that has ended left, but its lock: a file of that name that somebody holds must stay one."""
        for suffix in SUFFIXES[:3]:
            self.file(name, suffix).unlink(missing_ok=True)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _read(path: Path) -> dict[str, Any] | None:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return raw if isinstance(raw, dict) else None
