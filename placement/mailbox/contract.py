"""What a scan needs from a mailbox: the protocol, and the values its answers carry."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Generic, Protocol, TypeVar

from placement.errors import MailboxError
from placement.vocabulary import FolderStatus, ListedFolder, Traffic

Found_co = TypeVar("Found_co", covariant=True)

#: (raw folder name, first UID, last UID): never open-ended, `n:*` always returns the last message.
UidRange = tuple[bytes, int, int]


@dataclass(frozen=True, slots=True)
class Fetched:
    """One message as far as its headers."""

    uid: int
    internaldate: datetime  # aware UTC; 1970-01-01 where the server's own is unreadable
    size: int
    header_block: bytes = field(repr=False)
    truncated: bool = False
    gm_msgid: str = ""
    email_id: str = ""


@dataclass(frozen=True, slots=True)
class FetchedBody:
    """The first bytes of one message's body, still encoded."""

    uid: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer(Generic[Found_co]):
    """What one folder answered. With an `error` there is nothing in `found`, and `uidvalidity` is 0 where the
    folder could not be opened at all; the other folders' answers hold."""

    raw_name: bytes
    uidvalidity: int
    found: tuple[Found_co, ...] = ()
    exists: int = 0  # messages in the folder when it was opened
    error: MailboxError | None = None


class Mailbox(Protocol):
    """A logged-in session. Errors of one folder come in its Answer, errors of the session are raised."""

    @property
    def capabilities(self) -> frozenset[str]: ...

    @property
    def traffic(self) -> Traffic: ...

    def list_folders(self) -> list[ListedFolder]: ...

    @property
    def unnamed_folders(self) -> int:
        """Folders of the last listing that cannot be named, so that nobody can look into them."""
        ...

    def status(self, raw_names: Sequence[bytes]) -> dict[bytes, FolderStatus]:
        """One write for all; folders that gave no usable answer are absent."""
        ...

    def fetch_ranges(self, ranges: Sequence[UidRange]) -> list[Answer[Fetched]]:
        """Open every folder and fetch its headers, all in one write. Answers keep the order asked."""
        ...

    def fetch_uids(self, wanted: Sequence[tuple[bytes, Collection[int]]]) -> list[Answer[Fetched]]: ...

    def search_since(self, raw_names: Sequence[bytes], day: date) -> list[Answer[int]]: ...

    def existing(self, wanted: Sequence[tuple[bytes, Collection[int]]]) -> list[Answer[int]]:
        """Which of these UIDs still stand in their folders."""
        ...

    def gmail_ids(self, wanted: Sequence[tuple[bytes, Collection[int]]]) -> list[Answer[tuple[int, str]]]:
        """(UID, X-GM-MSGID) without any header: the same message has one id in all its folders."""
        ...

    def gmail_search(
        self, raw_name: bytes, uids: Collection[int], queries: Sequence[str], everywhere: str
    ) -> tuple[dict[str, frozenset[int]], Answer[int]]:
        """Per query the UIDs that X-GM-RAW finds among `uids`; and what `everywhere` finds in the folder."""
        ...

    def bodies(self, wanted: Sequence[tuple[bytes, Collection[int]]], cap_bytes: int) -> list[Answer[FetchedBody]]: ...

    def quota(self) -> float | None:
        """0..1, the fullest of the mailbox's limits; None where the server does not say."""
        ...
