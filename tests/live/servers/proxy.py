"""A TCP proxy that breaks connections on order: latency, slices, black hole, reset, cut at a byte or at a word."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

#: SO_LINGER of zero seconds: closing sends RST instead of FIN.
RESET = struct.pack("ii", 1, 0)


@dataclass
class Cut:
    """End the connection when the client says `word`: before the server hears it, or after it did.

    Only a connection that has said `after` since the cut was ordered: others still have words on their way."""

    word: bytes
    heard: bool
    left: int = 1
    after: bytes = b""
    ready: set[Link] = field(default_factory=set)  # those that have said `after`

    def strikes(self, link: Link, data: bytes) -> bool:
        if self.after in data:
            self.ready.add(link)
        return self.left > 0 and link in self.ready and self.word in data


@dataclass
class Rules:
    """How the proxy behaves towards every connection, from now on."""

    latency: float = 0.0  # seconds before each piece goes on, either way
    slice_bytes: int = 0  # forward in pieces of this size
    black_hole: bool = False  # accept and take everything, forward nothing
    limit_answer: int = 0  # reset once the server has sent so many bytes
    cut: Cut | None = None


@dataclass(eq=False)
class Link:
    """One client and its server. `deaf`: what the server says no longer reaches the client."""

    client: socket.socket
    server: socket.socket
    told: int = 0  # bytes of answers that went through
    deaf: bool = False
    done: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Listens on a loopback port of its own in front of `target`; `with Proxy(port) as proxy`."""

    def __init__(self, target: int) -> None:
        self.rules = Rules()
        self.connections = 0
        self.cuts = 0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset_all()

    def reset_all(self) -> None:
        """RST on every open connection, to both sides."""
        with self._lock:
            sockets, self._open = self._open, set()
        for sock in sockets:
            _reset(sock)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target), timeout=10)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        with self._lock:
            self._open |= {client, server}
        link = Link(client, server)
        answers = threading.Thread(target=self._pump, args=(link, server, self._answered), daemon=True)
        answers.start()
        self._pump(link, client, self._asked)
        answers.join()

    def _pump(self, link: Link, source: socket.socket, go_on: Callable[[Link, bytes], bool]) -> None:
        """Until either side ends, or `go_on` says so."""
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                while self.rules.black_hole:
                    time.sleep(0.02)
                if not go_on(link, data):
                    break
        with self._lock:
            self._open -= {link.client, link.server}
        _reset(link.client)
        _reset(link.server)

    def _asked(self, link: Link, data: bytes) -> bool:
        cut = self.rules.cut
        if cut is None or not cut.strikes(link, data):
            self._forward(data, link.server)
            return True
        cut.left -= 1
        if cut.heard:
            link.deaf = True
            link.server.sendall(data)
            link.done.wait(5)
        self.cuts += 1
        return False

    def _answered(self, link: Link, data: bytes) -> bool:
        limit = self.rules.limit_answer
        if link.deaf:
            link.done.set()
            return False
        if limit and link.told + len(data) > limit:
            link.client.sendall(data[: limit - link.told])
            self.cuts += 1
            return False
        link.told += len(data)
        self._forward(data, link.client)
        return True

    def _forward(self, data: bytes, sink: socket.socket) -> None:
        if self.rules.latency:
            time.sleep(self.rules.latency)
        step = self.rules.slice_bytes or len(data)
        for start in range(0, len(data), step):
            sink.sendall(data[start : start + step])


def _reset(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RD)  # wakes whoever reads from it
    sock.close()
