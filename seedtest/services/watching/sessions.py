"""One folder's connection, never waited for: what the socket has goes into the machine, its answers go out."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl

from placement.errors import DeadlineExceeded, Disconnected, MailboxError
from placement.mailbox.faults import FOREIGN, Moment, said, translate
from seedtest.services.watching.entering import Opened

#: Whatever a server is asked, it answers within this time.
ANSWER_SECONDS = 30.0
#: Read at once, so that one that talks keeps no others waiting; more than a TLS record, so that none is left unseen.
READ_BYTES = 64 * 1024
_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class FolderSession:
    """A watched folder. Every method may raise MailboxError: the session is over then."""

    __slots__ = ("_idling", "_out", "_renew_seconds", "_talk", "due", "mailbox_id", "sock")

    def __init__(self, mailbox_id: int, opened: Opened) -> None:
        self.mailbox_id = mailbox_id
        self.sock = opened.sock
        self.due = 0.0  # when the next thing must have happened
        self._talk = opened.talk
        self._renew_seconds = opened.renew_seconds
        self._out = b""
        self._idling = False

    def begin(self, early: bytes, clock: float) -> bool:
        """Opens the folder. True when there is new mail, as in `serve`."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.due = clock + ANSWER_SECONDS
        self._send(self._talk.begin())
        news = self._hear(early, clock)
        return self.serve(clock) or news  # TLS may hold more that no selector knows of

    def serve(self, clock: float) -> bool:
        """Read what is there, write what is left. True when new mail was heard of."""
        news = self._hear(self._receive(), clock)
        self._send(b"")
        return news

    def look_at_the_clock(self, clock: float) -> None:
        """What was due by now: the next IDLE, or an answer that did not come."""
        if not self._talk.idling:
            raise said(DeadlineExceeded, "")
        self._idling = False
        self.due = clock + ANSWER_SECONDS
        self._send(self._talk.renew())

    @property
    def ended_with_news(self) -> bool:
        """Mail was heard of in the same breath as what ended the session."""
        return self._talk.last_words_were_mail

    @property
    def wants_to_write(self) -> bool:
        return bool(self._out)

    def close(self, *, goodbye: bool = False) -> None:
        if goodbye:
            with contextlib.suppress(MailboxError):
                self._send(self._talk.end())
        self.sock.close()

    def _hear(self, data: bytes, clock: float) -> bool:
        heard = self._talk.hear(data)
        self._send(heard.answer)
        if self._talk.idling and not self._idling:
            self._idling = True
            self.due = clock + self._renew_seconds * random.uniform(0.9, 1.0)
        return heard.new_mail

    def _receive(self) -> bytes:
        try:
            data = self.sock.recv(READ_BYTES)
        except _LATER:
            return b""
        except FOREIGN as fault:
            raise translate(fault, Moment.SESSION) from None
        if not data:
            raise said(Disconnected, "")
        return data

    def _send(self, data: bytes) -> None:
        self._out += data
        if not self._out:
            return
        try:
            self._out = self._out[self.sock.send(self._out) :]
        except _LATER:
            return
        except FOREIGN as fault:
            raise translate(fault, Moment.SESSION) from None
