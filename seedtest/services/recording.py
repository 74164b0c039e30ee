"""Commits what a scan saw: arrivals, cursors and placements in one fenced transaction."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from placement.errors import PlacementError
from placement.vocabulary import MarkerKind, MatchKind, Place, Placement, Reason, ScanResult
from seedtest import crashing
from seedtest.models import claims
from seedtest.models.clock import db_now
from seedtest.models.looks import Deadline
from seedtest.models.mailboxes import FULL, Arrival, Mailbox, MailboxState
from seedtest.models.seedtests import OPEN_STATUSES, SeedResult, SeedTest
from seedtest.services import backing_off, cadence, ledger, marking, matching, pacing, raw_mail, waking, warm
from seedtest.services.matching import Found

WAITING = Placement.WAITING.value
#: What the header blocks of matched messages say, by place.
Facts = Mapping[Place, matching.MessageFacts]


@dataclass(frozen=True, slots=True)
class Look:
    """What a poll set out to do: the claim, and when it began by the database's clock."""

    claim: claims.Claim
    started_at: datetime
    shared: bool = False  # lent to several workspaces
    rechecks: bool = False  # asks for the known places again
    quota_used: float | None = None  # as last told: most looks do not ask
    window: int | None = None  # messages of a folder that the provider shows
    keep_raw_bytes: int = 0  # of each matched message; 0 = no raw mail is kept
    deadlines: Sequence[Deadline] = ()  # of what waits in this mailbox


class Applied(NamedTuple):
    """Tests that got their first message now; whether a known message stands in a new place; files still to write."""

    begun: Sequence[SeedTest] = ()
    moved: bool = False
    copies: Sequence[raw_mail.Copy] = ()


def record(look: Look, scan: ScanResult) -> bool:
    """Everything the scan saw, or nothing: False when the claim was lost meanwhile and the scan is discarded."""
    facts = _read_facts(look, scan)
    with transaction.atomic():
        now = db_now()
        if not claims.finish(look.claim, next_poll_at=now):
            return False
        applied = _apply(look, scan, facts, now)
        _healthy(look, scan, now, moved=applied.moved)
        warm.keep([look.claim], now)
        crashing.here(crashing.Place.BEFORE_COMMIT)
    crashing.here(crashing.Place.AFTER_COMMIT)
    raw_mail.store(applied.copies)
    for test in applied.begun:
        waking.wake_test(test, db_now())
    return True


def _read_facts(look: Look, scan: ScanResult) -> Facts:
    """Before the transaction: every look that finds the test's message waits for the row of the test that it locks."""
    matched = [one for one in scan.sightings if one.match]
    mailbox = Mailbox.objects.filter(pk=look.claim.mailbox_id).first() if matched else None
    return {one.place: matching.read_facts(one.header_block, mailbox) for one in matched} if mailbox else {}


def _apply(look: Look, scan: ScanResult, facts: Facts, now: datetime) -> Applied:
    mailbox_id = look.claim.mailbox_id
    folders = ledger.save_folders(mailbox_id, scan.folders, now)
    moved = not look.rechecks and ledger.stand_elsewhere(mailbox_id, scan.sightings)
    arrivals = ledger.save_arrivals(mailbox_id, folders, scan.sightings, now)
    ledger.save_evidence(arrivals, scan.sightings, now, matched_only=look.shared)
    if not _concerns_tests(scan):
        return Applied()
    copies = raw_mail.note(arrivals, scan.sightings, now, cap=look.keep_raw_bytes)
    tests = _lock_tests(mailbox_id, scan, now)
    begun = _give_matches(mailbox_id, scan, arrivals, tests, facts, now)
    _note_rivals(mailbox_id, scan, tests)
    changed = ledger.mark_gone(mailbox_id, scan.gone, now) + ledger.save_tabs(mailbox_id, scan.tabs)
    _read_again(changed, tests, now)
    if scan.full_check is not None:
        _conclude(look, scan, tests, now)
    return Applied(begun, moved, copies)


def _concerns_tests(scan: ScanResult) -> bool:
    """Most looks find nothing that any test must know; those lock none."""
    matched = any(one.match or one.rivals for one in scan.sightings)
    return bool(matched or scan.gone or scan.tabs or scan.full_check)


