"""Logins take turns: so many sessions a provider's host, so far apart, for all workers together.

Twenty logins from one data-centre address within a second look like a break-in to a mailbox provider. What a provider
bears is in its catalogue entry; where nobody knows, its kind says what is surely not too much. What an operator writes
into a host's row goes before both. A server of one's own is not paced.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from placement import providers
from placement.errors import CatalogError
from placement.providers.model import Kind, Provider
from seedtest.models import ProviderPace, claims
from seedtest.models.clock import db_now
from seedtest.models.mailboxes import Mailbox
from seedtest.services.idle_database import release_connection

#: A worker waits so long for its turn; after that others get the thread.
PATIENCE = timedelta(seconds=2)
#: Sessions at once from one address, and logins a minute, where the catalogue knows nothing.
USUAL: Mapping[Kind, tuple[int, int]] = {
    Kind.CONSUMER: (20, 240),
    Kind.BUSINESS: (40, 600),
    Kind.ISP: (10, 120),
    Kind.HOSTING: (10, 240),
}


@dataclass(slots=True)
class NotYet(Exception):
    """It is others' turn. Nothing has failed: the mailbox is given back and comes again at `again_at`."""

    again_at: datetime


def take_turn(mailbox: Mailbox, claim: claims.Claim, *, patience: timedelta = PATIENCE) -> None:
    """Returns when the claim's owner may log in, after waiting for it. Raises NotYet."""
    pace = _pace_of(mailbox)
    if pace is None:
        return
    with transaction.atomic():
        now = db_now()
        until = now + timedelta(seconds=settings.LEASE_SECONDS)
        usual = bearable(mailbox.catalog_entry)
        at = claims.take_login_slot(claim, now, pace_id=pace.pk, usual=usual, ahead=patience, until=until)
    if at is None:
        raise NotYet(now + patience * random.uniform(0.5, 1.5))
    release_connection()
    time.sleep((at - now).total_seconds())


def sessions_of(entry: Provider, known: int | None) -> int | None:
    """Sessions that a provider's host bears, `known` from its pace; None: a server of one's own, nobody counts."""
    if not _is_paced(entry):
        return None
    return bearable(entry).sessions if known is None else known


def _is_paced(entry: Provider) -> bool:
    return entry.id != providers.GENERIC.id and entry.kind in USUAL


def _pace_of(mailbox: Mailbox) -> ProviderPace | None:
    entry = mailbox.catalog_entry
    if not _is_paced(entry):
        return None
    place = {"provider": entry.id, "host": mailbox.host}
    known = ProviderPace.objects.filter(**place).first()
    return known or ProviderPace.objects.get_or_create(**place)[0]


def bearable(entry: Provider) -> claims.Bearable:
    """As the catalogue says, else as providers of its kind bear."""
    sessions, logins = USUAL[entry.kind]
    spacing = 60_000 / (entry.limits.logins_per_minute or logins) * min(1.0, settings.PACE)
    return claims.Bearable(entry.limits.sessions or sessions, int(spacing))


def seconds_between_looks(provider_id: str) -> float:
    """How far apart two looks into one mailbox must be for its provider's sake; 0: nothing is known."""
    try:
        return float(providers.get(provider_id).limits.min_poll_seconds or 0)
    except CatalogError:
        return 0.0
