"""A session with a scripted server: login, folders, messages, and what goes over the wire."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from placement.errors import ConnectFailed, FolderUnavailable, LoginRefused
from placement.mailbox import ImapMailbox, Login
from placement.vocabulary import FolderStatus
from tests.fakes import (
    BARE,
    GMAIL,
    OUTLOOK,
    PASSWORD,
    Box,
    Letter,
    ScriptedImapServer,
    dial,
    header_block,
)


def login(server: ScriptedImapServer, **changes: object) -> Login:
    values = {"tls": "none", "user": "seed@mail.example", "secret": PASSWORD} | changes
    return Login("imap.mail.example", server.port, **values)


def opened(server: ScriptedImapServer, **changes: object) -> ImapMailbox:
    return ImapMailbox.open(login(server, **changes), dial=dial, deadline_seconds=5)


def inbox(*uids: int, **changes: object) -> Box:
    return Box(letters=[Letter(uid) for uid in uids], **changes)


def test_one_list_command_brings_every_status_where_the_server_can():
    with ScriptedImapServer(inbox(1, 2), Box(b"Junk", "\\Junk")) as server, opened(server) as mailbox:
        folders = mailbox.list_folders()
    assert [(one.name, one.status) for one in folders] == [
        ("INBOX", FolderStatus(7, 3, 2)),
        ("Junk", FolderStatus(7, 1, 0)),
    ]
    assert folders[1].attributes == {"\\junk"}
    assert mailbox.traffic.commands == 1


def test_without_list_status_the_statuses_asked_for_come_in_one_write():
    with (
        ScriptedImapServer(inbox(1), Box(b"Junk"), capabilities=OUTLOOK) as server,
        opened(server) as mailbox,
    ):
        assert [one.status for one in mailbox.list_folders()] == [None, None]
        told = mailbox.status([b"INBOX", b"Junk", b"Nowhere"])
    assert told == {b"INBOX": FolderStatus(7, 2, 1), b"Junk": FolderStatus(7, 1, 0)}
    assert (mailbox.traffic.commands, mailbox.traffic.writes) == (4, 2)


def test_a_server_that_refuses_the_extended_list_is_asked_the_plain_one():
    refusing = {r"LIST .* RETURN": b"%(tag)s BAD Unexpected extra arguments\r\n"}
    with ScriptedImapServer(inbox(1), answers=refusing) as server, opened(server) as mailbox:
        assert [one.name for one in mailbox.list_folders()] == ["INBOX"]


def test_new_mail_in_three_folders_costs_one_write():
    boxes = [inbox(3, 4), Box(b"Junk", letters=[Letter(9)]), Box(b"Promo", letters=[Letter(2)])]
    with ScriptedImapServer(*boxes) as server, opened(server) as mailbox:
        answers = mailbox.fetch_ranges([(b"INBOX", 3, 4), (b"Junk", 1, 9), (b"Promo", 2, 2)])
    assert [[message.uid for message in answer.found] for answer in answers] == [[3, 4], [9], [2]]
    assert (mailbox.traffic.commands, mailbox.traffic.writes) == (7, 1)
    server.wait_for("LOGOUT")
    assert server.verbs()[1:] == [*["EXAMINE", "UID FETCH"] * 3, "UNSELECT", "LOGOUT"]


def test_a_header_block_arrives_byte_for_byte():
    block = b'Subject: \xff\xfe bare\rCR\r\nX: \x00)( "{12}\r\nY: tail {7}\r\n\r\n'
    box = Box(letters=[Letter(1, block, arrived=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC))])
    with ScriptedImapServer(box) as server, opened(server) as mailbox:
        message = mailbox.fetch_ranges([(b"INBOX", 1, 1)])[0].found[0]
    assert message.header_block == block
    assert message.internaldate == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert not message.truncated


def test_a_header_block_is_cut_at_256_kib_and_says_so():
    block = b"X: " + b"a" * 300 * 1024 + b"\r\n\r\n"
    with ScriptedImapServer(Box(letters=[Letter(1, block)])) as server, opened(server) as mailbox:
        message = mailbox.fetch_ranges([(b"INBOX", 1, 1)])[0].found[0]
    assert (message.header_block, message.truncated) == (block[: 256 * 1024], True)


def test_the_servers_own_message_ids_are_fetched_where_it_has_them():
    letter = Letter(1, gm_msgid="1278455344230334865", email_id="M6d99ac3275bb4e")
    with (
        ScriptedImapServer(Box(letters=[letter]), capabilities=f"{GMAIL} OBJECTID") as server,
        opened(server) as mailbox,
    ):
        message = mailbox.fetch_ranges([(b"INBOX", 1, 1)])[0].found[0]
    assert (message.gm_msgid, message.email_id) == ("1278455344230334865", "M6d99ac3275bb4e")


def test_flags_that_somebody_else_changes_are_no_messages():
    chatty = {
        "UID FETCH": b"* 9 FETCH (FLAGS (\\Seen))\r\n* 3 EXISTS\r\n* 1 FETCH (UID 8 FLAGS (\\Seen))\r\n"
        b'* 1 FETCH (UID 1 BODY[HEADER]<0> {8}\r\nA: b\r\n\r\n INTERNALDATE "04-Mar-2026 10:00:00 +0100" '
        b"RFC822.SIZE 50)\r\n* 2 EXPUNGE\r\n%(tag)s OK done\r\n"
    }
    with ScriptedImapServer(inbox(1), answers=chatty) as server, opened(server) as mailbox:
        (message,) = mailbox.fetch_ranges([(b"INBOX", 1, 9)])[0].found
    assert (message.uid, message.header_block, message.size) == (1, b"A: b\r\n\r\n", 50)


def test_messages_outside_the_range_asked_for_are_ignored():
    with (
        ScriptedImapServer(inbox(1), answers={"UID FETCH": _fetch_of(5)}) as server,
        opened(server) as mailbox,
    ):
        assert mailbox.fetch_ranges([(b"INBOX", 1, 4)])[0].found == ()


def _fetch_of(uid: int, date_text: bytes = b"04-Mar-2026 10:00:00 +0000") -> bytes:
    return b'* 1 FETCH (UID %d INTERNALDATE "%b" RFC822.SIZE 9 BODY[HEADER] {2}\r\n\r\n)\r\n%%(tag)s OK .\r\n' % (
        uid,
        date_text,
    )


@pytest.mark.parametrize(
    "told",
    [
        b"31-Feb-2026 10:00:00 +0000",
        b"yesterday",
        b" 1-Jan-0001 00:00:00 +1400",
        b" 1-Jan-0001 00:00:00 +0000",
        b"31-Dec-9999 23:59:59 +0000",
        b"1-Jan-2026 25:00:00 +0000",
    ],
)
def test_a_date_that_nobody_can_read_is_1970_and_no_crash(told):
    with (
        ScriptedImapServer(inbox(1), answers={"UID FETCH": _fetch_of(1, told)}) as server,
        opened(server) as mailbox,
    ):
        message = mailbox.fetch_ranges([(b"INBOX", 1, 1)])[0].found[0]
    assert message.internaldate == datetime(1970, 1, 1, tzinfo=UTC)


def test_an_internaldate_keeps_its_moment_whatever_its_zone():
    answer = _fetch_of(1, b" 4-Mar-2026 01:00:00 +0530")
    with ScriptedImapServer(inbox(1), answers={"UID FETCH": answer}) as server, opened(server) as mailbox:
        message = mailbox.fetch_ranges([(b"INBOX", 1, 1)])[0].found[0]
    assert message.internaldate == datetime(2026, 3, 3, 19, 30, tzinfo=UTC)


def test_a_folder_that_says_no_keeps_its_error_and_the_others_their_mail():
    refusing = {'EXAMINE "Junk"': b"%(tag)s NO [NOPERM] not yours\r\n"}
    boxes = [inbox(1), Box(b"Junk"), Box(b"Promo", letters=[Letter(2)])]
    with ScriptedImapServer(*boxes, answers=refusing) as server, opened(server) as mailbox:
        answers = mailbox.fetch_ranges([(b"INBOX", 1, 1), (b"Junk", 1, 1), (b"Promo", 1, 2)])
    assert [len(answer.found) for answer in answers] == [1, 0, 1]
    assert isinstance(answers[1].error, FolderUnavailable)
    assert "not yours" in str(answers[1].error)


def test_mail_is_not_credited_to_a_folder_that_could_not_be_opened():
    """Some servers keep the folder before it open, and would answer for that one."""
    refusing = {'EXAMINE "Junk"': b"%(tag)s NO no\r\n"}
    with ScriptedImapServer(inbox(1), Box(b"Junk"), answers=refusing) as server, opened(server) as mailbox:
        answers = mailbox.fetch_ranges([(b"INBOX", 1, 1), (b"Junk", 1, 1)])
    assert answers[1].found == ()


def test_a_search_looks_since_a_day_in_many_folders_at_once():
    old = Letter(1, arrived=datetime(2026, 3, 1, tzinfo=UTC))
    with (
        ScriptedImapServer(Box(letters=[old, Letter(2)]), Box(b"Trash")) as server,
        opened(server) as mailbox,
    ):
        answers = mailbox.search_since([b"INBOX", b"Trash"], date(2026, 3, 2))
    assert [answer.found for answer in answers] == [(2,), ()]
    assert b"UID SEARCH SINCE 2-Mar-2026" in server.commands


def test_a_search_over_part_of_a_folder_is_no_answer():
    partial = {"UID SEARCH": b"* SEARCH 1\r\n%(tag)s OK [MESSAGELIMIT 1000 23221] done\r\n"}
    with ScriptedImapServer(inbox(1), answers=partial) as server, opened(server) as mailbox:
        answer = mailbox.search_since([b"INBOX"], date(2026, 3, 2))[0]
    assert isinstance(answer.error, FolderUnavailable)


def test_known_messages_are_asked_for_again():
    with ScriptedImapServer(inbox(1, 3)) as server, opened(server) as mailbox:
        assert mailbox.existing([(b"INBOX", [1, 2, 3])])[0].found == (1, 3)
    assert b"UID SEARCH UID 1:3" in server.commands


def test_many_uids_are_split_into_short_commands():
    uids = range(1, 4000, 2)
    with ScriptedImapServer(inbox(*uids)) as server, opened(server) as mailbox:
        assert mailbox.existing([(b"INBOX", uids)])[0].found == tuple(uids)
    assert max(map(len, server.commands)) < 1000


def test_bodies_come_up_to_their_cap():
    with ScriptedImapServer(Box(letters=[Letter(1, body=b"x" * 100)])) as server, opened(server) as mailbox:
        assert mailbox.bodies([(b"INBOX", [1])], 40)[0].found[0].body == b"x" * 40


def test_quota_is_a_share_of_the_fullest_limit():
    with ScriptedImapServer() as server, opened(server) as mailbox:
        assert mailbox.quota() == 0.3


def test_no_quota_is_asked_of_a_server_without_it():
    with ScriptedImapServer(capabilities=BARE) as server, opened(server) as mailbox:
        assert mailbox.quota() is None
        assert mailbox.traffic.commands == 0


def test_folders_are_left_by_close_where_unselect_is_unknown():
    with ScriptedImapServer(inbox(1), capabilities=BARE) as server, opened(server) as mailbox:
        mailbox.fetch_ranges([(b"INBOX", 1, 1)])
    assert server.verbs()[1:4] == ["EXAMINE", "UID FETCH", "CLOSE"]


def test_only_reading_commands_are_ever_sent():
    with ScriptedImapServer(inbox(1)) as server, opened(server) as mailbox:
        mailbox.list_folders()
        mailbox.fetch_ranges([(b"INBOX", 1, 1)])
        mailbox.bodies([(b"INBOX", [1])], 10)
        mailbox.search_since([b"INBOX"], date(2026, 1, 1))
    sent = b" ".join(server.commands)
    assert b"SELECT " not in sent.replace(b"UNSELECT", b"")
    assert not {b"STORE", b"EXPUNGE", b"APPEND", b"COPY", b"MOVE"} & set(sent.split())
    assert sent.count(b"BODY") == sent.count(b"BODY.PEEK")


def test_the_capabilities_of_the_login_cost_no_command():
    with ScriptedImapServer() as server, opened(server) as mailbox:
        assert "X-GM-EXT-1" in mailbox.capabilities
    server.wait_for("LOGOUT")
    assert server.verbs() == ["LOGIN", "LOGOUT"]


def test_capabilities_are_asked_for_where_nobody_told_them():
    silent = {"LOGIN": b"%(tag)s OK welcome\r\n"}
    with ScriptedImapServer(greeting=b"* OK hello\r\n", answers=silent) as server, opened(server) as mailbox:
        assert "X-GM-EXT-1" in mailbox.capabilities
    assert server.verbs()[:3] == ["CAPABILITY", "LOGIN", "CAPABILITY"]


def test_an_id_is_sent_before_the_first_folder_where_the_provider_wants_one():
    with ScriptedImapServer() as server, opened(server, send_id=True):
        pass
    assert server.verbs()[:2] == ["LOGIN", "ID"]


def test_quotes_and_spaces_in_a_login_arrive_as_they_are():
    with ScriptedImapServer() as server, opened(server, user='a "b" c', secret='p\\w "x"'):
        pass
    assert server.commands[0] == b'LOGIN "a \\"b\\" c" "p\\\\w \\"x\\""'


def test_a_password_beyond_ascii_goes_by_sasl_plain():
    with ScriptedImapServer() as server, opened(server, user="seed", secret="пароль"):
        pass
    assert server.commands[:2] == [b"AUTHENTICATE PLAIN", b"AHNlZWQA0L/QsNGA0L7Qu9GM"]


@pytest.mark.parametrize(
    ("auth", "first"), [("xoauth2", b"AUTHENTICATE XOAUTH2"), ("oauthbearer", b"AUTHENTICATE OAUTHBEARER")]
)
def test_an_access_token_logs_in(auth, first):
    with ScriptedImapServer() as server, opened(server, auth=auth):
        pass
    assert server.commands[0] == first


@pytest.mark.parametrize("field", ["user", "secret"])
def test_a_line_break_in_a_login_is_refused_before_anything_is_dialled(field):
    with ScriptedImapServer() as server, pytest.raises(LoginRefused):
        opened(server, **{field: "x\r\nS1 DELETE INBOX"})
    assert server.commands == []


def test_plain_imap_to_another_machine_is_refused_before_the_login():
    class Elsewhere:
        family = 2

        def settimeout(self, _): ...
        def setsockopt(self, *_): ...
        def close(self): ...
        def getpeername(self):
            return ("192.0.2.1", 143)

    where = Login("imap.mail.example", 143, "none", "seed", PASSWORD)
    with pytest.raises(ConnectFailed, match="without TLS"):
        ImapMailbox.open(where, dial=lambda *_: Elsewhere(), deadline_seconds=5)


def test_a_query_that_could_break_out_of_its_string_is_not_sent():
    with (
        ScriptedImapServer(inbox(1)) as server,
        opened(server) as mailbox,
        pytest.raises(ValueError, match="safe"),
    ):
        mailbox.gmail_search(b"INBOX", [1], ['category:primary" DELETED'], "category:social")


def test_a_session_shows_no_secret_when_printed():
    with ScriptedImapServer() as server, opened(server) as mailbox:
        assert PASSWORD not in f"{mailbox!r} {login(server)!r}"


def test_the_subject_survives_as_the_fake_wrote_it():
    block = header_block(subject="März")
    with ScriptedImapServer(Box(letters=[Letter(1, block)])) as server, opened(server) as mailbox:
        assert mailbox.fetch_uids([(b"INBOX", [1])])[0].found[0].header_block == block


def test_a_folder_that_opens_but_cannot_be_fetched_says_both():
    refusing = {"UID FETCH": b"%(tag)s NO [SERVERBUG] corrupt message\r\n"}
    with ScriptedImapServer(inbox(1), answers=refusing) as server, opened(server) as mailbox:
        answer = mailbox.fetch_ranges([(b"INBOX", 1, 1)])[0]
    assert (answer.uidvalidity, answer.found) == (7, ())
    assert isinstance(answer.error, FolderUnavailable)
