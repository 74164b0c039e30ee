"""The clock of a test: it starts with the send, and ends in a verdict or in an honest “we do not know”."""

from __future__ import annotations

from datetime import timedelta

import pytest

from seedtest import models
from seedtest.models.clock import db_now
from seedtest.services import closing
from tests.seedtest.scans import INBOX, LOOKED_EVERYWHERE, look_at, scanned, seen

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def seeds(cast, make_seed):
    return [make_seed(cast.workspace), make_seed(cast.workspace, "yahoo")]


@pytest.fixture
def test(cast, make_test, seeds):
    return make_test(cast.workspace, seeds, dispatch="unknown")


def close(test, now=None):
    closing.close_due(now or db_now())
    test.refresh_from_db()
    return test


def full_check(seed):
    from seedtest.services import recording

    recording.record(look_at(seed), scanned(full_check=LOOKED_EVERYWHERE))


def arrives(seed, test):
    from seedtest.services import recording

    recording.record(look_at(seed), scanned(seen(INBOX, test=test)))


def placements(test):
    return sorted(test.results.values_list("placement", flat=True))


def test_without_a_send_there_is_no_deadline(test):
    closing.refresh_deadlines(test, db_now())
    assert close(test).deadline_at is None
    assert set(test.results.values_list("deadline_at", flat=True)) == {None}


def test_the_esp_that_never_sends_ends_inconclusive_and_nothing_is_missing(test):
    closed = close(test, test.start_by + timedelta(seconds=1))
    assert (closed.status, closed.status_reason) == ("inconclusive", "nothing_arrived")
    assert placements(test) == ["not_sent", "not_sent"]


def test_it_is_not_given_up_before_start_by(test):
    assert close(test, test.start_by - timedelta(seconds=1)).status == "waiting"


def test_a_declared_send_that_left_nothing_anywhere_ends_after_its_full_checks(test, seeds):
    now = db_now()
    sent_at = now - timedelta(minutes=31)  # past both deadlines, not yet past the grace
    models.SeedTest.objects.filter(pk=test.pk).update(sent_at=sent_at, sent_at_source="api")
    test.refresh_from_db()
    closing.refresh_deadlines(test, now)
    full_check(seeds[0])
    assert close(test).status == "waiting", "the other seed was not looked through yet"
    full_check(seeds[1])
    assert close(test).status == "inconclusive"
    assert placements(test) == ["not_sent", "not_sent"]


def test_with_a_confirmed_dispatch_the_full_check_decides(test, seeds):
    then = db_now() - timedelta(days=1)
    test.results.update(dispatch="confirmed", dispatched_at=then)
    closing.refresh_deadlines(test, db_now())
    for seed in seeds:
        full_check(seed)
    assert close(test).status == "complete"
    assert placements(test) == ["missing", "missing"]


def test_the_deadline_is_the_send_plus_what_the_provider_may_take(test, seeds):
    then = db_now()
    models.SeedTest.objects.filter(pk=test.pk).update(sent_at=then)
    test.refresh_from_db()
    closing.refresh_deadlines(test, then)
    for result in test.results.select_related("mailbox"):
        minutes = result.mailbox.catalog_entry.delivery_allowance_minutes
        assert result.deadline_at == then + timedelta(minutes=minutes)
    assert test.deadline_at == max(test.results.values_list("deadline_at", flat=True))


def test_while_we_still_send_only_seeds_that_were_sent_to_have_a_deadline(test, seeds):
    now = db_now()
    models.SeedTest.objects.filter(pk=test.pk).update(status="sending", first_arrival_at=now)
    test.results.filter(seed_account=seeds[0]).update(dispatch="confirmed", dispatched_at=now)
    test.refresh_from_db()
    closing.refresh_deadlines(test, now)
    sent, put_off = (test.results.get(seed_account=seed) for seed in seeds)
    assert sent.deadline_at is not None
    assert put_off.deadline_at is None
    full_check(seeds[1])
    assert test.results.get(seed_account=seeds[1]).placement == "waiting"


