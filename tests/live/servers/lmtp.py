"""LMTP as far as a delivery needs it (RFC 2033). smtplib.LMTP reads one reply where LMTP gives one a recipient."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from typing import BinaryIO


class Refused(RuntimeError):
    """The server said no; `reply` holds its words."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


def deliver(port: int, sender: str, recipients: Sequence[str], message: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection.makefile("rwb") as stream:
            _dialogue(stream, sender, recipients, message)


def _dialogue(stream: BinaryIO, sender: str, recipients: Sequence[str], message: bytes) -> None:
    _expect(stream)
    _say(stream, b"LHLO localhost")
    _say(stream, b"MAIL FROM:<%s> BODY=8BITMIME" % sender.encode())
    for recipient in recipients:
        _say(stream, b"RCPT TO:<%s>" % recipient.encode())
    _say(stream, b"DATA")
    stream.write(re.sub(rb"(?m)^\.", b"..", wire_form(message)) + b".\r\n")
    stream.flush()
    for _ in recipients:
        _expect(stream)
    _say(stream, b"QUIT")


def wire_form(message: bytes) -> bytes:
    """CRLF line ends, the last line ended. A bare CR is content and stays."""
    lines = re.sub(rb"(?<!\r)\n", b"\r\n", message)
    return lines if lines.endswith(b"\r\n") else lines + b"\r\n"


def _say(stream: BinaryIO, line: bytes) -> None:
    stream.write(line + b"\r\n")
    stream.flush()
    _expect(stream)


def _expect(stream: BinaryIO) -> None:
    line = stream.readline()
    while line[3:4] == b"-":
        line = stream.readline()
    if line[:1] not in (b"2", b"3"):
        raise Refused(line.decode(errors="replace").strip() or "the connection was closed")
