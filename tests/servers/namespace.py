"""A network of a box's own: a Linux network namespace, joined to the machine by one cable that a test can unplug."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Namespace:
    """name: of the namespace. address: where the machine is, seen from the box. prefix: runs a command in it."""

    name: str
    link: str
    address: str

    @property
    def prefix(self) -> list[str]:
        return ["ip", "netns", "exec", self.name]

    def unplug(self) -> None:
        _run("ip", "link", "set", self.link, "down")

    def plug_in(self) -> None:
        _run("ip", "link", "set", self.link, "up")


@contextlib.contextmanager
def network_namespace() -> Iterator[Namespace | None]:
    """None where nobody may make one: it takes root and the program `ip`."""
    number = os.getpid() % 250 + 1
    name, link = f"edgesite-{os.getpid()}", f"es{os.getpid()}"
    made = Namespace(name, link, f"10.231.{number}.1")
    try:
        _run("ip", "netns", "add", name)
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        _run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        _run("ip", "addr", "add", f"{made.address}/30", "dev", link)
        _run("ip", "link", "set", link, "up")
        for words in (
            f"addr add 10.231.{number}.2/30 dev eth0",
            "link set eth0 up",
            "link set lo up",
        ):
            _run("ip", "-n", name, *words.split())
        yield made
    finally:
        _run("ip", "netns", "del", name)  # its end of the cable goes with it, and so does ours


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
