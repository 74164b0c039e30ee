"""The world as tests want it: a mailbox in memory, and an IMAP server on loopback that misbehaves on order."""

from __future__ import annotations

import io
import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from placement.errors import FolderUnavailable, LookupFailed, MailboxError
from placement.mailbox import Answer, Fetched, FetchedBody, UidRange
from placement.mailbox.grammar import decode_name
from placement.vocabulary import FolderStatus, ListedFolder, Traffic

PASSWORD = "Pa55-w0rd-of-the-seed"
ARRIVED = datetime(2026, 3, 4, 10, 20, 30, tzinfo=UTC)


def header_block(*lines: str, subject: str = "Hello") -> bytes:
    """A header block with its empty line: From, Subject, Message-ID, then `lines`."""
    named = {line.partition(":")[0].lower() for line in lines}
    defaults = (
        "From: News <news@sender.example>",
        f"Subject: {subject}",
        "Message-ID: <1@sender.example>",
        "Date: Wed, 4 Mar 2026 10:20:00 +0000",
    )
    kept = [line for line in defaults if line.partition(":")[0].lower() not in named]
    return "".join(f"{line}\r\n" for line in (*kept, *lines, "")).encode()


@dataclass
class Letter:
    """A message in a folder; `category` is the Gmail tab it stands in, "" for none."""

    uid: int
    block: bytes = field(default_factory=header_block)
    body: bytes = b"Hello\r\n"
    arrived: datetime = ARRIVED
    gm_msgid: str = ""
    email_id: str = ""
    category: str = ""


@dataclass
class Box:
    """A folder; `uidnext` counts on from the last letter unless it is told."""

    raw_name: bytes = b"INBOX"
    attributes: str = "\\HasNoChildren"
    uidvalidity: int = 7
    letters: list[Letter] = field(default_factory=list)
    told_uidnext: int | None = None

    @property
    def uidnext(self) -> int:
        return self.told_uidnext or max((letter.uid for letter in self.letters), default=0) + 1

    @property
    def status(self) -> FolderStatus:
        return FolderStatus(self.uidvalidity, self.uidnext, len(self.letters))

    @property
    def selectable(self) -> bool:
        return "\\noselect" not in self.attributes.lower()

    def take(self, uids: Collection[int]) -> list[Letter]:
        return [letter for letter in self.letters if letter.uid in uids]


