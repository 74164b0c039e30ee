"""The watch: one thread, one selector, never waiting for a server; the database is asked now and then."""

from __future__ import annotations

import logging
import selectors
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error as DatabaseError

from placement.errors import MailboxError
from seedtest.models import watches
from seedtest.models.clock import db_now
from seedtest.models.watches import Candidate
from seedtest.services import turns
from seedtest.services.idle_database import release_connection
from seedtest.services.watching import choosing
from seedtest.services.watching.entering import Opened
from seedtest.services.watching.logins import Logins
from seedtest.services.watching.sessions import FolderSession
from seedtest.services.watching.wakes import Wakes

logger = logging.getLogger(__name__)

#: Seconds between two readings of the set of mailboxes, looks at the clocks of sessions, and lines in the log.
REREAD, TICK, SAY = 5.0, 1.0, 60.0
#: Wake-ups that come together are written together: the first at once, the next after this long.
GROUPED = 0.03
#: A watch that was killed is taken over after this long; it is renewed at half of it.
LEASE = timedelta(seconds=60)
#: Tests whose send window begins so soon.
AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Watched:
    """A mailbox and the connections that watch it."""

    place: tuple[object, ...]
    sessions: tuple[FolderSession, ...]
    since: float


class Watcher:
    """`run` until `stop`. `hand_out(now)` offers due mailboxes to the workers, as the tick "dispatch" does."""

    def __init__(
        self, *, owner: str, hand_out: Callable[[datetime], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._owner = owner
        self._hand_out = hand_out
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._wanted: dict[int, Candidate] = {}
        self._watched: dict[int, Watched] = {}
        self._logins = Logins(owner)
        self._wakes = Wakes()
        self._stopping = False
        self._next = {"reread": 0.0, "tick": 0.0, "flush": 0.0, "say": clock() + SAY}
        self._woken = 0

    def run(self) -> None:
        try:
            while not self._stopping:
                self.turn()
        finally:
            self._end()

    def stop(self) -> None:
        self._stopping = True

    def watches(self, mailbox_id: int) -> bool:
        return mailbox_id in self._watched

    def turn(self) -> None:
        """One round of the loop: at most a second, and at once where something happens."""
        for key, _ in self._selector.select(self._patience()):
            self._attend(key.data)
        clock = self._clock()
        for mailbox_id, opened in self._logins.ended(clock):
            self._begin(mailbox_id, opened)
        if self._is_time("tick", TICK):
            self._look_at_the_clock()
        if self._is_time("reread", REREAD):
            self._asking_the_database(self._reread)
        self._start_logins()
        if clock >= max(self._next["flush"], self._wakes.next_at()):
            self._next["flush"] = clock + GROUPED
            self._asking_the_database(self._flush)
        if self._is_time("say", SAY):
            self._say()

    def _patience(self) -> float:
        until_wake = max(self._next["flush"], self._wakes.next_at()) - self._clock()
        return max(0.0, min(until_wake, 0.1 if self._logins else TICK))

    def _is_time(self, what: str, every: float) -> bool:
        clock = self._clock()
        if clock < self._next[what]:
            return False
        self._next[what] = clock + every
        return True

    def _asking_the_database(self, work: Callable[[], None]) -> None:
        try:
            with turns.writing():
                work()
        except DatabaseError as error:
            logger.warning("the database does not answer the watch, which goes on: %s", error)
            self._next["flush"] = self._clock() + TICK
        finally:
            release_connection()

    # --- sessions ---------------------------------------------------------------------------------------

    def _start_logins(self) -> None:
        for mailbox_id in self._wanted.keys() - self._watched.keys():
            self._logins.start(mailbox_id, self._clock())

    def _begin(self, mailbox_id: int, opened: Iterable[Opened]) -> None:
        clock, wanted = self._clock(), self._wanted.get(mailbox_id)
        pairs = [(FolderSession(mailbox_id, one), one.early) for one in opened]
        sessions = tuple(session for session, _ in pairs)
        if wanted is None:
            _close(sessions, goodbye=True)
            return
        self._watched[mailbox_id] = Watched(wanted.place, sessions, clock)
        for session in sessions:
            self._selector.register(session.sock, selectors.EVENT_READ, session)
        for session, early in pairs:
            self._guarded(session, lambda session=session, early=early: session.begin(early, clock))

    def _attend(self, session: FolderSession) -> None:
        self._guarded(session, lambda: session.serve(self._clock()))

    def _look_at_the_clock(self) -> None:
        clock = self._clock()
        for watched in list(self._watched.values()):
            for session in watched.sessions:
                if clock >= session.due:
                    self._guarded(session, lambda session=session: session.look_at_the_clock(clock))

    def _guarded(self, session: FolderSession, work: Callable[[], object]) -> None:
        """Whatever a session does, it may hear of new mail, leave something to be written, or be over."""
        if session.sock.fileno() < 0:
            return  # its neighbour has ended both
        try:
            news = work()
        except MailboxError as error:
            if session.ended_with_news:
                self._wakes.ask(session.mailbox_id, self._clock())
            self._failed(session.mailbox_id, error)
            return
        if news:
            self._wakes.ask(session.mailbox_id, self._clock())
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if session.wants_to_write else 0)
        if self._selector.get_key(session.sock).events != events:
            self._selector.modify(session.sock, events, session)

    def _failed(self, mailbox_id: int, error: MailboxError) -> None:
        clock = self._clock()
        self._logins.stood(mailbox_id, clock - self._watched[mailbox_id].since)
        self._logins.failed(mailbox_id, error, clock)
        self._close(mailbox_id, goodbye=False)

    def _close(self, mailbox_id: int, *, goodbye: bool) -> None:
        watched = self._watched.pop(mailbox_id)
        for session in watched.sessions:
            self._selector.unregister(session.sock)
        _close(watched.sessions, goodbye=goodbye)

    # --- the database -----------------------------------------------------------------------------------

    def _reread(self) -> None:
        now = db_now()
        found = watches.candidates(now, ahead=AHEAD)
        chosen = choosing.choose(found, me=self._owner, most=settings.WATCH_MAILBOXES)
        soon = now + LEASE / 2
        late = [one.mailbox_id for one in chosen if one.owner != self._owner or not one.until or one.until <= soon]
        taken = watches.take(late, now, owner=self._owner, until=now + LEASE) if late else set()
        self._want({one.mailbox_id: one for one in chosen if one.mailbox_id in taken or one.mailbox_id not in late})

    def _want(self, wanted: dict[int, Candidate]) -> None:
        """These and no others: whoever is not wanted any more is said goodbye to."""
        gone = self._wanted.keys() - wanted.keys()
        moved = {one for one, watched in self._watched.items() if one in wanted and watched.place != wanted[one].place}
        self._wanted = wanted
        for mailbox_id in (gone | moved) & self._watched.keys():
            self._close(mailbox_id, goodbye=True)
        for mailbox_id in gone:
            self._wakes.forget(mailbox_id)
        if gone:
            watches.release(sorted(gone), owner=self._owner)

    def _flush(self) -> None:
        asked = self._wakes.due(self._clock())
        now = db_now()
        woken = watches.wake(asked, now)
        self._wakes.done(asked, woken, self._clock())
        self._woken += len(woken)
        if woken:
            self._hand_out(now)

    def _say(self) -> None:
        connections = sum(len(one.sessions) for one in self._watched.values())
        logger.info(
            "watching %s of %s mailboxes over %s connections; %s wake-ups in the last minute",
            len(self._watched), len(self._wanted), connections, self._woken,
        )  # fmt: skip
        self._woken = 0

    def _end(self) -> None:
        self._logins.end()
        for mailbox_id in list(self._watched):
            self._close(mailbox_id, goodbye=True)
        self._asking_the_database(lambda: watches.release(sorted(self._wanted), owner=self._owner))
        self._selector.close()


def _close(sessions: Iterable[FolderSession], *, goodbye: bool) -> None:
    for session in sessions:
        session.close(goodbye=goodbye)
