"""Deletes what is older than its retention setting: a few small batches a tick, each found by an index."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Max, Model, QuerySet

from seedtest.models import claims
from seedtest.models.events import Event, IdempotencyKey
from seedtest.models.invitations import Invitation
from seedtest.models.mailboxes import Arrival, Evidence
from seedtest.models.seedtests import ENDED_STATUSES, SeedResult, SeedTest
from seedtest.models.sending import OutgoingMessage
from seedtest.services import raw_mail

#: Rows of one batch, each in a transaction of its own, and batches of one kind in one tick.
BATCH, BATCHES = 500, 2
#: A mailbox whose polls killed their workers gets one poll a day: the message that did it may be gone, or we mended.
TRIED_AGAIN_AFTER = timedelta(hours=24)


def sweep(now: datetime) -> dict[str, int]:
    """The tick. Returns what was done, by name."""
    done = {name: _in_batches(delete, now) for name, delete in _DELETES.items()}
    with transaction.atomic():
        done["quarantined"] = len(claims.quarantine_lost(now))
        done["tried_again"] = len(claims.try_quarantined(now, after=TRIED_AGAIN_AFTER))
    return done


def _in_batches(delete: Callable[[datetime], int], now: datetime) -> int:
    total = 0
    for _ in range(BATCHES):
        with transaction.atomic():
            count = delete(now)
        total += count
        if count < BATCH:
            break
    return total


def _days(now: datetime, days: int) -> datetime:
    return now - timedelta(days=days)


def _delete_oldest(rows: QuerySet[Model], order: str) -> int:
    """One batch. What somebody holds at this moment (a test that takes an old arrival) is left for the next tick."""
    locked = rows.only("pk").order_by(order).select_for_update(skip_locked=True, of=("self",))
    ids = [row.pk for row in locked[:BATCH]]
    rows.filter(pk__in=ids).delete()
    return len(ids)


def _unmatched_arrivals(now: datetime) -> int:
    cut = _days(now, settings.RETAIN_UNMATCHED_ARRIVALS)
    return _delete_oldest(Arrival.objects.filter(result=None, first_seen_at__lt=cut), "first_seen_at")


def _unmatched_evidence(now: datetime) -> int:
    """Header blocks hold more of a person's mail than the arrival does, so they go earlier."""
    cut = _days(now, settings.RETAIN_UNMATCHED_HEADERS)
    rows = Evidence.objects.filter(arrival__result=None, arrival__first_seen_at__lt=cut)
    return _delete_oldest(rows, "arrival__first_seen_at")


def _results_of_old_tests(now: datetime) -> int:
    """Before their tests, so that no single delete takes thousands of rows with it."""
    return _delete_oldest(SeedResult.objects.filter(test__in=_old_tests(now)), "pk")


def _tests(now: datetime) -> int:
    return _delete_oldest(_old_tests(now).filter(results=None), "created_at")


def _old_tests(now: datetime) -> QuerySet[SeedTest]:
    cut = _days(now, settings.RETAIN_TESTS)
    return SeedTest.objects.filter(created_at__lt=cut, status__in=ENDED_STATUSES)


def _messages(now: datetime) -> int:
    """Messages that no test, no schedule and no control plan uses any more."""
    cut = _days(now, settings.RETAIN_TESTS)
    unused = OutgoingMessage.objects.filter(created_at__lt=cut, seed_tests=None, schedules=None, control_plans=None)
    return _delete_oldest(unused, "created_at")


def _events(now: datetime) -> int:
    """Never the newest: its number is where the next one goes on from."""
    newest = Event.objects.aggregate(newest=Max("seq"))["newest"] or 0
    oldest = Event.objects.filter(seq__lt=newest).order_by("seq").values_list("pk", "created_at")[:BATCH]
    cut = _days(now, settings.RETAIN_EVENTS)
    ids = [pk for pk, created_at in oldest if created_at < cut]
    Event.objects.filter(pk__in=ids).delete()
    return len(ids)


def _raw_messages(now: datetime) -> int:
    return raw_mail.delete_old(now, limit=BATCH)


def _idempotency_keys(now: datetime) -> int:
    cut = _days(now, settings.RETAIN_IDEMPOTENCY_KEYS)
    return _delete_oldest(IdempotencyKey.objects.filter(created_at__lt=cut), "created_at")


def _invitations(now: datetime) -> int:
    """Whatever ended one: accepted and revoked ones ended before they would have expired."""
    cut = _days(now, settings.RETAIN_INVITATIONS)
    return _delete_oldest(Invitation.objects.filter(expires_at__lt=cut), "expires_at")


def _sessions(now: datetime) -> int:
    return _delete_oldest(Session.objects.filter(expire_date__lt=now), "expire_date")


_DELETES: dict[str, Callable[[datetime], int]] = {
    "unmatched_arrivals": _unmatched_arrivals,
    "unmatched_evidence": _unmatched_evidence,
    "results": _results_of_old_tests,
    "tests": _tests,
    "messages": _messages,
    "raw_messages": _raw_messages,
    "events": _events,
    "idempotency_keys": _idempotency_keys,
    "invitations": _invitations,
    "sessions": _sessions,
}
