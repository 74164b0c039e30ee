"""Who may work on what: leases and compare-and-set in literal SQL that SQLite (3.35 on) and PostgreSQL both accept.

A claim raises the row's epoch; a commit is valid only while the epoch is still the one claimed (fencing), so a worker
that was frozen longer than its lease can do no harm when it wakes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from seedtest.models.mailboxes import POLLED_STATES, SUSPECT_AFTER

#: Lost claims after which a mailbox is quarantined: two anywhere, then three on the suspect queue, where each poll
#: has a process of its own and a loss is this mailbox's doing.
QUARANTINE_AFTER = SUSPECT_AFTER + 3

#: Connections of one mailbox that is watched (IDLE on the inbox and on junk).
WATCH_SESSIONS = 2

_STATES = ", ".join(f"'{state.value}'" for state in POLLED_STATES)
# Whoever is to be quarantined is not claimed again: its lease would be over for a second in every few minutes, and the
# tick that quarantines, a minute apart, would hardly ever meet it.
_FREE = f"""state IN ({_STATES}) AND attempts < {QUARANTINE_AFTER} AND next_poll_at <= %(now)s
    AND (lease_until IS NULL OR lease_until <= %(now)s) AND (backoff_until IS NULL OR backoff_until <= %(now)s)
    AND (auth_backoff_until IS NULL OR auth_backoff_until <= %(now)s)"""


#: It is still the turn of the worker that keeps a session with the mailbox, and that worker is alive: see warmth.
_KEPT = """session_until > %(now)s AND next_poll_at > %(turn)s AND EXISTS (
    SELECT 1 FROM seedtest_workerheartbeat w WHERE w.queue = session_owner AND w.beat_at > %(fresh)s)"""
#: A worker that has not said for so long that it lives is taken for dead.
FRESH = timedelta(seconds=10)
#: So long after a mailbox fell due it is its keeper's turn; a hint to it is valid so long, then it is given again.
TURN = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to poll one mailbox until the lease ends or somebody claims it again."""

    mailbox_id: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A mailbox that dispatch hands to the workers."""

    mailbox_id: int
    suspect: bool
    queue: str = ""  # of the worker that keeps a session with it


def _skip_locked() -> str:
    # Only PostgreSQL has row locks to skip; SQLite has one writer, which is the whole lock.
    return "FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""


def _cast() -> str:
    """PostgreSQL takes a bare literal in CASE for text; SQLite keeps moments as text and must not cast them."""
    return "::timestamptz" if connection.vendor == "postgresql" else ""


def _execute(sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    bound = {name: _bind(value) for name, value in values.items()}
    with connection.cursor() as cursor:
        cursor.execute(sql, bound)
        return list(cursor.fetchall())


def _bind(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def _moment(value: Any) -> datetime:
    """SQLite gives its text back, PostgreSQL an aware moment."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value.astimezone(UTC)


def _id_list(ids: Sequence[int]) -> str:
    return ", ".join(str(int(one)) for one in ids) or "NULL"


def _turns(now: datetime) -> dict[str, datetime]:
    return {"now": now, "turn": now - TURN, "fresh": now - FRESH}


def offer_due(now: datetime, *, limit: int, hold: timedelta) -> list[Offer]:
    """Take up to `limit` due mailboxes for dispatch; nobody offers them again before `hold` has passed."""
    kept = f"{_KEPT} AND attempts < {SUSPECT_AFTER}"
    rows = _execute(
        f"""UPDATE seedtest_mailbox
            SET dispatched_until = CASE WHEN {kept} THEN %(soon)s{_cast()} ELSE %(until)s{_cast()} END
            WHERE id IN (
                SELECT id FROM seedtest_mailbox WHERE {_FREE}
                AND (dispatched_until IS NULL OR dispatched_until <= %(now)s)
                ORDER BY next_poll_at LIMIT %(limit)s {_skip_locked()})
            RETURNING id, attempts, CASE WHEN {kept} THEN session_owner ELSE '' END""",
        _turns(now) | {"until": now + hold, "soon": now + min(hold, TURN), "limit": limit},
    )
    return [Offer(row[0], row[1] >= SUSPECT_AFTER, row[2]) for row in rows]