def _lock_tests(mailbox_id: int, scan: ScanResult, now: datetime) -> dict[int, SeedTest]:
    """The tests this scan may write to, locked in id order before any of their results (the order everywhere)."""
    matched = {one.match.test for one in scan.sightings if one.match}
    mine = SeedResult.objects.filter(mailbox_id=mailbox_id)
    concerned = Q(pk__in=matched) | Q(status__in=OPEN_STATUSES) | Q(watch_until__gte=now)
    rows = SeedTest.objects.filter(concerned, pk__in=mine.values("test_id"))
    return {test.pk: test for test in rows.select_for_update().order_by("pk")}


def _note_rivals(mailbox_id: int, scan: ScanResult, tests: dict[int, SeedTest]) -> None:
    """A message that several tests could claim with equal right goes to none; each of them says so."""
    for one in scan.sightings:
        rivals = sorted({match.test for match in one.rivals} & tests.keys())
        for test_id in rivals:
            others = [tests[other].public_id for other in rivals if other != test_id]
            tests[test_id].results.filter(mailbox_id=mailbox_id).update(rival_tests=others)
            tests[test_id].raise_version()


def _give_matches(
    mailbox_id: int,
    scan: ScanResult,
    arrivals: ledger.Ledger,
    tests: dict[int, SeedTest],
    facts: Facts,
    now: datetime,
) -> list[SeedTest]:
    found: dict[int, list[Found]] = {}
    for one in scan.sightings:
        if one.match is None or one.match.test not in tests or one.place not in arrivals:
            continue
        given = Found(arrivals[one.place], facts[one.place], one.match.kind, one.match.where)
        found.setdefault(one.match.test, []).append(given)
    return [tests[test_id] for test_id, some in found.items() if _give(tests[test_id], mailbox_id, some, now)]


def _give(test: SeedTest, mailbox_id: int, found: Sequence[Found], now: datetime) -> bool:
    result = test.results.filter(mailbox_id=mailbox_id).select_related("mailbox").first()
    if result is None:
        return False
    begun = matching.first_arrival(test, now) if test.status in OPEN_STATUSES else False
    if begun:
        result.refresh_from_db()  # the first arrival has just set its deadline
    matching.give(test, result, sorted(found, key=lambda one: one.arrival.internaldate), now)
    return begun


def attach(test: SeedTest, arrivals: Iterable[Arrival], *, kind: MatchKind, where: str, now: datetime) -> int:
    """Give arrivals that are in the ledger already to a test. Returns how many found a result."""
    given = 0
    with transaction.atomic():
        test = SeedTest.objects.select_for_update().get(pk=test.pk)
        for arrival in sorted(arrivals, key=lambda one: one.internaldate):
            facts = matching.read_facts(ledger.header_block(arrival), arrival.mailbox)
            if not test.results.filter(mailbox_id=arrival.mailbox_id).exists():
                continue
            _give(test, arrival.mailbox_id, [Found(arrival, facts, kind, where)], now)
            given += 1
    return given


def _read_again(changed: Iterable[Arrival], tests: dict[int, SeedTest], now: datetime) -> None:
    """A place is gone or a tab was answered: the results it belongs to are read anew."""
    ids = {arrival.result_id for arrival in changed if arrival.result_id}
    for result in SeedResult.objects.filter(pk__in=ids, test_id__in=tests):
        matching.read_again(tests[result.test_id], result, now)


def _conclude(look: Look, scan: ScanResult, tests: dict[int, SeedTest], now: datetime) -> None:
    """What a full check says of the seeds that still wait and whose deadline had passed when it started."""
    due = SeedResult.objects.filter(
        mailbox_id=look.claim.mailbox_id,
        test_id__in=[test.pk for test in tests.values() if test.status in OPEN_STATUSES],
        placement=WAITING,
        deadline_at__lte=look.started_at,
    )
    for result in due:
        test = tests[result.test_id]
        if not _found_in_the_ledger(test, result, now):
            _conclude_one(result, test, look, scan, now)


def _found_in_the_ledger(test: SeedTest, result: SeedResult, now: datetime) -> bool:
    """Mail that was recorded while a test with a customer's value was being opened belongs to it all the same.

    The look that fetched it had asked for the markers before the test was there; later looks know the mail already.
    """
    for rule in test.markers.exclude(kind=MarkerKind.TOKEN.value):
        kind, where = marking.PAST_MATCH[rule.kind]
        arrivals = [one for one in marking.past_arrivals(test, rule) if one.mailbox_id == result.mailbox_id]
        if arrivals and attach(test, arrivals, kind=kind, where=where or rule.header, now=now):
            return True
    return False


