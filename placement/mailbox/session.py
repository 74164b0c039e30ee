"""ImapMailbox: the session behind the Mailbox protocol. EXAMINE and BODY.PEEK only, nothing is ever changed."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from placement.errors import FolderUnavailable, MailboxError
from placement.mailbox import grammar
from placement.mailbox.connection import (
    Border,
    Client,
    Connector,
    Deadline,
    Dial,
    Login,
    capability_words,
    connect,
    hang_up,
    say_goodbye,
    told_capabilities,
)
from placement.mailbox.contract import Answer, Fetched, FetchedBody, UidRange
from placement.mailbox.faults import Moment, refusal, said
from placement.mailbox.wire import Reply, Wire
from placement.vocabulary import FolderStatus, ListedFolder, Traffic

Asked = TypeVar("Asked")
Found = TypeVar("Found")
Uids = Collection[int]

#: Bytes that answers without messages may hold: LIST of thousands of folders, SEARCH of 100,000 UIDs.
_SMALL = 8 * 1024 * 1024
#: What one message may cost beside its header block or body.
_OVERHEAD = 4 * 1024
#: No session holds more than this, however much was asked for.
_LARGEST = 160 * 1024 * 1024
#: RFC 2683 3.2.1.5: a command line stays below 1,000 bytes.
_SET_LENGTH = 900

_STATUS_ITEMS = b"(MESSAGES UIDNEXT UIDVALIDITY)"
#: RFC 9738: the server looked at part of the folder only, and says OK.
_PARTIAL = re.compile(r"\[MESSAGELIMIT\b", re.I)
_NO_LIST = (
    "The server lets us in but does not list its folders, so nothing was read and nothing is lost. It is tried "
    "again later; if it stays, look into the mailbox in the provider's web mail."
)
_NO_UIDS = (
    "The server gives this folder no UIDVALIDITY, so its messages cannot be told apart from one visit to the "
    "next. It is not read; ask the provider."
)
_SAFE_QUERY = re.compile(r"[A-Za-z0-9@._:-]+( OR [A-Za-z0-9@._:-]+)*")


@dataclass(frozen=True, slots=True)
class Visit:
    """One folder to open, and the commands to run inside it."""

    raw_name: bytes
    commands: tuple[bytes, ...]


class ImapMailbox:
    """A logged-in, deadlined, read-only IMAP session; `with ImapMailbox.open(…) as mailbox`."""

    def __init__(self, client: Client, border: Border, deadline: Deadline, *, send_id: bool) -> None:
        self._client = client
        self._border = border
        self._deadline = deadline
        self._wire = Wire(client.imap, border.secrets)
        self._broken = False
        self._listing = grammar.Listing()
        self.capabilities = told_capabilities(client) or self._ask_capabilities()
        if send_id:
            self._run([b'ID ("name" "seedtest")'])

    @classmethod
    def open(
        cls, login: Login, *, dial: Dial, deadline_seconds: float, ssl_context: ssl.SSLContext | None = None
    ) -> ImapMailbox:
        """Connect and log in. The deadline is wall-clock and runs from here to the end of the session."""
        deadline = Deadline(deadline_seconds)
        border = Border(login, deadline)
        try:
            client = connect(login, Connector(login, dial, deadline, ssl_context), border)
        except BaseException:
            deadline.cancel()
            raise
        try:
            return cls(client, border, deadline, send_id=login.send_id)
        except BaseException:
            hang_up(client)
            deadline.cancel()
            raise

    def __enter__(self) -> ImapMailbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ImapMailbox {self._client.host}>"

    def close(self) -> None:
        """Never raises, and never waits long."""
        if not self._broken and not self._deadline.expired:
            say_goodbye(self._client)
        hang_up(self._client)
        self._deadline.cancel()

    @property
    def alive(self) -> bool:
        """Can the session be used again? Costs no round trip: a server that closed has sent its BYE or its FIN."""
        return not self._broken and not self._deadline.expired and self._client.imap.silent()

    def renew(self, deadline_seconds: float) -> bool:
        """Use the session for another scan, with a deadline of its own. False: it is over, open another one."""
        return self._deadline.renew(deadline_seconds) and self.alive

    def rest(self) -> None:
        """Between two scans no deadline runs; whoever keeps the session decides how long."""
        self._deadline.cancel()

    def hand_over(self) -> tuple[socket.socket, bytes]:
        """The socket, not blocking any more, and what was read from it ahead. This object is of no more use."""
        self._broken = True
        self._deadline.cancel()
        return self._client.imap.give_away()

    def examine_command(self, raw_name: bytes) -> bytes:
        return b"EXAMINE " + self._quoted(raw_name)

    @property
    def answers(self) -> int:
        """Commands that the server has answered so far. A kept session lost before the next one has told nothing."""
        return self._wire.answers

    @property
    def traffic(self) -> Traffic:
        return self._wire.traffic

    # --- the folders ------------------------------------------------------------------------------------

    def list_folders(self) -> list[ListedFolder]:
        """One command for names, special uses and statuses where the server can; never fewer folders."""
        for command in self._list_commands():
            reply = self._run([command])[0]
            if reply.ok:
                return self._listing.read(reply.untagged)
        error = refusal(reply.status, reply.text)
        raise FolderUnavailable(_NO_LIST) if isinstance(error, FolderUnavailable) else error

    @property
    def unnamed_folders(self) -> int:
        """Folders of the last listing that cannot be named, so that nobody can look into them."""
        return self._listing.unnamed

    def _list_commands(self) -> Iterable[bytes]:
        offered = self.capabilities
        special = [b"SPECIAL-USE"] if offered & {"SPECIAL-USE", "IMAP4REV2"} else []
        if offered & {"LIST-STATUS", "IMAP4REV2"}:
            yield b'LIST "" "*" RETURN (%b)' % b" ".join([*special, b"STATUS " + _STATUS_ITEMS])
        if special and offered & {"LIST-EXTENDED", "IMAP4REV2"}:
            yield b'LIST "" "*" RETURN (SPECIAL-USE)'
        yield b'LIST "" "*"'

    def status(self, raw_names: Sequence[bytes]) -> dict[bytes, FolderStatus]:
        replies = self._run([b"STATUS " + self._quoted(name) + b" " + _STATUS_ITEMS for name in raw_names])
        # By name and over all answers: a server may finish STATUS commands in the order it likes.
        told = grammar.folder_statuses([line for reply in replies for line in reply.untagged])
        keys = {name: grammar.name_key(name) for name in raw_names}
        return {name: told[key] for name, key in keys.items() if key in told}

    # --- the messages -----------------------------------------------------------------------------------

    def fetch_ranges(self, ranges: Sequence[UidRange]) -> list[Answer[Fetched]]:
        expected = sum(last - first + 1 for _, first, last in ranges)
        visits = [Visit(name, (self._header_fetch(b"%d:%d" % (a, b)),)) for name, a, b in ranges]
        allowed = [range(first, last + 1) for _, first, last in ranges]
        return self._headers(visits, allowed, expected)

    def fetch_uids(self, wanted: Sequence[tuple[bytes, Uids]]) -> list[Answer[Fetched]]:
        visits = [Visit(name, tuple(map(self._header_fetch, uid_sets(uids)))) for name, uids in wanted]
        return self._headers(visits, [uids for _, uids in wanted], sum(len(uids) for _, uids in wanted))

    def _header_fetch(self, uids: bytes) -> bytes:
        items = [b"UID", b"INTERNALDATE", b"RFC822.SIZE"]
        items += [b"X-GM-MSGID"] if "X-GM-EXT-1" in self.capabilities else []
        items += [b"EMAILID"] if "OBJECTID" in self.capabilities else []
        # One byte more than is kept says whether there was more.
        items.append(b"BODY.PEEK[HEADER]<0.%d>" % (grammar.HEADER_CAP + 1))
        return b"UID FETCH %b (%b)" % (uids, b" ".join(items))

    def _headers(self, visits: Sequence[Visit], allowed: Sequence[Uids], expected: int) -> list[Answer[Fetched]]:
        def read(uids: Uids, replies: Sequence[Reply]) -> Iterable[Fetched]:
            items = grammar.fetched_items(_untagged(replies))
            messages = (grammar.fetched_message(uid, items[uid]) for uid in sorted(items) if uid in uids)
            return [message for message in messages if message is not None]

        budget = expected * (grammar.HEADER_CAP + _OVERHEAD)
        return self._visit(visits, allowed, read, budget)

    def search_since(self, raw_names: Sequence[bytes], day: date) -> list[Answer[int]]:
        since = b"%d-%b-%d" % (day.day, grammar.MONTHS[day.month - 1].encode(), day.year)
        visits = [Visit(name, (b"UID SEARCH SINCE " + since,)) for name in raw_names]
        return self._visit(visits, raw_names, lambda _, replies: _searched(replies), 0)

    def existing(self, wanted: Sequence[tuple[bytes, Uids]]) -> list[Answer[int]]:
        visits = [
            Visit(name, tuple(b"UID SEARCH UID " + uid_set for uid_set in uid_sets(uids))) for name, uids in wanted
        ]
        asked = [frozenset(uids) for _, uids in wanted]
        return self._visit(visits, asked, lambda uids, replies: sorted(uids & set(_searched(replies))), 0)

    def gmail_ids(self, wanted: Sequence[tuple[bytes, Uids]]) -> list[Answer[tuple[int, str]]]:
        visits = [
            Visit(name, tuple(b"UID FETCH %b (UID X-GM-MSGID)" % uid_set for uid_set in uid_sets(uids)))
            for name, uids in wanted
        ]

        def read(uids: Uids, replies: Sequence[Reply]) -> Iterable[tuple[int, str]]:
            items = grammar.fetched_items(_untagged(replies))
            return [(uid, grammar.gmail_id(items[uid])) for uid in sorted(items) if uid in uids]

        return self._visit(visits, [uids for _, uids in wanted], read, 0)

    def gmail_search(
        self, raw_name: bytes, uids: Uids, queries: Sequence[str], everywhere: str
    ) -> tuple[dict[str, frozenset[int]], Answer[int]]:
        sets = uid_sets(uids)
        asked = [(query, uid_set) for query in queries for uid_set in sets]
        commands = [b"UID SEARCH UID %b X-GM-RAW %b" % (uid_set, _query(query)) for query, uid_set in asked]
        commands.append(b"UID SEARCH X-GM-RAW " + _query(everywhere))
        answers: dict[str, frozenset[int]] = dict.fromkeys(queries, frozenset())

        def read(_: None, replies: Sequence[Reply]) -> Iterable[int]:
            for (query, _set), reply in zip(asked, replies, strict=False):
                answers[query] |= frozenset(uids) & frozenset(_searched([reply]))
            return _searched(replies[-1:])

        return answers, self._visit([Visit(raw_name, tuple(commands))], [None], read, 0)[0]

    def bodies(self, wanted: Sequence[tuple[bytes, Uids]], cap_bytes: int) -> list[Answer[FetchedBody]]:
        part = b"(UID BODY.PEEK[TEXT]<0.%d>)" % cap_bytes
        visits = [
            Visit(name, tuple(b"UID FETCH %b %b" % (uid_set, part) for uid_set in uid_sets(uids)))
            for name, uids in wanted
        ]

        def read(uids: Uids, replies: Sequence[Reply]) -> Iterable[FetchedBody]:
            items = grammar.fetched_items(_untagged(replies))
            bodies = ((uid, grammar.section(items[uid], "TEXT")) for uid in sorted(items) if uid in uids)
            return [FetchedBody(uid, body[:cap_bytes]) for uid, body in bodies if body is not None]

        expected = sum(len(uids) for _, uids in wanted)
        asked = [uids for _, uids in wanted]
        return self._visit(visits, asked, read, expected * (cap_bytes + _OVERHEAD))

    def quota(self) -> float | None:
        if "QUOTA" not in self.capabilities:
            return None
        return grammar.quota_used(self._run([b'GETQUOTAROOT "INBOX"'])[0].untagged)

    # --- the wire ---------------------------------------------------------------------------------------

    def _visit(
        self,
        visits: Sequence[Visit],
        asked: Sequence[Asked],
        read: Callable[[Asked, Sequence[Reply]], Iterable[Found]],
        budget: int,
    ) -> list[Answer[Found]]:
        """Open each folder, run its commands, leave the last one: everything in one write.

        STATUS of a folder that is still open is frozen on Dovecot, hence the leaving. CLOSE changes nothing
        in a folder opened by EXAMINE (RFC 9051 6.4.1).
        """
        visits_asked = [(visit, what) for visit, what in zip(visits, asked, strict=True)]
        if not visits_asked:
            return []
        commands = [line for visit in visits for line in (self.examine_command(visit.raw_name), *visit.commands)]
        commands.append(b"UNSELECT" if self.capabilities & {"UNSELECT", "IMAP4REV2"} else b"CLOSE")
        replies = self._run(commands, budget=min(_SMALL + budget, _LARGEST))
        answers, start = [], 0
        for visit, what in visits_asked:
            end = start + 1 + len(visit.commands)
            answers.append(_answer(visit.raw_name, what, replies[start:end], read))
            start = end
        return answers

    def _quoted(self, raw_name: bytes) -> bytes:
        """A quoted string; bytes that no quoted string may hold go as a literal where one needs no waiting."""
        if not raw_name.isascii() and self.capabilities & {"LITERAL+", "LITERAL-", "IMAP4REV2"}:
            return b"{%d+}\r\n%b" % (len(raw_name), raw_name)
        return b'"%b"' % raw_name.replace(b"\\", b"\\\\").replace(b'"', b'\\"')

    def _ask_capabilities(self) -> frozenset[str]:
        reply = self._run([b"CAPABILITY"])[0]
        lines = [line[0] for line in reply.untagged if grammar.is_data(line, b"CAPABILITY")]
        return capability_words(b" ".join(lines))

    def _run(self, commands: Sequence[bytes], *, budget: int = _SMALL) -> list[Reply]:
        if not commands:
            return []
        try:
            with self._border.crossing(Moment.SESSION):
                return self._wire.run(commands, budget=budget)
        except MailboxError:
            self._broken = True
            raise


def _answer(
    raw_name: bytes,
    asked: Asked,
    replies: Sequence[Reply],
    read: Callable[[Asked, Sequence[Reply]], Iterable[Found]],
) -> Answer[Found]:
    opened, *inside = replies
    uidvalidity = grammar.opened_uidvalidity(opened.untagged) if opened.ok else None
    # A server that keeps the folder before it open when EXAMINE fails would answer for the wrong one.
    for reply in replies:
        if error := _refused(reply):
            return Answer(raw_name, uidvalidity or 0, error=error)
    if uidvalidity is None:
        return Answer(raw_name, 0, error=FolderUnavailable(_NO_UIDS))
    found = tuple(read(asked, inside))
    return Answer(raw_name, uidvalidity, found, grammar.opened_exists(opened.untagged))


def _refused(reply: Reply) -> MailboxError | None:
    if not reply.ok:
        return refusal(reply.status, reply.text)
    return said(FolderUnavailable, reply.text) if _PARTIAL.search(reply.text) else None


def _untagged(replies: Sequence[Reply]) -> list[grammar.Response]:
    return [response for reply in replies for response in reply.untagged]


def _searched(replies: Sequence[Reply]) -> list[int]:
    return sorted(grammar.searched_uids(_untagged(replies)))


def _query(query: str) -> bytes:
    # What reaches SEARCH is sent as it stands: nothing that could end the string or the line.
    if not _SAFE_QUERY.fullmatch(query):
        raise ValueError(f"not a safe search query: {query!r}")
    return b'"%b"' % query.encode()


def uid_sets(uids: Uids) -> list[bytes]:
    """UIDs as sequence sets (RFC 9051 section 9), neighbours joined, each short enough for one command."""
    sets: list[bytes] = []
    for span in _spans(sorted(set(uids))):
        if sets and len(sets[-1]) + len(span) < _SET_LENGTH:
            sets[-1] += b"," + span
        else:
            sets.append(span)
    return sets


def _spans(ordered: Sequence[int]) -> Iterable[bytes]:
    start = 0
    for index, uid in enumerate(ordered):
        if index + 1 < len(ordered) and ordered[index + 1] == uid + 1:
            continue
        first = ordered[start]
        yield b"%d" % uid if first == uid else b"%d:%d" % (first, uid)
        start = index + 1
