"""Is the service alive: the database, the broker, the ticks. Reads only, and says nothing secret."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from celery import current_app
from django.db import Error as DatabaseError
from django.db.models import Count, Min, Sum
from kombu.exceptions import OperationalError

from seedtest.models import Mailbox, TickLease, WorkerHeartbeat, claims
from seedtest.models.clock import db_now

logger = logging.getLogger(__name__)

#: A tick is late when it has not finished for so many of its intervals, and for at least so many seconds.
LATE_INTERVALS, LATE_SECONDS = 5, 30.0
#: A broker that has not answered by then does not answer.
BROKER_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Vital:
    """One thing the service cannot work without, and how it is."""

    name: str
    ok: bool
    said: str


def examine(names: Iterable[str] | None = None) -> list[Vital]:
    """Ask each of `names`, by default everything in CHECKS."""
    return [_examine_one(name) for name in (CHECKS if names is None else names)]


def _examine_one(name: str) -> Vital:
    try:
        complaint = CHECKS[name]()
    except (DatabaseError, OperationalError, OSError) as error:
        # The driver's own words name hosts and users: they go to the log, not to whoever asks.
        logger.warning("health: the %s does not answer: %s", name, error)
        complaint = f"no answer ({type(error).__name__}); the log has the reason"
    return Vital(name, ok=not complaint, said=complaint or "ok")


def _database() -> str:
    db_now()
    return ""


def _broker() -> str:
    seconds = {"socket_timeout": BROKER_SECONDS, "socket_connect_timeout": BROKER_SECONDS}
    with current_app.connection_for_write(transport_options=seconds) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, interval_max=0)
    return ""


def _ticks() -> str:
    return "; ".join(_complaints())


def _complaints() -> Iterator[str]:
    now = db_now()
    leases = {lease.name: lease for lease in TickLease.objects.all()}
    for name, every in _intervals().items():
        lease = leases.get(name)
        if lease is None or lease.finished_at is None:
            yield f"{name} has never finished: are beat and a worker running?"
            continue
        age = (now - lease.finished_at).total_seconds()
        if age > max(LATE_SECONDS, LATE_INTERVALS * every):
            yield f"{name} last finished {age:.0f} s ago"
        elif lease.last_error:
            yield f"{name} fails; the worker's log has the reason"


def _intervals() -> dict[str, float]:
    """Tick → seconds between two, as beat was told."""
    schedule = current_app.conf.beat_schedule
    return {entry["args"][0]: float(entry["schedule"]) for entry in schedule.values()}


@dataclass(frozen=True, slots=True)
class Backlog:
    """How far behind the polls are, by the database's clock."""

    due: int  # mailboxes whose time has come and that nobody looks into
    late_seconds: float  # how long the first of them has waited; 0 where none waits
    leased: int  # looks that are under way
    workers: int  # poll workers that are alive and keep sessions
    kept_sessions: int


def backlog() -> Backlog:
    """Numbers for monitoring; a mailbox that backs off or is switched off is not late. Raises DatabaseError."""
    now = db_now()
    found = (
        Mailbox.objects.free(now).filter(next_poll_at__lte=now).aggregate(due=Count("pk"), first=Min("next_poll_at"))
    )
    alive = WorkerHeartbeat.objects.filter(beat_at__gt=now - claims.FRESH)
    workers = alive.aggregate(count=Count("pk"), sessions=Sum("sessions"))
    return Backlog(
        due=found["due"],
        late_seconds=round((now - found["first"]).total_seconds(), 3) if found["first"] else 0.0,
        leased=Mailbox.objects.filter(lease_until__gt=now).count(),
        workers=workers["count"],
        kept_sessions=workers["sessions"] or 0,
    )


def told(vitals: Sequence[Vital]) -> dict[str, object]:
    """What a monitor reads."""
    ok = all(vital.ok for vital in vitals)
    return {"status": "ok" if ok else "failing", "checks": {vital.name: vital.said for vital in vitals}}


#: What can be asked for by name; each answers with a complaint, or with nothing.
CHECKS: Final[dict[str, Callable[[], str]]] = {"database": _database, "broker": _broker, "ticks": _ticks}
