"""Commits what a scan saw: arrivals, cursors and placements in one fenced transaction."""

from __future__ import annotations

import logging
import random
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet

from placement.errors import PlacementError
from placement.vocabulary import Place, Placement, Reason, ScanResult, Sighting
from seedtest import crashing
from seedtest.models import claims, looks
from seedtest.models.clock import db_now
from seedtest.models.looks import Deadline
from seedtest.models.mailboxes import FULL, Arrival, Mailbox, MailboxState
from seedtest.models.seedtests import OPEN_STATUSES, SeedResult, SeedTest
from seedtest.services import (
    backing_off,
    cadence,
    full_checks,
    giving,
    ledger,
    matching,
    pacing,
    raw_mail,
    waking,
    warm,
)
from seedtest.services.full_checks import Checked
from seedtest.services.matching import Found

logger = logging.getLogger(__name__)

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


@dataclass(frozen=True, slots=True)
class Seen:
    """A look that is over, and what the scan saw."""

    look: Look
    scan: ScanResult
    facts: Facts

    @property
    def mailbox_id(self) -> int:
        return self.look.claim.mailbox_id

    @property
    def concerns_all_tests(self) -> bool:
        """Says more than what came: places have changed, or a full check has ended."""
        return bool(self.scan.gone or self.scan.tabs or self.scan.full_check)


def seen(look: Look, mailbox: Mailbox, scan: ScanResult) -> Seen:
    """Reads the header blocks of what was found: outside the transaction, where it keeps nobody waiting."""
    matched = [one for one in scan.sightings if one.match]
    return Seen(look, scan, {one.place: matching.read_facts(one.header_block, mailbox) for one in matched})


class Applied(NamedTuple):
    """Tests that got their first message now; mailboxes with a known message in a new place; files still to write."""

    begun: Sequence[SeedTest] = ()
    moved: Collection[int] = ()
    copies: Sequence[raw_mail.Copy] = ()


class Committed(NamedTuple):
    """The mailboxes whose claim was still ours, and what remains to be done: `finish` it."""

    mailboxes: Collection[int]
    applied: Applied = Applied()


def record(look: Look, scan: ScanResult) -> bool:
    """Everything the scan saw, or nothing: False when the claim was lost meanwhile and the scan is discarded."""
    mailbox = Mailbox.objects.filter(pk=look.claim.mailbox_id).first()
    return mailbox is not None and bool(record_together([seen(look, mailbox, scan)]))


def record_together(looked: Sequence[Seen]) -> set[int]:
    """Several looks at once, each guarded by its own epoch. Returns the mailboxes whose claim was still ours."""
    committed = commit(looked)
    finish(committed)
    return set(committed.mailboxes)


def commit(looked: Sequence[Seen]) -> Committed:
    """The transaction of `record_together`."""
    with transaction.atomic():
        now = db_now()
        held = set(looks.lock([one.look.claim for one in looked]))
        mine = [one for one in looked if one.look.claim in held]
        if not mine:
            return Committed(())
        applied = _apply(mine, now)
        _free(mine, applied.moved, now)
        warm.keep([one.look.claim for one in mine], now)
        crashing.here(crashing.Place.BEFORE_COMMIT)
    crashing.here(crashing.Place.AFTER_COMMIT)
    return Committed({one.mailbox_id for one in mine}, applied)


def finish(committed: Committed) -> None:
    """What waits for others and follows the commit. A wake-up that fails is made up for by the tick "closing"."""
    raw_mail.store(committed.applied.copies)
    for test in committed.applied.begun:
        try:
            waking.wake_test(test, db_now())
        except DatabaseError as error:
            logger.warning("the mailboxes of %s are woken later: %s", test.public_id, error)


def _apply(looked: Sequence[Seen], now: datetime) -> Applied:
    sightings = {one.mailbox_id: one.scan.sightings for one in looked if one.scan.sightings}
    folders = ledger.save_folders({one.mailbox_id: one.scan.folders for one in looked}, now)
    elsewhere = ledger.stand_elsewhere(sightings)
    arrivals = ledger.save_arrivals(sightings, folders, now)
    ledger.save_evidence(_kept(looked, arrivals), now)
    moved = {one.mailbox_id for one in looked if not one.look.rechecks} & elsewhere
    concerning = [one for one in looked if _concerns_tests(one.scan)]
    if not concerning:
        return Applied(moved=moved)
    copies = [
        copy
        for one in concerning
        for copy in raw_mail.note(
            arrivals.get(one.mailbox_id, {}), one.scan.sightings, now, cap=one.look.keep_raw_bytes
        )
    ]
    tests = _lock_tests(concerning, now)
    begun = _give_matches(concerning, arrivals, tests, now)
    for one in concerning:
        _note_rivals(one.mailbox_id, one.scan, tests)
        changed = ledger.mark_gone(one.mailbox_id, one.scan.gone, now) + ledger.save_tabs(one.mailbox_id, one.scan.tabs)
        giving.read_again(changed, tests, now)
        if (check := one.scan.full_check) is not None:
            blind = _blind(one.look, one.scan)
            full_checks.conclude(Checked(one.mailbox_id, one.look.started_at, check, blind), tests, now)
    return Applied(begun, moved, copies)


def _kept(looked: Iterable[Seen], arrivals: Mapping[int, ledger.Ledger]) -> Iterator[tuple[Arrival, Sighting]]:
    """Whose header block is kept as evidence: a mailbox lent to two workspaces keeps only what is matched."""
    for one in looked:
        standing = arrivals.get(one.mailbox_id, {})
        for sighting in one.scan.sightings:
            if sighting.place in standing and (sighting.match or not one.look.shared):
                yield standing[sighting.place], sighting


