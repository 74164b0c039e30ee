"""A small SOCKS5 proxy on loopback that notes what it is asked for and passes bytes on."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field


@dataclass
class SocksServer:
    """`username` set: it wants user and password. `answer`: what it says to CONNECT (0 = yes)."""

    username: str = ""
    password: str = ""
    answer: int = 0
    greeting: bytes = b""  # sent instead of SOCKS: some other service on that port
    asked: list[tuple[str, int]] = field(default_factory=list)
    came_from: list[str] = field(default_factory=list)

    def __enter__(self) -> SocksServer:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, address = self._listener.accept()
            except OSError:
                return
            self.came_from.append(address[0])
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with client:
            try:
                self._dialogue(client)
            except OSError:
                return

    def _dialogue(self, client: socket.socket) -> None:
        if self.greeting:
            client.recv(100)
            client.sendall(self.greeting)
            return
        count = client.recv(2)[1]
        methods = client.recv(count)
        wanted = 2 if self.username else 0
        if wanted not in methods:
            client.sendall(b"\x05\xff")
            return
        client.sendall(bytes([5, wanted]))
        if wanted == 2 and not self._signed_in(client):
            return
        head = client.recv(4)
        assert head[3] == 1, "only IPv4 here"
        target = (socket.inet_ntoa(client.recv(4)), int.from_bytes(client.recv(2), "big"))
        self.asked.append(target)
        client.sendall(bytes([5, self.answer, 0, 1]) + bytes(6))
        if self.answer == 0:
            self._pass_on(client, target)

    def _signed_in(self, client: socket.socket) -> bool:
        user = client.recv(client.recv(2)[1]).decode()
        password = client.recv(client.recv(1)[0]).decode()
        good = (user, password) == (self.username, self.password)
        client.sendall(b"\x01\x00" if good else b"\x01\x01")
        return good

    def _pass_on(self, client: socket.socket, target: tuple[str, int]) -> None:
        with socket.create_connection(target) as server:
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return
