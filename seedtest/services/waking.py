"""Makes mailboxes due now. Only outside other transactions: it locks many rows, and a poll's commit holds one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from placement.vocabulary import Placement
from seedtest.models.mailboxes import Mailbox
from seedtest.models.seedtests import OPEN_STATUSES, SeedResult, SeedTest
from seedtest.services import cadence

WAITING = Placement.WAITING.value


def wake(mailbox_ids: Iterable[int], now: datetime) -> int:
    """These mailboxes are due at once. Waits for polls that commit right now: they did not see what is new."""
    with transaction.atomic():
        rows = Mailbox.objects.filter(pk__in=set(mailbox_ids)).order_by("pk").select_for_update(no_key=True)
        late = [mailbox.pk for mailbox in rows.only("pk", "next_poll_at") if mailbox.next_poll_at > now]
        return Mailbox.objects.filter(pk__in=late).update(next_poll_at=now, dispatched_until=None)


def wake_test(test: SeedTest, now: datetime) -> int:
    """Look into every mailbox that this test still waits for."""
    waiting = test.results.filter(placement=WAITING)
    return wake(waiting.values_list("mailbox_id", flat=True), now)


def wake_forgotten(now: datetime) -> int:
    """Mailboxes that something waits for and that would sleep past the longest interval: their wake-up was lost."""
    longest = timedelta(seconds=cadence.AFTER_SEND[-1][1] * 1.2) * settings.PACE
    waiting = SeedResult.objects.filter(placement=WAITING, test__status__in=OPEN_STATUSES)
    asleep = waiting.filter(mailbox__next_poll_at__gt=now + longest).values_list("mailbox_id", flat=True)
    ids = list(asleep[:1000])
    return wake(ids, now) if ids else 0
