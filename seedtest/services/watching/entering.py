"""Logs in for a watch as a poll does: same credentials, same turns, same way out, and refusals are counted.

The mailbox's lease is held only while credentials are read (a token may be refreshed under it) and turns are taken, not
during the logins: a server that is silent then would keep the polls waiting.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction

from placement import mailbox as engine
from placement.errors import LoginRefused, PlacementError
from placement.vocabulary import Cursor, FolderRole
from seedtest.models import FolderCursor, Mailbox, watches
from seedtest.models.clock import db_now
from seedtest.services import backing_off, pacing, signing_in, turns, ways_out
from seedtest.services.idle_database import release_connection

logger = logging.getLogger(__name__)

#: Seconds from the dial to the end of the login.
LOGIN_SECONDS = 30.0
#: A watch that is killed while it reads credentials keeps the polls waiting for so long.
LEASE = timedelta(seconds=20)
#: As often as a NAT or a server that forgets asks for; a provider may want it more often.
RENEW_SECONDS = 540.0


class Busy(Exception):
    """Somebody looks into the mailbox right now, or nobody may log in yet. Nothing has failed."""


class CannotWatch(PlacementError):
    """The server has no IDLE, or no such folder: not to be tried again soon."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One folder's connection, logged in, nothing sent since."""

    sock: socket.socket
    talk: engine.FolderWatch
    early: bytes  # what the server said ahead of its time
    renew_seconds: float


@dataclass(frozen=True, slots=True)
class Order:
    """Everything the logins need, read before the first byte of IMAP."""

    mailbox: Mailbox
    login: engine.Login
    dial: ways_out.Dial
    folders: tuple[FolderCursor, ...]


def enter(mailbox_id: int, *, owner: str) -> list[Opened]:
    """A connection for the inbox and one for junk. Raises Busy, pacing.NotYet or PlacementError."""
    order = _order(mailbox_id, owner)
    opened: list[Opened] = []
    try:
        for folder in order.folders:
            opened.append(_open(order, folder))
    except BaseException as error:
        for one in opened:
            one.sock.close()
        if isinstance(error, LoginRefused):
            _note_refusal(order.mailbox, error)
        raise
    return opened


def _order(mailbox_id: int, owner: str) -> Order:
    with turns.writing():
        now = db_now()
        claim = watches.borrow(mailbox_id, now, owner=owner, lease=LEASE)
    if claim is None:
        raise Busy
    try:
        mailbox = Mailbox.objects.select_related("egress").get(pk=mailbox_id)
        if backing_off.login_allowed_at(mailbox, now):
            raise Busy
        folders = _folders(mailbox)
        order = Order(mailbox, signing_in.login_of(mailbox, claim), ways_out.dial_of(mailbox), folders)
        for _ in folders:
            pacing.take_turn(mailbox, claim)
        return order
    finally:
        with turns.writing():
            watches.give_back(claim)
        release_connection()


def _folders(mailbox: Mailbox) -> tuple[FolderCursor, ...]:
    """The inbox and the junk folder, as far as they were read before."""
    roles = (FolderRole.INBOX, FolderRole.JUNK)
    rows = FolderCursor.objects.filter(mailbox=mailbox, role__in=roles, selectable=True, uidnext__isnull=False)
    return tuple(one for role in roles for one in _first(rows.order_by("-source", "name"), role))


def _first(rows: Iterable[FolderCursor], role: FolderRole) -> list[FolderCursor]:
    return [row for row in rows if row.role == role][:1]


def _open(order: Order, folder: FolderCursor) -> Opened:
    session = engine.ImapMailbox.open(
        order.login,
        dial=order.dial,
        deadline_seconds=LOGIN_SECONDS,
        ssl_context=engine.shared_ssl_context(ca_pem=order.mailbox.ca_pem or None),
    )
    try:
        if "IDLE" not in session.capabilities:
            raise CannotWatch("The server does not offer IDLE, so this mailbox is not watched. It is polled as usual.")
        examine = session.examine_command(_raw_name(session, folder))
    except BaseException:
        session.close()
        raise
    sock, early = session.hand_over()
    known = Cursor(folder.uidvalidity, folder.uidnext) if folder.uidvalidity and folder.uidnext else None
    renew = order.mailbox.catalog_entry.limits.idle_renew_seconds or RENEW_SECONDS
    return Opened(
        sock, engine.FolderWatch(examine, known, engine.Secrets(order.login.secret)), early, min(renew, RENEW_SECONDS)
    )


def _raw_name(session: engine.ImapMailbox, folder: FolderCursor) -> bytes:
    if folder.role == FolderRole.INBOX:
        return b"INBOX"
    named = (one.raw_name for one in session.list_folders() if one.selectable and one.name[:512] == folder.name)
    found = next(named, None)
    if found is None:
        raise CannotWatch("Its junk folder is not there any more. The next look finds the new one.")
    return found


def _note_refusal(mailbox: Mailbox, error: LoginRefused) -> None:
    """As a poll does: it counts among the few an account bears, and everybody leaves the mailbox alone."""
    with turns.writing(), transaction.atomic():
        now = db_now()
        row = Mailbox.objects.select_for_update().get(pk=mailbox.pk)
        values = backing_off.after_failure(row, error, now)
        if row.last_good_poll_at != mailbox.last_good_poll_at:  # what we used is old: somebody has just got in
            values = {"refused_logins": values["refused_logins"]} if "refused_logins" in values else {}
        Mailbox.objects.filter(pk=mailbox.pk).update(**values)
    signing_in.doubt(mailbox, error)
