"""What a scan saw becomes arrivals, cursors and placements; all of it or nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from placement.errors import LoginRefused, Throttled
from placement.vocabulary import FullCheck, MatchKind, Place, Tab
from seedtest import models, reports
from seedtest.models import claims
from seedtest.models.clock import db_now
from seedtest.services import closing, envelopes, giving, ledger, recording
from tests.seedtest.scans import (
    INBOX,
    JUNK,
    LOOKED_EVERYWHERE,
    RECEIPTS,
    TRASH,
    UIDVALIDITY,
    block,
    look_at,
    scanned,
    seen,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def seed(cast, make_seed):
    return make_seed(cast.workspace)


@pytest.fixture
def test(cast, make_test, seed):
    return make_test(cast.workspace, [seed])


def result_of(test):
    return test.results.get()


def record(seed, *sightings, **scan):
    return recording.record(look_at(seed), scanned(*sightings, **scan))


def test_a_message_in_the_inbox_makes_the_result_inbox(seed, test):
    assert record(seed, seen(INBOX, test=test))
    result = result_of(test)
    assert (result.placement, result.folder, result.matched_by) == ("inbox", "INBOX", "own_header")
    assert result.evidence_line
    assert (result.from_domain, result.return_path_domain, result.sending_ip) == (
        "brand.example",
        "mail.brand.example",
        "192.0.2.7",
    )
    assert result.authentication["spf"]["result"] == "pass"


def test_a_message_in_junk_makes_the_result_spam(seed, test):
    record(seed, seen(JUNK, test=test))
    assert result_of(test).placement == "spam"


def test_the_first_arrival_starts_the_clock_and_wakes_the_other_seeds(cast, make_seed, make_test, seed):
    other = make_seed(cast.workspace, "yahoo")
    test = make_test(cast.workspace, [seed, other])
    later = db_now() + timedelta(hours=4)
    models.Mailbox.objects.filter(pk=other.mailbox_id).update(next_poll_at=later)
    record(seed, seen(INBOX, test=test))
    test.refresh_from_db()
    other.mailbox.refresh_from_db()
    assert (test.status, test.sent_at_source) == ("receiving", "first_arrival")
    assert test.results.get(seed_account=other).deadline_at is not None
    assert other.mailbox.next_poll_at < later


def test_the_header_block_is_kept_byte_for_byte(seed, test):
    headers = block().replace(b"\r\n\r\n", b"\r\nX-Odd: \xff\x00\xfe\r\n\r\n")
    record(seed, seen(INBOX, test=test, headers=headers))
    assert ledger.header_block(models.Arrival.objects.get()) == headers


def test_a_scan_recorded_twice_changes_nothing(seed, test):
    sighting = seen(INBOX, test=test)
    record(seed, sighting)
    before = result_of(test)
    record(seed, sighting)
    after = result_of(test)
    assert models.Arrival.objects.count() == models.ReceivedMessage.objects.count() == 1
    assert (after.placement, after.first_seen_at, after.decided_at) == (
        before.placement,
        before.first_seen_at,
        before.decided_at,
    )


def test_a_lost_claim_discards_the_whole_scan(seed, test):
    look = look_at(seed)
    models.Mailbox.objects.filter(pk=seed.mailbox_id).update(lease_until=db_now())
    claims.claim([seed.mailbox_id], db_now(), owner="somebody else", lease=timedelta(seconds=60))
    assert recording.record(look, scanned(seen(INBOX, test=test))) is False
    assert models.Arrival.objects.count() == 0
    assert result_of(test).placement == "waiting"


def test_the_same_message_twice_is_one_verdict_and_counted(seed, test):
    first = seen(JUNK, test=test, internaldate=db_now() - timedelta(minutes=2))
    second = seen(INBOX, test=test, headers=block(message_id="<2@brand.example>"))
    record(seed, first, second)
    assert result_of(test).messages.count() == 2
    assert result_of(test).messages.filter(is_variant=True).count() == 0
    assert result_of(test).placement == "spam", "the earliest by INTERNALDATE is the verdict"


def test_a_variant_is_kept_apart_and_does_not_decide(seed, test):
    first = seen(INBOX, test=test, internaldate=db_now() - timedelta(minutes=2))
    variant = seen(JUNK, test=test, headers=block(subject="Other subject", message_id="<2@brand.example>"))
    record(seed, first, variant)
    assert result_of(test).messages.get(is_variant=True).subject == "Other subject"
    assert result_of(test).placement == "inbox"


def test_a_gmail_label_copy_is_no_move_and_no_second_message(seed, test):
    record(seed, seen(INBOX, test=test, key="gm:1"), seen(RECEIPTS, test=test, key="gm:1"))
    result = result_of(test)
    assert (result.placement, result.moved_at, result.messages.count()) == ("inbox", None, 1)


def test_a_message_that_moves_while_the_test_is_open_moves_its_placement(seed, test):
    in_inbox = seen(INBOX, test=test)
    record(seed, in_inbox)
    record(seed, seen(JUNK, test=test, headers=in_inbox.header_block), gone=[in_inbox.place])
    result = result_of(test)
    assert (result.first_placement, result.placement, result.current_placement) == ("inbox", "spam", "spam")
    assert result.moved_at is not None


def test_a_move_after_completion_leaves_the_frozen_placement(seed, test):
    in_inbox = seen(INBOX, test=test)
    record(seed, in_inbox)
    closing.close_due(db_now())
    record(seed, seen(JUNK, test=test, headers=in_inbox.header_block), gone=[in_inbox.place])
    result = result_of(test)
    assert (result.placement, result.current_placement) == ("inbox", "spam")


def test_a_message_gone_everywhere_keeps_its_placement_and_says_when_it_went(seed, test):
    sighting = seen(INBOX, test=test)
    record(seed, sighting)
    record(seed, gone=[sighting.place])
    assert result_of(test).placement == "inbox"
    assert result_of(test).gone_at is not None


def overdue(test):
    """The deadline of everything that waits passed a minute ago."""
    test.results.filter(placement="waiting").update(deadline_at=db_now() - timedelta(minutes=1))
    models.SeedTest.objects.filter(pk=test.pk).update(first_arrival_at=db_now(), status="receiving")


def test_missing_needs_a_full_check_that_started_after_the_deadline(seed, test):
    overdue(test)
    record(seed)
    assert result_of(test).placement == "waiting", "an ordinary look proves nothing"
    early = look_at(seed, started_at=db_now() - timedelta(minutes=5))
    recording.record(early, scanned(full_check=LOOKED_EVERYWHERE))
    assert result_of(test).placement == "waiting", "that full check began before the deadline"
    record(seed, full_check=LOOKED_EVERYWHERE)
    assert (result_of(test).placement, result_of(test).reason) == ("missing", "full_check_empty")


def test_a_full_check_with_a_folder_that_did_not_answer_never_says_missing(seed, test):
    overdue(test)
    record(seed, full_check=FullCheck(complete=False, folders=3, failures=(("Receipts", "NO server busy"),)))
    assert result_of(test).placement == "waiting"
    closing.close_due(db_now() + closing.grace())
    result = result_of(test)
    assert result.placement == "unknown"
    assert "server busy" in result.detail


def test_folders_that_are_listed_no_more_are_forgotten_when_there_are_too_many(seed, test, monkeypatch):
    monkeypatch.setattr(ledger, "MAX_FOLDERS", 4)
    record(seed, seen(RECEIPTS, test=test), folders=[INBOX, RECEIPTS, TRASH])
    record(seed, folders=[INBOX, JUNK])
    names = models.FolderCursor.objects.filter(mailbox=seed.mailbox).values_list("name", flat=True)
    assert set(names) == {"INBOX", "Receipts", "Trash", "Junk"}, "four are not too many"
    record(seed, folders=[replace(INBOX, raw_name=name.encode(), name=name) for name in "abc"])
    assert set(names.all()) == {"Receipts", "a", "b", "c"}
    assert result_of(test).folder == "Receipts"


def test_an_account_without_a_visible_junk_folder_is_unknown_never_missing(seed, test):
    overdue(test)
    record(seed, full_check=LOOKED_EVERYWHERE, junk_visible=False)
    assert (result_of(test).placement, result_of(test).reason) == ("unknown", "junk_not_visible")


def test_an_account_without_a_visible_junk_folder_still_shows_the_inbox(seed, test):
    record(seed, seen(INBOX, test=test), junk_visible=False)
    assert result_of(test).placement == "inbox"


def test_a_full_mailbox_is_unknown_never_missing(seed, test):
    overdue(test)
    record(seed, full_check=LOOKED_EVERYWHERE, quota_used=0.99)
    assert result_of(test).reason == "mailbox_full"


def test_a_message_that_may_never_have_been_sent_is_unknown_never_missing(seed, test):
    models.SeedTest.objects.filter(pk=test.pk).update(first_arrival_at=db_now())
    envelopes.mark_unknown(test.pk, seed.pk, "The connection ended before the server answered.")
    overdue(test)
    record(seed, full_check=LOOKED_EVERYWHERE)
    result = result_of(test)
    assert (result.placement, result.reason) == ("unknown", "smtp_unknown")
    assert result.detail == "The connection ended before the server answered."


def test_a_message_found_by_the_full_check_itself_is_found(seed, test):
    overdue(test)
    record(seed, seen(TRASH, test=test), full_check=LOOKED_EVERYWHERE)
    assert (result_of(test).placement, result_of(test).reason) == ("other", "in_trash")


def test_a_message_after_the_verdict_missing_is_late_and_changes_no_rate(seed, test):
    overdue(test)
    record(seed, full_check=LOOKED_EVERYWHERE)
    record(seed, seen(INBOX, test=test))
    result = result_of(test)
    assert (result.placement, result.current_placement) == ("missing", "inbox")
    assert result.late_at is not None


def test_a_message_that_was_refused_and_yet_came_is_found_and_the_sender_contradicted(seed, test):
    test.results.update(placement="rejected", reason="rejected_at_smtp")
    record(seed, seen(INBOX, test=test))
    assert (result_of(test).placement, result_of(test).dispatch) == ("inbox", "contradicted")


def test_delivery_seconds_are_known_only_where_our_own_dispatch_is(seed, test):
    arrived = db_now().replace(microsecond=0)
    test.results.update(dispatch="confirmed", dispatched_at=arrived - timedelta(seconds=12))
    record(seed, seen(INBOX, test=test, internaldate=arrived))
    assert result_of(test).delivery_seconds == 12.0


def test_a_delivery_before_its_dispatch_is_clock_skew_and_shown_as_unknown(seed, test):
    arrived = db_now().replace(microsecond=0)
    test.results.update(dispatch="confirmed", dispatched_at=arrived + timedelta(seconds=90))
    record(seed, seen(INBOX, test=test, internaldate=arrived))
    assert result_of(test).delivery_seconds is None


def test_cursors_move_with_the_arrivals(seed, test):
    record(seed, seen(INBOX, test=test, uid=41))
    cursor = models.FolderCursor.objects.get(mailbox=seed.mailbox, name="INBOX")
    assert (cursor.uidvalidity, cursor.uidnext) == (UIDVALIDITY, 42)


def test_the_role_an_operator_set_survives_a_scan(seed, test):
    record(seed)
    models.FolderCursor.objects.filter(name="Receipts").update(operator_role="junk")
    record(seed, seen(RECEIPTS, test=test))
    assert models.FolderCursor.objects.get(name="Receipts").operator_role == "junk"
    assert result_of(test).placement == "spam"


def test_a_shared_mailbox_keeps_no_headers_of_mail_that_belongs_to_no_test(seed, test):
    recording.record(look_at(seed, shared=True), scanned(seen(INBOX), seen(INBOX, test=test, headers=block("Ours"))))
    assert models.Arrival.objects.count() == 2
    assert models.Evidence.objects.get().arrival.subject == "Ours"


def test_a_refused_login_waits_long_enough_for_four_an_hour(seed):
    recording.fail(look_at(seed).claim, LoginRefused("The server refused the password."))
    seed.mailbox.refresh_from_db()
    assert seed.mailbox.state == "needs_sign_in"
    assert seed.mailbox.auth_backoff_until - db_now() > timedelta(minutes=15)


def test_the_servers_own_words_set_the_back_off(seed):
    recording.fail(look_at(seed).claim, Throttled("Suggested backoff time", retry_after=600))
    seed.mailbox.refresh_from_db()
    assert timedelta(minutes=9) < seed.mailbox.backoff_until - db_now() <= timedelta(minutes=10)


def test_a_good_poll_ends_the_back_off(seed):
    recording.fail(look_at(seed).claim, Throttled("slow down"))
    record(seed)
    seed.mailbox.refresh_from_db()
    assert (seed.mailbox.fail_count, seed.mailbox.backoff_until, seed.mailbox.state) == (0, None, "healthy")


def test_arrivals_of_the_ledger_can_be_given_to_a_test_opened_later(cast, make_test, seed):
    record(seed, seen(INBOX))
    test = make_test(cast.workspace, [seed])
    given = giving.attach(
        test, models.Arrival.objects.select_related("folder"), kind=MatchKind.SENDER_SUBJECT, where="tray", now=db_now()
    )
    assert given == 1
    assert (result_of(test).placement, result_of(test).matched_by) == ("inbox", "sender_subject")


def test_a_tab_answered_later_is_taken_over(seed, test):
    sighting = seen(INBOX, test=test, tabs="gmail")
    record(seed, sighting)
    assert result_of(test).tab == Tab.UNKNOWN
    scan = scanned()
    object.__setattr__(scan, "tabs", ((sighting.place, Tab.PROMOTIONS),))
    recording.record(look_at(seed), scan)
    assert result_of(test).tab == Tab.PROMOTIONS


def test_a_place_the_server_invented_is_not_an_error(seed, test):
    assert record(seed, gone=[Place("No such folder", 1, 1)])


def test_a_message_two_tests_could_claim_goes_to_neither_and_both_reports_say_so(cast, make_test, seed, test):
    other = make_test(cast.workspace, [seed])
    record(seed, seen(INBOX, rivals=[test, other]))
    for one, rival in ((test, other), (other, test)):
        assert result_of(one).placement == "waiting"
        (finding,) = [one for one in reports.build(one).findings if one.code == "rival_tests"]
        assert rival.public_id in finding.detail


def test_a_look_that_finds_nothing_new_asks_the_database_little(seed, test, django_assert_max_num_queries):
    record(seed)
    look = look_at(seed)
    with django_assert_max_num_queries(9):
        recording.record(look, scanned())


def test_a_seed_whose_message_two_tests_claim_is_unknown_never_missing(cast, make_test, seed, test):
    other = make_test(cast.workspace, [seed])
    record(seed, seen(INBOX, rivals=[test, other]))
    overdue(test)
    record(seed, full_check=LOOKED_EVERYWHERE)
    assert (result_of(test).placement, result_of(test).reason) == ("unknown", "rival_tests")


def test_mail_recorded_while_its_test_was_being_opened_is_found_before_anything_is_called_missing(seed, test):
    """The look had asked for the markers before the test was there, and later looks know the mail already."""
    record(seed, seen(INBOX, headers=block("Spring offers")))
    now = db_now()
    models.Marker.objects.create(
        workspace=test.workspace, test=test, kind="sender_subject", value="Spring offers", from_domain="brand.example",
        valid_from=now - timedelta(days=1), valid_until=now + timedelta(days=1),
    )  # fmt: skip
    overdue(test)
    record(seed, full_check=LOOKED_EVERYWHERE)
    assert (result_of(test).placement, result_of(test).matched_by) == ("inbox", "sender_subject")


def test_text_that_no_database_stores_is_recorded_readably(seed, test):
    record(seed, seen(INBOX, test=test, headers=block("=?utf-7?q?+2AA-?= a\x00b")))
    assert result_of(test).placement == "inbox"
