"""Gmail: tabs by search, label copies, and what stands in All Mail alone; on the wire of a scripted server."""

from __future__ import annotations

from datetime import date

import pytest

from placement import providers
from placement.mailbox import ImapMailbox, Login
from placement.scan import scan
from placement.vocabulary import (
    Cursor,
    FolderRole,
    MarkerKind,
    MarkerRule,
    Place,
    Placement,
    Reason,
    ScanOrder,
    ScanResult,
    Tab,
)
from tests.fakes import OUTLOOK, PASSWORD, Box, Letter, ScriptedImapServer, dial, header_block

TOKEN = "abcdefghijklmnopqrstuvwxyz"
ALL = b"[Gmail]/All Mail"
SPAM = b"[Gmail]/Spam"
SINCE = date(2026, 3, 3)
CURSORS = {"INBOX": Cursor(7, 1), "[Gmail]/Spam": Cursor(7, 1)}


def letter(uid: int, gm_msgid: str, category: str = "", token: str = TOKEN) -> Letter:
    return Letter(uid, header_block(f"X-Seedtest-ID: {token}"), gm_msgid=gm_msgid, category=category)


def gmail(inbox=(), label=(), everything=(), spam=()) -> list[Box]:
    return [
        Box(letters=list(inbox)),
        Box(b"Newsletters", letters=list(label)),
        Box(b"[Gmail]", "\\HasChildren \\Noselect"),
        Box(ALL, "\\All", letters=list(everything)),
        Box(SPAM, "\\Junk", letters=list(spam)),
    ]


def run(server: ScriptedImapServer, cursors=None, **order: object) -> ScanResult:
    where = Login("imap.gmail.com", server.port, "none", "seed@gmail.example", PASSWORD)
    rule = MarkerRule(test=1, kind=MarkerKind.TOKEN, value=TOKEN)
    with ImapMailbox.open(where, dial=dial, deadline_seconds=10) as mailbox:
        return scan(
            mailbox,
            provider=providers.get("gmail"),
            cursors=CURSORS if cursors is None else cursors,
            overrides={},
            ask=lambda: [rule],
            order=ScanOrder(**order),
        )


def searches(server: ScriptedImapServer) -> list[bytes]:
    return [command for command in server.commands if b"X-GM-RAW" in command]


@pytest.mark.parametrize(
    ("category", "tab"), [("primary", Tab.PRIMARY), ("promotions", Tab.PROMOTIONS), ("updates", Tab.UPDATES)]
)
def test_the_tab_is_what_the_category_search_finds(category, tab):
    with ScriptedImapServer(*gmail([letter(1, "1001", category)])) as server:
        (sighting,) = run(server).sightings
    assert (sighting.verdict.placement, sighting.verdict.tab) == (Placement.INBOX, tab)


def test_tabs_cost_one_more_write_however_many_messages():
    inbox = [letter(uid, str(1000 + uid), "promotions") for uid in range(1, 20)]
    with ScriptedImapServer(*gmail(inbox)) as server:
        result = run(server)
    assert {one.verdict.tab for one in result.sightings} == {Tab.PROMOTIONS}
    assert result.traffic.writes == 3
    assert server.verbs().count("EXAMINE") == 2


def test_tabs_are_asked_for_matched_messages_in_the_inbox_only():
    inbox = [letter(1, "1001", "social", token="x" * 26), letter(2, "1002", "forums")]
    with ScriptedImapServer(*gmail(inbox, spam=[letter(1, "1003")])) as server:
        result = run(server)
    assert all(b"SEARCH UID 2 " in command for command in searches(server)[:-1])
    tabs = {one.message_key: one.verdict.tab for one in result.sightings}
    assert (tabs["gm:1001"], tabs["gm:1002"]) == (Tab.UNKNOWN, Tab.FORUMS)


def test_no_tab_is_asked_for_where_nothing_matched():
    with ScriptedImapServer(*gmail([letter(1, "1001", token="x" * 26)])) as server:
        run(server)
    assert searches(server) == []


def test_a_message_without_a_category_has_an_unknown_tab_while_others_have_one():
    with ScriptedImapServer(*gmail([letter(1, "1001"), letter(2, "1002", "social")])) as server:
        tabs = [one.verdict.tab for one in run(server).sightings]
    assert tabs == [Tab.UNKNOWN, Tab.SOCIAL]


