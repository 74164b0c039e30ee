"""Empties seeds: deletes messages of ended tests that are old enough, in mailboxes whose owner allows it.

Every doubt is a refusal: a seed that stays full costs a result, a message deleted by mistake cannot be brought back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from placement import mailbox as engine
from placement.errors import FolderUnavailable, PlacementError
from placement.mailbox.purging import KnownFolder, PurgingMailbox
from seedtest.models import Arrival, FolderCursor, Mailbox, claims
from seedtest.models.clock import db_now
from seedtest.models.mailboxes import MailboxState, Purpose
from seedtest.models.seedtests import ENDED_STATUSES
from seedtest.services import backing_off, pacing, signing_in, ways_out
from seedtest.services.idle_database import release_connection

logger = logging.getLogger(__name__)

#: Messages of one mailbox in one run, the oldest first.
MOST: Final = 5000
_READABLE: Final = (MailboxState.HEALTHY, MailboxState.DEGRADED)
_PATIENCE: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """What became of one mailbox. Without `dry_run`, `deleted` are gone for good."""

    address: str
    dry_run: bool
    deleted: int = 0
    different: int = 0
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Order:
    """Everything the session needs, read before the first byte of IMAP."""

    login: engine.Login
    dial: ways_out.Dial
    ca_pem: str
    folders: Mapping[str, FolderCursor]
    messages: Mapping[str, Mapping[int, Arrival]]  # folder → UID → arrival


def purge(mailboxes: Iterable[Mailbox], *, dry_run: bool, owner: str) -> Iterator[PurgeReport]:
    """One mailbox after the other, each under its own lease."""
    for mailbox in mailboxes:
        report = purge_one(mailbox, dry_run=dry_run, owner=owner)
        logger.info(
            "purge of mailbox %s: %s deleted, %s different, %s refusals%s",
            mailbox.pk, report.deleted, report.different, len(report.refused), " (dry run)" if dry_run else "",
        )  # fmt: skip
        yield report


def purge_one(mailbox: Mailbox, *, dry_run: bool, owner: str) -> PurgeReport:
    now = db_now()
    days = days_of(mailbox)
    if refused := _refused(mailbox, days, now):
        return PurgeReport(mailbox.address, dry_run, refused=(refused,))
    claim = _lease(mailbox, now, owner)
    if claim is None:
        return PurgeReport(mailbox.address, dry_run, refused=("It is being read right now. Run this again later.",))
    try:
        if refused := _refused(mailbox, days, now):  # the row as it is under the lease
            return PurgeReport(mailbox.address, dry_run, refused=(refused,))
        return _purge_claimed(mailbox, claim, now - timedelta(days=days), dry_run=dry_run)
    except pacing.NotYet:
        return PurgeReport(mailbox.address, dry_run, refused=("Too many sessions at its provider right now.",))
    except PlacementError as error:
        _note_failure(claim, error)
        return PurgeReport(mailbox.address, dry_run, refused=(str(error),))
    finally:
        _give_back(claim)


def days_of(mailbox: Mailbox) -> int:
    """After how many days the owner of this mailbox lets messages be deleted; 0 = never."""
    if mailbox.workspace is None:
        return settings.PURGE_POOL_AFTER_DAYS
    return mailbox.workspace.purge_after_days or 0


def _refused(mailbox: Mailbox, days: int, now: datetime) -> str:
    if not days:
        return "Switched off: its workspace (or PURGE_POOL_AFTER_DAYS for the operator's pool) allows no deletion."
    if mailbox.purpose != Purpose.SEED or mailbox.state not in _READABLE:
        return "Only seeds that can be read right now are emptied."
    users = set(mailbox.seed_accounts.values_list("workspace_id", flat=True))
    if len(users) > 1 or (mailbox.workspace_id is not None and users - {mailbox.workspace_id}):
        return "Several workspaces use it, so nobody may delete in it."
    if backing_off.login_allowed_at(mailbox, now):
        return "Its provider refused too many logins within the hour."
    waits_until = max(filter(None, (mailbox.auth_backoff_until, mailbox.backoff_until)), default=now)
    return (
        "Its last session failed, so it is left alone for a while. Run this again later." if waits_until > now else ""
    )


def _lease(mailbox: Mailbox, now: datetime, owner: str) -> claims.Claim | None:
    """The mailbox's lease: no poll looks into it meanwhile."""
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    until = now + timedelta(seconds=settings.LEASE_SECONDS)
    taken = Mailbox.objects.filter(free, pk=mailbox.pk).update(
        lease_epoch=F("lease_epoch") + 1, lease_until=until, lease_owner=owner, session_owner="", session_until=None
    )
    if not taken:
        return None
    mailbox.refresh_from_db(fields=["lease_epoch", "state", "refused_logins", "backoff_until", "auth_backoff_until"])
    return claims.Claim(mailbox.pk, mailbox.lease_epoch)