def _conclude_one(result: SeedResult, test: SeedTest, look: Look, scan: ScanResult, now: datetime) -> None:
    check = scan.full_check
    assert check is not None
    values: dict[str, object] = {"full_check_started_at": look.started_at}
    if not check.complete:
        words = "; ".join(f"{name}: {said}" for name, said in check.failures)
        values |= {"detail": words[:2000]}
    elif (blind := _undecidable(result) or _blind(look, scan)) is not None:
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


def _blind(look: Look, scan: ScanResult) -> Reason | None:
    """Why this mailbox can show an inbox placement but never prove a miss."""
    if not scan.junk_visible:
        return Reason.JUNK_NOT_VISIBLE
    return Reason.MAILBOX_FULL if _full(look, scan) else None


def _full(look: Look, scan: ScanResult) -> bool:
    """It may refuse mail, or hide what it has."""
    quota = look.quota_used if scan.quota_used is None else scan.quota_used
    return max(quota or 0.0, _window_used(look, scan) or 0.0) >= FULL


def _window_used(look: Look, scan: ScanResult) -> float | None:
    """How much of the messages that its provider shows in a folder the fullest watched folder holds."""
    counts = [state.messages for state in scan.folders if state.folder.watched and state.messages is not None]
    return max(counts) / look.window if look.window and counts else None


def _healthy(look: Look, scan: ScanResult, now: datetime, *, moved: bool) -> None:
    """The mailbox answered: its state, and when it is looked into next."""
    values: dict[str, object] = {
        **health_of(look, scan),
        "last_good_poll_at": now,
        "next_poll_at": now if scan.backlog or moved else next_look(look.claim.mailbox_id, now),
    }
    if scan.quota_used is not None:
        values["quota_used"] = scan.quota_used
    if look.rechecks or moved:
        # A second place of a known message: it was moved or copied, and only a look at the first place can tell.
        values["rechecked_at"] = None if moved else now
    Mailbox.objects.filter(pk=look.claim.mailbox_id).update(**values)


def health_of(look: Look, scan: ScanResult) -> dict[str, object]:
    """What a successful look says of the mailbox itself."""
    reason, detail = _complaint(look, scan)
    return {
        "window_used": _window_used(look, scan),
        "state": (MailboxState.DEGRADED if reason else MailboxState.HEALTHY).value,
        "state_reason": reason.value,
        "state_detail": detail,
        "junk_visible": scan.junk_visible,
        **backing_off.FORGIVEN,
    }


def _complaint(look: Look, scan: ScanResult) -> tuple[Reason, str]:
    """What is wrong with a mailbox that answered: (reason, folder names), or (NONE, "")."""
    unread = [state.folder.name for state in scan.folders if state.folder.watched and state.cursor is None]
    if unread:
        return Reason.FOLDER_UNREADABLE, ", ".join(unread)
    return _blind(look, scan) or Reason.NONE, ""


def fail(claim: claims.Claim, error: PlacementError) -> bool:
    """The look did not succeed: back off by the server's own words, and say why. False when the claim was lost."""
    with transaction.atomic():
        now = db_now()
        if not claims.finish(claim, next_poll_at=now):
            return False
        mailbox = Mailbox.objects.get(pk=claim.mailbox_id)
        values = backing_off.after_failure(mailbox, error, now)
        Mailbox.objects.filter(pk=mailbox.pk).update(**values)
    return True


def next_look(mailbox_id: int, now: datetime) -> datetime:
    """When this mailbox is looked into next, from what its results wait for."""
    waits = [_wait(result) for result in _watched_results(mailbox_id, now)]
    return cadence.next_poll(now, waits, pace=settings.PACE, jitter=random.uniform(-1, 1))


def _watched_results(mailbox_id: int, now: datetime) -> Iterable[SeedResult]:
    concerned = Q(test__status__in=OPEN_STATUSES) | Q(test__watch_until__gt=now)
    return SeedResult.objects.filter(concerned, mailbox_id=mailbox_id).select_related("test")


def _wait(result: SeedResult) -> cadence.Wait:
    test = result.test
    started = result.dispatched_at or test.sent_at or test.first_arrival_at
    return cadence.Wait(
        waiting=result.placement == WAITING and test.is_open,
        sent_at=started,
        deadline_at=result.deadline_at,
        full_check_started_at=result.full_check_started_at,
        completed_at=test.completed_at,
        watch_until=test.watch_until,
        least_seconds=pacing.seconds_between_looks(result.provider),
    )
