"""Logins beside the loop: a few threads at once, their outcomes in a queue, and who is to be tried again when."""

from __future__ import annotations

import logging
import queue
import random
import threading
from collections.abc import Iterator

from django.conf import settings
from django.db import Error as DatabaseError

from placement.errors import FolderUnavailable, LoginRefused, PlacementError
from seedtest.services import backing_off, cadence, pacing
from seedtest.services.idle_database import release_connection
from seedtest.services.watching import entering
from seedtest.services.watching.entering import Busy, CannotWatch, Opened

logger = logging.getLogger(__name__)

AT_ONCE = 8
#: Seconds after which others' turn, or a look that was going on, is over.
BUSY_AGAIN, TURN_AGAIN = 0.5, 2.0
#: A server that cannot be watched is asked again after an hour.
HOPELESS = 3600.0
#: A watch that stood for so long is forgiven what failed before.
FORGIVEN_AFTER = 60.0

Outcome = list[Opened] | Exception


class Logins:
    """Starts logins, at most AT_ONCE, and keeps whoever failed waiting."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._running: set[int] = set()
        self._outcomes: queue.SimpleQueue[tuple[int, Outcome]] = queue.SimpleQueue()
        self._over = False
        self._lock = threading.Lock()
        self._failures: dict[int, int] = {}
        self._not_before: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._running)

    def start(self, mailbox_id: int, clock: float) -> None:
        """Does nothing where one runs already, there is no room, or it is too early."""
        early = clock < self._not_before.get(mailbox_id, 0.0)
        if early or mailbox_id in self._running or len(self._running) >= AT_ONCE:
            return
        self._running.add(mailbox_id)
        # A daemon: the end of the process waits for no silent server.
        threading.Thread(target=self._enter, args=(mailbox_id,), name="watch-login", daemon=True).start()

    def _enter(self, mailbox_id: int) -> None:
        outcome: Outcome = RuntimeError("the login broke off; the line before this one has the reason")
        try:
            outcome = entering.enter(mailbox_id, owner=self._owner)
        except (Busy, pacing.NotYet, PlacementError, DatabaseError) as error:
            outcome = error
        finally:
            release_connection()
            with self._lock:
                self._outcomes.put((mailbox_id, outcome))
                if self._over:
                    self._hang_up()

    def end(self) -> None:
        """Nobody asks for outcomes any more: connections that are open, or come to be, are closed."""
        with self._lock:
            self._over = True
            self._hang_up()

    def _hang_up(self) -> None:
        while not self._outcomes.empty():
            _, outcome = self._outcomes.get()
            for one in outcome if isinstance(outcome, list) else ():
                one.sock.close()

    def ended(self, clock: float) -> Iterator[tuple[int, list[Opened]]]:
        """Logins that succeeded. Those that did not are tried again when their time has come."""
        while not self._outcomes.empty():
            mailbox_id, outcome = self._outcomes.get()
            self._running.discard(mailbox_id)
            if isinstance(outcome, Exception):
                self.failed(mailbox_id, outcome, clock)
            else:
                yield mailbox_id, outcome

    def failed(self, mailbox_id: int, error: Exception, clock: float) -> None:
        """The same back-off as polls have, but our own: that a watch ends must not keep a poll waiting."""
        if isinstance(error, (Busy, pacing.NotYet)):
            wait = BUSY_AGAIN if isinstance(error, Busy) else TURN_AGAIN
        else:
            self._failures[mailbox_id] = self._failures.get(mailbox_id, 0) + 1
            wait = _wait(error, self._failures[mailbox_id])
            logger.info("mailbox %s is not watched for %.0f s: %s", mailbox_id, wait, error)
        self._not_before[mailbox_id] = clock + wait * random.uniform(1.0, 1.2)

    def stood(self, mailbox_id: int, seconds: float) -> None:
        """A watch ended after so long. One that never stood does not begin the count of failures anew."""
        if seconds >= FORGIVEN_AFTER:
            self._failures.pop(mailbox_id, None)


def _wait(error: Exception, count: int) -> float:
    """Seconds."""
    if isinstance(error, LoginRefused):
        return cadence.AFTER_REFUSED_LOGIN.total_seconds()
    if isinstance(error, (CannotWatch, FolderUnavailable)):
        return HOPELESS
    login = isinstance(error, PlacementError) and backing_off.concerns_login(error)
    back_off = (cadence.auth_back_off if login else cadence.back_off)(count, pace=settings.PACE).total_seconds()
    asked = error.retry_after if isinstance(error, PlacementError) else None
    return max(back_off, cadence.seconds(asked).total_seconds()) if asked else back_off
