"""Folder names as hostile or odd servers list them."""

from __future__ import annotations

import pytest

from placement.mailbox import ImapMailbox, Login
from tests.fakes import BARE, GMAIL, PASSWORD, Box, Letter, ScriptedImapServer, dial


def opened(server: ScriptedImapServer) -> ImapMailbox:
    where = Login("imap.mail.example", server.port, "none", "seed", PASSWORD)
    return ImapMailbox.open(where, dial=dial, deadline_seconds=5)


def listed(lines: bytes) -> list[str]:
    with (
        ScriptedImapServer(answers={"LIST": lines + b"%(tag)s OK done\r\n"}) as server,
        opened(server) as mailbox,
    ):
        return [one.name for one in mailbox.list_folders()]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b'* LIST () "/" INBOX', "INBOX"),
        (b'* LIST () "/" [Gmail]/Spam', "[Gmail]/Spam"),
        (b'* LIST () "/" "&V4NXPpCuTvY-"', "垃圾邮件"),
        (b'* LIST () "/" "Spam \xc3\xa9"', "Spam é"),
        (b'* LIST () "/" "&broken"', "&broken"),
        (b'* LIST () "\\\\" "a\\"b\\\\c"', 'a"b\\c'),
        (b'* LIST () NIL "2026"', "2026"),
        (b'* LIST () "/" {4}\r\nJunk', "Junk"),
        (b'* list (\\Noselect) "." INBOX.a ("CHILDINFO" ("SUBSCRIBED"))', "INBOX.a"),
    ],
)
def test_a_name_is_read_as_it_was_meant(line, name):
    assert listed(line + b"\r\n") == [name]


@pytest.mark.parametrize(
    "line",
    [
        b'* LIST () "/" {9}\r\nA\r\nB LOGO',
        b'* LIST () "/" {3}\r\nA\x00B',
        b'* LIST () "/" ""',
        b'* LIST (() "/" "a"',
        b'* LIST () "/" "unfinished',
        b"* LIST",
        b"* LIST ()",
        b'* LIST () "/" ("list" "as" "name")',
    ],
)
def test_a_name_that_cannot_be_sent_back_is_left_out_and_the_others_stay(line):
    assert listed(line + b'\r\n* LIST () "/" INBOX\r\n') == ["INBOX"]


def test_two_raw_names_of_one_folder_name_count_once():
    assert listed(b'* LIST () "/" "&AOk-"\r\n* LIST () "/" "\xc3\xa9"\r\n') == ["é"]


@pytest.mark.parametrize("raw_name", [b'a"b\\c', b"&V4NXPpCuTvY-", b"with space", b"NIL", b"{5}"])
def test_a_listed_name_opens_the_same_folder(raw_name):
    with ScriptedImapServer(Box(raw_name, letters=[Letter(1)])) as server, opened(server) as mailbox:
        name = mailbox.list_folders()[0].raw_name
        assert [message.uid for message in mailbox.fetch_ranges([(name, 1, 1)])[0].found] == [1]


@pytest.mark.parametrize(("capabilities", "sent"), [(GMAIL, b"{6+}Spam\xc3\xa9"), (BARE, b'"Spam\xc3\xa9"')])
def test_eight_bit_names_go_back_as_they_came(capabilities, sent):
    with ScriptedImapServer(capabilities=capabilities) as server, opened(server) as mailbox:
        mailbox.fetch_ranges([(b"Spam\xc3\xa9", 1, 1)])
    assert server.commands[1] == b"EXAMINE " + sent


def test_a_status_is_found_whatever_the_case_of_inbox():
    lines = b'* LIST () "/" Inbox\r\n* STATUS INBOX (MESSAGES 1 UIDNEXT 9 UIDVALIDITY 5)\r\n%(tag)s OK .\r\n'
    with ScriptedImapServer(answers={"LIST": lines}) as server, opened(server) as mailbox:
        (folder,) = mailbox.list_folders()
    assert folder.status is not None
    assert folder.status.uidnext == 9


@pytest.mark.parametrize("items", [b"(MESSAGES 1)", b"()", b"NIL", b"(UIDNEXT x UIDVALIDITY 1)", b"(UIDNEXT)"])
def test_a_status_without_its_numbers_is_no_status(items):
    lines = b'* LIST () "/" INBOX\r\n* STATUS INBOX ' + items + b"\r\n%(tag)s OK .\r\n"
    with ScriptedImapServer(answers={"LIST": lines}) as server, opened(server) as mailbox:
        assert mailbox.list_folders()[0].status is None
