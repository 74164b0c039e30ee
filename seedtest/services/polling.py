"""Looks into mailboxes: claim → one session for all open markers → commit what is still ours.

No transaction and no database connection is held while IMAP is spoken.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Q

from placement import mailbox as engine
from placement.errors import Disconnected, PlacementError
from placement.providers import Provider
from placement.scan import scan
from placement.vocabulary import (
    Cursor,
    FolderRole,
    MarkerKind,
    MarkerRule,
    Place,
    ScanOrder,
    ScanResult,
)
from seedtest import crashing
from seedtest.models import claims, looks
from seedtest.models.clock import db_now
from seedtest.models.mailboxes import Arrival, FolderCursor, Mailbox
from seedtest.models.seedtests import OPEN_STATUSES, Marker
from seedtest.services import (
    cadence,
    committing,
    examining,
    pacing,
    raw_mail,
    recording,
    settling,
    signing_in,
    turns,
    warm,
    ways_out,
)
from seedtest.services.committing import Ended
from seedtest.services.idle_database import release_connection
from seedtest.services.recording import Look

logger = logging.getLogger(__name__)

#: Mailboxes offered in one tick, and in one message.
OFFER_LIMIT, HINT_LIMIT = 2000, 50
#: Messages that what is due for nobody in particular makes at least: for as many workers.
SPREAD = 4
#: Looks that end within this time are committed together.
GROUPED_SECONDS = 0.05
#: A mailbox that slept so long is asked how full it is; one that is read often is asked by its full checks.
QUOTA_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one session needs, read before the first byte of IMAP."""

    look: Look
    mailbox: Mailbox
    provider: Provider
    cursors: dict[str, Cursor]
    overrides: dict[str, FolderRole]
    order: ScanOrder
    dial: ways_out.Dial
    session: engine.ImapMailbox | None = None  # that was kept, or else
    login: engine.Login | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed mailbox as it was read when its look began."""

    claim: claims.Claim
    mailbox: Mailbox
    folders: Sequence[FolderCursor]
    now: datetime
    shared: bool  # lent to several workspaces
    deadlines: Sequence[looks.Deadline]


def dispatch(now: datetime, send: Callable[[list[int], bool, str], None]) -> int:
    """Offer due mailboxes to the workers: `send(ids, suspect, queue)` publishes one message. Returns how many.

    `queue` is that of the worker which keeps a session with these mailboxes, empty for whoever comes first.
    """
    offers = claims.offer_due(now, limit=OFFER_LIMIT, hold=timedelta(seconds=settings.DISPATCH_SECONDS))
    crashing.here(crashing.Place.BEFORE_PUBLISH)
    by_queue: dict[str, list[int]] = {}
    for offer in offers:
        if not offer.suspect:
            by_queue.setdefault(offer.queue, []).append(offer.mailbox_id)
    for queue, ids in by_queue.items():
        size = HINT_LIMIT if queue else max(1, min(HINT_LIMIT, len(ids) // SPREAD))
        for start in range(0, len(ids), size):
            send(ids[start : start + size], False, queue)
    for offer in offers:
        if offer.suspect:
            send([offer.mailbox_id], True, "")  # alone: if it kills the process, nothing else is to blame
    return len(offers)


def poll(ids: Sequence[int], *, owner: str, suspect: bool = False) -> int:
    """Look into those of `ids` that are still due. Each is claimed only when its turn has come."""
    left, committed = list(ids), 0
    while left:
        count = turns.seats().take(len(left))
        turn, left = left[:count], left[count:]
        committed += _poll_together(turn, owner=owner, suspect=suspect)
    return committed


def poll_one(mailbox_id: int, *, owner: str, suspect: bool = False) -> bool:
    """True when a look was made and committed."""
    return bool(poll([mailbox_id], owner=owner, suspect=suspect))


def _poll_together(ids: Sequence[int], *, owner: str, suspect: bool) -> int:
    """One claim for all, a session each at the same time, and one commit for those that end together.

    Holds a seat for each of `ids`, and gives each back as soon as it is not needed: one slow server keeps no others.
    """
    seats, jobs = turns.seats(), []
    try:
        jobs = _claim(ids, owner=owner, suspect=suspect)
    finally:
        seats.leave(len(ids) - len(jobs))
        release_connection()
    if not jobs:
        return 0

    def run(job: Job) -> Ended:
        ended = None
        try:
            ended = _run(job)
        finally:
            if ended is None or ended.news is None:  # else when it is committed: what was found must not pile up
                seats.leave()
        return ended

    committed, failures = 0, list[Exception]()
    for ended in turns.as_they_end(run, jobs, every=GROUPED_SECONDS):
        try:
            done = committing.commit(ended)
            committed, failures = committed + done.committed, failures + done.failures
        except Exception as error:
            failures.append(error)
        finally:
            seats.leave(sum(one.news is not None for one in ended))
    for failure in failures:
        if not isinstance(failure, MemoryError):  # which, let through, would end Celery's whole worker
            raise failure  # now that all others are safe
    return committed


def _claim(ids: Sequence[int], *, owner: str, suspect: bool) -> list[Job]:
    lease = timedelta(seconds=settings.LEASE_SECONDS)
    with turns.writing(), transaction.atomic():
        now = db_now()
        claimed = claims.claim(ids, now, owner=owner, lease=lease, suspect=suspect, keeper=warm.owner())
    if not claimed:
        return []
    crashing.here(crashing.Place.AFTER_CLAIM)
    ids = [claim.mailbox_id for claim in claimed]
    return _read(claimed, now)


def _read(claimed: Sequence[claims.Claim], now: datetime) -> list[Job]:
    """All that looks into these mailboxes need, in a number of queries that does not grow with them."""
    ids = [claim.mailbox_id for claim in claimed]
    mailboxes = Mailbox.objects.select_related("workspace", "egress", "oauth").in_bulk(ids)
    folders: dict[int, list[FolderCursor]] = {}
    for folder in FolderCursor.objects.filter(mailbox_id__in=ids).order_by("pk"):
        folders.setdefault(folder.mailbox_id, []).append(folder)
    shared, deadlines = looks.shared(ids), looks.deadlines_of(ids)
    return [
        Job(claim, mailboxes[one], folders.get(one, ()), now, one in shared, deadlines.get(one, ()))
        for claim in claimed
        if (one := claim.mailbox_id) in mailboxes
    ]


def _run(job: Job) -> Ended:
    """One look. What comes of it is committed with that of others, unless it failed."""
    mailbox = job.mailbox
    try:
        look = _look(job)
        scanned = _scanned(look, job)
        if settling.is_unchanged(mailbox, job.folders, look, scanned):
            return Ended(job.claim, unchanged=True)
        return Ended(job.claim, news=recording.seen(look, mailbox, scanned))
    except pacing.NotYet as turn:
        claims.finish(job.claim, next_poll_at=turn.again_at)
        return Ended(job.claim)
    except PlacementError as error:
        logger.info("mailbox %s: %s", mailbox.pk, error)
        signing_in.doubt(mailbox, error)
        return Ended(job.claim, committed=recording.fail(job.claim, error))
    except MemoryError:
        # Let through, it would end Celery's whole worker, on `work` the ticks and the sending with it. The claim stays
        # lost: that is what makes the mailbox a suspect, and quarantines it at last.
        logger.error("mailbox %s: there was not enough memory to read it", mailbox.pk)
        return Ended(job.claim)
    finally:
        release_connection()


def _scanned(look: Look, job: Job) -> ScanResult:
    """What the kept session sees, or else one that logs in. Raises PlacementError, or NotYet."""
    mailbox = job.mailbox
    plan = _plan(look, job)
    if session := warm.take(mailbox):
        answers = session.answers
        try:
            return _looked(replace(plan, session=session))
        except Disconnected as error:
            if session.answers > answers:
                raise
            logger.info("mailbox %s: the kept session was over, logging in: %s", mailbox.pk, error)
    login = signing_in.login_of(mailbox, look.claim)
    pacing.take_turn(mailbox, look.claim)
    return _looked(replace(plan, login=login))


def _looked(plan: Plan) -> ScanResult:
    release_connection()
    crashing.here(crashing.Place.BEFORE_IMAP)
    seen = look_into(plan)
    crashing.here(crashing.Place.AFTER_IMAP)
    return seen


def look_into(plan: Plan) -> ScanResult:
    """One look in one IMAP session, which is kept afterwards where the process keeps any. Raises PlacementError."""
    session = plan.session or _open(plan)
    try:
        seen = scan(
            session,
            provider=plan.provider,
            cursors=plan.cursors,
            overrides=plan.overrides,
            ask=lambda: _ask_rules(plan.look),
            order=plan.order,
        )
    except BaseException:
        session.close()
        raise
    warm.put(plan.mailbox, session)
    return seen


def _open(plan: Plan) -> engine.ImapMailbox:
    assert plan.login is not None
    context = engine.shared_ssl_context(ca_pem=plan.mailbox.ca_pem or None)
    return engine.ImapMailbox.open(
        plan.login, dial=plan.dial, deadline_seconds=settings.SESSION_DEADLINE, ssl_context=context
    )


def _look(job: Job) -> Look:
    mailbox, asked = job.mailbox, job.mailbox.rechecked_at
    return Look(
        claim=job.claim,
        started_at=job.now,
        shared=job.shared,
        keep_raw_bytes=raw_mail.cap_of(mailbox),
        rechecks=asked is None or job.now >= asked + cadence.recheck_every(settings.PACE),
        quota_used=mailbox.quota_used,
        window=mailbox.catalog_entry.limits.window_messages,
        deadlines=job.deadlines,
    )


def _plan(look: Look, job: Job) -> Plan:
    mailbox = job.mailbox
    cursors = {
        row.name: Cursor(row.uidvalidity, row.uidnext)
        for row in job.folders
        if row.uidvalidity is not None and row.uidnext is not None
    }
    return Plan(
        look=look,
        mailbox=mailbox,
        provider=mailbox.catalog_entry,
        cursors=cursors,
        overrides={row.name: FolderRole(row.operator_role) for row in job.folders if row.operator_role},
        order=_order(mailbox, look, is_new=not cursors),
        dial=ways_out.dial_of(mailbox),
    )


def _order(mailbox: Mailbox, look: Look, *, is_new: bool) -> ScanOrder:
    since = _full_check_since(look, is_new=is_new)
    known: dict[tuple[str, int], frozenset[int]] = _known(mailbox, since) if since else {}
    return ScanOrder(
        full_check_since=since.date() if since else None,
        known=known,
        recheck=tuple(_recheck(mailbox, look.started_at)) if look.rechecks else (),
        quota=mailbox.last_good_poll_at is None or mailbox.last_good_poll_at <= look.started_at - QUOTA_EVERY,
        keep_body_bytes=look.keep_raw_bytes,
        authserv_ids=examining.names_of(mailbox.authserv_ids),
    )


def _full_check_since(look: Look, *, is_new: bool) -> datetime | None:
    """From when on to look through every folder, or None: a deadline must have passed (or this is the first look)."""
    due = [
        starts
        for deadline, starts in look.deadlines
        if starts and (is_new or (deadline is not None and deadline <= look.started_at))
    ]
    return min(due) - timedelta(days=1) if due else None


def _known(mailbox: Mailbox, since: datetime) -> dict[tuple[str, int], frozenset[int]]:
    rows = Arrival.objects.filter(mailbox=mailbox, internaldate__gte=since - timedelta(days=2))
    if Marker.objects.filter(in_body=True, test__results__mailbox=mailbox, test__status__in=OPEN_STATUSES).exists():
        rows = rows.filter(result__isnull=False)  # a text that could not be read then is read once more
    known: dict[tuple[str, int], set[int]] = {}
    for folder, uidvalidity, uid in rows.values_list("folder__name", "uidvalidity", "uid"):
        known.setdefault((folder, uidvalidity), set()).add(uid)
    return {place: frozenset(uids) for place, uids in known.items()}


def _recheck(mailbox: Mailbox, now: datetime) -> Iterable[Place]:
    """Places of messages that tests still watch: has the message moved, gone, or got its tab?"""
    watched = Q(result__test__status__in=OPEN_STATUSES) | Q(result__test__watch_until__gt=now)
    rows = Arrival.objects.filter(watched, mailbox=mailbox, gone_at=None).select_related("folder")
    return [Place(row.folder.name, row.uidvalidity, row.uid) for row in rows[:500]]


def _rules_of(asking: Sequence[Look]) -> list[list[MarkerRule]]:
    """The markers that mail in these mailboxes may carry; in one that is lent, only those nobody else could know."""
    try:
        markers = looks.markers_of({look.claim.mailbox_id for look in asking}, min(look.started_at for look in asking))
    finally:
        release_connection()
    return [
        [
            _rule(marker)
            for marker in markers.get(look.claim.mailbox_id, ())
            if marker.valid_until > look.started_at and (not look.shared or marker.kind == MarkerKind.TOKEN.value)
        ]
        for look in asking
    ]


#: Asked after the fetch returned, so that no marker can be too new.
_rules = turns.Desk(_rules_of, most=HINT_LIMIT)


def _ask_rules(look: Look) -> list[MarkerRule]:
    try:
        return _rules.ask(look)
    except DatabaseError as error:
        logger.info("mailbox %s: asking for its markers alone: %s", look.claim.mailbox_id, error)
        return _rules_of([look])[0]  # the trouble may have been another's


def _rule(marker: looks.Asked) -> MarkerRule:
    return MarkerRule(
        test=marker.test_id,
        kind=MarkerKind(marker.kind),
        value=marker.value,
        header=marker.header,
        from_domain=marker.from_domain,
        in_body=marker.in_body,
        valid_from=marker.valid_from,
        valid_until=marker.valid_until,
    )
