"""The session that deletes: refuses in every doubt, and never says EXPUNGE without a set of its own UIDs."""

from __future__ import annotations

import pytest

from placement.errors import MailboxError
from placement.mailbox import Login
from placement.mailbox.purging import KnownFolder, Purged, PurgingMailbox
from tests.fakes import PASSWORD, Box, Letter, ScriptedImapServer, dial

UIDPLUS = "IMAP4rev1 UIDPLUS LIST-STATUS SPECIAL-USE UNSELECT"
SELECTED = (
    b"* 2 EXISTS\r\n* OK [UIDVALIDITY 7] UIDs valid\r\n* OK [UIDNEXT 3] next\r\n%(tag)s OK [READ-WRITE] Opened\r\n"
)
SIZES = b"* 1 FETCH (UID 1 RFC822.SIZE 100)\r\n* 2 FETCH (UID 2 RFC822.SIZE 200)\r\n%(tag)s OK done\r\n"
KNOWN = KnownFolder(b"INBOX", 7, 3, {1: 100, 2: 200})


def purge(answers=None, *, capabilities: str = UIDPLUS, known: KnownFolder = KNOWN, dry_run: bool = False):
    """(what became of the folder, the commands after the login)."""
    script = {"SELECT": SELECTED, "UID FETCH": SIZES, "UID STORE": OK, "UID EXPUNGE": OK} | (answers or {})
    box = Box(letters=[Letter(1), Letter(2)])
    with ScriptedImapServer(box, capabilities=capabilities, answers=script) as server:
        login = Login("imap.mail.example", server.port, tls="none", user="seed@mail.example", secret=PASSWORD)
        with PurgingMailbox.open(login, dial=dial, deadline_seconds=5) as mailbox:
            try:
                return mailbox.purge(known, dry_run=dry_run), server.commands[1:]
            except MailboxError as error:
                return error, server.commands[1:]


OK = b"%(tag)s OK done\r\n"


def test_messages_are_marked_and_expunged_by_their_own_uids():
    _, commands = purge()
    assert commands[2:4] == [b"UID STORE 1:2 +FLAGS.SILENT (\\Deleted)", b"UID EXPUNGE 1:2"]
    assert not any(command.startswith((b"EXPUNGE", b"CLOSE")) for command in commands)


def test_what_still_stands_there_afterwards_was_not_deleted():
    assert purge()[0] == Purged(frozenset(), 0)


def test_a_server_without_uidplus_is_refused_before_a_folder_is_opened():
    done, commands = purge(capabilities="IMAP4rev1 UNSELECT")
    assert "UIDPLUS" in done.refused and commands == []


def test_gmail_is_refused_because_it_only_archives():
    done, commands = purge(capabilities=f"{UIDPLUS} X-GM-EXT-1")
    assert "archives" in done.refused and commands == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"UIDVALIDITY 7", b"UIDVALIDITY 8", "made anew"),
        (b"UIDNEXT 3", b"UIDNEXT 4", "not read yet"),
        (b"* OK [UIDNEXT 3] next\r\n", b"", "not read yet"),
        (b"READ-WRITE", b"READ-ONLY", "reading only"),
    ],
)
def test_a_folder_that_is_not_as_the_ledger_says_is_left(old, new, words):
    done, commands = purge({"SELECT": SELECTED.replace(old, new)})
    assert words in done.refused
    assert len(commands) == 1, "only opened"


def test_a_message_of_another_size_is_left():
    _, commands = purge({"UID FETCH": SIZES.replace(b"200", b"201")})
    assert b"UID EXPUNGE 1" in commands and b"UID EXPUNGE 1:2" not in commands


def test_a_message_without_a_size_is_left():
    done, commands = purge({"UID FETCH": b"* 1 FETCH (UID 1)\r\n%(tag)s OK done\r\n"})
    assert done == Purged(frozenset(), 1)
    assert not any(b"STORE" in command for command in commands)


def test_where_marking_is_refused_nothing_is_expunged():
    error, commands = purge({"UID STORE": b"%(tag)s NO [NOPERM] not allowed\r\n"})
    assert isinstance(error, MailboxError)
    assert not any(b"EXPUNGE" in command for command in commands)


def test_a_dry_run_opens_the_folder_for_reading_only():
    examined = SELECTED.replace(b"READ-WRITE", b"READ-ONLY")
    done, commands = purge({"EXAMINE": examined}, dry_run=True)
    assert done.deleted == {1, 2}
    assert [command.split(b" ")[0] for command in commands] == [b"EXAMINE", b"UID"]
