"""One SMTP session through a sending profile: verified TLS, a wall-clock deadline, every reply kept.

SmtpError            stage · reply (None: the server said nothing) · str() is what a person may read
├── AccountRefused   permanent, and ours: the server, its TLS, our login or our sender address
├── SessionLost      the connection cannot be used any more; nothing was accepted, so it may be tried again
├── Deferred         4xx for this recipient or message; the session goes on
├── Refused          5xx for this recipient or message; the session goes on
└── AnswerLost       the message is out, its answer is not: nobody knows, so it must never be sent again
"""

from __future__ import annotations

import base64
import contextlib
import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from placement.mailbox.secrecy import Secrets
from seedtest import netguard
from seedtest.models.mailboxes import Tls
from seedtest.services.smtp_client import COMMAND_TIMEOUT, CONNECT_TIMEOUT, Account, Client, Dial, tls_context

#: The answer to the message itself may take longer than another command's (RFC 5321 section 4.5.3.2.6 allows ten
#: minutes): filters that scan the content use some of them.
ANSWER_TIMEOUT = 60.0
_MAX_REPLY_TEXT = 1000
_MAX_CAUSE = 300
#: Replies that are about our login at whatever point they come (RFC 4954 section 6).
_OURS = frozenset((530, 534, 535, 538))
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class Stage(StrEnum):
    CONNECT = "connect"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class Reply:
    """The server's answer: code and text on one line, without control characters."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip()


class SmtpError(Exception):
    def __init__(self, stage: Stage, words: str, reply: Reply | None = None) -> None:
        super().__init__(words)
        self.stage = stage
        self.reply = reply


class AccountRefused(SmtpError):
    pass


class SessionLost(SmtpError):
    pass


class Deferred(SmtpError):
    pass


class Refused(SmtpError):
    pass


class AnswerLost(SmtpError):
    pass


class Session:
    """A signed-in session; use it as a context manager. `seconds` is its life by the wall clock."""

    def __init__(self, account: Account, *, seconds: float, dial: Dial = netguard.dial) -> None:
        self._account = account
        self._secrets = Secrets(account.password)
        self._client = Client(account, dial, min(CONNECT_TIMEOUT, seconds))
        self._end = time.monotonic() + seconds
        self._watchdog = threading.Timer(seconds, self._shut)
        self._watchdog.daemon = True
        self._expired = False
        self._usable = False
        self._stage = Stage.CONNECT

    def __enter__(self) -> Self:
        self._watchdog.start()
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        self._usable = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._usable:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._timeout(2.0)
                self._client.docmd("QUIT")
        self._close()

    @property
    def usable(self) -> bool:
        return self._usable

    def remaining(self) -> float:
        """Seconds until the watchdog ends the session."""
        return self._end - time.monotonic()

    def _close(self) -> None:
        self._watchdog.cancel()
        self._usable = False
        self._client.close()

    def _shut(self) -> None:
        self._expired = True
        sock = self._client.sock
        if sock is not None:
            # Not sock.shutdown(): SSLSocket's own drops the TLS object first, and whoever writes next would write
            # in the clear.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _open(self) -> None:
        with self._border():
            self._check_ca()
            answer = self._client.connect(self._account.host, self._account.port)
            if self.remaining() <= 0:  # the watchdog had no socket to shut while we dialled
                raise TimeoutError
            self._expect_ours(self._reply(answer), 220)
            self._hello()
            if self._account.tls == Tls.STARTTLS:
                self._start_tls()
            if self._account.username:
                self._sign_in()

    def _check_ca(self) -> None:
        try:
            tls_context(self._account.ca_pem)
        except (ssl.SSLError, ValueError) as error:
            words = "The own CA certificate of the sending profile cannot be read. Paste it as PEM, or empty the field."
            raise AccountRefused(self._stage, words) from error

    def _hello(self) -> None:
        self._stage = Stage.EHLO
        self._expect_ours(self._reply(self._client.ehlo()), 250)

    def _start_tls(self) -> None:
        """Never goes on without TLS: whoever strips the offer would read the password (RFC 3207 section 6)."""
        self._stage = Stage.STARTTLS
        if not self._client.has_extn("starttls"):
            raise AccountRefused(
                self._stage,
                f"{self._account.host} does not offer STARTTLS on port {self._account.port}, and nothing is sent in "
                "the clear. Choose “TLS from the start” with port 465, or another server.",
            )
        code, text = self._client.docmd("STARTTLS")
        self._expect_ours(self._reply((code, text)), 220)
        plain = self._client.sock
        assert plain is not None
        self._client.sock = tls_context(self._account.ca_pem).wrap_socket(plain, server_hostname=self._account.host)
        self._client.file = None  # whatever came before TLS was not the server's word
        self._hello()

    def _sign_in(self) -> None:
        self._stage = Stage.AUTH
        if self._account.tls == Tls.NONE and not _is_loopback(self._client.sock):
            raise AccountRefused(
                self._stage, "Without TLS the password would travel in the clear. Choose TLS or STARTTLS."
            )
        offered = self._client.esmtp_features.get("auth", "").upper().split()
        if "PLAIN" in offered:
            answer = self._client.docmd(
                "AUTH", "PLAIN " + _b64(f"\0{self._account.username}\0{self._account.password}")
            )
        elif "LOGIN" in offered:
            answer = self._auth_login()
        else:
            raise AccountRefused(
                self._stage,
                f"{self._account.host} offers no sign-in with a password (AUTH PLAIN or LOGIN). Empty the user name "
                "if it needs none, or choose its submission port, usually 465 or 587.",
            )
        self._expect_ours(self._reply(answer), 235)

    def _auth_login(self) -> tuple[int, bytes]:
        answer = self._client.docmd("AUTH", "LOGIN")
        for secret in (self._account.username, self._account.password):
            if answer[0] != 334:
                return answer
            answer = self._client.docmd(_b64(secret))
        return answer

    def send(self, sender: str, recipient: str, message: bytes, *, before_data: Callable[[], bool]) -> Reply | None:
        """Hand in one message; the server's 2xx, or None when `before_data` says that it must not be sent.

        `before_data` runs after the recipient was accepted and before DATA. Raises SmtpError.
        """
        with self._border():
            self._timeout(COMMAND_TIMEOUT)
            self._mail(sender, len(message), any(byte > 127 for byte in message))
            self._stage = Stage.RCPT
            self._expect_theirs(self._reply(self._client.rcpt(recipient)), 2)
            if not before_data():
                self._client.rset()
                return None
            self._stage = Stage.DATA
            self._expect_theirs(self._reply(self._client.docmd("DATA")), 3)
        return self._content(message)

    def _mail(self, sender: str, size: int, eight_bit: bool) -> None:
        self._stage = Stage.MAIL
        options = [f"SIZE={size}"] if self._client.has_extn("size") else []
        if eight_bit and self._client.has_extn("8bitmime"):
            options.append("BODY=8BITMIME")
        reply = self._reply(self._client.mail(sender, options))
        if reply.code // 100 == 5:
            raise self._ours(AccountRefused, reply)
        self._expect_theirs(reply, 2)

    def _content(self, message: bytes) -> Reply:
        """From here on the message may be accepted, whatever becomes of the connection."""
        try:
            self._timeout(ANSWER_TIMEOUT)
            self._client.send(_dotted(message))
            reply = self._reply(self._client.getreply())
        except (OSError, smtplib.SMTPException) as error:
            self._usable = False
            words = "The connection ended after the message was sent and before the server answered"
            raise AnswerLost(self._stage, f"{words} ({self._cause(error)}).") from error
        if reply.code // 100 not in (2, 4, 5):
            self._usable = False
            raise AnswerLost(self._stage, f"The server's answer to the message makes no sense: {reply}", reply)
        self._expect_theirs(reply, 2)
        return reply

    def _timeout(self, seconds: float) -> None:
        if self._client.sock is not None:
            self._client.sock.settimeout(max(min(seconds, self.remaining()), 0.1))

    def _reply(self, answer: tuple[int, bytes]) -> Reply:
        text = _CONTROLS.sub(" ", answer[1].decode("utf-8", "replace")).strip()
        return Reply(answer[0], self._without_secrets(text)[:_MAX_REPLY_TEXT])

    def _without_secrets(self, text: str) -> str:
        """A server that answers "bad password hunter2" must not write it into a row. Cut only what comes out of it."""
        return self._secrets.out_of(text)

    def _expect_ours(self, reply: Reply, code: int) -> None:
        if reply.code != code:
            raise self._ours(AccountRefused if reply.code // 100 == 5 else SessionLost, reply)

    def _ours(self, kind: type[SmtpError], reply: Reply) -> SmtpError:
        self._usable = False
        return kind(self._stage, f"{self._account.host} {_REFUSED_AT[self._stage]}: {reply}", reply)

    def _expect_theirs(self, reply: Reply, hundreds: int) -> None:
        """Raise what a reply means that is about the recipient or the message."""
        if reply.code // 100 == hundreds:
            return
        if reply.code in _OURS:
            raise self._ours(AccountRefused, reply)
        if reply.code == 421 or reply.code // 100 not in (4, 5):
            raise self._ours(SessionLost, reply)
        self._reset()
        raise (Refused if reply.code // 100 == 5 else Deferred)(self._stage, str(reply), reply)

    def _reset(self) -> None:
        try:
            self._usable = self._client.rset()[0] // 100 == 2
        except (OSError, smtplib.SMTPException):
            self._usable = False

    @contextlib.contextmanager
    def _border(self) -> Iterator[None]:
        """Everything foreign becomes an SmtpError here: nothing was handed over yet, so it may be tried again."""
        try:
            yield
        except netguard.Refused as error:
            self._usable = False
            raise AccountRefused(self._stage, f"{self._account.host} is not dialled: {error}") from error
        except ssl.SSLCertVerificationError as error:
            self._usable = False
            words = f"The certificate of {self._account.host} is not valid for it ({error.verify_message}). {_CA_HINT}"
            raise AccountRefused(self._stage, words) from error
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            self._usable = False
            words = f"{self._account.host}:{self._account.port} {_LOST_AT[self._stage]} ({self._cause(error)})."
            raise SessionLost(self._stage, words) from error

    def _cause(self, error: Exception) -> str:
        return "the session took too long" if self._expired else self._without_secrets(_why(error))[:_MAX_CAUSE]


_CA_HINT = "Check the host name; for a server with a private CA put its certificate into the sending profile."
_REFUSED_AT = {
    Stage.CONNECT: "refused the connection",
    Stage.EHLO: "refused our greeting",
    Stage.STARTTLS: "refused STARTTLS",
    Stage.AUTH: "refused the user name or password",
    Stage.MAIL: "refused the sender address",
    Stage.RCPT: "ended the session at the recipient",
    Stage.DATA: "ended the session at the message",
}
_LOST_AT = {
    Stage.CONNECT: "could not be reached",
    Stage.EHLO: "was lost at the greeting",
    Stage.STARTTLS: "was lost while TLS was set up",
    Stage.AUTH: "was lost while signing in",
    Stage.MAIL: "was lost at the sender address",
    Stage.RCPT: "was lost at the recipient",
    Stage.DATA: "was lost before the message was sent",
}


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return _CONTROLS.sub(" ", str(error)).strip() or type(error).__name__


def _is_loopback(sock: Any) -> bool:
    host = str(sock.getpeername()[0])
    return host == "::1" or host.startswith("127.")


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _dotted(message: bytes) -> bytes:
    """With the dots doubled that begin a line, and the end mark (RFC 5321 section 4.5.2)."""
    body = re.sub(rb"(?m)^\.", b"..", message)
    return body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n"
