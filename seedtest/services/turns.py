"""Several looks at once in one process: never more sessions than it has seats, and one writer where SQLite is used."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, TypeVar

from django.conf import settings
from django.db import connection

from seedtest.services.idle_database import release_connection

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

#: How long seats are waited for beyond the first.
GATHERING_SECONDS = 0.05

_writer = threading.RLock()


@contextmanager
def writing() -> Iterator[None]:
    """SQLite has one writer: within a process it is taken in turns, without busy waiting for the file's lock."""
    if connection.vendor != "sqlite":
        yield
        return
    with _writer:
        yield


class Seats:
    """How many sessions the process may hold at once. A mailbox is claimed only when there is a seat for it."""

    def __init__(self, count: int) -> None:
        self._most = self._free = count
        self._changed = threading.Condition()
        self._line = threading.Lock()

    def take(self, wanted: int) -> int:
        """At least one seat, waited for, and up to `wanted` where they are free.

        One caller gathers at a time, and once it could sit down waits a moment for more: seats taken one by one as they
        become free would make as many claims and commits as there are looks.
        """
        enough = min(wanted, max(1, self._most // 2))
        with self._line, self._changed:
            self._changed.wait_for(lambda: self._free > 0)
            self._changed.wait_for(lambda: self._free >= enough, timeout=GATHERING_SECONDS)
            count = min(wanted, self._free)
            self._free -= count
        return count

    def leave(self, count: int = 1) -> None:
        if count:
            with self._changed:
                self._free += count
                self._changed.notify_all()


@dataclass(eq=False, slots=True)
class _Waiting(Generic[Asked, Answered]):
    asked: Asked
    answers: list[Answered] = field(default_factory=list)
    error: Exception | None = None

    @property
    def is_served(self) -> bool:
        return bool(self.answers) or self.error is not None


class Desk(Generic[Asked, Answered]):
    """Served one after another; whoever comes meanwhile is served together with all others who wait.

    `serve` is given what at most `most` callers ask, and answers each in the same order. It begins after all of them
    have come. Under load its groups grow by themselves; a caller who is alone is served at once.
    """

    def __init__(self, serve: Callable[[Sequence[Asked]], Sequence[Answered]], *, most: int) -> None:
        self._serve, self._most = serve, most
        self._waiting: deque[_Waiting[Asked, Answered]] = deque()
        self._turn = threading.Lock()

    def ask(self, asked: Asked) -> Answered:
        """The answer; raises what serving raised, which may be another caller's doing.

        Gives the caller's database connection back: whoever serves needs one, and those who wait could hold them all.
        """
        if connection.in_atomic_block:
            return self._serve([asked])[0]
        release_connection()
        mine = _Waiting[Asked, Answered](asked)
        self._waiting.append(mine)
        while not mine.is_served:
            with self._turn:
                if not mine.is_served:
                    self._serve_some()
        if mine.error is not None:
            raise mine.error
        return mine.answers[0]

    def _serve_some(self) -> None:
        some = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        try:
            for one, answer in zip(some, self._serve([one.asked for one in some]), strict=True):
                one.answers.append(answer)
        except BaseException as error:
            for one in some:
                one.error = error if isinstance(error, Exception) else RuntimeError("the thread that served has ended")
            if not isinstance(error, Exception):
                raise


@lru_cache(maxsize=1)
def seats() -> Seats:
    return Seats(settings.POLL_SESSIONS)


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(settings.POLL_SESSIONS, thread_name_prefix="look")


def as_they_end(work: Callable[[Asked], Answered], asked: Sequence[Asked], *, every: float) -> Iterator[list[Answered]]:
    """The answers of `work`, in groups: whatever has ended within `every` seconds. One alone runs where it is."""
    if len(asked) < 2 or connection.in_atomic_block:
        yield [work(one) for one in asked]
        return
    left: set[Future[Answered]] = {_threads().submit(work, one) for one in asked}
    failed: list[Future[Answered]] = []
    while left:
        wait(left, return_when=FIRST_COMPLETED)
        done, left = wait(left, timeout=every)
        failed += [one for one in done if one.exception() is not None]
        yield [one.result() for one in done if one.exception() is None]
    for one in failed[:1]:
        one.result()  # raises, now that the others are safe