def claim(
    ids: Sequence[int], now: datetime, *, owner: str, lease: timedelta, suspect: bool = False, keeper: str = ""
) -> list[Claim]:
    """Lease those of `ids` that are due and free. `suspect` claims only mailboxes that lost claims before.

    A mailbox with which another worker than `keeper` keeps a session is left to that one while it is its turn. A slot
    that the session holds is held on: whoever claims may go on with that session.
    """
    rows = _execute(
        f"""UPDATE seedtest_mailbox
            SET lease_epoch = lease_epoch + 1, lease_until = %(until)s, lease_owner = %(owner)s,
                attempts = attempts + 1, session_owner = '', session_until = NULL,
                slot_until = CASE WHEN slot_until > %(now)s THEN %(until)s{_cast()} END
            WHERE id IN (
                SELECT id FROM seedtest_mailbox WHERE id IN ({_id_list(ids)}) AND {_FREE}
                AND attempts {">=" if suspect else "<"} {SUSPECT_AFTER}
                AND (session_until IS NULL OR session_owner = %(keeper)s OR NOT ({_KEPT})) {_skip_locked()})
            RETURNING id, lease_epoch""",
        _turns(now) | {"until": now + lease, "owner": owner, "keeper": keeper},
    )
    return [Claim(*row) for row in rows]


def finish(claim: Claim, *, next_poll_at: datetime) -> bool:
    """First statement of the committing transaction: free the mailbox if the claim is still ours, else False."""
    rows = _execute(
        """UPDATE seedtest_mailbox
           SET lease_until = NULL, lease_owner = '', slot_until = NULL, attempts = 0, dispatched_until = NULL,
               next_poll_at = %(next)s
           WHERE id = %(id)s AND lease_epoch = %(epoch)s RETURNING id""",
        {"id": claim.mailbox_id, "epoch": claim.epoch, "next": next_poll_at},
    )
    return bool(rows)


def holds(claim: Claim) -> bool:
    """Is the claim still ours? Asked before something that must not happen twice, like a login."""
    sql = "SELECT id FROM seedtest_mailbox WHERE id = %(id)s AND lease_epoch = %(epoch)s"
    return bool(_execute(sql, {"id": claim.mailbox_id, "epoch": claim.epoch}))


@dataclass(frozen=True, slots=True)
class Bearable:
    """What a provider's host bears, where its row does not say otherwise."""

    sessions: int
    spacing_ms: int  # between two logins


def take_login_slot(
    claim: Claim, now: datetime, *, pace_id: int, usual: Bearable, ahead: timedelta, until: datetime
) -> datetime | None:
    """When the claim's owner may log in (at most `ahead` from now), or None: too many sessions, or too many before us.

    Runs in one transaction with the first statement's row lock held, so that takers count one after another.
    """
    rows = _execute(
        """UPDATE seedtest_providerpace SET next_login_at = next_login_at WHERE id = %(pace)s
           RETURNING provider, host, next_login_at, COALESCE(max_sessions, %(sessions)s),
               COALESCE(login_spacing_ms, %(spacing)s)""",
        {"pace": pace_id, "sessions": usual.sessions, "spacing": usual.spacing_ms},
    )
    if not rows:
        return now
    provider, host, booked, sessions, spacing = rows[0]
    at = max(now, _moment(booked))
    if at > now + ahead:
        return None
    here = "SELECT count(*) FROM seedtest_mailbox WHERE provider = %(provider)s AND host = %(host)s"
    taken = _execute(
        f"""UPDATE seedtest_mailbox SET slot_until = %(until)s
            WHERE id = %(id)s AND lease_epoch = %(epoch)s AND %(sessions)s >
                ({here} AND slot_until > %(now)s AND id <> %(id)s)
                + {WATCH_SESSIONS} * ({here} AND watch_until > %(now)s)
            RETURNING id""",
        {
            "id": claim.mailbox_id, "epoch": claim.epoch, "until": until, "now": now,
            "provider": provider, "host": host, "sessions": sessions,
        },
    )  # fmt: skip
    if not taken:
        return None
    _execute(
        "UPDATE seedtest_providerpace SET next_login_at = %(next)s WHERE id = %(pace)s RETURNING id",
        {"next": at + timedelta(milliseconds=spacing), "pace": pace_id},
    )
    return at


def quarantine_lost(now: datetime) -> list[int]:
    """Mailboxes whose polls killed their worker again and again even alone: stop polling them."""
    rows = _execute(
        f"""UPDATE seedtest_mailbox SET state = 'quarantined', state_reason = 'quarantined', lease_until = NULL,
                quarantined_at = %(now)s
            WHERE id IN (
                SELECT id FROM seedtest_mailbox WHERE state IN ({_STATES}) AND attempts >= {QUARANTINE_AFTER}
                AND (lease_until IS NULL OR lease_until <= %(now)s) {_skip_locked()})
            RETURNING id""",
        {"now": now},
    )
    return [row[0] for row in rows]