class FakeMailbox:
    """The Mailbox protocol in memory. `failing` holds folders that answer with an error; `asked` what was asked."""

    def __init__(
        self,
        *boxes: Box,
        capabilities: Collection[str] = (),
        failing: Mapping[bytes, MailboxError] | None = None,
        list_status: bool = True,
        quota: float | None = None,
    ) -> None:
        self.boxes = {box.raw_name: box for box in boxes}
        self.capabilities = frozenset(capabilities)
        self.failing = dict(failing or {})
        self.asked: list[tuple[str, object]] = []
        self.after: dict[str, Callable[[], None]] = {}
        self._list_status = list_status
        self._quota = quota

    @property
    def traffic(self) -> Traffic:
        return Traffic(commands=len(self.asked), writes=len(self.asked))

    def _note(self, what: str, about: object = None) -> None:
        self.asked.append((what, about))

    def _done(self, what: str) -> None:
        self.after.pop(what, lambda: None)()

    unnamed_folders = 0

    def list_folders(self) -> list[ListedFolder]:
        self._note("list_folders")
        listed = [
            ListedFolder(
                raw_name=box.raw_name,
                name=decode_name(box.raw_name),
                delimiter="/",
                attributes=frozenset(box.attributes.lower().split()),
                status=box.status if self._list_status and box.selectable else None,
            )
            for box in self.boxes.values()
        ]
        self._done("list_folders")
        return listed

    def status(self, raw_names: Sequence[bytes]) -> dict[bytes, FolderStatus]:
        self._note("status", list(raw_names))
        return {name: self.boxes[name].status for name in raw_names if name not in self.failing}

    def fetch_ranges(self, ranges: Sequence[UidRange]) -> list[Answer[Fetched]]:
        self._note("fetch_ranges", list(ranges))
        answers = [self._headers(name, range(first, last + 1)) for name, first, last in ranges]
        self._done("fetch_ranges")
        return answers

    def fetch_uids(self, wanted: Sequence[tuple[bytes, Collection[int]]]) -> list[Answer[Fetched]]:
        self._note("fetch_uids", [(name, sorted(uids)) for name, uids in wanted])
        return [self._headers(name, uids) for name, uids in wanted]

    def search_since(self, raw_names: Sequence[bytes], day: date) -> list[Answer[int]]:
        self._note("search_since", (list(raw_names), day))
        return [self._uids(name, lambda letter: letter.arrived.date() >= day) for name in raw_names]

    def existing(self, wanted: Sequence[tuple[bytes, Collection[int]]]) -> list[Answer[int]]:
        self._note("existing", [(name, sorted(uids)) for name, uids in wanted])
        return [self._uids(name, lambda letter, uids=uids: letter.uid in uids) for name, uids in wanted]

    def gmail_ids(self, wanted: Sequence[tuple[bytes, Collection[int]]]) -> list[Answer[tuple[int, str]]]:
        self._note("gmail_ids")
        return [
            self._answer(name, [(letter.uid, letter.gm_msgid) for letter in self.boxes[name].take(uids)])
            for name, uids in wanted
        ]

    def gmail_search(
        self, raw_name: bytes, uids: Collection[int], queries: Sequence[str], everywhere: str
    ) -> tuple[dict[str, frozenset[int]], Answer[int]]:
        self._note("gmail_search", sorted(uids))
        found = {
            query: frozenset(
                letter.uid for letter in self.boxes[raw_name].take(uids) if f"category:{letter.category}" == query
            )
            for query in queries
        }
        return found, self._uids(raw_name, lambda letter: bool(letter.category))

    def bodies(self, wanted: Sequence[tuple[bytes, Collection[int]]], cap_bytes: int) -> list[Answer[FetchedBody]]:
        self._note("bodies", [(name, sorted(uids)) for name, uids in wanted])
        return [
            self._answer(name, [FetchedBody(one.uid, one.body[:cap_bytes]) for one in self.boxes[name].take(uids)])
            for name, uids in wanted
        ]

    def quota(self) -> float | None:
        self._note("quota")
        return self._quota

    def _headers(self, name: bytes, uids: Collection[int]) -> Answer[Fetched]:
        letters = self.boxes[name].take(uids)
        return self._answer(
            name,
            [
                Fetched(one.uid, one.arrived, len(one.block), one.block, False, one.gm_msgid, one.email_id)
                for one in letters
            ],
        )

    def _uids(self, name: bytes, wanted: Callable[[Letter], bool]) -> Answer[int]:
        return self._answer(name, [letter.uid for letter in self.boxes[name].letters if wanted(letter)])

    def _answer(self, name: bytes, found: Sequence[object]) -> Answer:
        if name in self.failing:
            return Answer(name, 0, error=self.failing[name])
        box = self.boxes[name]
        return Answer(name, box.uidvalidity, tuple(found), len(box.letters))


def unavailable(words: str = "NO") -> FolderUnavailable:
    return FolderUnavailable(words)


# --- a server by script ---------------------------------------------------------------------------------

GMAIL = (
    "IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 UIDPLUS ENABLE MOVE CONDSTORE ESEARCH "
    "LIST-EXTENDED LIST-STATUS LITERAL- SPECIAL-USE APPENDLIMIT=35651584"
)
DOVECOT = (
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT NAMESPACE UIDPLUS LIST-EXTENDED CONDSTORE QRESYNC "
    "ESEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY LITERAL+ NOTIFY SPECIAL-USE UNSELECT CHILDREN QUOTA"
)
OUTLOOK = "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
BARE = "IMAP4rev1"

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

#: What a scripted answer may be: bytes (with %(tag)s for the tag), or something to do with the conversation.
Step = bytes | Callable[["Conversation"], None]


def bye(words: str) -> Step:
    """Say BYE and hang up."""
    return lambda talk: talk.hang_up(f"* BYE {words}\r\n".encode())


