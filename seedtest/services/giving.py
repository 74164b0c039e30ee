"""Gives arrivals of the ledger to the results they belong to, under the locks of their tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import transaction

from placement.vocabulary import MatchKind
from seedtest.models.mailboxes import Arrival
from seedtest.models.seedtests import SeedResult, SeedTest
from seedtest.services import ledger, matching
from seedtest.services.matching import Found


def give(found: Mapping[tuple[int, int], Sequence[Found]], tests: dict[int, SeedTest], now: datetime) -> list[SeedTest]:
    """`found` by test and mailbox; those without a result are nobody's."""
    if not found:
        return []
    wanted = SeedResult.objects.filter(
        mailbox_id__in={mailbox_id for _, mailbox_id in found}, test_id__in={test_id for test_id, _ in found}
    ).order_by()
    pairs = set(wanted.values_list("test_id", "mailbox_id")) & found.keys()
    opened = [tests[test_id] for test_id in sorted({test_id for test_id, _ in pairs}) if tests[test_id].is_open]
    begun = [test for test in opened if matching.first_arrival(test, now)]
    # Read only now: the first arrival has set their deadlines.
    results = [one for one in wanted.select_related("mailbox") if (one.test_id, one.mailbox_id) in pairs]
    matching.give(
        [
            matching.Given(
                tests[one.test_id],
                one,
                sorted(found[one.test_id, one.mailbox_id], key=lambda one: one.arrival.internaldate),
            )
            for one in results
        ],
        now,
    )
    return begun


def attach(test: SeedTest, arrivals: Iterable[Arrival], *, kind: MatchKind, where: str, now: datetime) -> int:
    """Give arrivals that are in the ledger already to a test. Returns how many found a result."""
    with transaction.atomic():
        test = SeedTest.objects.select_for_update().get(pk=test.pk)
        mailboxes = set(test.results.order_by().values_list("mailbox_id", flat=True))
        found: dict[tuple[int, int], list[Found]] = {}
        for arrival in arrivals:
            if arrival.mailbox_id in mailboxes:
                facts = matching.read_facts(ledger.header_block(arrival), arrival.mailbox)
                given = Found(arrival, facts, kind, where)
                found.setdefault((test.pk, arrival.mailbox_id), []).append(given)
        give(found, {test.pk: test}, now)
    return sum(map(len, found.values()))


def read_again(changed: Iterable[Arrival], tests: dict[int, SeedTest], now: datetime) -> None:
    """A place is gone or a tab was answered: the results it belongs to are read anew."""
    ids = {arrival.result_id for arrival in changed if arrival.result_id}
    if ids:
        results = SeedResult.objects.filter(pk__in=ids, test_id__in=tests).select_related("mailbox")
        matching.read_again([matching.Given(tests[one.test_id], one) for one in results], now)