def test_a_throttled_send_is_waited_for_until_its_window_ends(test):
    ends = db_now() + timedelta(hours=6)
    models.SeedTest.objects.filter(pk=test.pk).update(window_ends_at=ends, first_arrival_at=db_now())
    test.refresh_from_db()
    closing.refresh_deadlines(test, db_now())
    assert min(test.results.values_list("deadline_at", flat=True)) > ends


def test_a_test_completes_when_every_seed_is_decided(test, seeds):
    arrives(seeds[0], test)
    assert close(test).status == "receiving"
    arrives(seeds[1], test)
    closed = close(test)
    assert (closed.status, placements(test)) == ("complete", ["inbox", "inbox"])
    assert closed.completed_at is not None
    assert closed.watch_until > closed.completed_at


def test_completion_is_told_once(test, seeds):
    for seed in seeds:
        arrives(seed, test)
    for _ in range(3):
        close(test)
    assert models.Event.objects.filter(type="test.completed").count() == 1


def test_a_test_settles_when_nothing_new_came_for_a_while(test, seeds):
    arrives(seeds[0], test)
    assert close(test, db_now() + timedelta(seconds=test.settle_seconds - 5)).status == "receiving"
    assert close(test, db_now() + timedelta(seconds=test.settle_seconds + 5)).status == "settled"


def test_all_seeds_of_a_provider_down_past_the_deadline_are_unknown_never_missing(test, seeds):
    arrives(seeds[0], test)
    models.Mailbox.objects.filter(pk=seeds[1].mailbox_id).update(
        state="degraded", state_reason="mailbox_unreachable", state_detail="Connection refused."
    )
    overdue = test.results.get(seed_account=seeds[1]).deadline_at + closing.grace()
    assert close(test, overdue).status == "complete"
    result = test.results.get(seed_account=seeds[1])
    assert (result.placement, result.reason, result.detail) == (
        "unknown",
        "mailbox_unreachable",
        "Connection refused.",
    )


def test_a_quarantined_mailbox_does_not_hold_a_test_up(test, seeds):
    arrives(seeds[0], test)
    models.Mailbox.objects.filter(pk=seeds[1].mailbox_id).update(state="quarantined", state_reason="quarantined")
    close(test)
    assert placements(test) == ["inbox", "unknown"]


def test_a_version_rises_with_every_visible_change(test, seeds):
    versions = [test.version]
    arrives(seeds[0], test)
    test.refresh_from_db()
    versions.append(test.version)
    arrives(seeds[1], test)
    versions.append(close(test).version)
    assert versions == sorted(set(versions))


def test_a_cancelled_test_is_left_alone(test):
    models.SeedTest.objects.filter(pk=test.pk).update(status="cancelled")
    assert close(test, test.start_by + timedelta(days=1)).status == "cancelled"


def test_two_hundred_tests_that_wait_keep_no_newer_one_from_moving_on(cast, seeds, make_test):
    now = db_now()
    for _ in range(201):
        make_test(cast.workspace, seeds[:1])
    done, quiet, late = (make_test(cast.workspace, seeds[:1]) for _ in range(3))
    done.results.update(placement="inbox")
    models.SeedTest.objects.filter(pk=done.pk).update(first_arrival_at=now)
    an_hour_ago = now - timedelta(hours=1)
    models.SeedTest.objects.filter(pk=quiet.pk).update(
        status="receiving", first_arrival_at=an_hour_ago, last_arrival_at=an_hour_ago
    )
    models.SeedTest.objects.filter(pk=late.pk).update(start_by=an_hour_ago)
    assert closing.close_due(now) == 3
    found = [models.SeedTest.objects.get(pk=one.pk).status for one in (done, quiet, late)]
    assert found == ["complete", "settled", "inconclusive"]


def test_what_cannot_be_moved_is_not_even_locked(cast, seeds, make_test, django_assert_num_queries):
    for _ in range(5):
        make_test(cast.workspace, seeds)
    now = db_now()
    with django_assert_num_queries(2):
        assert closing.close_due(now) == 0
