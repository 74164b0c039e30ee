"""Our own check of what arrived, beside the receiver's word: named by a tick, no connection held while DNS is asked."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import DataError, transaction
from django.db.models import F

from placement.errors import PlacementError
from placement.reading import Reading
from placement.verify import HeaderBlock, Resolver
from seedtest import name_servers
from seedtest.models import ReceivedMessage, SeedTest, Verification
from seedtest.models.clock import db_now
from seedtest.models.evidence import MAX_ATTEMPTS
from seedtest.reports import readings
from seedtest.services import examining, ledger, raw_mail
from seedtest.services.examining import Checked
from seedtest.services.idle_database import release_connection

logger = logging.getLogger(__name__)

#: Messages named by one tick, and in one task.
NAMED: Final = 100
A_TASK: Final = 10
#: A check takes a minute at most (the engine's own limit); a worker that died is followed by another after this.
CLAIM: Final = timedelta(minutes=5)
#: What DNS could not say is asked again so much later: once, and once more.
AGAIN: Final = (timedelta(minutes=10), timedelta(hours=1))
#: What a stranger's words may break, and never a database that is gone.
_BROKEN: Final = (
    PlacementError, ArithmeticError, AssertionError, AttributeError, DataError, LookupError, RecursionError, TypeError,
    ValueError,
)  # fmt: skip
#: Keys are taken out of DNS some days after they signed: what is older is not looked at any more.
OLDEST: Final = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Work:
    """One claimed message, read from the database before the first question to DNS."""

    message_id: int
    attempt: int
    content: bytes | HeaderBlock
    reading: Reading
    received_at: datetime


def pending(now: datetime) -> list[list[int]]:
    """The tick: messages with evidence that nobody has checked, or that DNS is to be asked about again."""
    if not settings.DNS_NAMESERVERS:
        return []
    recent = ReceivedMessage.objects.filter(arrival__first_seen_at__gte=now - OLDEST, is_variant=False)
    new = recent.filter(verification=None, arrival__evidence__isnull=False).order_by("pk")
    again = Verification.objects.due(now).order_by("again_at")
    ids = [*new.values_list("pk", flat=True)[:NAMED], *again.values_list("pk", flat=True)[:NAMED]]
    return [ids[start : start + A_TASK] for start in range(0, len(ids), A_TASK)]


def verify_batch(ids: Iterable[int], *, resolver: Resolver | None = None) -> int:
    """Check those of `ids` that are still to be checked. Returns how many were."""
    asked = resolver or name_servers.resolver()
    if asked is None:
        return 0
    return sum(_verify_one(message_id, asked) for message_id in ids)


def _verify_one(message_id: int, resolver: Resolver) -> bool:
    """What breaks our own check holds back none of the messages behind it."""
    try:
        return _verified(message_id, resolver)
    except _BROKEN as error:
        logger.error("message %s could not be checked by us: %s", message_id, type(error).__name__)
        return False


def _verified(message_id: int, resolver: Resolver) -> bool:
    work = _claim(message_id)
    if work is None:
        return False
    release_connection()
    checked = examining.check(work.content, work.reading, resolver, work.received_at)
    stored = _store(work, checked)
    release_connection()
    return stored


def _claim(message_id: int) -> Work | None:
    """None where another worker is at it, it is done, or its file is still being written."""
    with transaction.atomic():
        now = db_now()
        message = _message(message_id)
        if message is None or _is_being_written(message, now):
            return None
        Verification.objects.bulk_create([Verification(message=message, again_at=now)], ignore_conflicts=True)
        free = Verification.objects.due(now).filter(pk=message_id)
        if not free.update(attempts=F("attempts") + 1, again_at=now + CLAIM):
            return None
        attempt = Verification.objects.values_list("attempts", flat=True).get(pk=message_id)
    # Behind the commit: a block that breaks its reader has used up an attempt.
    return _work(message, attempt)


def _message(message_id: int) -> ReceivedMessage | None:
    rows = ReceivedMessage.objects.select_related("arrival__mailbox", "arrival__evidence")
    return rows.filter(pk=message_id, arrival__evidence__isnull=False).first()


def _is_being_written(message: ReceivedMessage, now: datetime) -> bool:
    assert message.arrival is not None
    raw = raw_mail.of_arrival(message.arrival)
    return raw is not None and raw.created_at > now - raw_mail.WRITING and raw_mail.content_of(raw) is None


def _work(message: ReceivedMessage, attempt: int) -> Work:
    arrival = message.arrival
    assert arrival is not None
    block = ledger.header_block(arrival)
    raw = raw_mail.of_arrival(arrival)
    whole = raw_mail.content_of(raw) if raw and not raw.truncated else None
    return Work(
        message_id=message.pk,
        attempt=attempt,
        content=whole or HeaderBlock(block, arrival.evidence.truncated),
        reading=readings.read_for(block, arrival.mailbox),
        received_at=arrival.internaldate,
    )


def _store(work: Work, checked: Checked) -> bool:
    """Only the claim that is still ours is stored."""
    with transaction.atomic():
        now = db_now()
        mine = Verification.objects.filter(pk=work.message_id, attempts=work.attempt)
        changed = mine.update(
            verified_at=now,
            again_at=_again_at(work, checked, now),
            summary=checked.summary,
            checks=checked.checks,
            findings=checked.findings,
        )
        if changed:
            _tell_the_test(work.message_id)
    return bool(changed)


def _again_at(work: Work, checked: Checked, now: datetime) -> datetime | None:
    """None: final. DNS said everything, or was asked often enough."""
    if "unknown" not in checked.summary.values() or work.attempt >= MAX_ATTEMPTS:
        return None
    return now + AGAIN[work.attempt - 1]


def _tell_the_test(message_id: int) -> None:
    """Pages that show the report look for a higher version."""
    SeedTest.objects.filter(results__messages=message_id).update(version=F("version") + 1)
