"""Dial, TLS, greeting, login, the session's wall-clock deadline, and the goodbye."""

from __future__ import annotations

import contextlib
import functools
import heapq
import imaplib
import io
import ipaddress
import itertools
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

import imapclient

from placement.errors import ConnectFailed, DeadlineExceeded, LoginRefused, MailboxError, ProtocolError
from placement.mailbox.faults import FOREIGN, Moment, printable, said, translate, without_secrets
from placement.mailbox.sasl import AUTH_METHODS, Auth
from placement.mailbox.secrecy import Secrets
from placement.mailbox.wire import MAX_LINE, MAX_LITERAL

#: Opens a TCP connection. It raises OSError or a PlacementError, nothing else.
Dial = Callable[[str, int, float], socket.socket]

#: What a server may send before the login is through.
LOGIN_BUDGET = 1024 * 1024
GOODBYE_SECONDS = 1.0


class Tls(StrEnum):
    SSL = "ssl"
    STARTTLS = "starttls"
    NONE = "none"  # to this machine itself only: tests and the demo


@dataclass(frozen=True, slots=True)
class Login:
    """Where a mailbox is and how to get in. `secret` is the password, or the access token of OAuth."""

    host: str
    port: int
    tls: str  # Tls
    user: str
    secret: str = field(repr=False)
    auth: str = Auth.PASSWORD
    send_id: bool = False  # RFC 2971 before the first folder is opened (163.com refuses it otherwise)


@functools.lru_cache(maxsize=256)
def shared_ssl_context(ca_file: str | None = None, *, ca_pem: str | None = None) -> ssl.SSLContext:
    """One verifying context a process and authority: building one costs 20–30 ms of CPU.

    With `ca_file` or `ca_pem` that authority alone is trusted, else the system's. Raises ConnectFailed.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file, cadata=ca_pem)
    except (OSError, ValueError, TypeError) as fault:
        raise ConnectFailed(
            f"The certificate authority of this mailbox cannot be read ({printable(str(fault))}). "
            "Paste its certificate in PEM form again, or leave it empty for a public one."
        ) from fault
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Deadline:
    """Shuts the socket when the session's time is over: socket timeouts are per read, a drip has no end."""

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._end = time.monotonic() + seconds
        WATCHDOG.guard(self, self._end)

    def remaining(self) -> float:
        return max(self._end - time.monotonic(), 0.001)

    def watch(self, sock: socket.socket) -> None:
        with self._lock:
            self._socket = sock
            if self.expired:
                _shut(sock)

    def renew(self, seconds: float) -> bool:
        """Another `seconds` from now on, on the same socket; False when the time was over already."""
        with self._lock:
            if self.expired or self._socket is None:
                return False
            self._end = time.monotonic() + seconds
            self._socket.settimeout(seconds + GOODBYE_SECONDS)
        WATCHDOG.guard(self, self._end)
        return True

    def cancel(self) -> None:
        WATCHDOG.let_go(self)

    def expire(self) -> None:
        with self._lock:
            self.expired = True
            if self._socket is not None:
                _shut(self._socket)


class Watchdog:
    """One thread for all the sessions of a process: a timer thread for each costs more than a warm scan.

    Entries that were let go or renewed stay in the heap until their moment has come, or until most of it is such.
    """

    def __init__(self) -> None:
        self._start_over()
        # A forked child has the parent's lock in whatever state it was, and none of its threads.
        os.register_at_fork(after_in_child=self._start_over)

    def _start_over(self) -> None:
        self._wake = threading.Condition()
        self._ends: dict[Deadline, float] = {}
        self._heap: list[tuple[float, int, Deadline]] = []
        self._count = itertools.count()
        self._thread: threading.Thread | None = None

    def guard(self, deadline: Deadline, end: float) -> None:
        with self._wake:
            self._ends[deadline] = end
            heapq.heappush(self._heap, (end, next(self._count), deadline))
            self._compact()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="imap-deadlines", daemon=True)
                self._thread.start()
            elif self._heap[0][2] is deadline:
                self._wake.notify()

    def let_go(self, deadline: Deadline) -> None:
        with self._wake:
            self._ends.pop(deadline, None)

    def _compact(self) -> None:
        if len(self._heap) > 64 + 2 * len(self._ends):
            self._heap = [one for one in self._heap if self._ends.get(one[2]) == one[0]]
            heapq.heapify(self._heap)

    def _run(self) -> None:
        while True:
            with self._wake:
                due = self._due()
            for deadline in due:
                deadline.expire()

    def _due(self) -> list[Deadline]:
        """Waits until something is due, and takes it out."""
        while True:
            now = time.monotonic()
            due = []
            while self._heap and self._heap[0][0] <= now:
                end, _, deadline = heapq.heappop(self._heap)
                if self._ends.get(deadline) == end:
                    del self._ends[deadline]
                    due.append(deadline)
            if due:
                return due
            self._wake.wait(self._heap[0][0] - now if self._heap else None)


