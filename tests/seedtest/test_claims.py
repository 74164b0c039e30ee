"""A mailbox belongs to one worker at a time, and a worker that slept too long cannot commit."""

from __future__ import annotations

from datetime import timedelta

import pytest

from seedtest import models
from seedtest.models import claims
from seedtest.models.clock import db_now

pytestmark = pytest.mark.django_db

LEASE = timedelta(seconds=60)


@pytest.fixture
def mailbox(cast, make_seed):
    return make_seed(cast.workspace).mailbox


def claim_one(mailbox, now, **options):
    return claims.claim([mailbox.pk], now, owner="worker", lease=LEASE, **options)


def test_a_due_mailbox_is_claimed_by_one_worker_only(mailbox):
    now = db_now()
    assert len(claim_one(mailbox, now)) == 1
    assert claim_one(mailbox, now) == []


def test_a_lease_that_ran_out_can_be_claimed_again_under_a_higher_epoch(mailbox):
    now = db_now()
    (first,) = claim_one(mailbox, now)
    (second,) = claim_one(mailbox, now + LEASE)
    assert second.epoch == first.epoch + 1


def test_the_commit_of_a_frozen_worker_is_refused_after_somebody_else_claimed(mailbox):
    now = db_now()
    (frozen,) = claim_one(mailbox, now)
    (awake,) = claim_one(mailbox, now + LEASE)
    assert claims.finish(frozen, next_poll_at=now) is False
    assert claims.finish(awake, next_poll_at=now) is True


def test_a_late_commit_is_accepted_while_nobody_else_has_claimed(mailbox):
    now = db_now()
    (claim,) = claim_one(mailbox, now)
    assert claims.finish(claim, next_poll_at=now + LEASE) is True
    mailbox.refresh_from_db()
    assert (mailbox.attempts, mailbox.lease_until, mailbox.next_poll_at) == (0, None, now + LEASE)


def test_a_mailbox_that_is_not_due_backing_off_or_switched_off_is_not_claimed(mailbox):
    now = db_now()
    for change in ({"next_poll_at": now + LEASE}, {"backoff_until": now + LEASE}, {"state": "disabled"}):
        models.Mailbox.objects.filter(pk=mailbox.pk).update(
            **({"next_poll_at": now, "backoff_until": None, "state": "healthy"} | change)
        )
        assert claim_one(mailbox, now) == [], change


def test_dispatch_offers_a_mailbox_once_until_its_hint_is_stale(mailbox):
    now, hold = db_now(), timedelta(seconds=30)
    assert [offer.mailbox_id for offer in claims.offer_due(now, limit=10, hold=hold)] == [mailbox.pk]
    assert claims.offer_due(now + hold / 2, limit=10, hold=hold) == []
    assert len(claims.offer_due(now + hold, limit=10, hold=hold)) == 1


def test_after_two_lost_claims_a_mailbox_is_claimed_as_a_suspect_only(mailbox):
    now = db_now()
    for lost in range(2):
        assert claim_one(mailbox, now + lost * LEASE)
    later = now + 2 * LEASE
    (offer,) = claims.offer_due(later, limit=10, hold=LEASE)
    assert offer.suspect
    assert claim_one(mailbox, later) == []
    assert len(claim_one(mailbox, later, suspect=True)) == 1


def test_losing_ordinary_claims_never_quarantines(mailbox):
    """A worker killed five times takes its hundred innocent mailboxes with it each time."""
    now = db_now()
    for lost in range(5):
        claim_one(mailbox, now + lost * LEASE)
    assert claims.quarantine_lost(now + 9 * LEASE) == []


def test_a_mailbox_that_kills_its_own_process_three_times_is_quarantined(mailbox):
    now = db_now()
    for lost in range(2):
        claim_one(mailbox, now + lost * LEASE)
    for lost in range(2, 5):
        assert claims.quarantine_lost(now + lost * LEASE) == []
        assert claim_one(mailbox, now + lost * LEASE, suspect=True)
    assert claims.quarantine_lost(now + 4 * LEASE) == [], "its last lease still runs"
    assert claims.quarantine_lost(now + 5 * LEASE) == [mailbox.pk]
    mailbox.refresh_from_db()
    assert mailbox.state == "quarantined"


def test_a_quarantined_mailbox_is_tried_once_a_day_alone_and_comes_back_when_that_went_well(mailbox):
    now, day = db_now(), timedelta(hours=24)
    models.Mailbox.objects.filter(pk=mailbox.pk).update(
        state="quarantined", state_reason="quarantined", quarantined_at=now, attempts=5
    )
    assert claims.try_quarantined(now + day / 2, after=day) == []
    assert claims.try_quarantined(now + day, after=day) == [mailbox.pk]
    assert claim_one(mailbox, now + day) == [], "only the suspect queue may poll it"
    (claim,) = claim_one(mailbox, now + day, suspect=True)
    assert claims.finish(claim, next_poll_at=now + day)
    mailbox.refresh_from_db()
    assert (mailbox.state, mailbox.attempts) == ("degraded", 0)


def test_a_trial_that_kills_its_process_again_quarantines_for_another_day(mailbox):
    now, day = db_now(), timedelta(hours=24)
    models.Mailbox.objects.filter(pk=mailbox.pk).update(state="quarantined", quarantined_at=now, attempts=5)
    claims.try_quarantined(now + day, after=day)
    claim_one(mailbox, now + day, suspect=True)
    assert claims.quarantine_lost(now + day + LEASE) == [mailbox.pk]
    assert claims.try_quarantined(now + day + day / 2, after=day) == []


def test_a_mailbox_on_trial_is_in_no_new_test(mailbox):
    now = db_now()
    models.Mailbox.objects.filter(pk=mailbox.pk).update(
        state="quarantined", state_reason="quarantined", quarantined_at=now
    )
    claims.try_quarantined(now, after=timedelta(0))
    assert not models.SeedAccount.objects.usable().exists()


def test_a_mailbox_that_is_to_be_quarantined_is_not_claimed_before_the_tick_comes(mailbox):
    """Else its lease would be over for a moment only, and the tick would hardly ever meet that."""
    now = db_now()
    for lost in range(5):
        assert claim_one(mailbox, now + lost * LEASE, suspect=lost >= 2)
    over = now + 5 * LEASE
    assert claims.offer_due(over, limit=10, hold=LEASE) == []
    assert claim_one(mailbox, over, suspect=True) == []
    assert claims.quarantine_lost(over + LEASE / 2) == [mailbox.pk]


def test_a_tick_runs_in_one_process_until_it_ends_or_its_lease_does():
    now, lease = db_now(), timedelta(seconds=15)
    assert claims.take_tick("closing", now, owner="a", lease=lease)
    assert not claims.take_tick("closing", now, owner="b", lease=lease)
    claims.end_tick("closing", now, owner="b")
    assert not claims.take_tick("closing", now, owner="b", lease=lease), "only the holder ends it"
    claims.end_tick("closing", now, owner="a")
    assert claims.take_tick("closing", now, owner="b", lease=lease)
    assert claims.take_tick("closing", now + lease, owner="c", lease=lease), "b was killed"
    assert models.TickLease.objects.get(name="closing").finished_at == now


def test_the_clock_has_milliseconds_and_a_zone(mailbox):
    now = db_now()
    assert now.utcoffset() == timedelta(0)
    assert now.microsecond % 1000 == 0


def test_the_clock_can_be_shifted_by_the_seam_only(settings):
    before = db_now()
    settings.CLOCK_OFFSET_SECONDS = 3600.0
    assert db_now() - before >= timedelta(hours=1)
