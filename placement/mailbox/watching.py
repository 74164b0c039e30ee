"""IDLE (RFC 2177) on one folder as a state machine: bytes in, bytes out and what was heard. No socket, no clock.

Not imapclient's: its idle_check() aborts on a line that is split over two packets and spins at the end of a connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from placement.errors import Disconnected, ProtocolError
from placement.mailbox.faults import bye, printable, refusal, said
from placement.mailbox.secrecy import NO_SECRETS, Secrets
from placement.mailbox.wire import MAX_LITERAL, literal_in
from placement.vocabulary import Cursor

#: Lines of a session that reads no mail are short; a folder's list of flags is the longest.
MAX_LINE = 64 * 1024
#: What a server may say from one IDLE to the next: somebody marking 50,000 messages as read costs 2 MB.
ROUND_BYTES = 4 * 1024 * 1024

_COUNT = re.compile(rb"\* (\d{1,10}) (EXISTS|RECENT|EXPUNGE)\b", re.I)
_CODE = re.compile(rb"\* OK \[(UIDVALIDITY|UIDNEXT) (\d{1,10})\]", re.I)
_BYE = re.compile(rb"\* BYE\b *(.*)", re.I | re.S)
_TAGGED = re.compile(rb"(OK|NO|BAD)\b *(.*)", re.I | re.S)


class Responses:
    """Cuts a stream at any byte into responses, and keeps of each what stands before its first literal."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._skip = 0  # bytes of a literal still to come
        self._head: bytes | None = None  # of the response whose literal is being skipped

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The responses that `data` completes. Raises ProtocolError beyond the caps."""
        position = 0
        while position < len(data):
            if self._skip:
                step = min(self._skip, len(data) - position)
                self._skip -= step
            else:
                step = (data.find(b"\n", position) + 1 or len(data)) - position
                yield from self._take(data[position : position + step])
            position += step

    def _take(self, piece: bytes) -> Iterator[bytes]:
        self._line += piece
        if len(self._line) > MAX_LINE:
            raise ProtocolError(f"The server sent a line of more than {MAX_LINE} bytes. {_GAVE_UP}")
        if piece.endswith(b"\n"):
            yield from self._ended()

    def _ended(self) -> Iterator[bytes]:
        line, self._line = bytes(self._line), bytearray()
        head = line if self._head is None else self._head
        # What stands after "+" is text: it may end in {5} and mean nothing by it.
        literal = None if head.startswith(b"+") else literal_in(line, first=self._head is None)
        if literal is None:
            self._head = None
            yield head.rstrip(b"\r\n")
            return
        self._head, self._skip = head, int(literal[1])
        if self._skip > MAX_LITERAL:
            raise ProtocolError(f"The server announced {self._skip} bytes in one piece. {_GAVE_UP}")


class Step(StrEnum):
    """How far the conversation has come."""

    OPENING = "opening"  # EXAMINE is out
    ASKING = "asking"  # IDLE is out, the server has not agreed yet
    IDLING = "idling"
    ENDING = "ending"  # DONE is out
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Heard:
    """What some bytes of the server mean."""

    new_mail: bool = False
    answer: bytes = b""  # to be sent


class FolderWatch:
    """One folder, opened read-only and watched. New mail is a count that grows in any response, not in IDLE only.

    `examine` is the command that opens the folder, `known` how far it was read when somebody last looked: mail that
    came between then and the opening is heard of too. Errors are raised by `hear`, and end the watch.
    """

    def __init__(self, examine: bytes, known: Cursor | None, secrets: Secrets = NO_SECRETS) -> None:
        self._examine = examine
        self._secrets = secrets
        self._known = known
        self._responses = Responses()
        self._tag = 0
        self._left = ROUND_BYTES
        self._exists: int | None = None
        self._recent: int | None = None
        self._opened: dict[bytes, int] = {}
        self.step = Step.OPENING
        self.last_words_were_mail = False  # in the bytes heard last, also where they ended the watch

    @property
    def idling(self) -> bool:
        return self.step is Step.IDLING

    def begin(self) -> bytes:
        return self._command(self._examine)

    def renew(self) -> bytes:
        """Ends this IDLE; the next one follows by itself. Servers may log out whoever idles for 30 minutes."""
        if not self.idling:
            return b""
        self.step = Step.ENDING
        return b"DONE\r\n"

    def end(self) -> bytes:
        """Says goodbye. What comes after it is not read any more."""
        done = b"DONE\r\n" if self.idling else b""
        self.step = Step.OVER
        return done + self._command(b"LOGOUT")

    def hear(self, data: bytes) -> Heard:
        """Raises ProtocolError, Disconnected, Throttled or FolderUnavailable."""
        if self.step is Step.OVER:
            return Heard()
        self._left -= len(data)
        if self._left < 0:
            raise ProtocolError(f"The server keeps talking although nothing was asked. {_GAVE_UP}")
        self.last_words_were_mail, answer = False, b""
        for line in self._responses.feed(data):
            heard = self._response(line)
            self.last_words_were_mail |= heard.new_mail
            answer += heard.answer
        return Heard(self.last_words_were_mail, answer)

    # --- one response -----------------------------------------------------------------------------------

    def _response(self, line: bytes) -> Heard:
        if line.startswith(b"+"):
            return self._agreed(line)
        if line.startswith(b"* "):
            return Heard(self._untagged(line))
        tag, _, rest = line.partition(b" ")
        status = _TAGGED.match(rest) if tag == self._present_tag else None
        if status is None:
            raise ProtocolError(f"The server said “{printable(self._text(line))}”, which is not IMAP here. {_GAVE_UP}")
        return self._tagged(status[1].upper(), self._text(status[2]))

    def _agreed(self, line: bytes) -> Heard:
        if self.step is not Step.ASKING:
            raise ProtocolError(f"The server waits for more although nothing was begun. {_GAVE_UP}")
        self.step = Step.IDLING
        return Heard()

    def _tagged(self, status: bytes, text: str) -> Heard:
        if status != b"OK":
            raise refusal(status.decode("ascii"), text)
        if self.step in (Step.ASKING, Step.IDLING):
            raise said(Disconnected, text)  # it ends IDLE unasked; asked again at once, it could do so for ever
        is_news = self.step is Step.OPENING and self._was_behind()
        self.step, self._left = Step.ASKING, ROUND_BYTES
        self._exists, self._recent = self._exists or 0, self._recent or 0
        return Heard(is_news, self._command(b"IDLE"))

    def _was_behind(self) -> bool:
        """Has mail come since the folder was last read? A server that does not say how far it is: perhaps."""
        if self._known is None or b"UIDNEXT" not in self._opened:
            return True
        same = self._opened.get(b"UIDVALIDITY") == self._known.uidvalidity
        return not same or self._opened[b"UIDNEXT"] > self._known.uidnext

    def _untagged(self, line: bytes) -> bool:
        if found := _COUNT.match(line):
            return self._counted(int(found[1]), found[2].upper())
        if found := _CODE.match(line):
            self._opened[found[1].upper()] = int(found[2])
        elif found := _BYE.match(line):
            raise bye(self._text(found[1]))
        return False

    def _counted(self, number: int, what: bytes) -> bool:
        """Did a count grow? EXPUNGE takes one away, so that the next message is not mistaken for the one that went."""
        if what == b"EXPUNGE":
            self._exists = max((self._exists or 0) - 1, 0)
            return False
        if what == b"EXISTS":
            before, self._exists = self._exists, number
        else:
            before, self._recent = self._recent, number
        return before is not None and number > before

    def _text(self, raw: bytes) -> str:
        return self._secrets.out_of(raw.decode("utf-8", "replace").strip())

    # --- commands ---------------------------------------------------------------------------------------

    @property
    def _present_tag(self) -> bytes:
        return b"W%d" % self._tag

    def _command(self, command: bytes) -> bytes:
        self._tag += 1
        return b"%b %b\r\n" % (self._present_tag, command)


_GAVE_UP = "The watch was closed. Nothing is lost: the mailbox is read all the same, a little later."
