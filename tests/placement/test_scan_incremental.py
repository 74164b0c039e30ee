"""What a pass reads, where its cursors stand afterwards, and what it costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from placement import providers
from placement.errors import Disconnected, LoginRefused, MailboxError, Throttled
from placement.mailbox import ImapMailbox, Login
from placement.scan import scan
from placement.vocabulary import (
    Cursor,
    FolderRole,
    MarkerKind,
    MarkerRule,
    MatchKind,
    Placement,
    ScanOrder,
    ScanResult,
    Traffic,
)
from tests.fakes import (
    BARE,
    DOVECOT,
    OUTLOOK,
    PASSWORD,
    Box,
    FakeMailbox,
    Letter,
    ScriptedImapServer,
    bye,
    dial,
    header_block,
    unavailable,
)

TOKEN = "abcdefghijklmnopqrstuvwxyz"
RULE = MarkerRule(test=1, kind=MarkerKind.TOKEN, value=TOKEN)
JUNK = "\\Junk"


def marked(uid: int, token: str = TOKEN, **changes: object) -> Letter:
    return Letter(uid, header_block(f"X-Seedtest-ID: {token}"), **changes)


def run(mailbox, cursors=None, rules=(RULE,), order=None, overrides=None, provider="generic") -> ScanResult:
    return scan(
        mailbox,
        provider=providers.get(provider),
        cursors=cursors or {},
        overrides=overrides or {},
        ask=lambda: rules,
        order=order or ScanOrder(),
    )


def cursor_of(result: ScanResult, name: str) -> Cursor | None:
    return next(state.cursor for state in result.folders if state.folder.name == name)


def places(result: ScanResult) -> list[tuple[str, int]]:
    return [(one.place.folder, one.place.uid) for one in result.sightings]


def test_a_new_mailbox_starts_at_its_end_and_reads_nothing():
    mailbox = FakeMailbox(Box(letters=[marked(1), marked(2)]), Box(b"Junk", JUNK))
    result = run(mailbox)
    assert result.sightings == ()
    assert (cursor_of(result, "INBOX"), cursor_of(result, "Junk")) == (Cursor(7, 3), Cursor(7, 1))


def test_new_mail_is_seen_where_it_stands_and_matched():
    mailbox = FakeMailbox(Box(letters=[Letter(1), marked(2)]), Box(b"Junk", JUNK, letters=[marked(5)]))
    result = run(mailbox, {"INBOX": Cursor(7, 2), "Junk": Cursor(7, 5)})
    assert [(one.verdict.placement, one.match.test) for one in result.sightings] == [
        (Placement.INBOX, 1),
        (Placement.SPAM, 1),
    ]
    assert cursor_of(result, "INBOX") == Cursor(7, 3)
    assert result.junk_visible


def test_unmatched_mail_becomes_a_sighting_too():
    result = run(FakeMailbox(Box(letters=[Letter(1)])), {"INBOX": Cursor(7, 1)})
    assert [one.match for one in result.sightings] == [None]
    assert result.sightings[0].keys.from_domain == "sender.example"


def test_a_folder_new_in_a_known_mailbox_is_read_from_its_first_message():
    mailbox = FakeMailbox(Box(), Box(b"Junk", JUNK, letters=[marked(1), marked(2)]))
    assert places(run(mailbox, {"INBOX": Cursor(7, 1)})) == [("Junk", 1), ("Junk", 2)]


def test_a_changed_uidvalidity_has_the_folder_read_anew():
    mailbox = FakeMailbox(Box(uidvalidity=8, letters=[marked(1)]))
    result = run(mailbox, {"INBOX": Cursor(7, 90)})
    assert places(result) == [("INBOX", 1)]
    assert result.sightings[0].place.uidvalidity == 8
    assert (result.folders[0].cursor, result.folders[0].reset) == (Cursor(8, 2), True)


def test_after_a_reset_the_newest_are_read_up_to_the_cap():
    mailbox = FakeMailbox(Box(uidvalidity=8, letters=[marked(uid) for uid in range(1, 11)]))
    result = run(mailbox, {"INBOX": Cursor(7, 90)}, order=ScanOrder(max_messages=3))
    assert [uid for _, uid in places(result)] == [8, 9, 10]
    assert cursor_of(result, "INBOX") == Cursor(8, 11)


def test_a_folder_emptied_under_a_new_uidvalidity_is_known_without_reading():
    result = run(FakeMailbox(Box(uidvalidity=8)), {"INBOX": Cursor(7, 90)})
    assert (result.folders[0].cursor, result.folders[0].reset) == (Cursor(8, 1), True)


def test_a_backlog_is_read_oldest_first_and_the_cursor_stops_where_reading_stopped():
    mailbox = FakeMailbox(Box(letters=[marked(uid) for uid in range(1, 11)]))
    cursors, seen = {"INBOX": Cursor(7, 1)}, []
    for expected in (True, True, True, False):
        result = run(mailbox, cursors, order=ScanOrder(max_messages=3))
        assert result.backlog is expected
        seen += [uid for _, uid in places(result)]
        cursors = {"INBOX": cursor_of(result, "INBOX")}
    assert seen == list(range(1, 11))


def test_a_flood_in_one_folder_does_not_keep_another_waiting():
    flood = [marked(uid) for uid in range(1, 100)]
    mailbox = FakeMailbox(Box(letters=flood), Box(b"Junk", JUNK, letters=[marked(1)]))
    result = run(mailbox, {"INBOX": Cursor(7, 1), "Junk": Cursor(7, 1)}, order=ScanOrder(max_messages=10))
    assert ("Junk", 1) in places(result)
    assert len(result.sightings) == 10


def test_gaps_between_uids_are_no_backlog():
    mailbox = FakeMailbox(Box(letters=[marked(1_000_000)]))
    result = run(mailbox, {"INBOX": Cursor(7, 1)}, order=ScanOrder(max_messages=10))
    assert (places(result), result.backlog) == ([("INBOX", 1_000_000)], False)


def test_a_folder_made_anew_between_status_and_examine_waits_for_the_next_pass():
    box = Box(letters=[marked(1)])
    mailbox = FakeMailbox(box)
    mailbox.after["list_folders"] = lambda: setattr(box, "uidvalidity", 99)
    result = run(mailbox, {"INBOX": Cursor(7, 1)})
    assert (result.sightings, result.folders[0].cursor) == ((), None)


def test_one_folder_that_fails_does_not_lose_the_others():
    boxes = [Box(letters=[marked(1)]), Box(b"Junk", JUNK, letters=[marked(1)])]
    mailbox = FakeMailbox(*boxes, failing={b"INBOX": unavailable()})
    result = run(mailbox, {"INBOX": Cursor(7, 1), "Junk": Cursor(7, 1)})
    assert places(result) == [("Junk", 1)]
    assert cursor_of(result, "INBOX") is None


def test_throttling_is_kept_back_while_another_folder_answers():
    boxes = [Box(letters=[marked(1)]), Box(b"Junk", JUNK, letters=[marked(1)])]
    mailbox = FakeMailbox(*boxes, failing={b"Junk": Throttled("slow down")})
    assert places(run(mailbox, {"INBOX": Cursor(7, 1), "Junk": Cursor(7, 1)})) == [("INBOX", 1)]


@pytest.mark.parametrize("error", [Throttled, LoginRefused])
def test_a_refusal_of_everything_is_raised(error):
    mailbox = FakeMailbox(Box(letters=[marked(1)]), failing={b"INBOX": error("go away")})
    with pytest.raises(error):
        run(mailbox, {"INBOX": Cursor(7, 1)})


class Poisoned(FakeMailbox):
    """Its server refuses every range that holds UID 13."""

    def fetch_ranges(self, ranges):
        answers = super().fetch_ranges(ranges)
        return [
            replace(answer, found=(), error=unavailable("corrupt")) if first <= 13 <= last else answer
            for answer, (_, first, last) in zip(answers, ranges, strict=True)
        ]


def test_one_message_that_its_server_cannot_give_out_does_not_stop_the_folder():
    mailbox = Poisoned(Box(letters=[marked(uid) for uid in range(1, 31)]))
    cursors, seen, backlog = {"INBOX": Cursor(7, 1)}, [], True
    while backlog:
        result = run(mailbox, cursors)
        seen += [uid for _, uid in places(result)]
        cursors, backlog = {"INBOX": cursor_of(result, "INBOX")}, result.backlog
    assert seen == [uid for uid in range(1, 31) if uid != 13]
    assert len(mailbox.asked) < 20


def test_a_folder_that_does_not_open_is_not_read_around():
    mailbox = FakeMailbox(Box(letters=[marked(1)]), failing={b"INBOX": unavailable()})
    assert cursor_of(run(mailbox, {"INBOX": Cursor(7, 1)}), "INBOX") is None
    assert [what for what, _ in mailbox.asked].count("fetch_ranges") == 1


def test_an_ordinary_folder_is_not_read_and_an_operators_junk_folder_is():
    mailbox = FakeMailbox(Box(), Box(b"Bin 17", letters=[marked(1)]), Box(b"Other", letters=[marked(1)]))
    result = run(mailbox, {"INBOX": Cursor(7, 1)}, overrides={"Bin 17": FolderRole.JUNK})
    assert places(result) == [("Bin 17", 1)]


def test_markers_are_asked_for_once_and_after_the_last_fetch():
    mailbox = FakeMailbox(Box(letters=[marked(1)]), Box(b"Junk", JUNK, letters=[marked(1)]))
    asked_after: list[list[str]] = []

    def ask() -> list[MarkerRule]:
        asked_after.append([what for what, _ in mailbox.asked])
        return [RULE]

    cursors = {"INBOX": Cursor(7, 1), "Junk": Cursor(7, 1)}
    scan(mailbox, provider=providers.GENERIC, cursors=cursors, overrides={}, ask=ask, order=ScanOrder())
    assert asked_after == [["list_folders", "fetch_ranges"]]


def test_markers_are_not_asked_for_where_nothing_came():
    def ask() -> list[MarkerRule]:
        raise AssertionError("asked")

    scan(
        FakeMailbox(Box()), provider=providers.GENERIC, cursors={"INBOX": Cursor(7, 1)}, overrides={}, ask=ask,
        order=ScanOrder(),
    )  # fmt: skip


BODY_RULE = MarkerRule(test=4, kind=MarkerKind.TOKEN, value=TOKEN, in_body=True)


def body_letter(uid: int, **changes: object) -> Letter:
    return Letter(uid, body=f"Hello\r\nRef: {TOKEN}\r\n".encode(), **changes)


def test_a_body_is_looked_into_only_where_the_headers_named_no_test():
    mailbox = FakeMailbox(Box(letters=[marked(1), body_letter(2)]))
    result = run(mailbox, {"INBOX": Cursor(7, 1)}, rules=[BODY_RULE])
    assert [one.match.kind for one in result.sightings] == [MatchKind.OWN_HEADER, MatchKind.BODY_LINE]
    assert ("bodies", [(b"INBOX", [2])]) in mailbox.asked


def test_no_body_is_fetched_while_no_test_asks_for_bodies():
    mailbox = FakeMailbox(Box(letters=[body_letter(1)]))
    run(mailbox, {"INBOX": Cursor(7, 1)})
    assert "bodies" not in dict(mailbox.asked)


def test_no_body_is_fetched_of_mail_older_than_every_test():
    old = body_letter(1, arrived=datetime(2025, 1, 1, tzinfo=UTC))
    rule = MarkerRule(4, MarkerKind.TOKEN, TOKEN, in_body=True, valid_from=datetime(2026, 3, 4, 10, tzinfo=UTC))
    mailbox = FakeMailbox(Box(letters=[old, body_letter(2)]))
    run(mailbox, {"INBOX": Cursor(7, 1)}, rules=[rule])
    assert ("bodies", [(b"INBOX", [2])]) in mailbox.asked


def test_a_body_that_the_server_cannot_read_does_not_hide_the_others():
    class Corrupt(FakeMailbox):
        def bodies(self, wanted, cap_bytes):
            answers = super().bodies(wanted, cap_bytes)
            poisoned = [1 in uids for _, uids in wanted]
            return [
                answer if not bad else type(answer)(answer.raw_name, 0, error=unavailable("corrupt"))
                for answer, bad in zip(answers, poisoned, strict=True)
            ]

    mailbox = Corrupt(Box(letters=[body_letter(1), body_letter(2)]))
    result = run(mailbox, {"INBOX": Cursor(7, 1)}, rules=[BODY_RULE])
    assert [one.match is not None for one in result.sightings] == [False, True]


def test_a_mailbox_without_a_junk_folder_says_so():
    assert not run(FakeMailbox(Box())).junk_visible


# --- on the wire ----------------------------------------------------------------------------------------


def over_the_wire(server: ScriptedImapServer, cursors, rules=(RULE,), provider="generic", **order):
    where = Login("imap.mail.example", server.port, "none", "seed", PASSWORD)
    with ImapMailbox.open(where, dial=dial, deadline_seconds=10) as mailbox:
        return run(mailbox, cursors, rules, ScanOrder(**order), provider=provider)


def watched(count: int = 3, *uids: int) -> list[Box]:
    names = [(b"INBOX", ""), (b"Junk", JUNK), (b"Bulk", JUNK)]
    return [Box(name, flag, letters=[marked(uid) for uid in uids]) for name, flag in names[:count]]


def cursors_at(uid: int) -> dict[str, Cursor]:
    return dict.fromkeys(("INBOX", "Junk", "Bulk"), Cursor(7, uid))


def test_a_poll_with_nothing_new_is_one_command():
    with ScriptedImapServer(*watched(3, 1)) as server:
        result = over_the_wire(server, cursors_at(2))
        server.wait_for("LOGOUT")
    assert (result.traffic.commands, result.traffic.writes) == (1, 1)
    assert server.verbs() == ["LOGIN", "LIST", "LOGOUT"]


@pytest.mark.parametrize("capabilities", [OUTLOOK, BARE])
def test_a_poll_with_nothing_new_is_four_commands_in_two_writes_without_list_status(capabilities):
    flat = capabilities if capabilities == OUTLOOK else f"{BARE} UNSELECT"
    with ScriptedImapServer(*watched(3, 1), capabilities=flat) as server:
        result = over_the_wire(server, cursors_at(2))
    assert (result.traffic.commands, result.traffic.writes) == (4, 2)


def test_new_mail_in_all_folders_is_two_writes():
    with ScriptedImapServer(*watched(3, 1, 2), capabilities=DOVECOT) as server:
        result = over_the_wire(server, cursors_at(2))
    assert len(result.sightings) == 3
    assert (result.traffic.commands, result.traffic.writes) == (8, 2)


def test_fifty_open_tests_cost_the_commands_of_one():
    many = [MarkerRule(test, MarkerKind.TOKEN, f"{test:026d}") for test in range(2, 51)]
    said = []
    for rules in ([RULE], [RULE, *many]):
        with ScriptedImapServer(*watched(3, 1, 2), capabilities=DOVECOT) as server:
            result = over_the_wire(server, cursors_at(2), rules)
        said.append((server.commands[:9], result.traffic))
        assert len(result.sightings) == 3
    assert said[0] == said[1]
    assert said[0][1].commands == 8


def test_bodies_are_one_more_write():
    box = Box(letters=[body_letter(1), body_letter(2)])
    with ScriptedImapServer(box, capabilities=DOVECOT) as server:
        result = over_the_wire(server, cursors_at(1), [BODY_RULE])
    assert [one.match.kind for one in result.sightings] == [MatchKind.BODY_LINE] * 2
    assert result.traffic.writes == 3


def test_ranges_are_never_open_ended():
    with ScriptedImapServer(*watched(3, 1, 2), capabilities=DOVECOT) as server:
        over_the_wire(server, cursors_at(2))
    assert not any(b"*" in command for command in server.commands if command.startswith(b"UID"))


def test_a_bye_in_the_middle_of_a_fetch_loses_nothing():
    boxes = watched(2, 1)
    with ScriptedImapServer(*boxes, answers={"UID FETCH": bye("Session expired")}) as server:
        with pytest.raises(Disconnected):
            over_the_wire(server, cursors_at(1))
        server.answers.clear()
        result = over_the_wire(server, cursors_at(1))
    assert places(result) == [("INBOX", 1), ("Junk", 1)]


def test_traffic_does_not_count_the_login():
    with ScriptedImapServer(Box()) as server:
        traffic = over_the_wire(server, {}).traffic
    assert traffic == Traffic(1, 1, traffic.bytes_in)
    assert 0 < traffic.bytes_in < 500


def test_a_hostile_list_does_not_stop_the_poll():
    lines = (
        b'* LIST (\\Junk) "/" "evil\\"name"\r\n* LIST () "/" {7}\r\nx\r\nLOGO\r\n* LIST () "/" (\r\n'
        b'* LIST () "/" INBOX\r\n* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7)\r\n%(tag)s OK .\r\n'
    )
    with ScriptedImapServer(Box(letters=[marked(1)]), answers={"LIST": lines}) as server:
        assert places(over_the_wire(server, {"INBOX": Cursor(7, 1)})) == [("INBOX", 1)]


def test_every_error_of_a_pass_is_a_mailbox_error():
    for words in ("[THROTTLED] x", "gone"):
        with ScriptedImapServer(Box(), answers={"LIST": bye(words)}) as server, pytest.raises(MailboxError):
            over_the_wire(server, {})