def _concerns_tests(scan: ScanResult) -> bool:
    """Most looks find nothing that any test must know; those lock none."""
    matched = any(one.match or one.rivals for one in scan.sightings)
    return bool(matched or scan.gone or scan.tabs or scan.full_check)


def _lock_tests(looked: Sequence[Seen], now: datetime) -> dict[int, SeedTest]:
    """The tests these scans may write to, locked in id order before any of their results (the order everywhere)."""
    named = {test_id for one in looked for sighting in one.scan.sightings for test_id in _named(sighting)}
    wide = [one.mailbox_id for one in looked if one.concerns_all_tests]
    ids = set(
        _results_in([one.mailbox_id for one in looked]).filter(test_id__in=named).values_list("test_id", flat=True)
    )
    if wide:
        watched = Q(test__status__in=OPEN_STATUSES) | Q(test__watch_until__gte=now)
        ids |= set(_results_in(wide).filter(watched).values_list("test_id", flat=True))
    tests = SeedTest.objects.filter(pk__in=ids).select_for_update().order_by("pk") if ids else ()
    return {test.pk: test for test in tests}


def _named(sighting: Sighting) -> set[int]:
    return {match.test for match in (sighting.match, *sighting.rivals) if match}


def _results_in(mailbox_ids: Iterable[int]) -> QuerySet[SeedResult]:
    return SeedResult.objects.filter(mailbox_id__in=mailbox_ids).order_by()


def _note_rivals(mailbox_id: int, scan: ScanResult, tests: dict[int, SeedTest]) -> None:
    """A message that several tests could claim with equal right goes to none; each of them says so."""
    for one in scan.sightings:
        if not one.rivals:
            continue
        named = {match.test for match in one.rivals} & tests.keys()
        rivals = sorted(_results_in([mailbox_id]).filter(test_id__in=named).values_list("test_id", flat=True))
        for test_id in rivals:
            others = [tests[other].public_id for other in rivals if other != test_id]
            tests[test_id].results.filter(mailbox_id=mailbox_id).update(rival_tests=others)
            tests[test_id].raise_version()


def _give_matches(
    looked: Sequence[Seen], arrivals: Mapping[int, ledger.Ledger], tests: dict[int, SeedTest], now: datetime
) -> list[SeedTest]:
    """What was found goes to the results it belongs to. Returns the tests whose first message it was."""
    found: dict[tuple[int, int], list[Found]] = {}
    for one in looked:
        standing = arrivals.get(one.mailbox_id, {})
        for sighting in one.scan.sightings:
            match = sighting.match
            if match is None or match.test not in tests or sighting.place not in standing:
                continue
            given = Found(standing[sighting.place], one.facts[sighting.place], match.kind, match.where)
            found.setdefault((match.test, one.mailbox_id), []).append(given)
    return giving.give(found, tests, now)


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


def _free(looked: Sequence[Seen], moved: Collection[int], now: datetime) -> None:
    """The mailboxes answered: their claims end, with their state and when they are looked into next."""
    due = next_looks([one.mailbox_id for one in looked], now)
    due |= {one.mailbox_id: now for one in looked if one.scan.backlog or one.mailbox_id in moved}
    looks.finish_good([one.look.claim for one in looked], now, due)
    health = {one.mailbox_id: health_of(one.look, one.scan) for one in looked}
    # Compared with what it says now: watch, housekeeping and people write to it as well.
    names = ("pk", *next(iter(health.values())))
    told = {row["pk"]: row for row in Mailbox.objects.filter(pk__in=health).order_by().values(*names)}
    for one in looked:
        values = _changed(one, moved=one.mailbox_id in moved, now=now)
        before, after = told[one.mailbox_id], health[one.mailbox_id]
        if before["state"] != MailboxState.DISABLED and any(before[name] != after[name] for name in after):
            values |= after
        if values:
            Mailbox.objects.filter(pk=one.mailbox_id).update(**values)


def _changed(one: Seen, *, moved: bool, now: datetime) -> dict[str, object]:
    """What the look says of the mailbox itself, beside its health."""
    values: dict[str, object] = {}
    if one.scan.quota_used is not None:
        values["quota_used"] = one.scan.quota_used
    if one.look.rechecks or moved:
        # A second place of a known message: it was moved or copied, and only a look at the first place can tell.
        values["rechecked_at"] = None if moved else now
    return values


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


def next_looks(ids: Sequence[int], now: datetime) -> dict[int, datetime]:
    """When these mailboxes are looked into next, from what their results wait for."""
    waits: dict[int, list[cadence.Wait]] = {mailbox_id: [] for mailbox_id in ids}
    for one in looks.waits_of(ids, now):
        waits[one.mailbox_id].append(_wait(one))
    return {
        mailbox_id: cadence.next_poll(now, some, pace=settings.PACE, jitter=random.uniform(-1, 1))
        for mailbox_id, some in waits.items()
    }


def _wait(one: looks.Waiting) -> cadence.Wait:
    return cadence.Wait(
        waiting=one.placement == WAITING and one.test_is_open,
        sent_at=one.dispatched_at or one.sent_at or one.first_arrival_at,
        deadline_at=one.deadline_at,
        full_check_started_at=one.full_check_started_at,
        completed_at=one.completed_at,
        watch_until=one.watch_until,
        least_seconds=pacing.seconds_between_looks(one.provider),
    )
