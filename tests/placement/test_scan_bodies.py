"""Whole messages, where somebody asked to keep them: what is fetched, what it costs, and what never suffers for it."""

from __future__ import annotations

import pytest

from placement import providers
from placement.errors import Disconnected, MailboxError
from placement.mailbox import ImapMailbox, Login
from placement.scan import bodies, scan
from placement.vocabulary import Cursor, KeptBody, MarkerKind, MarkerRule, Placement, ScanOrder, ScanResult
from tests.fakes import DOVECOT, PASSWORD, Box, FakeMailbox, Letter, ScriptedImapServer, dial, header_block, unavailable

TOKEN = "abcdefghijklmnopqrstuvwxyz"
KEEP = ScanOrder(keep_body_bytes=1000)
KNOWN = {"INBOX": Cursor(7, 1)}


def marked(uid: int, body: bytes = b"Hello\r\n") -> Letter:
    return Letter(uid, header_block(f"X-Seedtest-ID: {TOKEN}"), body=body)


def look(mailbox: object, order: ScanOrder = KEEP, tests: int = 1) -> ScanResult:
    rules = [MarkerRule(1, MarkerKind.TOKEN, TOKEN)]
    rules += [MarkerRule(number, MarkerKind.TOKEN, f"{number:026d}") for number in range(2, tests + 1)]
    return scan(mailbox, provider=providers.get("generic"), cursors=KNOWN, overrides={}, ask=lambda: rules, order=order)


def fetched(mailbox: FakeMailbox) -> list[object]:
    return [about for what, about in mailbox.asked if what == "bodies"]


def test_nobody_asks_so_no_body_is_fetched():
    mailbox = FakeMailbox(Box(letters=[marked(1)]))
    assert look(mailbox, ScanOrder()).sightings[0].body is None
    assert fetched(mailbox) == []


def test_only_what_belongs_to_a_test_is_fetched():
    mailbox = FakeMailbox(Box(letters=[marked(1), Letter(2)]))
    first, second = look(mailbox).sightings
    assert (first.body, second.body) == (KeptBody(b"Hello\r\n"), None)
    assert fetched(mailbox) == [[(b"INBOX", [1])]]


def test_the_header_block_and_the_body_are_the_message_byte_for_byte():
    letter = marked(1, b"=E4\r\n.\r\n\x00\xff")
    (seen,) = look(FakeMailbox(Box(letters=[letter]))).sightings
    assert seen.header_block + seen.body.content == letter.block + letter.body


@pytest.mark.parametrize(("length", "cut"), [(999, False), (1000, False), (1001, True)])
def test_a_body_beyond_the_cap_is_cut_and_says_so(length, cut):
    (seen,) = look(FakeMailbox(Box(letters=[marked(1, b"x" * length)]))).sightings
    assert (len(seen.body.content), seen.body.truncated) == (min(length, 1000), cut)


@pytest.mark.parametrize("error", [unavailable(), Disconnected("BYE")])
def test_a_body_that_cannot_be_had_costs_no_placement(error: MailboxError):
    class WithoutBodies(FakeMailbox):
        def bodies(self, wanted, cap_bytes):
            if isinstance(error, Disconnected):
                raise error
            self.failing = {b"INBOX": error}
            return super().bodies(wanted, cap_bytes)

    (seen,) = look(WithoutBodies(Box(letters=[marked(1)]))).sightings
    assert (seen.match.test, seen.verdict.placement, seen.body) == (1, Placement.INBOX, None)


def test_a_body_of_a_folder_made_anew_is_somebody_elses():
    box = Box(letters=[marked(1)])
    mailbox = FakeMailbox(box)
    mailbox.after["fetch_ranges"] = lambda: setattr(box, "uidvalidity", 8)
    (seen,) = look(mailbox).sightings
    assert seen.body is None


def test_a_pass_holds_a_bounded_part_of_a_flood_and_the_smallest_first(monkeypatch):
    monkeypatch.setattr(bodies, "_A_PASS", 600)
    monkeypatch.setattr(bodies, "_A_WRITE", 300)
    letters = [marked(uid, b"x" * 50) for uid in range(1, 6)]
    mailbox = FakeMailbox(Box(letters=letters))
    seen = look(mailbox).sightings
    size = len(letters[0].block)
    assert 0 < sum(one.body is not None for one in seen) == 600 // size < len(letters)
    assert len(fetched(mailbox)) > 1


def commands_of(tests: int, letters: list[Letter]) -> list[bytes]:
    with ScriptedImapServer(Box(letters=letters), capabilities=DOVECOT) as server:
        login = Login(host="127.0.0.1", port=server.port, tls="none", user="seed", secret=PASSWORD)
        with ImapMailbox.open(login, dial=dial, deadline_seconds=20) as session:
            look(session, tests=tests)
        return list(server.commands)


def test_keeping_is_one_more_write_however_many_tests_are_open():
    letters = [marked(1), marked(2), marked(3)]
    few, many = commands_of(1, letters), commands_of(50, letters)
    assert len(few) == len(many)
    assert sum(b"BODY.PEEK[TEXT]" in one for one in many) == 1
