"""What a full check that has ended says of the seeds that still wait: missing, or why that cannot be known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from placement.vocabulary import FullCheck, MarkerKind, Placement, Reason
from seedtest.models.seedtests import OPEN_STATUSES, SeedResult, SeedTest
from seedtest.services import giving, marking

WAITING = Placement.WAITING.value


@dataclass(frozen=True, slots=True)
class Checked:
    """A full check of a mailbox that has ended. `blind`: why nothing that it does not find is missing."""

    mailbox_id: int
    started_at: datetime
    check: FullCheck
    blind: Reason | None


def conclude(checked: Checked, tests: Mapping[int, SeedTest], now: datetime) -> None:
    """What it says of the seeds that still wait and whose deadline had passed when it started."""
    due = SeedResult.objects.filter(
        mailbox_id=checked.mailbox_id,
        test_id__in=[test.pk for test in tests.values() if test.status in OPEN_STATUSES],
        placement=WAITING,
        deadline_at__lte=checked.started_at,
    )
    for result in due:
        test = tests[result.test_id]
        if not _found_in_the_ledger(test, result, now):
            _conclude_one(result, test, checked, now)


def _found_in_the_ledger(test: SeedTest, result: SeedResult, now: datetime) -> bool:
    """Mail that was recorded while a test with a customer's value was being opened belongs to it all the same.

    The look that fetched it had asked for the markers before the test was there; later looks know the mail already.
    """
    for rule in test.markers.exclude(kind=MarkerKind.TOKEN.value):
        kind, where = marking.PAST_MATCH[rule.kind]
        arrivals = [one for one in marking.past_arrivals(test, rule) if one.mailbox_id == result.mailbox_id]
        if arrivals and giving.attach(test, arrivals, kind=kind, where=where or rule.header, now=now):
            return True
    return False


def _conclude_one(result: SeedResult, test: SeedTest, checked: Checked, now: datetime) -> None:
    values: dict[str, object] = {"full_check_started_at": checked.started_at}
    if not checked.check.complete:
        words = "; ".join(f"{name}: {said}" for name, said in checked.check.failures)
        values |= {"detail": words[:2000]}
    elif (blind := _undecidable(result) or checked.blind) is not None:
        values |= {"placement": Placement.UNKNOWN.value, "reason": blind.value, "decided_at": now}
    elif test.first_arrival_at or result.dispatch == "confirmed":
        missing = Placement.MISSING.value
        values |= {"placement": missing, "reason": Reason.FULL_CHECK_EMPTY.value, "decided_at": now, "detail": ""}
    SeedResult.objects.filter(pk=result.pk, placement=WAITING).update(**values)
    test.raise_version()


def _undecidable(result: SeedResult) -> Reason | None:
    """A message that another test claims as well is not missing, nor is one that may never have been sent."""
    if result.rival_tests:
        return Reason.RIVAL_TESTS
    return Reason.SMTP_UNKNOWN if result.reason == Reason.SMTP_UNKNOWN.value else None
