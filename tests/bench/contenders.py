"""The contenders in Python: each looks into mailboxes for messages of open tests. One JSON line in, one out.

First line: the order. Then a line a pass: {"tokens": [...]}, answered with seconds, CPU seconds and what was found.
"""

from __future__ import annotations

import imaplib
import json
import re
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from placement import mailbox as engine
from placement import providers
from placement.errors import MailboxError
from placement.scan import scan
from placement.vocabulary import Cursor, MarkerKind, MarkerRule, ScanOrder

HOST = "localhost"
Order = dict[str, Any]
LIST_STATUS = b'LIST "" "*" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY))'


class Way:
    """One way to look. `open` comes before the first pass and is not measured."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.port = order["port"]
        self.password = order["password"]
        self.broken: list[str] = []
        self.context = ssl.create_default_context(cafile=order["ca"]) if order["tls"] else None

    def open(self, user: str) -> None:
        """Sessions that are kept are opened here."""

    def look(self, user: str, tokens: list[str]) -> int:
        raise NotImplementedError

    def look_or_again(self, user: str, tokens: list[str]) -> int:
        """A connection that breaks off is opened once more, in the same measured time, and told of."""
        try:
            return self.look(user, tokens)
        except (OSError, MailboxError, imaplib.IMAP4.error) as error:
            self.broken.append(repr(error))
            self.open(user)
            return self.look(user, tokens)

    def close(self) -> None:
        pass


class Script(Way):
    """What a user would write with imaplib: for every test and folder connect, log in, search, fetch."""

    def look(self, user: str, tokens: list[str]) -> int:
        return sum(self._ask(user, token, folder) for token in tokens for folder in self.order["folders"])

    def _ask(self, user: str, token: str, folder: str) -> int:
        with self._connect() as client:
            client.login(user, self.password)
            client.select(folder, readonly=True)
            _, found = client.search(None, "HEADER", self.order["header"], token)
            uids = found[0].split()
            for uid in uids:
                client.fetch(uid, "(BODY.PEEK[HEADER])")
            return len(uids)

    def _connect(self) -> imaplib.IMAP4:
        if self.context is None:
            return imaplib.IMAP4(HOST, self.port)
        return imaplib.IMAP4_SSL(HOST, self.port, ssl_context=self.context)


class ImapTools(Way):
    """imap-tools: one connection a test, its folders one after another."""

    def look(self, user: str, tokens: list[str]) -> int:
        return sum(self._ask(user, token) for token in tokens)

    def _ask(self, user: str, token: str) -> int:
        import imap_tools

        if self.context is None:
            box: Any = imap_tools.MailBoxUnencrypted(HOST, self.port)
        else:
            box = imap_tools.MailBox(HOST, self.port, ssl_context=self.context)
        found = 0
        with box.login(user, self.password):
            for folder in self.order["folders"]:
                box.folder.set(folder, readonly=True)
                asked = imap_tools.AND(header=imap_tools.H(self.order["header"], token))
                found += len(list(box.fetch(asked, mark_seen=False, headers_only=True)))
        return found


class Ours(Way):
    """The engine as the service uses it; a session a look."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self.cursors: dict[str, dict[str, Cursor]] = {}
        self.kept: dict[str, engine.ImapMailbox] = {}
        self.provider = providers.GENERIC

    def session(self, user: str, seconds: float = 90.0) -> engine.ImapMailbox:
        login = engine.Login(HOST, self.port, "ssl" if self.context else "none", user, self.password)
        return engine.ImapMailbox.open(login, dial=_dial, deadline_seconds=seconds, ssl_context=self.context)

    def look(self, user: str, tokens: list[str]) -> int:
        with self.session(user) as mailbox:
            return self.scan(user, mailbox, tokens)

    def scan(self, user: str, mailbox: engine.ImapMailbox, tokens: list[str]) -> int:
        seen = scan(
            mailbox, provider=self.provider, cursors=self.cursors.get(user, {}), overrides={},
            ask=lambda: rules(tokens), order=ScanOrder(),
        )  # fmt: skip
        self.cursors[user] = {one.folder.name: one.cursor for one in seen.folders if one.cursor}
        return sum(1 for one in seen.sightings if one.match)


