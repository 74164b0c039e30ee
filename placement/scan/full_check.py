"""The full check: every selectable folder, Trash included; on Gmail also what stands in All Mail alone.

Only this may call a message missing, so it is complete only when every folder answered (HOUSE: Polling 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from placement.mailbox import Answer, Mailbox
from placement.scan.incremental import Found
from placement.vocabulary import CHECKED_ROLES, Folder, FolderRole, FullCheck, ScanOrder

Failure = tuple[str, str]

_REMADE = "The folder was made anew while it was being read. It is looked at again by the next check."
_UNREAD = "The server names messages here that it does not give out, so nobody can say what they are."
_UNNAMED = (
    "The server lists more folders than are read, or names that cannot be sent back to it: nobody looks into them."
)
_NO_INBOX: Failure = ("INBOX", "The server does not show it, or does not let us open it.")


@dataclass(frozen=True, slots=True)
class FullReading:
    outcome: FullCheck | None = None
    found: tuple[Found, ...] = ()
    backlog: bool = False


@dataclass(slots=True)
class Progress:
    """What was found so far, by folder: UIDs in the window, UIDs still to be read, failures."""

    by_name: dict[bytes, Folder]
    uidvalidity: dict[bytes, int] = field(default_factory=dict)
    window: dict[bytes, frozenset[int]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def fail(self, raw_name: bytes, words: str) -> None:
        self.window.pop(raw_name, None)
        self.failures.append((self.by_name[raw_name].name, words))

    def holds(self, answer: Answer[object]) -> bool:
        """Does this answer speak of the folder that was searched?"""
        if answer.error is not None:
            self.fail(answer.raw_name, str(answer.error))
        elif answer.uidvalidity != self.uidvalidity[answer.raw_name]:
            self.fail(answer.raw_name, _REMADE)
        else:
            return True
        return False


def check_everything(
    mailbox: Mailbox, folders: Sequence[Folder], order: ScanOrder, just_read: Iterable[Found]
) -> FullReading:
    checked = [one for one in folders if one.selectable and one.role in CHECKED_ROLES]
    archive = _archive(mailbox, folders)
    # The archive first: a message that arrives between two searches must not be seen in it alone.
    progress = _search(mailbox, [*archive, *checked], order)
    if not any(one.role is FolderRole.INBOX or one.raw_name.upper() == b"INBOX" for one in checked):
        progress.failures.append(_NO_INBOX)  # every account has one (RFC 9051 section 5.1)
    if mailbox.unnamed_folders:
        progress.failures.append((f"{mailbox.unnamed_folders} folders", _UNNAMED))
    unread = _unread(progress, order, just_read)
    for one in archive:
        unread[one.raw_name] &= _only_in(mailbox, one, progress)
    wanted, backlog = _newest(unread, order.max_messages)
    found = _fetch(mailbox, progress, wanted)
    if backlog:
        progress.failures.append(("every folder", f"More than {order.max_messages} unread messages; the rest follows."))
    looked = len(progress.by_name)
    outcome = FullCheck(not progress.failures, looked, tuple(progress.failures))
    return FullReading(outcome, found, backlog)


def _archive(mailbox: Mailbox, folders: Sequence[Folder]) -> list[Folder]:
    if "X-GM-EXT-1" not in mailbox.capabilities:
        return []
    return [one for one in folders if one.role is FolderRole.ALL and one.selectable][:1]


def _search(mailbox: Mailbox, folders: Sequence[Folder], order: ScanOrder) -> Progress:
    progress = Progress({one.raw_name: one for one in folders})
    if order.full_check_since is None or not folders:
        return progress
    for answer in mailbox.search_since(list(progress.by_name), order.full_check_since):
        if answer.error is not None:
            progress.fail(answer.raw_name, str(answer.error))
            continue
        progress.uidvalidity[answer.raw_name] = answer.uidvalidity
        progress.window[answer.raw_name] = frozenset(answer.found)
    return progress


def _unread(progress: Progress, order: ScanOrder, just_read: Iterable[Found]) -> dict[bytes, frozenset[int]]:
    """UIDs that neither the ledger nor this pass knows."""
    seen = {(one.folder.raw_name, one.uidvalidity, one.message.uid) for one in just_read}
    unread = dict.fromkeys(progress.by_name, frozenset[int]())
    for raw_name, uids in progress.window.items():
        uidvalidity = progress.uidvalidity[raw_name]
        known = order.known.get((progress.by_name[raw_name].name, uidvalidity), frozenset())
        left = (uid for uid in uids - known if (raw_name, uidvalidity, uid) not in seen)
        unread[raw_name] = frozenset(left)
    return unread


def _only_in(mailbox: Mailbox, archive: Folder, progress: Progress) -> frozenset[int]:
    """UIDs of All Mail whose X-GM-MSGID stands in no other folder: archived, or filtered past the inbox.

    With a folder missing from the check nothing can be said to stand nowhere else.
    """
    if progress.failures:
        return frozenset()
    wanted = [(raw_name, uids) for raw_name, uids in progress.window.items() if uids]
    elsewhere: set[str] = set()
    here: dict[str, int] = {}
    for answer in mailbox.gmail_ids(wanted) if wanted else []:
        if not progress.holds(answer):
            return frozenset()
        if answer.raw_name == archive.raw_name:
            here = {gmail_id: uid for uid, gmail_id in answer.found}
        else:
            elsewhere |= {gmail_id for _, gmail_id in answer.found}
    return frozenset(uid for gmail_id, uid in here.items() if gmail_id and gmail_id not in elsewhere)


def _newest(unread: dict[bytes, frozenset[int]], room: int) -> tuple[list[tuple[bytes, frozenset[int]]], bool]:
    """At most `room` messages, of each folder the newest; smaller folders first."""
    wanted, backlog = [], False
    for raw_name, uids in sorted(unread.items(), key=lambda item: len(item[1])):
        chosen = frozenset(sorted(uids, reverse=True)[:room])
        backlog |= len(chosen) < len(uids)
        room -= len(chosen)
        if chosen:
            wanted.append((raw_name, chosen))
    return wanted, backlog


def _fetch(mailbox: Mailbox, progress: Progress, wanted: Sequence[tuple[bytes, frozenset[int]]]) -> tuple[Found, ...]:
    found: list[Found] = []
    asked = dict(wanted)
    for answer in mailbox.fetch_uids(wanted) if wanted else []:
        if progress.holds(answer):
            folder = progress.by_name[answer.raw_name]
            found += [Found(folder, answer.uidvalidity, message) for message in answer.found]
            # Deleted since the search, or kept back: the next check can tell.
            if asked[answer.raw_name] - {message.uid for message in answer.found}:
                progress.fail(answer.raw_name, _UNREAD)
    return tuple(found)