def test_an_inbox_in_which_nothing_has_a_category_has_its_tabs_off():
    with ScriptedImapServer(*gmail([letter(1, "1001")])) as server:
        assert run(server).sightings[0].verdict.tab is Tab.OFF


def test_a_tab_search_that_fails_leaves_the_tab_unknown_and_the_placement_known():
    refusing = {"UID SEARCH": b"%(tag)s NO [UNAVAILABLE] later\r\n"}
    with ScriptedImapServer(*gmail([letter(1, "1001", "social")]), answers=refusing) as server:
        (sighting,) = run(server).sightings
    assert (sighting.verdict.placement, sighting.verdict.tab) == (Placement.INBOX, Tab.UNKNOWN)


def test_a_known_place_is_asked_for_its_tab_again():
    inbox = [letter(1, "1001", "promotions"), letter(2, "1002")]
    places = (Place("INBOX", 7, 1), Place("INBOX", 7, 2), Place("INBOX", 7, 9), Place("[Gmail]/Spam", 7, 1))
    with ScriptedImapServer(*gmail(inbox, spam=[letter(1, "1003")])) as server:
        result = run(server, {"INBOX": Cursor(7, 3), "[Gmail]/Spam": Cursor(7, 2)}, recheck=places)
    assert result.tabs == ((Place("INBOX", 7, 1), Tab.PROMOTIONS),)
    assert result.gone == (Place("INBOX", 7, 9),)


def test_a_server_without_the_gmail_extension_is_asked_nothing_of_it():
    with ScriptedImapServer(*gmail([letter(1, "1001", "social")]), capabilities=OUTLOOK) as server:
        run(server, full_check_since=SINCE)
    assert b"X-GM" not in b" ".join(server.commands)


def test_a_label_copy_is_the_same_message_in_two_places():
    boxes = gmail([letter(4, "1001", "primary")], label=[letter(2, "1001")], everything=[letter(9, "1001")])
    with ScriptedImapServer(*boxes) as server:
        result = run(server, full_check_since=SINCE)
    assert {one.message_key for one in result.sightings} == {"gm:1001"}
    found = {one.place.folder: one.verdict.placement for one in result.sightings}
    assert found == {"INBOX": Placement.INBOX, "Newsletters": Placement.OTHER}
    assert result.full_check.complete


def test_a_message_in_all_mail_alone_is_archived():
    boxes = gmail([letter(1, "1001", "primary")], everything=[letter(8, "1001"), letter(9, "1002")])
    with ScriptedImapServer(*boxes) as server:
        result = run(server, full_check_since=SINCE)
    archived = [one for one in result.sightings if one.verdict.role is FolderRole.ALL]
    assert [(one.place.uid, one.verdict.placement) for one in archived] == [(9, Placement.OTHER)]
    assert archived[0].verdict.reason is Reason.ARCHIVED


def test_an_archived_message_of_the_ledger_is_not_fetched_again():
    known = {("[Gmail]/All Mail", 7): frozenset({9})}
    with ScriptedImapServer(*gmail(everything=[letter(9, "1002")])) as server:
        assert run(server, full_check_since=SINCE, known=known).sightings == ()


def test_all_mail_is_searched_before_the_others():
    """A message that arrives between two searches would else be seen in All Mail alone."""
    with ScriptedImapServer(*gmail([letter(1, "1001")])) as server:
        run(server, full_check_since=SINCE)
    since = next(i for i, command in enumerate(server.commands) if b"SINCE" in command)
    assert ALL in server.commands[since - 1]


def test_nothing_is_called_archived_while_a_folder_does_not_answer():
    refusing = {'EXAMINE "Newsletters"': b"%(tag)s NO [NOPERM] no\r\n"}
    with ScriptedImapServer(*gmail(everything=[letter(9, "1002")]), answers=refusing) as server:
        result = run(server, full_check_since=SINCE)
    assert (result.sightings, result.full_check.complete) == ((), False)
    assert result.full_check.failures[0][0] == "Newsletters"
    assert "NOPERM" in result.full_check.failures[0][1]


def test_a_full_check_of_everything_is_seven_writes():
    boxes = gmail([letter(1, "1001", "social")], [letter(1, "1001")], [letter(1, "1001"), letter(2, "1002")])
    with ScriptedImapServer(*boxes) as server:
        result = run(server, full_check_since=SINCE)
    # LIST · new mail · SEARCH SINCE · ids · headers · tabs · quota
    assert result.traffic.writes == 7
    assert result.quota_used == 0.3
