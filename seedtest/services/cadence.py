"""When to look into a mailbox next: pure, from what its open results wait for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

#: Age of the send → seconds between two polls: dense just after it, then thinner.
AFTER_SEND: tuple[tuple[float, float], ...] = (
    (2 * 60, 5),
    (10 * 60, 15),
    (30 * 60, 30),
    (2 * 3600, 120),
    (float("inf"), 600),
)
BEFORE_FIRST_ARRIVAL = 60.0
FULL_CHECK_RETRY = 30.0
WATCHING_OPEN_TEST = 300.0
IDLE = 4 * 3600.0
#: Re-checks of an ended test, counted from its completion; the last one is shortly before `watch_until`.
RECHECK_AFTER = (3600.0,)
#: So long before the end of the watch, that the look still begins within it; at most a twentieth of the watch.
LAST_LOOK = 300.0
#: A look that must not be early is late by at most so much: enough to spread the seeds of a test.
LATE = 15.0


@dataclass(frozen=True, slots=True)
class Wait:
    """What one result of a mailbox waits for."""

    waiting: bool
    sent_at: datetime | None = None  # when the clock of this result began to run
    deadline_at: datetime | None = None
    full_check_started_at: datetime | None = None
    completed_at: datetime | None = None  # of its test
    watch_until: datetime | None = None
    least_seconds: float = 0.0  # between two looks, for its provider's sake


def next_poll(now: datetime, waits: Iterable[Wait], *, pace: float = 1.0, jitter: float = 0.0) -> datetime:
    """The earliest moment any of `waits` wants a look; without any, the idle interval.

    `pace` stretches every interval (1 = production); `jitter` (-1 to 1) spreads the moment by up to a tenth.
    """
    waits = list(waits)
    moments = [moment for wait in waits if (moment := _wish(now, wait, pace)) is not None]
    earliest = min([*moments, now + timedelta(seconds=IDLE)])
    spread = _spread(now, earliest, {end for wait in waits if (end := _end(now, wait, pace))}, pace, jitter)
    return max(spread, now + timedelta(seconds=max((wait.least_seconds for wait in waits), default=0.0) * pace))


def _spread(now: datetime, earliest: datetime, ends: set[datetime], pace: float, jitter: float) -> datetime:
    """Up to a tenth sooner or later; at an end never sooner, and never much later than one."""
    late = min((earliest - now) / 40, timedelta(seconds=LATE * pace)) * abs(jitter)
    if earliest in ends:
        return earliest + late
    return min([earliest + (earliest - now) * 0.1 * jitter, *(end + late for end in ends)])


def _end(now: datetime, wait: Wait, pace: float) -> datetime | None:
    """The moment still to come that a look of this result must not miss: its deadline, or the end of its watch."""
    end = wait.deadline_at if wait.waiting else _last_look(wait, pace)
    return end if end is not None and end > now else None


def _wish(now: datetime, wait: Wait, pace: float) -> datetime | None:
    if not wait.waiting:
        return _watch(now, wait, pace)
    if wait.sent_at is None:
        return now + timedelta(seconds=BEFORE_FIRST_ARRIVAL * pace)
    if wait.deadline_at is not None and wait.deadline_at <= now:
        return now + timedelta(seconds=FULL_CHECK_RETRY * pace if _checked(wait) else 0)
    step = now + timedelta(seconds=_interval((now - wait.sent_at).total_seconds(), pace))
    return min(step, wait.deadline_at) if wait.deadline_at else step


def _checked(wait: Wait) -> bool:
    """A full check was tried after the deadline already, and did not decide."""
    started, deadline = wait.full_check_started_at, wait.deadline_at
    return started is not None and deadline is not None and started >= deadline


def _interval(age: float, pace: float) -> float:
    return next(seconds for limit, seconds in AFTER_SEND if age < limit * pace) * pace


def _watch(now: datetime, wait: Wait, pace: float) -> datetime | None:
    if wait.completed_at is None:
        return now + timedelta(seconds=WATCHING_OPEN_TEST * pace)
    last = _last_look(wait, pace)
    if last is None or now >= last:
        return None
    rechecks = (wait.completed_at + timedelta(seconds=after * pace) for after in RECHECK_AFTER)
    return min([last, *(moment for moment in rechecks if moment > now)])


def _last_look(wait: Wait, pace: float) -> datetime | None:
    """Of an ended test: whatever begins after `watch_until` does not ask for its messages any more."""
    if wait.completed_at is None or wait.watch_until is None:
        return None
    return wait.watch_until - min(timedelta(seconds=LAST_LOOK * pace), (wait.watch_until - wait.completed_at) / 20)


def back_off(fail_count: int, *, pace: float = 1.0) -> timedelta:
    """After `fail_count` failed polls in a row: 5 s, 10 s, 20 s … at most 10 minutes."""
    return timedelta(seconds=min(600.0, 5.0 * 2 ** min(fail_count - 1, 10)) * pace)


def auth_back_off(fail_count: int, *, pace: float = 1.0) -> timedelta:
    """After `fail_count` logins in a row that could not be checked: 1, 2, 4 … at most 30 minutes."""
    return timedelta(seconds=min(1800.0, 60.0 * 2 ** min(fail_count - 1, 10)) * pace)


def recheck_every(pace: float = 1.0) -> timedelta:
    """How long known places of an open test are believed before they are asked for again."""
    return timedelta(seconds=WATCHING_OPEN_TEST * 0.8 * pace)  # below the watching interval, so that no look is wasted


def seconds(value: float) -> timedelta:
    """A server's own "try again in", never more than a day of it."""
    return timedelta(seconds=min(value, 24 * 3600.0))


#: Three refused logins an hour, and one more for a person who checks the connection: a provider locks an account
#: that goes on trying.
AFTER_REFUSED_LOGIN = timedelta(minutes=20)
#: Refused logins in a row → hours until the next one. Three come soon, for refusals that a provider takes back by
#: itself; after that only a person can mend it, and who mends it has it tried at once.
AFTER_MORE_REFUSALS: tuple[tuple[int, float], ...] = ((4, 1), (5, 4), (6, 12), (7, 24))


def after_refusals(count: int) -> timedelta:
    """After `count` refused logins in a row: 20 minutes three times, then 1, 4, 12 and at last 24 hours."""
    hours = [hours for least, hours in AFTER_MORE_REFUSALS if count >= least]
    return timedelta(hours=hours[-1]) if hours else AFTER_REFUSED_LOGIN