WATCHDOG = Watchdog()


def _shut(sock: socket.socket) -> None:
    # Not sock.shutdown(): SSLSocket's own drops the TLS object first, and whoever is about to write would
    # then write in the clear.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class Border:
    """Everything foreign that is raised inside becomes a MailboxError without a secret in it."""

    def __init__(self, login: Login, deadline: Deadline) -> None:
        self.secrets = Secrets(login.secret)
        self._deadline = deadline

    @contextlib.contextmanager
    def crossing(self, moment: Moment) -> Iterator[None]:
        try:
            yield
        except MailboxError as fault:
            raise self._ours(fault) from None
        except FOREIGN as fault:
            raise self._ours(translate(fault, moment, self.secrets)) from None
        if self._deadline.expired:
            raise said(DeadlineExceeded, "")

    def _ours(self, error: MailboxError) -> MailboxError:
        if self._deadline.expired:
            return said(DeadlineExceeded, "")
        return without_secrets(error, self.secrets)


class BoundedImap4(imaplib.IMAP4):
    """imaplib on a socket of our own, with bounded reads, one greeting and no memory of what was sent."""

    def __init__(self, login: Login, connect: Callable[[], socket.socket]) -> None:
        self._connect_socket = connect
        self._left: int | None = LOGIN_BUDGET
        super().__init__(login.host, login.port)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        return self._connect_socket()

    def logged_in(self) -> None:
        """From here on the wire keeps the account."""
        self._left = None

    def readline(self) -> bytes:
        line = self._reader.readline(MAX_LINE + 1)
        if len(line) > MAX_LINE:
            raise ProtocolError(f"The server sent a line of more than {MAX_LINE} bytes. {_GAVE_UP}")
        return self._counted(line)

    def read(self, size: int) -> bytes:
        if size > MAX_LITERAL:
            raise ProtocolError(f"The server announced {size} bytes in one piece. {_GAVE_UP}")
        return self._counted(self._reader.read(size))

    def silent(self) -> bool:
        """Nothing was said and nothing was closed since the last answer: what we may use again without asking.

        Between two scans no folder is open, so a server has nothing to say but goodbye.
        """
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            return False
        poll = select.poll()  # select() refuses file numbers above 1023
        poll.register(self.sock, select.POLLIN | select.POLLHUP)
        return not poll.poll(0)

    def give_away(self) -> tuple[socket.socket, bytes]:
        """The socket, not blocking any more, and what the reader took from it ahead of its time."""
        self.sock.setblocking(False)
        try:
            early = self._reader.peek(1)
        except ssl.SSLWantReadError:
            early = b""
        self.file.close()
        return self.sock, early

    @property
    def _reader(self) -> io.BufferedReader:
        return cast(io.BufferedReader, self.file)

    def _counted(self, data: bytes) -> bytes:
        if self._left is None:
            return data
        self._left -= len(data)
        if self._left < 0:
            raise ProtocolError(f"The server keeps talking instead of answering the login. {_GAVE_UP}")
        return data

    def _get_capabilities(self) -> None:
        """What the greeting said is enough: imaplib's own question costs a round trip."""
        told = self.untagged_responses.pop("CAPABILITY", None)
        if not told:
            _, told = self.capability()
        words = told[-1] if told else None
        if not isinstance(words, bytes):
            raise ProtocolError(f"The server names no capabilities. {_GAVE_UP}")
        self.capabilities = tuple(words.decode("ascii", "replace").upper().split())

    def upgrade(self, secure: Callable[[socket.socket], socket.socket]) -> None:
        """STARTTLS (RFC 9051 6.2.1), or an error: never on in plain text."""
        if "STARTTLS" not in self.capabilities or self.state != "NONAUTH":
            raise ConnectFailed(f"The server offers no STARTTLS. {_NO_PLAIN}")
        status, _ = self._simple_command("STARTTLS")
        if status != "OK":
            raise ConnectFailed(f"The server refused STARTTLS. {_NO_PLAIN}")
        self._refuse_smuggled()
        self.sock = secure(self.sock)
        self.file.close()
        self.file = self.sock.makefile("rb")
        # Whatever was said before the handshake may have been said by somebody on the way (CVE-2011-0411).
        self.untagged_responses.clear()
        self._tls_established = True
        self._get_capabilities()

    def _refuse_smuggled(self) -> None:
        timeout = self.sock.gettimeout()
        self.sock.settimeout(0)
        early = self._reader.peek(1)
        self.sock.settimeout(timeout)
        if early:
            raise ProtocolError(f"Somebody spoke between STARTTLS and the handshake. {_NO_PLAIN}")

    # imaplib would keep the last commands, LOGIN among them, for its debug output.
    def _log(self, line: str) -> None:
        pass

    def _mesg(self, s: str, secs: float | None = None) -> None:
        pass


_GAVE_UP = "The session was closed before the login; check host and port."
_NO_PLAIN = "The login was not sent in plain text; check host, port and TLS mode."


