"""Looks that found nothing new: ended many at once, and never at the cost of what happened meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from placement.vocabulary import Cursor, FolderRole, FolderState
from seedtest import models
from seedtest.models import claims
from seedtest.models.clock import db_now
from seedtest.services import intake, polling, recording, settling
from seedtest.services.intake import NewTest
from tests.seedtest.scans import INBOX, JUNK, UIDVALIDITY, look_at, scanned, seen

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def seeds(cast, make_seed):
    """Three mailboxes that were looked into before, and no test."""
    made = [make_seed(cast.workspace, "generic") for _ in range(3)]
    for seed in made:
        assert recording.record(look_at(seed), scanned())
    return made


def is_unchanged(seed, scan) -> bool:
    look = look_at(seed)
    (job,) = polling._read([look.claim], db_now())
    return settling.is_unchanged(job.mailbox, job.folders, look, scan)


def test_the_same_scan_again_is_unchanged(seeds):
    assert is_unchanged(seeds[0], scanned())


@pytest.mark.parametrize(
    "scan",
    [
        scanned(seen()),
        scanned(backlog=True),
        scanned(junk_visible=False),
        scanned(quota_used=0.5),
        scanned(folders=[INBOX, replace(JUNK, role=FolderRole.OTHER)]),
        scanned(folders=[INBOX, JUNK, replace(JUNK, name="New folder", raw_name=b"New folder")]),
        replace(scanned(), folders=(FolderState(INBOX, Cursor(UIDVALIDITY + 1, 1)),)),
    ],
)
def test_whatever_has_to_be_written_is_no_unchanged_look(seeds, scan):
    assert not is_unchanged(seeds[0], scan)


def test_a_mailbox_that_recovers_is_not_unchanged(seeds):
    models.Mailbox.objects.filter(pk=seeds[0].mailbox_id).update(fail_count=2)
    assert not is_unchanged(seeds[0], scanned())


def test_settled_mailboxes_are_free_and_sleep_as_the_cadence_says(seeds):
    looks = [look_at(seed).claim for seed in seeds]
    before = db_now()
    assert settling.settle(looks) == {seed.mailbox_id for seed in seeds}
    for mailbox in models.Mailbox.objects.filter(pk__in=[seed.mailbox_id for seed in seeds]):
        assert (mailbox.lease_until, mailbox.lease_owner, mailbox.attempts) == (None, "", 0)
        assert mailbox.last_good_poll_at >= before
        assert mailbox.next_poll_at > before + timedelta(hours=3)


def test_a_provider_that_bears_few_looks_gets_few_whichever_way_a_look_ends(cast, make_seed, make_test):
    gmx, own = make_seed(cast.workspace, "gmx"), make_seed(cast.workspace, "generic")
    make_test(cast.workspace, [gmx, own], sent_at=db_now())
    sleeps = {}
    for seed in (gmx, own):
        recording.record(look_at(seed), scanned())
        recorded = models.Mailbox.objects.get(pk=seed.mailbox_id)
        settling.settle([look_at(seed).claim])
        settled = models.Mailbox.objects.get(pk=seed.mailbox_id)
        sleeps[seed] = [one.next_poll_at - one.last_good_poll_at for one in (recorded, settled)]
    assert sleeps[gmx] == [timedelta(seconds=15)] * 2
    assert max(sleeps[own]) < timedelta(seconds=6)


def test_a_lost_claim_settles_nothing_and_takes_no_neighbour_with_it(seeds):
    looked = [look_at(seed).claim for seed in seeds]
    lost = seeds[1].mailbox
    (newer,) = claims.claim([lost.pk], db_now() + timedelta(hours=1), owner="other", lease=timedelta(hours=1))
    assert settling.settle(looked) == {seeds[0].mailbox_id, seeds[2].mailbox_id}
    lost.refresh_from_db()
    assert (lost.lease_epoch, lost.lease_owner) == (newer.epoch, "other")


def test_a_test_that_was_opened_during_the_look_is_not_put_to_sleep(seeds, cast):
    claim = look_at(seeds[0]).claim
    intake.open_test(cast.workspace, NewTest(name="Meanwhile"), now=db_now())
    settling.settle([claim])
    mailbox = models.Mailbox.objects.get(pk=seeds[0].mailbox_id)
    assert mailbox.next_poll_at <= db_now() + 2 * MINUTE


def test_one_commit_for_many_costs_no_more_statements_than_for_one(seeds, django_assert_num_queries):
    looked = [look_at(seed).claim for seed in seeds]
    with django_assert_num_queries(6):  # savepoint, time, rows, waits, update, release
        settling.settle(looked)


def test_several_are_looked_into_with_one_claim(seeds, monkeypatch, django_assert_max_num_queries):
    models.Mailbox.objects.update(next_poll_at=db_now(), rechecked_at=db_now(), last_good_poll_at=db_now())
    monkeypatch.setattr(polling, "look_into", lambda plan: scanned())
    with django_assert_max_num_queries(20):
        assert polling.poll([seed.mailbox_id for seed in seeds], owner="me") == 3