def _give_back(claim: claims.Claim) -> None:
    mine = Mailbox.objects.filter(pk=claim.mailbox_id, lease_epoch=claim.epoch)
    mine.update(lease_until=None, lease_owner="", slot_until=None)


def _note_failure(claim: claims.Claim, error: PlacementError) -> None:
    """A refused login counts whoever tried it: the account is locked by the number of them, not by our reasons."""
    if isinstance(error, FolderUnavailable):
        return  # the session was fine
    with transaction.atomic():
        mine = Mailbox.objects.select_for_update().filter(pk=claim.mailbox_id, lease_epoch=claim.epoch)
        if mailbox := mine.first():
            signing_in.doubt(mailbox, error)
            mine.update(**backing_off.after_failure(mailbox, error, db_now()))
    release_connection()


def _purge_claimed(mailbox: Mailbox, claim: claims.Claim, cut: datetime, *, dry_run: bool) -> PurgeReport:
    order = _order(mailbox, claim, cut)
    if not order.messages:
        return PurgeReport(mailbox.address, dry_run)
    pacing.take_turn(mailbox, claim, patience=_PATIENCE)
    release_connection()
    context = engine.shared_ssl_context(ca_pem=order.ca_pem or None)
    with PurgingMailbox.open(
        order.login, dial=order.dial, deadline_seconds=settings.SESSION_DEADLINE, ssl_context=context
    ) as session:
        return _session(session, mailbox, claim, order, dry_run=dry_run)


def _order(mailbox: Mailbox, claim: claims.Claim, cut: datetime) -> _Order:
    messages: dict[str, dict[int, Arrival]] = {}
    for arrival in _old_and_closed(mailbox, cut)[:MOST]:
        messages.setdefault(arrival.folder.name, {})[arrival.uid] = arrival
    folders = {one.name: one for one in FolderCursor.objects.filter(mailbox=mailbox, name__in=messages)}
    login = signing_in.login_of(mailbox, claim)
    return _Order(login, ways_out.dial_of(mailbox), mailbox.ca_pem, folders, messages)


def _old_and_closed(mailbox: Mailbox, cut: datetime) -> Iterable[Arrival]:
    """In the ledger, in the folder as it is now, behind its cursor, and of a test nobody waits for or watches."""
    rows = Arrival.objects.filter(
        mailbox=mailbox, gone_at=None, internaldate__lt=cut, first_seen_at__lt=cut,
        result__test__status__in=ENDED_STATUSES, result__test__completed_at__lt=cut,
        uidvalidity=F("folder__uidvalidity"), uid__lt=F("folder__uidnext"),
    )  # fmt: skip
    watched = Q(result__test__watch_until__gt=db_now())
    return rows.exclude(watched).select_related("folder").order_by("internaldate", "pk")


def _session(
    session: PurgingMailbox, mailbox: Mailbox, claim: claims.Claim, order: _Order, *, dry_run: bool
) -> PurgeReport:
    raw_names = {one.name[:512]: one.raw_name for one in session.list_folders() if one.selectable}
    deleted = different = 0
    refused = []
    for name, arrivals in order.messages.items():
        if name not in raw_names:
            refused.append(f"{name}: the folder is not there any more.")
            continue
        if not claims.holds(claim):
            refused.append("The lease was lost, so the rest was left alone.")
            break
        release_connection()
        done = session.purge(_known(raw_names[name], order.folders[name], arrivals), dry_run=dry_run)
        refused += [f"{name}: {done.refused}"] if done.refused else []
        deleted, different = deleted + len(done.deleted), different + done.different
        if not dry_run:
            _note_gone([arrivals[uid].pk for uid in done.deleted])
    if deleted and not dry_run:
        _note_room(claim, session.quota())
    return PurgeReport(mailbox.address, dry_run, deleted, different, tuple(refused))


def _known(raw_name: bytes, folder: FolderCursor, arrivals: Mapping[int, Arrival]) -> KnownFolder:
    assert folder.uidvalidity is not None and folder.uidnext is not None  # the query compared with them
    sizes = {uid: arrival.size for uid, arrival in arrivals.items()}
    return KnownFolder(raw_name, folder.uidvalidity, folder.uidnext, sizes)


def _note_gone(arrivals: list[int]) -> None:
    """Whoever holds the mailbox by now: that these messages are gone is true."""
    with transaction.atomic():
        Arrival.objects.filter(pk__in=arrivals, gone_at=None).update(gone_at=db_now())
    release_connection()


def _note_room(claim: claims.Claim, quota_used: float | None) -> None:
    if quota_used is not None:
        Mailbox.objects.filter(pk=claim.mailbox_id, lease_epoch=claim.epoch).update(quota_used=quota_used)
