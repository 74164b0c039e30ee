"""Looks into mailboxes: claim → one session for all open markers → commit what is still ours.

No transaction and no database connection is held while IMAP is spoken.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Min, Q

from placement import mailbox as engine
from placement.errors import PlacementError
from placement.providers import Provider
from placement.scan import scan
from placement.vocabulary import (
    Cursor,
    FolderRole,
    MarkerKind,
    MarkerRule,
    Place,
    Placement,
    ScanOrder,
    ScanResult,
)
from seedtest import crashing
from seedtest.models import claims
from seedtest.models.clock import db_now
from seedtest.models.mailboxes import Arrival, FolderCursor, Mailbox
from seedtest.models.seedtests import OPEN_STATUSES, Marker, SeedResult, SeedTest, Status
from seedtest.services import cadence, examining, pacing, raw_mail, recording, signing_in, ways_out
from seedtest.services.idle_database import release_connection
from seedtest.services.recording import Look

logger = logging.getLogger(__name__)

#: Mailboxes offered in one tick, and in one message.
OFFER_LIMIT, HINT_LIMIT = 2000, 50
WAITING = Placement.WAITING.value
#: A mailbox that slept so long is asked how full it is; one that is read often is asked by its full checks.
QUOTA_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one session needs, read before the first byte of IMAP."""

    look: Look
    login: engine.Login
    ca_pem: str
    provider: Provider
    cursors: dict[str, Cursor]
    overrides: dict[str, FolderRole]
    order: ScanOrder
    dial: ways_out.Dial


