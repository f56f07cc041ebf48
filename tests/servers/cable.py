"""A network cable between a box and one port of the hub, that a test can cut: nothing answers and nothing is closed."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from types import TracebackType
from typing import Self


class Cable:
    """Listens on a port of its own and passes bytes on to 127.0.0.1:`target`, both ways, while it is whole."""

    def __init__(self, target: int, *, host: str = "127.0.0.1") -> None:
        self.target, self.host = target, host
        self._server = socket.create_server((host, 0))
        self.port = int(self._server.getsockname()[1])
        self._whole, self._stop = threading.Event(), threading.Event()
        self._whole.set()
        self._answers = threading.Event()
        self._answers.set()
        self._asked = b""
        self._drops = 0
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    def cut(self) -> None:
        """What is on its way now arrives when the cable is mended, if anybody still waits for it."""
        self._whole.clear()

    def drop(self) -> None:
        """Ends every connection; what was on its way is lost."""
        self._drops += 1

    def hold_answers(self, asked: bytes) -> None:
        """On a connection that asks for this every answer waits until the cable is mended; what is asked arrives."""
        self._asked = asked
        self._answers.clear()

    def mend(self) -> None:
        self._whole.set()
        self._asked = b""
        self._answers.set()

    def _run(self, act: object, *arguments: object) -> None:
        thread = threading.Thread(target=act, args=arguments, daemon=True)  # type: ignore[arg-type]
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._stop.is_set():
                near, _ = self._server.accept()
                self._run(self._carry, near)

    def _carry(self, near: socket.socket) -> None:
        drops, held = self._drops, False
        with near, selectors.DefaultSelector() as selector:
            try:
                self._whole.wait()
                far = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                return
            with far:
                other = {near: far, far: near}
                for end in other:
                    selector.register(end, selectors.EVENT_READ)
                with contextlib.suppress(OSError):
                    while not self._stop.is_set() and drops == self._drops:
                        for key, _ in selector.select(0.2):
                            source = key.fileobj
                            assert isinstance(source, socket.socket)
                            data = source.recv(65_536)
                            self._whole.wait()
                            if source is near:
                                held = bool(self._asked) and (held or self._asked in data)
                            elif held:
                                self._answers.wait()
                            if not data or drops != self._drops:
                                return
                            other[source].sendall(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self.mend()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(5)
