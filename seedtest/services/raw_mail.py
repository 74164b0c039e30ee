"""Whole messages, where a workspace asked to keep them: rows in the database, files in Django's storage.

The row is written with the arrival and names its file; the file follows after the commit, and is deleted before the
row. So a process that dies in between leaves a row without a file at worst, and never a file that nothing names.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import Q

from placement.vocabulary import Sighting
from seedtest.models import Arrival, Mailbox, RawMessage, Workspace
from seedtest.services.ledger import Ledger

logger = logging.getLogger(__name__)

#: Time for the file of a new row to be written.
WRITING: Final = timedelta(minutes=1)


class Copy(NamedTuple):
    """A row whose file is still to be written."""

    row: RawMessage
    content: bytes


def cap_of(mailbox: Mailbox) -> int:
    """Bytes of each message that are kept; 0 unless the owner of the mailbox asks, and nobody else uses it."""
    owner = mailbox.workspace
    if owner is None or not owner.keep_raw:
        return 0
    shared = mailbox.seed_accounts.exclude(workspace=owner).exists()
    return 0 if shared else owner.raw_max_kb * 1024


def note(arrivals: Ledger, sightings: Iterable[Sighting], now: datetime, *, cap: int) -> list[Copy]:
    """Rows for what was fetched whole, in the transaction of their arrivals. Returns what to `store` after it."""
    wanted = [one for one in sightings if cap and one.body is not None and one.match and one.place in arrivals]
    copies = {copy.row.file: copy for copy in (_copy(arrivals[one.place], one, cap, now) for one in wanted)}
    RawMessage.objects.bulk_create([copy.row for copy in copies.values()], ignore_conflicts=True, batch_size=100)
    # A place that was seen before has its row and its file already.
    written = RawMessage.objects.filter(file__in=list(copies)) if copies else ()
    return [Copy(row, copies[row.file].content) for row in written]


def _copy(arrival: Arrival, one: Sighting, cap: int, now: datetime) -> Copy:
    assert one.body is not None
    whole = one.header_block + one.body.content
    content = whole[:cap]
    row = RawMessage(
        arrival=arrival,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        truncated=one.truncated or one.body.truncated or len(whole) > cap,
        created_at=now,
    )
    return Copy(row, content)


def store(copies: Iterable[Copy]) -> None:
    """After the commit. A storage that fails costs the copy, never the result."""
    for row, content in copies:
        try:
            default_storage.save(row.file, ContentFile(content))
        except OSError as error:
            logger.warning("raw message %s could not be written: %s", row.pk, error)
            RawMessage.objects.filter(pk=row.pk).delete()


def content_of(row: RawMessage) -> bytes | None:
    """None where the file is not (or not yet) there."""
    try:
        with default_storage.open(row.file) as file:
            content: bytes = file.read()
    except OSError:
        return None
    return content


def of_arrival(arrival: Arrival) -> RawMessage | None:
    return RawMessage.objects.filter(arrival=arrival).first()


def delete_old(now: datetime, *, limit: int) -> int:
    """Past their workspace's retention, or of no test any more. Files first."""
    rows = list(RawMessage.objects.filter(_old(now)).order_by("pk")[:limit])
    for row in rows:
        default_storage.delete(row.file)
    RawMessage.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)


def _old(now: datetime) -> Q:
    condition = Q(arrival=None) | Q(arrival__result=None) | Q(arrival__mailbox__workspace=None)
    for days in Workspace.objects.order_by().values_list("raw_retention_days", flat=True).distinct():
        cut = now - timedelta(days=days)
        condition |= Q(arrival__mailbox__workspace__raw_retention_days=days, created_at__lt=cut)
    return condition
