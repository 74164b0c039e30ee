"""The one session that deletes: named UIDs of a folder, by UID EXPUNGE alone (RFC 4315), or nothing at all."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from placement.errors import FolderUnavailable, MailboxError
from placement.mailbox import grammar
from placement.mailbox.faults import refusal
from placement.mailbox.session import ImapMailbox, uid_sets
from placement.mailbox.wire import Reply

_UIDNEXT: Final = re.compile(rb"\[UIDNEXT (\d{1,10})\]", re.I)
_NO_UIDPLUS: Final = (
    "The server cannot delete single messages (no UIDPLUS): EXPUNGE would take along what others have marked."
)
_GMAIL: Final = "Gmail only archives what is expunged. Delete old mail in its web pages, or replace the seed."
_REMADE: Final = "The folder was made anew since it was last read, so the known numbers may mean other messages."
_BEHIND: Final = "The folder holds mail that was not read yet. It is read first; run this again later."
_READ_ONLY: Final = "The server opens this folder for reading only."


@dataclass(frozen=True, slots=True)
class KnownFolder:
    """A folder as the ledger knows it, and the messages to delete: UID → size in bytes."""

    raw_name: bytes
    uidvalidity: int
    uidnext: int
    messages: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Purged:
    """What became of one folder. With `refused` nothing was touched."""

    deleted: frozenset[int] = frozenset()
    different: int = 0  # messages whose size is not the ledger's: they were left
    refused: str = ""


class PurgingMailbox(ImapMailbox):
    """A session beside the read-only one. Whoever opens it holds the mailbox's lease."""

    def purge(self, known: KnownFolder, *, dry_run: bool) -> Purged:
        """Delete these messages if the folder is exactly what the ledger says. `dry_run` opens it for reading only."""
        if refused := self._refused():
            return Purged(refused=refused)
        opened = self._run([(b"EXAMINE " if dry_run else b"SELECT ") + self._quoted(known.raw_name)])[0]
        if not opened.ok:
            raise refusal(opened.status, opened.text)
        if refused := _in_doubt(opened, known, dry_run=dry_run):
            return Purged(refused=refused)
        present = self._present(known.messages)
        chosen = frozenset(uid for uid, size in present.items() if size == known.messages[uid])
        different = len(present) - len(chosen)
        if chosen and not dry_run:
            self._delete(chosen)
            chosen -= self._present(dict.fromkeys(chosen, 0)).keys()
        return Purged(chosen, different)

    def _refused(self) -> str:
        if "X-GM-EXT-1" in self.capabilities:
            return _GMAIL
        return "" if self.capabilities & {"UIDPLUS", "IMAP4REV2"} else _NO_UIDPLUS

    def _present(self, uids: Mapping[int, int]) -> dict[int, int]:
        """UID → size of those that stand in the folder."""
        replies = self._run([b"UID FETCH %b (UID RFC822.SIZE)" % uid_set for uid_set in uid_sets(uids.keys())])
        _all_ok(replies)
        items = grammar.fetched_items([line for reply in replies for line in reply.untagged])
        return {uid: _size(found.get("RFC822.SIZE")) for uid, found in items.items() if uid in uids}

    def _delete(self, uids: Collection[int]) -> None:
        # A set at a time: what STORE refused must not be followed by an EXPUNGE of it.
        for uid_set in uid_sets(uids):
            _all_ok(self._run([b"UID STORE %b +FLAGS.SILENT (\\Deleted)" % uid_set]))
            _all_ok(self._run([b"UID EXPUNGE %b" % uid_set]))


def _in_doubt(opened: Reply, known: KnownFolder, *, dry_run: bool) -> str:
    if grammar.opened_uidvalidity(opened.untagged) != known.uidvalidity:
        return _REMADE
    told = [_UIDNEXT.search(response[0]) for response in opened.untagged]
    uidnext = next((int(found[1]) for found in told if found), None)
    if uidnext is None or uidnext != known.uidnext:
        return _BEHIND
    return "" if dry_run or "[READ-ONLY]" not in opened.text.upper() else _READ_ONLY


def _size(token: grammar.Token | None) -> int:
    size = grammar.number(token)
    return -1 if size is None else size


def _all_ok(replies: Sequence[Reply]) -> None:
    for reply in replies:
        if not reply.ok:
            error: MailboxError = refusal(reply.status, reply.text)
            raise error if error.permanent else FolderUnavailable(str(error))