class OursWarm(Ours):
    """The same scan on sessions that are kept."""

    def open(self, user: str) -> None:
        self.kept[user] = self.session(user, 3600.0)

    def look(self, user: str, tokens: list[str]) -> int:
        return self.scan(user, self.kept[user], tokens)

    def close(self) -> None:
        for mailbox in self.kept.values():
            mailbox.close()


class Floor(Way):
    """Raw pipelined sockets with nothing around them: no library, no checks, no parser."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self.uidnext: dict[str, int] = {}
        self.kept: dict[str, socket.socket] = {}

    def connect(self) -> socket.socket:
        sock = _dial(HOST, self.port, 60.0)
        sock = self.context.wrap_socket(sock, server_hostname=HOST) if self.context else sock
        _until(sock, b"* OK")
        return sock

    def look(self, user: str, tokens: list[str]) -> int:
        sock = self.connect()
        sock.sendall(b"a LOGIN %b %b\r\nb %b\r\n" % (user.encode(), self.password.encode(), LIST_STATUS))
        found = self.read(user, sock, tokens)
        sock.sendall(b"z LOGOUT\r\n")
        _until(sock, b"z OK")
        sock.close()
        return found

    def read(self, user: str, sock: socket.socket, tokens: list[str]) -> int:
        told = re.search(rb'STATUS "?INBOX"? \([^)]*UIDNEXT (\d+)', _until(sock, b"\r\nb OK"))
        assert told
        first, end = self.uidnext.get(user, int(told[1])), int(told[1])
        self.uidnext[user] = end
        if first == end:
            return 0
        fetch = b"d UID FETCH %d:%d (UID INTERNALDATE BODY.PEEK[HEADER])\r\n" % (first, end - 1)
        sock.sendall(b"c EXAMINE INBOX\r\n" + fetch + b"e UNSELECT\r\n")
        text = _until(sock, b"\r\ne OK")
        return sum(text.count(token.encode()) for token in tokens)


class FloorWarm(Floor):
    def open(self, user: str) -> None:
        sock = self.connect()
        sock.sendall(b"a LOGIN %b %b\r\n" % (user.encode(), self.password.encode()))
        _until(sock, b"a OK")
        self.kept[user] = sock

    def look(self, user: str, tokens: list[str]) -> int:
        self.kept[user].sendall(b"b " + LIST_STATUS + b"\r\n")
        return self.read(user, self.kept[user], tokens)

    def close(self) -> None:
        for sock in self.kept.values():
            sock.close()


def rules(tokens: Iterable[str]) -> list[MarkerRule]:
    """As the service asks for them: one open test a token."""
    now = datetime.now(UTC)
    day = timedelta(days=1)
    return [
        MarkerRule(
            test=number, kind=MarkerKind.TOKEN, value=token, header="", from_domain="", in_body=False,
            valid_from=now - day, valid_until=now + day,
        )
        for number, token in enumerate(tokens, 1)
    ]  # fmt: skip


def _dial(host: str, port: int, timeout: float) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _until(sock: socket.socket, end: bytes) -> bytes:
    """Everything up to the line that begins with `end`."""
    got = b"\r\n"
    while True:
        at = got.find(end)
        if at >= 0 and got.endswith(b"\r\n"):
            return got
        more = sock.recv(65536)
        if not more:
            raise ConnectionError(f"closed after {got[-200:]!r}")
        got += more


WAYS: dict[str, Callable[[Order], Way]] = {
    "imaplib": Script,
    "imap-tools": ImapTools,
    "ours cold": Ours,
    "ours warm": OursWarm,
    "floor cold": Floor,
    "floor warm": FloorWarm,
}


def resident_kb() -> int:
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def answer(value: object) -> None:
    print(json.dumps(value), flush=True)


def main() -> None:
    order = json.loads(sys.stdin.readline())
    way = WAYS[order["method"]](order)
    users = order["users"]
    with ThreadPoolExecutor(order["concurrency"]) as pool:
        before = resident_kb()
        list(pool.map(way.open, users))
        answer({"session_kb": (resident_kb() - before) / len(users)})
        for line in sys.stdin:
            tokens = json.loads(line)["tokens"]
            began, cpu = time.perf_counter(), time.process_time()
            found = sum(pool.map(lambda user: way.look_or_again(user, tokens), users))  # noqa: B023
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            answer({"seconds": seconds, "cpu": cpu, "found": found, "broken": way.broken})
            way.broken.clear()
        list(pool.map(lambda _: None, users))
        way.close()


if __name__ == "__main__":
    main()
