"""How connections to a mailbox leave: as everything else, or by the route its group of mailboxes has."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import QuerySet

from seedtest import netguard
from seedtest.crypto import SecretUnreadable
from seedtest.models import EgressRoute, Mailbox
from seedtest.services import waking
from seedtest.services.local_failures import LocalFailure

Dial = Callable[[str, int, float], socket.socket]


def dial_of(mailbox: Mailbox) -> Dial:
    """What the engine dials with. Reads a row, so it is asked before the database is let go. Raises LocalFailure."""
    return partial(netguard.dial, route=route_of(mailbox)) if mailbox.egress else netguard.dial


def route_of(mailbox: Mailbox) -> netguard.Route:
    """For what goes out on behalf of a mailbox and is no IMAP, as `dial_of`."""
    row = mailbox.egress
    if row is None:
        return netguard.DIRECT
    return netguard.Route(row.source_address or "", _proxy(row) if row.proxy_host else None)


def _proxy(row: EgressRoute) -> netguard.Proxy:
    try:
        password = row.proxy_password.reveal()
    except SecretUnreadable as error:
        raise LocalFailure(str(error)) from error
    return netguard.Proxy(row.proxy_host, row.proxy_port, row.proxy_username, password)


def assign(mailboxes: QuerySet[Mailbox], route: EgressRoute | None, *, now: datetime) -> int:
    """These mailboxes leave by `route` from their next session on; None: as everything else. Returns how many.

    Those of other owners are left as they are: a route belongs to whoever pays for it.
    """
    if route is not None:
        mailboxes = mailboxes.filter(workspace=route.workspace_id)
    with transaction.atomic():
        ids = list(mailboxes.order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))
        changed = Mailbox.objects.filter(pk__in=ids).update(egress=route)
    waking.wake(ids, now)
    return changed