def dispatch(now: datetime, send: Callable[[list[int], bool], None]) -> int:
    """Offer due mailboxes to the workers: `send(ids, suspect)` publishes one message. Returns how many."""
    offers = claims.offer_due(now, limit=OFFER_LIMIT, hold=timedelta(seconds=settings.DISPATCH_SECONDS))
    crashing.here(crashing.Place.BEFORE_PUBLISH)
    ordinary = [offer.mailbox_id for offer in offers if not offer.suspect]
    size = max(1, min(HINT_LIMIT, len(ordinary) // (settings.POLL_THREADS * 2)))
    for start in range(0, len(ordinary), size):
        send(ordinary[start : start + size], False)
    for offer in offers:
        if offer.suspect:
            send([offer.mailbox_id], True)  # alone: if it kills the process, nothing else is to blame
    return len(offers)


def poll(ids: Sequence[int], *, owner: str, suspect: bool = False) -> int:
    """Look into those of `ids` that are still due. Each is claimed only when its turn has come."""
    return sum(poll_one(mailbox_id, owner=owner, suspect=suspect) for mailbox_id in ids)


def poll_one(mailbox_id: int, *, owner: str, suspect: bool = False) -> bool:
    """True when a look was made and committed."""
    lease = timedelta(seconds=settings.LEASE_SECONDS)
    with transaction.atomic():
        now = db_now()
        claimed = claims.claim([mailbox_id], now, owner=owner, lease=lease, suspect=suspect)
    if not claimed:
        return False
    crashing.here(crashing.Place.AFTER_CLAIM)
    mailbox = Mailbox.objects.get(pk=mailbox_id)
    look = _look(claimed[0], mailbox, now)
    try:
        plan = _plan(look, mailbox, signing_in.login_of(mailbox, look.claim))
        pacing.take_turn(mailbox, look.claim)
        release_connection()
        crashing.here(crashing.Place.BEFORE_IMAP)
        seen = look_into(plan)
        crashing.here(crashing.Place.AFTER_IMAP)
    except pacing.NotYet as turn:
        claims.finish(look.claim, next_poll_at=turn.again_at)
        return False
    except PlacementError as error:
        logger.info("mailbox %s: %s", mailbox_id, error)
        signing_in.doubt(mailbox, error)
        return recording.fail(look, error)
    finally:
        release_connection()
    committed = recording.record(look, seen)
    release_connection()
    return committed


def look_into(plan: Plan) -> ScanResult:
    """One IMAP session. Raises PlacementError."""
    context = engine.shared_ssl_context(ca_pem=plan.ca_pem or None)
    session = engine.ImapMailbox.open(
        plan.login, dial=plan.dial, deadline_seconds=settings.SESSION_DEADLINE, ssl_context=context
    )
    with session:
        return scan(
            session,
            provider=plan.provider,
            cursors=plan.cursors,
            overrides=plan.overrides,
            ask=lambda: ask_rules(plan.look),
            order=plan.order,
        )


def _look(claim: claims.Claim, mailbox: Mailbox, now: datetime) -> Look:
    asked = mailbox.rechecked_at
    return Look(
        claim=claim,
        started_at=now,
        shared=mailbox.seed_accounts.values("workspace_id").distinct().count() > 1,
        keep_raw_bytes=raw_mail.cap_of(mailbox),
        rechecks=asked is None or now >= asked + cadence.recheck_every(settings.PACE),
        quota_used=mailbox.quota_used,
        window=mailbox.catalog_entry.limits.window_messages,
    )


def _plan(look: Look, mailbox: Mailbox, login: engine.Login) -> Plan:
    folders = list(FolderCursor.objects.filter(mailbox=mailbox))
    cursors = {
        row.name: Cursor(row.uidvalidity, row.uidnext)
        for row in folders
        if row.uidvalidity is not None and row.uidnext is not None
    }
    return Plan(
        look=look,
        login=login,
        ca_pem=mailbox.ca_pem,
        provider=mailbox.catalog_entry,
        cursors=cursors,
        overrides={row.name: FolderRole(row.operator_role) for row in folders if row.operator_role},
        order=_order(mailbox, look, is_new=not cursors),
        dial=ways_out.dial_of(mailbox),
    )


def _order(mailbox: Mailbox, look: Look, *, is_new: bool) -> ScanOrder:
    since = _full_check_since(mailbox, look.started_at, is_new=is_new)
    known: dict[tuple[str, int], frozenset[int]] = _known(mailbox, since) if since else {}
    return ScanOrder(
        full_check_since=since.date() if since else None,
        known=known,
        recheck=tuple(_recheck(mailbox, look.started_at)) if look.rechecks else (),
        quota=mailbox.last_good_poll_at is None or mailbox.last_good_poll_at <= look.started_at - QUOTA_EVERY,
        keep_body_bytes=look.keep_raw_bytes,
        authserv_ids=examining.names_of(mailbox.authserv_ids),
    )


def _full_check_since(mailbox: Mailbox, now: datetime, *, is_new: bool) -> datetime | None:
    """From when on to look through every folder, or None: a deadline must have passed (or this is the first look)."""
    waiting = SeedResult.objects.filter(mailbox=mailbox, placement=WAITING, test__status__in=OPEN_STATUSES)
    if not is_new:
        waiting = waiting.filter(deadline_at__lte=now)
    earliest: datetime | None = waiting.aggregate(at=Min("test__window_starts_at"))["at"]
    return earliest - timedelta(days=1) if earliest else None


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


def ask_rules(look: Look) -> list[MarkerRule]:
    """The markers that mail in this mailbox may carry. Asked after the fetch returned, so none can be too new."""
    try:
        return [_rule(marker) for marker in _markers(look)]
    finally:
        release_connection()


def _markers(look: Look) -> Iterable[Marker]:
    watched = Q(status__in=(*OPEN_STATUSES, Status.COMPLETE, Status.INCONCLUSIVE))
    tests = SeedTest.objects.filter(watched, results__mailbox_id=look.claim.mailbox_id)
    markers = Marker.objects.filter(test__in=tests, valid_until__gt=look.started_at)
    if look.shared:
        markers = markers.filter(kind=MarkerKind.TOKEN.value)
    return markers


def _rule(marker: Marker) -> MarkerRule:
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
