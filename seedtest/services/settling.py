"""Ends the looks that found nothing new: many in one transaction, without the ORM, each guarded by its own epoch.

A look is unchanged when committing it would write nothing but "looked, all well, next time then". What the mailbox
waits for is read again inside the transaction, behind the row's lock: a test that was opened during the look has woken
the mailbox, and must not be put to sleep by a plan that did not know it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction

from placement.vocabulary import FolderState, Placement, ScanResult
from seedtest import crashing
from seedtest.models import claims, looks
from seedtest.models.clock import db_now
from seedtest.models.mailboxes import FolderCursor, Mailbox
from seedtest.services import recording, warm
from seedtest.services.recording import Look

WAITING = Placement.WAITING.value


def is_unchanged(mailbox: Mailbox, folders: Iterable[FolderCursor], look: Look, scan: ScanResult) -> bool:
    """Does the scan say nothing that the mailbox and its folders, as read before it, do not say already?"""
    news = scan.sightings or scan.gone or scan.tabs or scan.full_check or scan.backlog
    if news or look.rechecks or scan.quota_used is not None:
        return False
    health = recording.health_of(look, scan)
    if any(getattr(mailbox, name) != value for name, value in health.items()):
        return False
    rows = {row.name: row for row in folders}
    return all(_is_known(rows.get(state.folder.name[:512]), state) for state in scan.folders)


def _is_known(row: FolderCursor | None, state: FolderState) -> bool:
    if row is None:
        return False
    folder, cursor = state.folder, state.cursor
    if (row.role, row.source, row.selectable) != (folder.role.value, int(folder.source), folder.selectable):
        return False
    return cursor is None or (row.uidvalidity, row.uidnext) == (cursor.uidvalidity, cursor.uidnext)


def settle(looked: Sequence[claims.Claim]) -> set[int]:
    """Commit unchanged looks. Returns the mailboxes whose claim was still ours."""
    if not looked:
        return set()
    with transaction.atomic():
        now = db_now()
        held = looks.lock(looked)
        if not held:
            return set()
        done = looks.finish_good(held, now, recording.next_looks([claim.mailbox_id for claim in held], now))
        warm.keep(held, now)
        crashing.here(crashing.Place.BEFORE_COMMIT)
    crashing.here(crashing.Place.AFTER_COMMIT)
    return set(done)
