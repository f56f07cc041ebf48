"""The supervisor with real, small child processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgesite.console import Console
from edgesite.supervise import Child, Supervisor, describe_status

pytestmark = pytest.mark.integration  # real processes, killed and waited for

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("child", child.pid, flush=True)
time.sleep(60)
"""


class Harness:
    """A supervisor whose output goes to a file."""

    def __init__(self, folder: Path, *, grace_s: float = 1.0) -> None:
        self.out = folder / "out.txt"
        self.said: list[str] = []
        self.fd = os.open(self.out, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.supervisor = Supervisor(folder / "run", Console(self.fd), self.said.append, grace_s=grace_s)

    def child(self, name: str, code: str, *, last: bool = False) -> Child:
        return Child(name, [sys.executable, "-c", code], dict(os.environ), last=last)

    def until(self, condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
        assert self.supervisor.wait_until(condition, timeout_s, every_s=0.02), self.text()

    def text(self) -> str:
        return self.out.read_text()

    def close(self) -> None:
        self.supervisor.stop()
        os.close(self.fd)


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    made = Harness(tmp_path)
    yield made
    made.close()


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in {"Z", "X"}


def wait_gone(pids: list[int], timeout_s: float = 5.0) -> list[int]:
    """The processes that are still there after the time."""
    deadline = time.monotonic() + timeout_s
    left = [pid for pid in pids if alive(pid)]
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [pid for pid in left if alive(pid)]
    return left


def test_output_lines_carry_the_name(harness: Harness) -> None:
    code = "import sys\nprint('one', flush=True)\nprint('two', file=sys.stderr, flush=True)\nsys.stdout.write('tail')"
    harness.supervisor.add(harness.child("web", code))
    harness.until(lambda: "tail" in harness.text())
    assert harness.text().splitlines()[:3] == ["web | one", "web | two", "web | tail"]


def test_pid_file_names_the_process_and_goes_at_the_end(harness: Harness) -> None:
    harness.supervisor.add(harness.child("web", SLEEPER))
    harness.until(lambda: "up" in harness.text())
    file = harness.supervisor.run_dir / "web.pid"
    pid = int(file.read_text())
    assert pid == harness.supervisor.pid("web")
    assert alive(pid)
    harness.supervisor.stop()
    assert not alive(pid)
    assert list(harness.supervisor.run_dir.iterdir()) == []


def test_a_killed_child_is_started_again(harness: Harness) -> None:
    harness.supervisor.add(harness.child("web", SLEEPER))
    harness.until(lambda: "up" in harness.text())
    first = harness.supervisor.pid("web")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    harness.until(lambda: harness.text().count("up") == 2)
    second = harness.supervisor.pid("web")
    assert second not in {None, first}
    assert int((harness.supervisor.run_dir / "web.pid").read_text()) == second
    assert len(harness.said) == 1
    assert harness.said[0].startswith("web was ended by SIGKILL after ")


def test_restarts_back_off(harness: Harness) -> None:
    harness.supervisor.add(harness.child("web", "raise SystemExit(3)"))
    begin = time.monotonic()
    harness.until(lambda: harness.supervisor.starts("web") == 3)
    assert time.monotonic() - begin >= 0.5  # two delays of at least half the base
    assert "web ended with status 3" in harness.said[0]


def test_a_program_that_does_not_exist_is_tried_again_not_fatal(harness: Harness, tmp_path: Path) -> None:
    program = tmp_path / "later"
    harness.supervisor.add(Child("web", [str(program)], dict(os.environ)))
    assert harness.said == ["web cannot be started: No such file or directory; trying again"]
    program.write_text("#!/bin/sh\necho here\nsleep 60\n")
    program.chmod(0o755)
    harness.until(lambda: "web | here" in harness.text())
    assert harness.supervisor.starts("web") == 1


def test_what_a_dead_child_left_behind_is_killed_before_it_starts_again(harness: Harness) -> None:
    harness.supervisor.add(harness.child("web", PARENT))
    harness.until(lambda: "child" in harness.text())
    grandchild = int(harness.text().split()[-1])
    first = harness.supervisor.pid("web")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    harness.until(lambda: harness.supervisor.starts("web") == 2)
    assert wait_gone([grandchild], 1.0) == []


def test_stop_ends_grandchildren_and_a_child_that_ignores_sigterm(harness: Harness) -> None:
    harness.supervisor.add(harness.child("web", PARENT))
    harness.supervisor.add(harness.child("deaf", STUBBORN))
    harness.until(lambda: "web | child" in harness.text() and "deaf | up" in harness.text())
    line = next(line for line in harness.text().splitlines() if line.startswith("web"))
    pids = [int(line.split()[-1]), harness.supervisor.pid("web"), harness.supervisor.pid("deaf")]
    begin = time.monotonic()
    harness.supervisor.stop()
    assert time.monotonic() - begin < 2.0
    assert wait_gone([pid for pid in pids if pid], 0.5) == []
    assert harness.said == ["deaf did not end in time and is killed"]


def test_servers_that_others_need_end_last(harness: Harness, tmp_path: Path) -> None:
    log = tmp_path / "order"
    code = (
        "import pathlib, signal, sys, time\n"
        "def end(*_):\n time.sleep({delay}); open({log!r}, 'a').write('{name} '); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True)\nwhile True: time.sleep(60)"
    )
    for name, delay, last in (("redis", 0.0, True), ("hub", 0.3, False)):
        harness.supervisor.add(harness.child(name, code.format(delay=delay, log=str(log), name=name), last=last))
    harness.until(lambda: harness.text().count("up") == 2)
    harness.supervisor.stop()
    assert log.read_text() == "hub redis "


def test_run_returns_status_and_output_while_others_go_on(harness: Harness) -> None:
    harness.supervisor.add(harness.child("web", SLEEPER))
    code = "import sys; print('{\"a\": 1}'); print('note', file=sys.stderr); sys.exit(4)"
    finished = harness.supervisor.run(harness.child("seed", code))
    assert (finished.status, finished.output) == (4, ['{"a": 1}'])
    assert "seed | note" in harness.text()
    assert '{"a": 1}' not in harness.text()


def test_a_request_to_stop_ends_a_running_command(harness: Harness) -> None:
    marker = harness.out.parent / "started"
    child = harness.child("seed", f"import time; open({str(marker)!r}, 'w').close(); time.sleep(60)")
    harness.supervisor.clock = lambda: _stop_when(harness, marker)
    begin = time.monotonic()
    finished = harness.supervisor.run(child)
    assert finished.status == -signal.SIGTERM
    assert time.monotonic() - begin < 5


def _stop_when(harness: Harness, marker: Path) -> float:
    if marker.exists():
        harness.supervisor.request_stop()
    return time.monotonic()


def test_a_chatty_child_whose_reader_sleeps_does_not_block_the_supervisor() -> None:
    reader, writer = os.pipe()
    console = Console(writer, limit=50)
    for number in range(5000):
        console.line("web", f"line {number} " + "x" * 200)
    assert not console.flush()
    text = b""
    while console.flush() is False or text.count(b"dropped") == 0:
        text += os.read(reader, 65_536)
        console.flush()
    os.close(writer)
    while block := os.read(reader, 65_536):
        text += block
    os.close(reader)
    lines = text.decode().splitlines()
    dropped = int(next(line for line in lines if "dropped" in line).split()[1])
    assert dropped + len(lines) - 1 == 5000


def test_a_reader_that_went_away_is_noticed_once() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    closed: list[bool] = []
    console = Console(writer, on_closed=lambda: closed.append(True))
    console.line("web", "one")
    console.line("web", "two")
    os.close(writer)
    assert closed == [True]


SUPERVISOR_PROGRAM = """
import os, sys
from pathlib import Path
from edgesite.console import Console
from edgesite.supervise import Child, Supervisor
supervisor = Supervisor(Path(sys.argv[1]), Console(1), print)
supervisor.stop_on_signals()
for name, code in zip(sys.argv[2::2], sys.argv[3::2]):
    supervisor.add(Child(name, [sys.executable, "-c", code], dict(os.environ)))
print("guard", supervisor._guard.pid, flush=True)
supervisor.wait_until(lambda: False)
supervisor.stop()
"""


def start_supervisor(folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A supervisor in a process of its own with a child, a grandchild and a stubborn child; all their process ids."""
    argv = [sys.executable, "-c", SUPERVISOR_PROGRAM, str(folder), "web", PARENT, "deaf", STUBBORN]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids: list[int] = []
    seen: set[str] = set()
    while not {"guard", "child", "up"} <= seen:
        words = process.stdout.readline().removeprefix("web | ").removeprefix("deaf | ").split()
        assert words, "the supervisor ended"
        seen.add(words[0])
        pids += [int(word) for word in words[1:2]]
    pids += [int((folder / f"{name}.pid").read_text()) for name in ("web", "deaf")]
    return process, pids


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_survives_the_supervisor(tmp_path: Path, number: signal.Signals) -> None:
    process, pids = start_supervisor(tmp_path)
    assert len(pids) == 4
    with process:
        process.send_signal(number)
        begin = time.monotonic()
        assert process.wait(10) == (-number if number == signal.SIGKILL else 0)
        assert time.monotonic() - begin < 5
        assert wait_gone(pids, 2.0) == []


def test_status_in_words() -> None:
    assert describe_status(2) == "ended with status 2"
    assert describe_status(-signal.SIGTERM) == "was ended by SIGTERM"
    assert describe_status(-250) == "was ended by signal 250"