def hang_up(last_words: bytes = b"") -> Step:
    return lambda talk: talk.hang_up(last_words)


def silence(talk: Conversation) -> None:
    """Never answer; wait until the client gives up."""
    talk.wait_for_the_end()


def drip(data: bytes, pause: float) -> Step:
    """One byte at a time, for ever: every single read is fast."""

    def run(talk: Conversation) -> None:
        while not talk.over:
            for byte in data:
                talk.send(bytes([byte]))
                talk.pause(pause)

    return run


def flood(data: bytes) -> Step:
    """The same again and again, as fast as the client reads."""

    def run(talk: Conversation) -> None:
        while not talk.over:
            talk.send(data)

    return run


class Conversation:
    """One client's connection to the scripted server."""

    def __init__(self, server: ScriptedImapServer, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self.over = False
        self.tag = ""
        self.opened: Box | None = None
        self._buffer = b""

    def run(self) -> None:
        try:
            with suppress(OSError, ssl.SSLError):
                self._greet()
                while not self.over and (line := self._command()):
                    self._answer(line)
        finally:
            self.sock.close()

    def _greet(self) -> None:
        if self.server.tls_at_once:
            self.sock = self.server.secure(self.sock)
        self.play(self.server.greeting)

    def _command(self) -> bytes:
        line = self._line()
        while found := re.search(rb"\{(\d+)\+?\}\Z", line):
            line += self._read(int(found[1])) + self._line()
        return line

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            if not self._fill():
                return b""
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _read(self, size: int) -> bytes:
        while len(self._buffer) < size and self._fill():
            pass
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _fill(self) -> bool:
        data = self.sock.recv(65536)
        self._buffer += data
        self.over = self.over or not data
        return bool(data)

    def _answer(self, line: bytes) -> None:
        tag, _, command = line.partition(b" ")
        self.tag = tag.decode()
        self.server.commands.append(command)
        for pattern, step in self.server.answers.items():
            if re.match(pattern.encode(), command, re.IGNORECASE):
                self.play(step)
                return
        self._obey(command)

    def play(self, step: Step) -> None:
        if isinstance(step, bytes):
            self.send(step.replace(b"%(tag)s", self.tag.encode()))
        else:
            step(self)

    def send(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError:
            self.over = True

    def ok(self, data: bytes = b"", words: str = "done") -> None:
        self.send(data + f"{self.tag} OK {words}\r\n".encode())

    def hang_up(self, last_words: bytes) -> None:
        self.send(last_words)
        self.over = True

    def pause(self, seconds: float) -> None:
        self.server.closing.wait(seconds)
        self.over = self.over or self.server.closing.is_set()

    def wait_for_the_end(self) -> None:
        while not self.over:
            readable, _, _ = select.select([self.sock], [], [], 0.02)
            self.over = self.server.closing.is_set() or (bool(readable) and not self.sock.recv(65536))

    def _obey(self, command: bytes) -> None:
        words = command.split(b" ")
        verb = words[0].upper().decode()
        verb = f"UID_{words[1].upper().decode()}" if verb == "UID" else verb
        handler = getattr(self, f"do_{verb.lower()}", None)
        if handler is None:
            self.send(f"{self.tag} BAD unknown command\r\n".encode())
        else:
            handler(command)

    def do_capability(self, _: bytes) -> None:
        self.ok(f"* CAPABILITY {self.server.capabilities}\r\n".encode())

    def do_login(self, _: bytes) -> None:
        self.ok(words=f"[CAPABILITY {self.server.capabilities}] Logged in")

    def do_authenticate(self, _: bytes) -> None:
        self.send(b"+ \r\n")
        self.server.commands.append(self._line())
        self.ok(words="Authenticated")

    def do_starttls(self, _: bytes) -> None:
        self.ok(words="Begin TLS")
        self.sock = self.server.secure(self.sock)

    def do_id(self, _: bytes) -> None:
        self.ok(b"* ID NIL\r\n")

    def do_getquotaroot(self, _: bytes) -> None:
        self.ok(b'* QUOTAROOT "INBOX" ""\r\n* QUOTA "" (STORAGE 30 100)\r\n')

    def do_list(self, command: bytes) -> None:
        lines = [
            b'* LIST (%b) "/" %b\r\n' % (box.attributes.encode(), quoted(box.raw_name)) for box in self.server.boxes
        ]
        if b"STATUS (" in command:
            lines += [self._status_line(box) for box in self.server.boxes if box.selectable]
        self.ok(b"".join(lines))

    def do_status(self, command: bytes) -> None:
        box = self._box(command)
        if box is None:
            self.send(f"{self.tag} NO [NONEXISTENT] no such mailbox\r\n".encode())
        else:
            self.ok(self._status_line(box))

    def _status_line(self, box: Box) -> bytes:
        return b"* STATUS %b (MESSAGES %d UIDNEXT %d UIDVALIDITY %d)\r\n" % (
            quoted(box.raw_name), len(box.letters), box.uidnext, box.uidvalidity,
        )  # fmt: skip

    def _box(self, command: bytes) -> Box | None:
        return next((box for box in self.server.boxes if quoted(box.raw_name) in command), None)

    def do_examine(self, command: bytes) -> None:
        self.opened = self._box(command)
        if self.opened is None:
            self.send(f"{self.tag} NO [NONEXISTENT] no such mailbox\r\n".encode())
            return
        box = self.opened
        self.ok(
            b"* FLAGS (\\Seen)\r\n* %d EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY %d] UIDs valid\r\n"
            b"* OK [UIDNEXT %d] Predicted next UID\r\n" % (len(box.letters), box.uidvalidity, box.uidnext),
            words="[READ-ONLY] Opened",
        )

    def do_unselect(self, _: bytes) -> None:
        self.opened = None
        self.ok()

    do_close = do_unselect

    def do_uid_fetch(self, command: bytes) -> None:
        letters = self._named(command.split(b" ")[2])
        for number, letter in enumerate(letters, 1):
            self.send(b"* %d FETCH (%b)\r\n" % (number, b" ".join(_items(letter, command))))
        self.ok()

    def do_uid_search(self, command: bytes) -> None:
        letters = self.opened.letters if self.opened else []
        if uid_set := re.search(rb"SEARCH UID ([\d:,]+)", command):
            letters = self._named(uid_set[1])
        if raw := re.search(rb'X-GM-RAW "([^"]*)"', command):
            categories = re.findall(rb"category:(\w+)", raw[1])
            letters = [letter for letter in letters if letter.category.encode() in categories]
        if since := re.search(rb"SINCE (\d+)-(\w+)-(\d+)", command):
            day = date(int(since[3]), MONTHS.index(since[2].decode()) + 1, int(since[1]))
            letters = [letter for letter in letters if letter.arrived.date() >= day]
        self.ok(b"* SEARCH%b\r\n" % b"".join(b" %d" % letter.uid for letter in letters))

    def _named(self, uid_set: bytes) -> list[Letter]:
        uids: set[int] = set()
        for part in uid_set.split(b","):
            first, _, last = part.partition(b":")
            uids.update(range(int(first), int(last or first) + 1))
        return self.opened.take(uids) if self.opened else []

    def do_idle(self, _: bytes) -> None:
        self.send(b"+ idling\r\n")
        self.server.idling.append(self)
        if self._line().upper() == b"DONE":
            self.ok()

    def do_logout(self, _: bytes) -> None:
        self.hang_up(f"* BYE bye\r\n{self.tag} OK done\r\n".encode())


def quoted(raw_name: bytes) -> bytes:
    return b'"%b"' % raw_name.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _items(letter: Letter, command: bytes) -> Iterator[bytes]:
    moment = letter.arrived.strftime(f"%d-{MONTHS[letter.arrived.month - 1]}-%Y %H:%M:%S %z")
    yield b"UID %d" % letter.uid
    if b"INTERNALDATE" in command:
        yield b'INTERNALDATE "%b" RFC822.SIZE %d' % (moment.encode(), len(letter.block + letter.body))
    if b"X-GM-MSGID" in command:
        yield b"X-GM-MSGID " + (letter.gm_msgid or str(10**18 + letter.uid)).encode()
    if b"EMAILID" in command:
        yield b"EMAILID (%b)" % letter.email_id.encode()
    for name, data in ((b"HEADER", letter.block), (b"TEXT", letter.body)):
        if part := re.search(rb"BODY\.PEEK\[%b\]<0\.(\d+)>" % name, command):
            data = data[: int(part[1])]
            yield b"BODY[%b]<0> {%d}\r\n%b" % (name, len(data), data)


class ScriptedImapServer:
    """IMAP on a loopback port: obeys over `boxes`, and answers by script where a pattern in `answers` fits.

    `commands` holds what clients said, without tags.
    """

    def __init__(
        self,
        *boxes: Box,
        capabilities: str = GMAIL,
        greeting: Step | None = None,
        answers: Mapping[str, Step] | None = None,
        certificate: tuple[Path, Path] | None = None,
        tls_at_once: bool = False,
    ) -> None:
        self.boxes = boxes
        self.capabilities = capabilities
        self.greeting = greeting or f"* OK [CAPABILITY {capabilities}] ready\r\n".encode()
        self.answers = dict(answers or {})
        self.tls_at_once = tls_at_once
        self.commands: list[bytes] = []
        self.closing = threading.Event()
        self._context = _server_context(certificate) if certificate else None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._talks: list[Conversation] = []
        self.idling: list[Conversation] = []  # whoever has begun to idle, again each time

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def secure(self, sock: socket.socket) -> socket.socket:
        assert self._context is not None
        return self._context.wrap_socket(sock, server_side=True)

    def __enter__(self) -> ScriptedImapServer:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for talk in self._talks:
            with suppress(OSError):
                socket.socket.shutdown(talk.sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self.closing.is_set():
                sock, _ = self._listener.accept()
                talk = Conversation(self, sock)
                self._talks.append(talk)
                self._start(talk.run)

    def verbs(self) -> list[str]:
        """The commands in short: LOGIN, LIST, EXAMINE, UID FETCH …"""
        return [
            " ".join(command.decode("latin-1").split(" ")[: 1 + command.startswith(b"UID")])
            for command in self.commands
        ]

    def wait_for(self, verb: str, seconds: float = 2.0) -> None:
        """LOGOUT is not waited for by the client: give it time to arrive."""
        end = time.monotonic() + seconds
        while verb not in self.verbs() and time.monotonic() < end:
            time.sleep(0.005)


def _server_context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def dial(host: str, port: int, timeout: float) -> socket.socket:
    """Every name is this machine."""
    return socket.create_connection(("127.0.0.1", port), timeout)


@dataclass
class FakeDns:
    """DNS as a table: `{"name": {"TXT": [b"…"], "A": [...], "MX": [(10, "host")]}}`; `down` names time out."""

    records: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    down: Collection[str] = ()  # "*": everything
    asked: list[tuple[str, str]] = field(default_factory=list)

    def txt(self, name: str) -> tuple[bytes, ...]:
        return tuple(one.encode() if isinstance(one, str) else one for one in self._ask("TXT", name))

    def a(self, name: str) -> tuple[str, ...]:
        return self._ask("A", name)

    def aaaa(self, name: str) -> tuple[str, ...]:
        return self._ask("AAAA", name)

    def mx(self, name: str) -> tuple[tuple[int, str], ...]:
        return self._ask("MX", name)

    def ptr(self, name: str) -> tuple[str, ...]:
        return self._ask("PTR", name)

    def _ask(self, kind: str, name: str) -> tuple[Any, ...]:
        name = name.rstrip(".").lower()
        self.asked.append((kind, name))
        if name in self.down or "*" in self.down:
            raise LookupFailed(f"No name server answered for {kind} of {name!r} in time.")
        return tuple(self.records.get(name, {}).get(kind, ()))


class CannedStream(io.BytesIO):
    """What a server said, as the stream of a `Wire`; what is sent to it is lost."""

    def send(self, data: bytes) -> None:
        pass
