"""What is older than its retention goes, in small batches; everything else stays."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

import pytest
from django.conf import LazySettings
from django.contrib.sessions.models import Session

from seedtest import models
from seedtest.models.claims import QUARANTINE_AFTER
from seedtest.services import housekeeping, publishing

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def folder(cast, make_seed, now) -> models.FolderCursor:
    mailbox = make_seed(cast.workspace).mailbox
    return models.FolderCursor.objects.create(mailbox=mailbox, name="INBOX", role="inbox", source=50, seen_at=now)


def arrival(folder: models.FolderCursor, seen: datetime, **values: object) -> models.Arrival:
    uid = models.Arrival.objects.count() + 1
    row = models.Arrival.objects.create(
        mailbox=folder.mailbox, folder=folder, uidvalidity=1, uid=uid, message_key=f"id:{uid}", internaldate=seen,
        placement="inbox", first_seen_at=seen, **values,
    )  # fmt: skip
    block = zlib.compress(b"Subject: x\r\n")
    models.Evidence.objects.create(arrival=row, header_block=block, sha256="0" * 64, created_at=seen)
    return row


def test_unmatched_arrivals_go_after_14_days(folder, now):
    old = arrival(folder, now - timedelta(days=14) - HOUR)
    young = arrival(folder, now - timedelta(days=14) + HOUR)
    assert housekeeping.sweep(now)["unmatched_arrivals"] == 1
    assert list(models.Arrival.objects.all()) == [young]
    assert not models.Evidence.objects.filter(pk=old.pk).exists()


def test_their_header_blocks_go_after_7_days(folder, now):
    old = arrival(folder, now - timedelta(days=7) - HOUR)
    young = arrival(folder, now - timedelta(days=7) + HOUR)
    assert housekeeping.sweep(now)["unmatched_evidence"] == 1
    assert models.Arrival.objects.filter(pk=old.pk).exists()
    assert list(models.Evidence.objects.values_list("pk", flat=True)) == [young.pk]


def test_what_belongs_to_a_test_stays_with_its_evidence(folder, now, cast, make_test):
    test = make_test(cast.workspace, list(folder.mailbox.seed_accounts.all()))
    mine = arrival(folder, now - timedelta(days=400), result=test.results.get())
    housekeeping.sweep(now)
    mine.refresh_from_db()
    assert mine.evidence.sha256


def test_a_test_goes_with_its_results_and_then_its_arrivals(folder, now, cast, make_test):
    old = now - timedelta(days=731)
    accounts = list(folder.mailbox.seed_accounts.all())
    test = make_test(cast.workspace, accounts, now=old, status="complete", completed_at=old)
    arrival(folder, old, result=test.results.get())
    done = housekeeping.sweep(now)
    assert (done["results"], done["tests"]) == (1, 1)
    housekeeping.sweep(now)
    assert not models.SeedTest.objects.exists()
    assert not models.Arrival.objects.exists()
    assert not models.Marker.objects.exists()


@pytest.mark.parametrize(("days", "status"), [(729, "cancelled"), (731, "waiting")])
def test_a_young_test_and_an_open_one_stay(cast, make_seed, make_test, now, days, status):
    make_test(cast.workspace, [make_seed(cast.workspace)], now=now - timedelta(days=days), status=status)
    housekeeping.sweep(now)
    assert models.SeedResult.objects.count() == 1


def test_a_message_goes_when_nothing_uses_it_any_more(cast, make_seed, send_test, now):
    old = now - timedelta(days=731)
    test = send_test(cast.workspace, [make_seed(cast.workspace)], 25, now=now)
    models.OutgoingMessage.objects.update(created_at=old)
    housekeeping.sweep(now)
    assert models.OutgoingMessage.objects.count() == 1
    models.SeedTest.objects.filter(pk=test.pk).update(created_at=old, status="cancelled")
    housekeeping.sweep(now)
    assert models.OutgoingMessage.objects.count() == 0


def test_events_go_after_90_days_and_the_numbers_go_on(cast, now):
    for number in range(3):
        publishing.emit(cast.workspace, "test.completed", f"{number}", {}, now=now - timedelta(days=91))
    publishing.publish(now)
    assert housekeeping.sweep(now)["events"] == 2
    publishing.emit(cast.workspace, "test.completed", "next", {}, now=now)
    publishing.publish(now)
    assert list(models.Event.objects.values_list("seq", flat=True)) == [3, 4]


def test_an_event_without_a_number_is_not_deleted(cast, now):
    publishing.emit(cast.workspace, "test.completed", "a", {}, now=now - timedelta(days=91))
    housekeeping.sweep(now)
    assert models.Event.objects.count() == 1


def test_idempotency_keys_and_web_sessions_go_when_they_expire(cast, now):
    for days in (1, 3):
        models.IdempotencyKey.objects.create(
            workspace=cast.workspace, key=f"{days}", request_sha256="0" * 64, created_at=now - timedelta(days=days)
        )
        Session.objects.create(session_key=f"key-{days}", session_data="", expire_date=now + timedelta(days=2 - days))
    done = housekeeping.sweep(now)
    assert (done["idempotency_keys"], done["sessions"]) == (1, 1)
    assert models.IdempotencyKey.objects.get().key == "1"
    assert Session.objects.get().session_key == "key-1"


def test_retention_follows_the_settings(folder, now, settings: LazySettings):
    arrival(folder, now - timedelta(days=3))
    settings.RETAIN_UNMATCHED_ARRIVALS = 2
    assert housekeeping.sweep(now)["unmatched_arrivals"] == 1


def test_a_tick_deletes_a_few_batches_and_leaves_the_rest_to_the_next(cast, now):
    share = housekeeping.BATCH * housekeeping.BATCHES
    models.IdempotencyKey.objects.bulk_create(
        models.IdempotencyKey(
            workspace=cast.workspace, key=f"{number}", request_sha256="0" * 64, created_at=now - timedelta(days=9)
        )
        for number in range(share + 3)
    )
    assert housekeeping.sweep(now)["idempotency_keys"] == share
    assert housekeeping.sweep(now)["idempotency_keys"] == 3


def test_a_mailbox_that_ends_every_process_is_quarantined(cast, make_seed, now):
    bad = make_seed(cast.workspace, attempts=QUARANTINE_AFTER, lease_until=now - HOUR)
    fine = make_seed(cast.workspace)
    assert housekeeping.sweep(now)["quarantined"] == 1
    bad.mailbox.refresh_from_db()
    fine.mailbox.refresh_from_db()
    assert (bad.mailbox.state, fine.mailbox.state) == ("quarantined", "new")