def try_quarantined(now: datetime, *, after: timedelta) -> list[int]:
    """Give quarantined mailboxes one more poll, alone on the suspect queue: a loss there quarantines them again."""
    rows = _execute(
        f"""UPDATE seedtest_mailbox SET state = 'degraded', attempts = {QUARANTINE_AFTER - 1}, next_poll_at = %(now)s,
                dispatched_until = NULL
            WHERE id IN (
                SELECT id FROM seedtest_mailbox
                WHERE state = 'quarantined' AND (quarantined_at IS NULL OR quarantined_at <= %(cut)s)
                AND (lease_until IS NULL OR lease_until <= %(now)s) {_skip_locked()})
            RETURNING id""",
        {"now": now, "cut": now - after},
    )
    return [row[0] for row in rows]


def take_tick(name: str, now: datetime, *, owner: str, lease: timedelta) -> bool:
    """True for exactly one caller until it calls end_tick or the lease ends."""
    _execute(
        "INSERT INTO seedtest_ticklease (name, owner, last_error) VALUES (%(name)s, '', '') "
        "ON CONFLICT (name) DO NOTHING RETURNING name",
        {"name": name},
    )
    rows = _execute(
        """UPDATE seedtest_ticklease SET owner = %(owner)s, until = %(until)s, started_at = %(now)s
           WHERE name = %(name)s AND (until IS NULL OR until <= %(now)s) RETURNING name""",
        {"name": name, "owner": owner, "until": now + lease, "now": now},
    )
    return bool(rows)


def end_tick(name: str, now: datetime, *, owner: str, error: str = "") -> None:
    _execute(
        """UPDATE seedtest_ticklease SET until = NULL, finished_at = %(now)s, last_error = %(error)s
           WHERE name = %(name)s AND owner = %(owner)s RETURNING name""",
        {"name": name, "owner": owner, "now": now, "error": error[:2000]},
    )


@dataclass(frozen=True, slots=True)
class SendClaim:
    """The right to send one envelope."""

    outbound_id: int
    epoch: int


# A cancelled test stops at the next envelope.
_SENDING = "test_id IN (SELECT id FROM seedtest_seedtest WHERE status = 'sending')"


def claim_outbound(now: datetime, *, test_id: int, limit: int, lease: timedelta) -> list[SendClaim]:
    """Take queued envelopes of a test that is being sent, as far as they are due."""
    rows = _execute(
        f"""UPDATE seedtest_outbound
            SET status = 'inflight', claim_epoch = claim_epoch + 1, inflight_until = %(until)s, attempts = attempts + 1,
                data_started_at = NULL
            WHERE id IN (
                SELECT id FROM seedtest_outbound
                WHERE test_id = %(test)s AND status = 'queued' AND next_attempt_at <= %(now)s AND {_SENDING}
                ORDER BY next_attempt_at, id LIMIT %(limit)s {_skip_locked()})
            RETURNING id, claim_epoch""",
        {"now": now, "until": now + lease, "limit": limit, "test": test_id},
    )
    return [SendClaim(*row) for row in rows]


def mark_data_started(claim: SendClaim, now: datetime) -> bool:
    """Committed before DATA goes out: from here on a lost answer means `unknown`, and nothing is sent twice."""
    rows = _execute(
        f"""UPDATE seedtest_outbound SET data_started_at = %(now)s
           WHERE id = %(id)s AND claim_epoch = %(epoch)s AND status = 'inflight' AND {_SENDING} RETURNING id""",
        {"id": claim.outbound_id, "epoch": claim.epoch, "now": now},
    )
    return bool(rows)


def release_lost_outbound(now: datetime) -> tuple[list[int], list[int]]:
    """Envelopes whose sender died: (queued again, because DATA never began; unknown, because it may be out)."""
    queued = _execute(
        """UPDATE seedtest_outbound SET status = 'queued', next_attempt_at = %(now)s, inflight_until = NULL
           WHERE status = 'inflight' AND inflight_until <= %(now)s AND data_started_at IS NULL RETURNING id""",
        {"now": now},
    )
    unknown = _execute(
        """UPDATE seedtest_outbound SET status = 'unknown', inflight_until = NULL, smtp_stage = 'data',
               smtp_reply = 'The sending process ended before the server answered.'
           WHERE status = 'inflight' AND inflight_until <= %(now)s AND data_started_at IS NOT NULL RETURNING id""",
        {"now": now},
    )
    return [row[0] for row in queued], [row[0] for row in unknown]
