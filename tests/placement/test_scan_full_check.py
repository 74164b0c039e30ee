"""The full check, and known places asked for again."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from placement import providers
from placement.scan import scan
from placement.vocabulary import (
    Cursor,
    MarkerKind,
    MarkerRule,
    Place,
    Placement,
    Reason,
    ScanOrder,
    ScanResult,
)
from tests.fakes import Box, FakeMailbox, Letter, header_block, unavailable

TOKEN = "abcdefghijklmnopqrstuvwxyz"
SINCE = date(2026, 3, 3)
OLD = datetime(2026, 2, 1, tzinfo=UTC)


def marked(uid: int, **changes: object) -> Letter:
    return Letter(uid, header_block(f"X-Seedtest-ID: {TOKEN}"), **changes)


def run(mailbox: FakeMailbox, cursors=None, **order: object) -> ScanResult:
    rule = MarkerRule(test=1, kind=MarkerKind.TOKEN, value=TOKEN)
    return scan(
        mailbox,
        provider=providers.get("generic"),
        cursors=cursors or {},
        overrides={},
        ask=lambda: [rule],
        order=ScanOrder(**order),
    )


def places(result: ScanResult) -> list[tuple[str, int]]:
    return [(one.place.folder, one.place.uid) for one in result.sightings]


def test_the_full_check_looks_into_ordinary_folders_and_the_trash():
    boxes = [
        Box(),
        Box(b"Junk", "\\Junk"),
        Box(b"Trash", "\\Trash", letters=[marked(3)]),
        Box(b"Lists", letters=[marked(4)]),
    ]
    result = run(FakeMailbox(*boxes), {"INBOX": Cursor(7, 1), "Junk": Cursor(7, 1)}, full_check_since=SINCE)
    assert places(result) == [("Trash", 3), ("Lists", 4)]
    assert [one.verdict.placement for one in result.sightings] == [Placement.OTHER, Placement.OTHER]
    assert (result.full_check.complete, result.full_check.folders) == (True, 4)


def test_a_new_mailbox_looks_back_in_a_full_check_only():
    mailbox = FakeMailbox(Box(letters=[marked(1, arrived=OLD), marked(2)]))
    result = run(mailbox, full_check_since=SINCE)
    assert places(result) == [("INBOX", 2)]
    assert result.folders[0].cursor == Cursor(7, 3)


def test_mail_of_the_ledger_and_of_this_pass_is_not_fetched_again():
    mailbox = FakeMailbox(Box(letters=[marked(1), marked(2), marked(3)]))
    known = {("INBOX", 7): frozenset({1})}
    result = run(mailbox, {"INBOX": Cursor(7, 3)}, full_check_since=SINCE, known=known)
    assert sorted(places(result)) == [("INBOX", 2), ("INBOX", 3)]
    assert ("fetch_uids", [(b"INBOX", [2])]) in mailbox.asked


def test_a_ledger_under_another_uidvalidity_says_nothing():
    mailbox = FakeMailbox(Box(letters=[marked(1)]))
    result = run(mailbox, {"INBOX": Cursor(7, 2)}, full_check_since=SINCE, known={("INBOX", 6): frozenset({1})})
    assert places(result) == [("INBOX", 1)]


@pytest.mark.parametrize("flag", ["\\Sent", "\\Drafts", "\\All", "\\Flagged", "\\Important", "\\Noselect"])
def test_folders_that_repeat_others_or_hold_our_own_mail_are_not_searched(flag):
    mailbox = FakeMailbox(Box(), Box(b"Elsewhere", flag, letters=[marked(1)]))
    result = run(mailbox, {"INBOX": Cursor(7, 1)}, full_check_since=SINCE)
    assert (places(result), result.full_check.folders) == ([], 1)


def test_a_folder_that_does_not_answer_makes_the_check_incomplete():
    boxes = [Box(), Box(b"Lists", letters=[marked(1)]), Box(b"Shared")]
    result = run(FakeMailbox(*boxes, failing={b"Shared": unavailable("no right")}), full_check_since=SINCE)
    assert not result.full_check.complete
    assert result.full_check.failures == (("Shared", "no right"),)
    assert places(result) == [("Lists", 1)]


def test_a_folder_made_anew_between_search_and_fetch_makes_the_check_incomplete():
    box = Box(b"Lists", letters=[marked(1)])

    class Remade(FakeMailbox):
        def fetch_uids(self, wanted):
            box.uidvalidity = 99
            return super().fetch_uids(wanted)

    result = run(Remade(Box(), box), {"INBOX": Cursor(7, 1)}, full_check_since=SINCE)
    assert (places(result), result.full_check.complete) == ([], False)


def test_more_than_the_cap_is_a_backlog_and_no_complete_check():
    letters = [marked(uid) for uid in range(1, 8)]
    result = run(FakeMailbox(Box(letters=letters)), full_check_since=SINCE, max_messages=5)
    assert [uid for _, uid in places(result)] == [3, 4, 5, 6, 7]
    assert (result.backlog, result.full_check.complete) == (True, False)


def test_the_quota_is_asked_for_in_a_full_check_only():
    mailbox = FakeMailbox(Box(), quota=0.99)
    assert run(mailbox).quota_used is None
    assert run(mailbox, full_check_since=SINCE).quota_used == 0.99


@pytest.mark.parametrize("boxes", [[], [Box(attributes="\\Noselect")]])
def test_without_an_inbox_to_look_into_the_full_check_is_not_complete(boxes):
    result = run(FakeMailbox(*boxes, Box(b"Junk", "\\Junk")), full_check_since=SINCE)
    assert (result.full_check.complete, result.full_check.failures[0][0]) == (False, "INBOX")


def test_a_message_that_the_server_names_but_keeps_back_leaves_the_full_check_incomplete():
    class Withholding(FakeMailbox):
        def fetch_uids(self, wanted):
            return super().fetch_uids([(name, set(uids) - {2}) for name, uids in wanted])

    mailbox = Withholding(Box(), Box(b"Lists", letters=[marked(1), marked(2)]))
    result = run(mailbox, {"INBOX": Cursor(7, 1)}, full_check_since=SINCE)
    assert places(result) == [("Lists", 1)]
    assert (result.full_check.complete, result.full_check.failures[0][0]) == (False, "Lists")


def test_without_an_order_there_is_no_full_check():
    assert run(FakeMailbox(Box())).full_check is None


def test_a_message_in_the_trash_says_why_it_is_other():
    result = run(FakeMailbox(Box(), Box(b"Trash", "\\Trash", letters=[marked(1)])), full_check_since=SINCE)
    assert result.sightings[0].verdict.reason is Reason.IN_TRASH


def test_known_places_that_hold_nothing_any_more_are_gone():
    mailbox = FakeMailbox(Box(letters=[Letter(1), Letter(3)]), Box(b"Junk", "\\Junk"))
    recheck = (Place("INBOX", 7, 1), Place("INBOX", 7, 2), Place("Junk", 7, 1))
    assert run(mailbox, recheck=recheck).gone == (Place("INBOX", 7, 2), Place("Junk", 7, 1))


def test_a_place_under_an_old_uidvalidity_is_gone():
    mailbox = FakeMailbox(Box(uidvalidity=8, letters=[Letter(1)]))
    assert run(mailbox, recheck=(Place("INBOX", 7, 1),)).gone == (Place("INBOX", 7, 1),)


@pytest.mark.parametrize("boxes", [[Box()], [Box(), Box(b"Lists", "\\Noselect")]])
def test_places_of_a_folder_that_is_not_there_any_more_are_gone(boxes):
    assert run(FakeMailbox(*boxes), recheck=(Place("Lists", 7, 1),)).gone == (Place("Lists", 7, 1),)


def test_a_folder_that_does_not_answer_says_nothing_about_its_places():
    mailbox = FakeMailbox(Box(), failing={b"INBOX": unavailable()})
    assert run(mailbox, recheck=(Place("INBOX", 7, 1),)).gone == ()


def body_rule() -> MarkerRule:
    return MarkerRule(test=1, kind=MarkerKind.TOKEN, value=TOKEN, in_body=True)


def test_a_message_whose_text_the_server_keeps_back_leaves_the_full_check_incomplete():
    class Mute(FakeMailbox):
        def bodies(self, wanted, cap_bytes):
            return super().bodies([(name, ()) for name, _ in wanted], cap_bytes)

    mailbox = Mute(Box(), Box(b"Lists", letters=[Letter(1, header_block("Subject: Hello"))]))
    result = scan(
        mailbox,
        provider=providers.get("generic"),
        cursors={"INBOX": Cursor(7, 1)},
        overrides={},
        ask=lambda: [body_rule()],
        order=ScanOrder(full_check_since=SINCE),
    )
    assert (result.full_check.complete, [name for name, _ in result.full_check.failures]) == (False, ["Lists"])


def test_a_folder_whose_name_cannot_be_sent_back_leaves_the_full_check_incomplete():
    mailbox = FakeMailbox(Box())
    mailbox.unnamed_folders = 2
    result = run(mailbox, {"INBOX": Cursor(7, 1)}, full_check_since=SINCE)
    assert (result.full_check.complete, result.full_check.failures[0][0]) == (False, "2 folders")
