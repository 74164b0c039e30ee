"""Sessions that a poll worker keeps for the next look: speed and nothing else, every claim may start cold.

A process keeps sessions only after `begin`; whoever else polls (a command, a test, the suspect queue) closes each.
A session is taken out of the store while it is used, so no two threads can speak on one. It serves only the login and
the way out it was opened with, and ends when its mailbox is not due soon, when its time is over, when the row says that
it is not wanted any more, or with the process. None of them holds a database connection.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction

from placement import mailbox as engine
from placement import providers
from placement.errors import CatalogError
from seedtest.models import claims, warmth
from seedtest.models.clock import db_now
from seedtest.models.mailboxes import Mailbox
from seedtest.services import pacing, turns
from seedtest.services.idle_database import release_connection

logger = logging.getLogger(__name__)

BEAT_SECONDS = 2.0
#: A session whose look was not committed by then will not be kept.
COMMIT_SECONDS = 30.0
#: Goodbyes said at the same time: a server that does not answer one is waited for up to a second.
GOODBYES = 8
#: How long a process that ends waits for all of them.
END_SECONDS = 20.0

#: What a session was opened by.
Key = tuple[object, ...]


@dataclass(eq=False, slots=True)
class Kept:
    session: engine.ImapMailbox
    key: Key = field(repr=False)
    until: float  # monotonic
    promised: bool = False  # the commit of its look has said until when
    doubted: bool = False  # the row does not speak of it: perhaps because it is about to be taken


class Store:
    """The sessions of one process, by mailbox."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: dict[int, Kept] = {}
        self._goodbyes = ThreadPoolExecutor(GOODBYES, thread_name_prefix="goodbye")

    def __len__(self) -> int:
        return len(self._kept)

    def holds(self, mailbox_id: int) -> bool:
        return mailbox_id in self._kept

    def take(self, mailbox: Mailbox) -> engine.ImapMailbox | None:
        """The session to use, with a deadline of its own; None: open one."""
        kept = self._pop(mailbox.pk)
        if kept is None:
            return None
        usable = kept.key == key_of(mailbox) and kept.until > time.monotonic()
        if usable and kept.session.renew(settings.SESSION_DEADLINE):
            return kept.session
        kept.session.close()
        return None

    def put(self, mailbox: Mailbox, session: engine.ImapMailbox) -> None:
        """Keep the session, or close it where there is no room. Until `promise` it is kept for a commit's time only."""
        kept = Kept(session, key_of(mailbox), time.monotonic() + COMMIT_SECONDS)
        session.rest()
        with self._lock:
            if len(self._kept) < self._most and mailbox.pk not in self._kept:
                self._kept[mailbox.pk] = kept
                return
        session.close()

    def promise(self, until: Mapping[int, datetime], now: datetime) -> None:
        """After the commit: these wait for their next look."""
        for mailbox_id, end in until.items():
            if kept := self._kept.get(mailbox_id):
                kept.until = time.monotonic() + (end - now).total_seconds()
                kept.promised = True

    def close_unpromised(self, ids: Iterable[int]) -> None:
        for mailbox_id in ids:
            kept = self._kept.get(mailbox_id)
            if kept is not None and not kept.promised:
                self._drop(mailbox_id, kept)

    def close_idle(self, meant: Collection[int]) -> None:
        """Those whose time is over, and those that the rows have not spoken of twice in a row."""
        soon = time.monotonic() + BEAT_SECONDS
        for mailbox_id, kept in list(self._kept.items()):
            forgotten = kept.promised and mailbox_id not in meant
            if kept.until <= soon or (forgotten and kept.doubted):
                self._drop(mailbox_id, kept)
            kept.doubted = forgotten

    def close_all(self) -> None:
        """For good: what is put from now on is closed."""
        with self._lock:
            self._most = 0
        for mailbox_id, kept in list(self._kept.items()):
            self._drop(mailbox_id, kept)
        self._goodbyes.shutdown()

    def _drop(self, mailbox_id: int, kept: Kept) -> None:
        if self._pop(mailbox_id, kept):
            self._goodbyes.submit(kept.session.close)

    def _pop(self, mailbox_id: int, only: Kept | None = None) -> Kept | None:
        with self._lock:
            if only is not None and self._kept.get(mailbox_id) is not only:
                return None
            return self._kept.pop(mailbox_id, None)


