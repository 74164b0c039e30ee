"""smtplib on a socket that netguard has vetted, under verified TLS, with a bound on what a server may answer."""

from __future__ import annotations

import functools
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from seedtest.models.mailboxes import Tls

Dial = Callable[[str, int, float], socket.socket]

CONNECT_TIMEOUT, COMMAND_TIMEOUT = 10.0, 30.0
#: What EHLO says, as Thunderbird does: `getfqdn` would ask DNS, and name this machine in every Received field.
LOCAL_NAME = "[127.0.0.1]"
MAX_REPLY_LINES = 100


@dataclass(frozen=True, slots=True)
class Account:
    """Where to hand messages in, and as whom."""

    host: str
    port: int
    tls: str
    username: str = ""
    password: str = field(default="", repr=False)
    ca_pem: str = field(default="", repr=False)


@functools.lru_cache(maxsize=8)
def tls_context(ca_pem: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca_pem or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Client(smtplib.SMTP):
    """smtplib on a socket that netguard has vetted, with a bound on what a server may answer."""

    def __init__(self, account: Account, dial: Dial, timeout: float) -> None:
        self._account = account
        self._dial = dial
        super().__init__(local_hostname=LOCAL_NAME, timeout=timeout)
        self._host = account.host  # the name STARTTLS verifies

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock = self._dial(host, port, timeout)
        sock.settimeout(COMMAND_TIMEOUT)  # greetings are held back on purpose to unmask bulk senders
        if self._account.tls != Tls.SSL:
            return sock
        try:
            return tls_context(self._account.ca_pem).wrap_socket(sock, server_hostname=host)
        except BaseException:
            sock.close()
            raise

    def getreply(self) -> tuple[int, bytes]:
        """As smtplib's, but at most so many lines: a server may go on for ever."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        if self.file is None:
            self.file = self.sock.makefile("rb")
        lines: list[bytes] = []
        for _ in range(MAX_REPLY_LINES):
            line = self._line()
            lines.append(line[4:].strip())
            if not line[:3].isdigit():
                return -1, line.strip()
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(lines)
        raise smtplib.SMTPServerDisconnected("the server's answer does not end")

    def _line(self) -> bytes:
        assert self.file is not None
        try:
            line: bytes = self.file.readline(8192)
        except OSError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected(str(error)) from error
        if not line:
            self.close()
            raise smtplib.SMTPServerDisconnected("the server closed the connection")
        return line
