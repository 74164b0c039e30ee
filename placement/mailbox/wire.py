"""The pipelined reader: many commands in one write, their answers read back bounded, each given its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from placement.errors import Disconnected, ProtocolError
from placement.mailbox.faults import bye, printable
from placement.mailbox.grammar import Response
from placement.mailbox.secrecy import NO_SECRETS, Secrets
from placement.vocabulary import Traffic

MAX_LINE = 1_000_000
MAX_LITERAL = 1024 * 1024
#: Larger writes wait for their answers in between: both sides writing into full buffers would never end.
MAX_WRITE = 8 * 1024
#: What a response costs beside its bytes: a million empty ones would fill the memory as well.
RESPONSE_COST = 128

_LITERAL = re.compile(rb"~?\{(\d{1,20})\}\r?\n\Z")
_STATUS = re.compile(rb"(?:\*|[A-Za-z0-9]+) (OK|NO|BAD|BYE|PREAUTH)(?: |\r?\n)", re.I)


class Stream(Protocol):
    """imaplib's three primitives; `read` and `readline` are bounded by the connection."""

    def send(self, data: bytes) -> None: ...

    def readline(self) -> bytes: ...

    def read(self, size: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one command: its tagged status, and the untagged responses since the one before."""

    status: str
    text: str
    untagged: tuple[Response, ...] = field(repr=False, default=())

    @property
    def ok(self) -> bool:
        return self.status == "OK"


class Wire:
    """Runs commands on a stream and counts what they cost."""

    def __init__(self, stream: Stream, secrets: Secrets = NO_SECRETS) -> None:
        self._stream = stream
        self._secrets = secrets
        self._tag = 0
        self._bytes = 0
        self._room = 0
        self._commands = 0
        self._writes = 0
        self.answers = 0  # commands that the server has answered

    @property
    def traffic(self) -> Traffic:
        return Traffic(self._commands, self._writes, self._bytes)

    def run(self, commands: Sequence[bytes], *, budget: int) -> list[Reply]:
        """One reply a command, in order. `budget` caps what all the answers together may cost: their bytes, and
        RESPONSE_COST each.

        Raises ProtocolError beyond the caps or the grammar; Disconnected or Throttled where the server
        says BYE. RFC 9051 5.5 makes a server finish commands whose answers could be confused in order.
        """
        self._room = budget
        replies: list[Reply] = []
        for batch in _batches(commands):
            replies += self._exchange(batch)
        return replies

    def _exchange(self, commands: Sequence[bytes]) -> list[Reply]:
        tags = [self._next_tag() for _ in commands]
        lines = (tag + b" " + command + b"\r\n" for tag, command in zip(tags, commands, strict=True))
        self._stream.send(b"".join(lines))
        self._commands += len(commands)
        self._writes += 1
        return [self._reply(tag) for tag in tags]

    def _next_tag(self) -> bytes:
        self._tag += 1
        return b"S%d" % self._tag

    def _reply(self, tag: bytes) -> Reply:
        untagged: list[Response] = []
        while True:
            response = self._response()
            first = response[0]
            if first.startswith(tag + b" "):
                self.answers += 1
                return self._tagged(first, untagged)
            if first[:6].upper() in (b"* BYE ", b"* BYE"):
                raise bye(self._text(first[6:]))
            if first.startswith(b"* "):
                untagged.append(response)
            elif not first.startswith(b"+"):
                raise self._not_imap(first)

    def _tagged(self, line: bytes, untagged: list[Response]) -> Reply:
        _, _, rest = line.partition(b" ")
        status, _, text = rest.partition(b" ")
        word = status.strip().decode("ascii", "replace").upper()
        if word not in ("OK", "NO", "BAD"):
            raise self._not_imap(line)
        return Reply(word, self._text(text), tuple(untagged))

    def _text(self, raw: bytes) -> str:
        """Human text. A server may quote the login in it, so the secret goes here, where nothing is cut yet."""
        return self._secrets.out_of(raw.decode("utf-8", "replace").strip())

    def _not_imap(self, line: bytes) -> ProtocolError:
        return ProtocolError(_NOT_IMAP.format(line=printable(self._text(line))[:60]))

    def _response(self) -> Response:
        self._charge(RESPONSE_COST)
        parts: list[bytes] = []
        line = self._line()
        while (literal := literal_in(line, first=not parts)) is not None:
            parts += [line[: literal.start()], self._literal(int(literal[1]))]
            line = self._line()
        parts.append(line.rstrip(b"\r\n"))
        return tuple(parts)

    def _line(self) -> bytes:
        line = self._stream.readline()
        if not line.endswith(b"\n"):
            raise Disconnected(_CLOSED)
        return self._counted(line)

    def _literal(self, size: int) -> bytes:
        if size > MAX_LITERAL:
            raise ProtocolError(f"The server announced {size} bytes in one piece. {_TOO_MUCH}")
        data = self._stream.read(size)
        if len(data) < size:
            raise Disconnected(_CLOSED)
        return self._counted(data)

    def _counted(self, data: bytes) -> bytes:
        self._bytes += len(data)
        self._charge(len(data))
        return data

    def _charge(self, cost: int) -> None:
        self._room -= cost
        if self._room < 0:
            raise ProtocolError(f"The server keeps sending after the last byte asked for. {_TOO_MUCH}")


_TOO_MUCH = (
    "That is more than any answer may hold, so the session was closed before it filled the memory. "
    "The mailbox is tried again later."
)
_CLOSED = "The server closed the connection in mid-session. Nothing is lost: the mailbox is read again later."
_NOT_IMAP = (
    "The server answered “{line}”, which is not IMAP. Nothing of this session is kept; check host and port if it stays."
)


def literal_in(line: bytes, *, first: bool) -> re.Match[bytes] | None:
    """The size of the literal that follows this line, `first` of its response or not.

    Human text may end in {5} too: status lines carry no literal (RFC 9051 section 9, resp-text).
    """
    if b"}" not in line[-3:] or (first and _STATUS.match(line)):
        return None
    return _LITERAL.search(line, max(0, len(line) - 32))


def _batches(commands: Sequence[bytes]) -> list[list[bytes]]:
    batches: list[list[bytes]] = []
    room = 0
    for command in commands:
        if not batches or len(command) > room:
            batches.append([])
            room = MAX_WRITE
        batches[-1].append(command)
        room -= len(command) + 16
    return batches