def key_of(mailbox: Mailbox) -> Key:
    """Changes with whatever a session is opened by: a new password, host or proxy must be used, not outlived."""
    row = (mailbox.host, mailbox.port, mailbox.tls, mailbox.ca_pem, mailbox.login, mailbox.auth_kind)
    return (*row, mailbox.secret.token, *_sign_in(mailbox), *_way_out(mailbox))


def _sign_in(mailbox: Mailbox) -> Key:
    """Tokens are refreshed every hour and the session outlives them; a new sign-in it must not outlive."""
    credential = getattr(mailbox, "oauth", None)
    return (credential.pk, credential.provider, credential.tenant, credential.connected_at) if credential else ()


def _way_out(mailbox: Mailbox) -> Key:
    route = mailbox.egress
    if route is None:
        return ()
    proxy = (route.proxy_host, route.proxy_port, route.proxy_username, route.proxy_password.token)
    return (route.pk, route.source_address, *proxy)


class Worker:
    """A process that keeps sessions: the queue that it alone consumes, its heartbeat, its store."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self.store = Store(settings.KEEP_SESSIONS)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="heartbeat", daemon=True)
        self._thread.start()

    def _live(self) -> None:
        while not self._over.is_set():
            self._beat()
            self._over.wait(BEAT_SECONDS)
        self.store.close_all()
        self._sign_off()

    def _beat(self) -> None:
        try:
            with turns.writing():
                warmth.beat(self.queue, db_now(), sessions=len(self.store))
            meant = warmth.meant(self.queue)
        except DatabaseError as error:
            # Whoever cannot say that it lives is taken for dead: its mailboxes are looked into by others.
            logger.warning("no heartbeat: %s", error)
            return
        finally:
            release_connection()
        self.store.close_idle(meant)

    def _sign_off(self) -> None:
        try:
            with turns.writing(), transaction.atomic():
                warmth.sign_off(self.queue)
        except DatabaseError as error:
            logger.warning("the heartbeat's row stays until it is stale: %s", error)
        finally:
            release_connection()

    def leave(self) -> None:
        self._over.set()

    def end(self) -> None:
        self._over.set()
        self._thread.join(timeout=END_SECONDS)


_worker: Worker | None = None


def begin(queue: str) -> None:
    """From here on this process keeps sessions."""
    global _worker
    _worker = Worker(queue)


def leave() -> None:
    """Asked to end: every session is closed and others need not wait for this process, while its looks go on.

    Does nothing that waits: it is called from a signal handler.
    """
    if _worker:
        _worker.leave()


def end() -> None:
    """As `leave`, and waits until it is done."""
    global _worker
    worker, _worker = _worker, None
    if worker is not None:
        worker.end()


def owner() -> str:
    """The queue whose sessions this process holds; empty where it keeps none."""
    return _worker.queue if _worker else ""


def take(mailbox: Mailbox) -> engine.ImapMailbox | None:
    """The session kept with this mailbox, for the caller alone."""
    return _worker.store.take(mailbox) if _worker else None


def put(mailbox: Mailbox, session: engine.ImapMailbox) -> None:
    """A look is over and its session is as good as new."""
    if _worker:
        _worker.store.put(mailbox, session)
    else:
        session.close()


def keep(looked: Sequence[claims.Claim], now: datetime) -> None:
    """In the transaction that frees these mailboxes: the sessions of those that are due again soon wait for that."""
    worker = _worker
    held = [claim for claim in looked if worker and worker.store.holds(claim.mailbox_id)]
    if worker is None or not held:
        return
    until = warmth.keep(held, now, owner=worker.queue, bears=_bears)
    transaction.on_commit(partial(worker.store.promise, until, now))


def _bears(provider_id: str, known: int | None) -> int | None:
    try:
        return pacing.sessions_of(providers.get(provider_id), known)
    except CatalogError:
        return known


def close_rest(looked: Sequence[claims.Claim]) -> None:
    """After the commits: sessions that nobody waits for."""
    if _worker:
        _worker.store.close_unpromised(claim.mailbox_id for claim in looked)
