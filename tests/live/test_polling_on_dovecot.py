"""The poll as the worker runs it, against a real Dovecot: found, kept byte for byte, counted on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from placement.marker import OWN_HEADER
from seedtest import models
from seedtest.models import claims
from seedtest.models.clock import db_now
from seedtest.services import closing, intake, ledger, polling, seeding
from seedtest.services.intake import MatchRequest, NewTest
from tests.live.servers.dovecot import Dovecot
from tests.live.servers.dovecot_config import PASSWORD, tree_of

pytestmark = pytest.mark.django_db(transaction=True)

PLACEMENTS = ("inbox", "junk", "promotions", "other", "trash")


@pytest.fixture
def workspace() -> models.Workspace:
    return models.Workspace.objects.create(name="Brand")


@pytest.fixture
def add(workspace: models.Workspace, dovecot: Dovecot) -> Iterator[object]:
    """add("su-01") → a seed account on an emptied mailbox, its cursors set by a first poll."""
    used: list[str] = []

    def _add(user: str) -> models.SeedAccount:
        dovecot.empty(user)
        used.append(user)
        where = {"host": "127.0.0.1", "port": dovecot.imaps_port, "login": user, "tls": "ssl"}
        added = seeding.add_seed(workspace, f"{user}@seed.example", PASSWORD, provider="generic", overrides=where)
        mailbox = added.account.mailbox
        mailbox.ca_pem = dovecot.ca_file.read_text()
        mailbox.save()
        poll(mailbox)
        return added.account

    yield _add
    dovecot.forget_wire(*used)


def poll(mailbox: models.Mailbox) -> models.Mailbox:
    models.Mailbox.objects.filter(pk=mailbox.pk).update(
        next_poll_at=db_now(), backoff_until=None, auth_backoff_until=None
    )
    assert polling.poll([mailbox.pk], owner="this test") == 1
    mailbox.refresh_from_db()
    assert mailbox.state_reason in ("", "junk_not_visible"), mailbox.state_detail
    return mailbox


def open_test(workspace: models.Workspace, name: str = "Live", **fields: object) -> models.SeedTest:
    return intake.open_test(workspace, NewTest(name=name, **fields), now=db_now())  # type: ignore[arg-type]


def token_of(test: models.SeedTest) -> str:
    return str(test.markers.get(kind="token").value)


def campaign(token: str = "", *, placement: str = "inbox", subject: str = "Offers", body: str = "Hello.") -> bytes:
    lines = [
        "From: Brand <news@brand.example>",
        f"Subject: {subject}",
        "Message-ID: <offers@brand.example>",
        "Date: Sun, 22 Nov 2026 09:00:00 +0000",
        f"X-Seed-Placement: {placement}",
    ]
    if token:
        lines.insert(0, f"{OWN_HEADER}: {token}")
    return ("\r\n".join([*lines, "", body]) + "\r\n").encode()


def result(test: models.SeedTest, seed: models.SeedAccount) -> models.SeedResult:
    return models.SeedResult.objects.get(test=test, seed_account=seed)


@pytest.mark.parametrize("user", ["su-04", "de-04", "fr-04", "cp-04"])
def test_every_folder_tree_shows_inbox_and_junk(workspace, add, dovecot, user):
    seed = add(user)
    first, second = open_test(workspace, "one"), open_test(workspace, "two")
    dovecot.deliver(user, campaign(token_of(first)))
    dovecot.deliver(user, campaign(token_of(second), placement="junk"))
    poll(seed.mailbox)
    assert (result(first, seed).placement, result(second, seed).placement) == ("inbox", "spam")
    assert result(second, seed).folder == tree_of(user).folder_of("junk")


def test_a_junk_folder_that_appears_with_its_first_message_is_read_from_its_start(workspace, add, dovecot):
    seed = add("su-05")
    dovecot.doveadm("mailbox", "delete", "-u", "su-05", "Promotions")
    test = open_test(workspace)
    poll(seed.mailbox)
    dovecot.deliver("su-05", campaign(token_of(test), placement="junk"))
    poll(seed.mailbox)
    assert result(test, seed).placement == "spam"


def test_a_test_opened_while_a_poll_runs_loses_nothing(workspace, add, dovecot, monkeypatch):
    """The markers are asked for after the fetch returned: whatever it fetched, its test is known by then."""
    seed = add("su-06")
    opened: list[models.SeedTest] = []
    plan = polling._plan

    def plan_then_open(look, job):
        planned = plan(look, job)
        opened.append(open_test(workspace))
        dovecot.deliver("su-06", campaign(token_of(opened[0])))
        return planned

    monkeypatch.setattr(polling, "_plan", plan_then_open)
    poll(seed.mailbox)
    assert result(opened[0], seed).placement == "inbox"


def test_a_changed_uidvalidity_finds_the_message_once_and_keeps_the_history(workspace, add, dovecot):
    seed = add("su-07")
    test = open_test(workspace)
    dovecot.deliver("su-07", campaign(token_of(test), placement="promotions"))
    dovecot.deliver("su-07", campaign(token_of(test)))
    poll(seed.mailbox)
    before = models.Arrival.objects.filter(mailbox=seed.mailbox).count()
    dovecot.doveadm("mailbox", "update", "--uid-validity", "4711", "-u", "su-07", "INBOX")
    poll(seed.mailbox)
    assert result(test, seed).messages.count() == 1
    assert result(test, seed).placement == "inbox"
    assert models.Arrival.objects.filter(mailbox=seed.mailbox).count() >= before
    assert models.FolderCursor.objects.get(mailbox=seed.mailbox, name="INBOX").uidvalidity == 4711


def test_a_message_moved_to_junk_while_the_test_is_open_counts_as_spam(workspace, add, dovecot):
    seed = add("su-08")
    test = open_test(workspace)
    dovecot.deliver("su-08", campaign(token_of(test)))
    poll(seed.mailbox)
    assert result(test, seed).placement == "inbox"
    dovecot.doveadm("move", "-u", "su-08", "Junk", "mailbox", "INBOX", "all")
    poll(seed.mailbox)  # sees it in Junk
    poll(seed.mailbox)  # sees that it is no longer in the inbox
    after = result(test, seed)
    assert (after.first_placement, after.placement) == ("inbox", "spam")


def test_the_full_check_finds_what_no_poll_watches_and_else_says_missing(workspace, add, dovecot):
    seed, other = add("su-09"), add("de-05")
    test = open_test(workspace)
    dovecot.deliver("su-09", campaign(token_of(test), placement="other"))
    for one in (seed, other):
        poll(one.mailbox)
        assert result(test, one).placement == "waiting"
    models.SeedTest.objects.filter(pk=test.pk).update(first_arrival_at=db_now())
    test.results.update(deadline_at=db_now())
    for one in (seed, other):
        poll(one.mailbox)
    found, lost = result(test, seed), result(test, other)
    assert (found.placement, found.folder) == ("other", tree_of("su-09").folder_of("other"))
    assert (lost.placement, lost.reason) == ("missing", "full_check_empty")
    assert lost.full_check_started_at >= lost.deadline_at


def test_an_account_that_shows_no_junk_folder_is_unknown_when_nothing_is_found(workspace, add, dovecot):
    seed = add("nojunk-02")
    test = open_test(workspace)
    dovecot.deliver("nojunk-02", campaign(token_of(test), placement="junk"))
    models.SeedTest.objects.filter(pk=test.pk).update(first_arrival_at=db_now())
    test.results.update(deadline_at=db_now())
    poll(seed.mailbox)
    assert (result(test, seed).placement, result(test, seed).reason) == ("unknown", "junk_not_visible")


def test_the_visible_body_line_is_found_in_a_message_without_our_header(workspace, add, dovecot):
    seed = add("fr-05")
    test = open_test(workspace, match=MatchRequest(in_body=True))
    dovecot.deliver("fr-05", campaign(body=f"Buy now.\r\n\r\nRef: {token_of(test)}\r\n"))
    poll(seed.mailbox)
    assert (result(test, seed).placement, result(test, seed).matched_by) == ("inbox", "body_line")


def test_a_wrong_password_says_so_and_is_not_tried_again_at_once(workspace, add, dovecot):
    seed = add("de-06")
    seed.mailbox.secret = "not the password"
    seed.mailbox.save()
    models.Mailbox.objects.update(next_poll_at=db_now())
    polling.poll([seed.mailbox_id], owner="this test")
    seed.mailbox.refresh_from_db()
    assert (seed.mailbox.state, seed.mailbox.state_reason) == ("needs_sign_in", "auth_failed")
    assert "not the password" not in seed.mailbox.state_detail
    assert polling.poll([seed.mailbox_id], owner="this test") == 0


def commands(dovecot: Dovecot, seed: models.SeedAccount) -> list[bytes]:
    """The IMAP commands of one poll, as the server logged them, without the LOGIN."""
    user = seed.mailbox.login
    dovecot.forget_wire(user)
    dovecot.record_wire(user)
    poll(seed.mailbox)
    return dovecot.wire_log(user)


def test_a_poll_with_nothing_new_costs_at_most_four_commands(workspace, add, dovecot):
    seed = add("su-10")
    open_test(workspace)
    assert len(commands(dovecot, seed)) <= 4


def test_fifty_open_tests_cost_no_more_commands_than_one(workspace, add, dovecot):
    seed = add("cp-05")
    first = open_test(workspace)
    dovecot.deliver("cp-05", campaign(token_of(first)))
    with_one = commands(dovecot, seed)
    tests = [open_test(workspace, f"test {number}") for number in range(49)]
    dovecot.deliver("cp-05", campaign(token_of(tests[-1]), subject="Fifty"))
    with_fifty = commands(dovecot, seed)
    assert result(tests[-1], seed).placement == "inbox"
    assert len(with_fifty) <= 1.1 * len(with_one), (with_one, with_fifty)


def received_messages(corpus: Path) -> list[bytes]:
    """Distinct received messages of the corpus that LMTP can carry: bare CR and 8-bit ones included."""
    entries = [json.loads(line) for line in (corpus / "manifest.jsonl").read_text().splitlines()]
    chosen = [one for one in entries if one["kind"] == "received" and not one.get("duplicate")]
    return [(corpus / one["path"]).read_bytes() for one in chosen if one["bytes"] < 200_000]


@pytest.mark.corpus
@pytest.mark.timeout(300)
def test_real_messages_are_found_in_their_folder_with_their_header_block_byte_for_byte(workspace, add, dovecot, corpus):
    users = ("su-02", "de-02", "fr-02", "cp-02")
    seeds = {user: add(user) for user in users}
    messages = received_messages(corpus)[:360]
    wanted: dict[str, tuple[models.SeedTest, str, str]] = {}
    tests = {place: open_test(workspace, place) for place in PLACEMENTS}
    for number, raw in enumerate(messages):
        user, place = users[number % len(users)], PLACEMENTS[number % len(PLACEMENTS)]
        mark = f"{OWN_HEADER}: {token_of(tests[place])}\r\nX-Seed-Placement: {place}\r\nX-Number: {number}\r\n"
        dovecot.deliver(user, mark.encode() + raw)
        wanted[str(number)] = (tests[place], user, tree_of(user).folder_of(place))
    models.SeedTest.objects.update(first_arrival_at=db_now())
    models.SeedResult.objects.update(deadline_at=db_now())
    for seed in seeds.values():
        poll(seed.mailbox)
    held = _held_by_the_server(dovecot, users)
    found = {}
    for arrival in models.Arrival.objects.select_related("folder", "mailbox", "result"):
        block = ledger.header_block(arrival)
        number = block.partition(b"X-Number: ")[2].partition(b"\r\n")[0].decode()
        if number in wanted:
            found[number] = arrival
            assert block == held[arrival.mailbox.login, arrival.folder.name, arrival.uid], number
    lost = set(wanted) - set(found)
    assert len(found) >= 300
    assert not lost, sorted(lost, key=int)
    for number, arrival in found.items():
        test, user, folder = wanted[number]
        assert (arrival.mailbox.login, arrival.folder.name) == (user, folder), number
        assert arrival.result.test_id == test.pk, number


def _held_by_the_server(dovecot: Dovecot, users: tuple[str, ...]) -> dict[tuple[str, str, int], bytes]:
    held = {}
    for user in users:
        for place in PLACEMENTS:
            folder = tree_of(user).folder_of(place)
            for uid, block in dovecot.header_blocks(user, folder).items():
                held[user, folder, uid] = block
    return held


def test_a_poll_in_mid_session_holds_no_lock_that_others_wait_for(workspace, add, dovecot, monkeypatch):
    """No transaction is open while IMAP is spoken: others write meanwhile."""
    seed = add("su-03")
    look = polling.look_into

    def look_while_others_write(plan):
        models.Workspace.objects.filter(pk=workspace.pk).update(name="Renamed meanwhile")
        (claim,) = claims.claim([seed.mailbox_id], db_now() + timedelta(hours=1), owner="b", lease=timedelta(1))
        seen = look(plan)
        assert claim.epoch == plan.look.claim.epoch + 1
        return seen

    monkeypatch.setattr(polling, "look_into", look_while_others_write)
    models.Mailbox.objects.update(next_poll_at=db_now())
    assert polling.poll([seed.mailbox_id], owner="a") == 0, "its claim was lost, so its commit is refused"
    workspace.refresh_from_db()
    assert workspace.name == "Renamed meanwhile"


def test_a_test_whose_seeds_are_all_found_completes_without_waiting(workspace, add, dovecot):
    seed = add("fr-01")
    test = open_test(workspace)
    dovecot.deliver("fr-01", campaign(token_of(test)))
    poll(seed.mailbox)
    closing.close_due(db_now())
    test.refresh_from_db()
    assert test.status == "complete"
