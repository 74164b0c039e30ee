"""SOCKS5 as far as a mail client needs it (RFC 1928 CONNECT, RFC 1929 user and password): bytes over a socket."""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
from typing import Final

_VERSION: Final = 5
_NO_SIGN_IN, _PASSWORD, _NOTHING_SUITS = 0x00, 0x02, 0xFF
_CONNECT = 0x01
_IPV4, _NAME, _IPV6 = 0x01, 0x03, 0x04
_LENGTHS: Final = {_IPV4: 4, _IPV6: 16}
_REFUSALS: Final = {
    1: "it failed in general", 2: "its rules forbid it", 3: "the network is unreachable", 4: "the host is unreachable",
    5: "the connection was refused", 6: "the time to live ran out", 7: "it knows no CONNECT",
    8: "it knows no such kind of address",
}  # fmt: skip


class ProxyRefused(OSError):
    """The proxy does not let us through. An OSError, so that callers treat it like any failed connection."""


def connect_through(
    sock: socket.socket, address: str, port: int, *, username: str, password: str, timeout: float
) -> None:
    """Ask the proxy at the other end for a connection to this address; afterwards the socket leads there.

    `timeout` is wall-clock for the whole dialogue. Addresses only, never names: what is dialled was vetted here.
    """
    dialogue = _Dialogue(sock, time.monotonic() + timeout)
    _agree(dialogue, username, password)
    ip = ipaddress.ip_address(address.partition("%")[0])
    kind = _IPV4 if ip.version == 4 else _IPV6
    dialogue.send(bytes([_VERSION, _CONNECT, 0, kind]) + ip.packed + struct.pack("!H", port))
    version, said, _, bound = dialogue.read(4)
    if version != _VERSION or said:
        raise ProxyRefused(f"The proxy does not connect us: {_REFUSALS.get(said, f'it answered {said}')}.")
    length = _LENGTHS.get(bound) or (dialogue.read(1)[0] if bound == _NAME else 0)
    dialogue.read(length + 2)


def _agree(dialogue: _Dialogue, username: str, password: str) -> None:
    methods = bytes([_NO_SIGN_IN, _PASSWORD] if username else [_NO_SIGN_IN])
    dialogue.send(bytes([_VERSION, len(methods)]) + methods)
    version, chosen = dialogue.read(2)
    if version != _VERSION:
        raise ProxyRefused("What answers is no SOCKS5 proxy. Check its host and port.")
    if chosen == _PASSWORD and username:
        _sign_in(dialogue, username.encode(), password.encode())
    elif chosen != _NO_SIGN_IN:
        raise ProxyRefused("The proxy wants a sign-in that we have not. Enter its user and password.")


def _sign_in(dialogue: _Dialogue, username: bytes, password: bytes) -> None:
    if len(username) > 255 or len(password) > 255:
        raise ProxyRefused("User and password of a SOCKS5 proxy have at most 255 bytes.")
    dialogue.send(b"\x01" + bytes([len(username)]) + username + bytes([len(password)]) + password)
    if dialogue.read(2)[1] != 0:
        raise ProxyRefused("The proxy refused user or password.")


class _Dialogue:
    """Exact reads within one deadline: a proxy that drips bytes must not hold a worker."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def send(self, data: bytes) -> None:
        self._wait()
        self._sock.sendall(data)

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            self._wait()
            piece = self._sock.recv(count - len(data))
            if not piece:
                raise ProxyRefused("The proxy hung up before it answered.")
            data += piece
        return data

    def _wait(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The proxy did not answer in time.")
        self._sock.settimeout(left)