class Client(imapclient.IMAPClient):  # type: ignore[misc]  # untyped package
    """IMAPClient on our socket."""

    def __init__(self, login: Login, connect: Callable[[], socket.socket]) -> None:
        self._login = login
        self._connect_socket = connect
        super().__init__(login.host, port=login.port, ssl=login.tls == Tls.SSL)
        self.normalise_times = False
        self._imap.debug = 0
        self.imap: BoundedImap4 = self._imap

    def _create_IMAP4(self) -> BoundedImap4:
        return BoundedImap4(self._login, self._connect_socket)

    def _set_read_timeout(self) -> None:
        """The connector has set it."""


class Connector:
    """Makes the session's socket through `dial`, in TLS where the login says so."""

    def __init__(self, login: Login, dial: Dial, deadline: Deadline, context: ssl.SSLContext | None) -> None:
        self._login = login
        self._dial = dial
        self._deadline = deadline
        self._context = context

    def __call__(self) -> socket.socket:
        sock = self._dial(self._login.host, self._login.port, self._deadline.remaining())
        with _closed_on_error(sock):
            sock.settimeout(self._deadline.remaining() + GOODBYE_SECONDS)
            self._deadline.watch(sock)
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._login.tls == Tls.NONE:
                _refuse_remote(sock)
            return self.secure(sock) if self._login.tls == Tls.SSL else sock

    def secure(self, sock: socket.socket) -> socket.socket:
        context = self._context or shared_ssl_context()
        wrapped = context.wrap_socket(sock, server_hostname=self._login.host, do_handshake_on_connect=False)
        with _closed_on_error(wrapped):
            self._deadline.watch(wrapped)
            wrapped.do_handshake()
        return wrapped


@contextlib.contextmanager
def _closed_on_error(sock: socket.socket) -> Iterator[None]:
    try:
        yield
    except BaseException:
        sock.close()
        raise


def _refuse_remote(sock: socket.socket) -> None:
    peer = sock.getpeername()
    if sock.family == socket.AF_UNIX or ipaddress.ip_address(peer[0]).is_loopback:
        return
    raise ConnectFailed(
        "IMAP without TLS is allowed to this machine itself only, so nothing was sent. Use ssl or starttls."
    )


# --- login ----------------------------------------------------------------------------------------------


def connect(login: Login, connector: Connector, border: Border) -> Client:
    """A logged-in client. Raises ConnectFailed, Login…, Throttled, ProtocolError or DeadlineExceeded."""
    _refuse_impossible(login)
    with border.crossing(Moment.CONNECT):
        client = Client(login, connector)
    try:
        with border.crossing(Moment.CONNECT):
            _upgrade(client, login, connector)
        with border.crossing(Moment.LOGIN):
            AUTH_METHODS[login.auth](client, client.imap, login.user, login.secret)
            client.imap.logged_in()
    except BaseException:
        hang_up(client)
        raise
    return client


def _refuse_impossible(login: Login) -> None:
    if login.auth not in AUTH_METHODS or login.tls not in tuple(Tls):
        raise LoginRefused(f"This version knows no login by {login.auth!r} over {login.tls!r}.")
    if not _is_host_name(login.host):
        raise ConnectFailed(f"{login.host!r} is no host name. Correct it; nothing was dialled.")
    # A line break would end the LOGIN command and begin another one.
    if any(character in login.user + login.secret for character in "\r\n\0\1"):
        raise LoginRefused("User name or secret holds a line break or a control character. Enter it again.")


def _is_host_name(host: str) -> bool:
    """As ssl will encode it: there a bad one would leak the socket."""
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        return False


def _upgrade(client: Client, login: Login, connector: Connector) -> None:
    if client.imap.state != "NONAUTH":
        raise ProtocolError(f"The server greets with PREAUTH, as if we had logged in. {_NO_PLAIN}")
    if login.tls == Tls.STARTTLS:
        client.imap.upgrade(connector.secure)
    # What was offered before the login says nothing about what is offered after it.
    client.imap.untagged_responses.pop("CAPABILITY", None)


def told_capabilities(client: Client) -> frozenset[str] | None:
    """What the login's answer said; None where it has to be asked for."""
    told: list[Any] | None = client.imap.untagged_responses.pop("CAPABILITY", None)
    words = told[-1] if told else None
    return capability_words(words) if isinstance(words, bytes) else None


def capability_words(words: bytes) -> frozenset[str]:
    return frozenset(words.decode("ascii", "replace").upper().split())


def say_goodbye(client: Client) -> None:
    """One LOGOUT, waited for at most a moment: the session's work is done whatever the server answers."""
    with contextlib.suppress(*FOREIGN, MailboxError):
        client.imap.sock.settimeout(GOODBYE_SECONDS)
        client.imap.send(b"BYE LOGOUT\r\n")
        client.imap.readline()


def hang_up(client: Client) -> None:
    with contextlib.suppress(*FOREIGN):
        client.imap.shutdown()
