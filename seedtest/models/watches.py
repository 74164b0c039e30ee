"""Who holds IDLE on which mailbox, and what is due because of it: literal SQL for both databases, as in claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from seedtest.models.claims import _STATES, SUSPECT_AFTER, Claim, _execute, _id_list, _moment, _skip_locked
from seedtest.models.seedtests import OPEN_STATUSES

_OPEN = ", ".join(f"'{status.value}'" for status in OPEN_STATUSES)
_NOT_HELD = """(lease_until IS NULL OR lease_until <= %(now)s) AND (backoff_until IS NULL OR backoff_until <= %(now)s)
    AND (auth_backoff_until IS NULL OR auth_backoff_until <= %(now)s)"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mailbox that is worth a watch. `place` changes with whatever a session was opened by."""

    mailbox_id: int
    provider: str
    host: str
    max_sessions: int | None  # of its provider's host, where a pace is known
    owner: str  # who watches it now
    until: datetime | None
    place: tuple[object, ...]


def candidates(now: datetime, *, ahead: timedelta) -> list[Candidate]:
    """Mailboxes of open tests whose window begins within `ahead`, that were read and whose last look succeeded."""
    rows = _execute(
        f"""SELECT m.id, m.provider, m.host, p.max_sessions,
                   CASE WHEN m.watch_until > %(now)s THEN m.watch_owner ELSE '' END, m.watch_until,
                   m.port, m.tls, m.login, m.auth_kind, m.egress_id
            FROM seedtest_mailbox m
            LEFT JOIN seedtest_providerpace p ON p.provider = m.provider AND p.host = m.host
            WHERE m.id IN (
                SELECT r.mailbox_id FROM seedtest_seedresult r JOIN seedtest_seedtest t ON t.id = r.test_id
                WHERE t.status IN ({_OPEN}) AND t.window_starts_at <= %(soon)s)
            AND m.state IN ('healthy', 'degraded') AND m.attempts < {SUSPECT_AFTER}
            AND m.fail_count = 0 AND m.auth_fail_count = 0
            AND (m.backoff_until IS NULL OR m.backoff_until <= %(now)s)
            AND (m.auth_backoff_until IS NULL OR m.auth_backoff_until <= %(now)s)
            AND EXISTS (SELECT 1 FROM seedtest_foldercursor f
                        WHERE f.mailbox_id = m.id AND f.role = 'inbox' AND f.uidnext IS NOT NULL)
            ORDER BY m.id""",
        {"now": now, "soon": now + ahead},
    )
    return [Candidate(*row[:5], row[5] and _moment(row[5]), (row[2], *row[6:])) for row in rows]


def _in_order(ids: Sequence[int]) -> str:
    """Rows are locked in id order, as commits of looks lock theirs."""
    locking = "FOR NO KEY UPDATE" if connection.vendor == "postgresql" else ""
    return f"SELECT id FROM seedtest_mailbox WHERE id IN ({_id_list(ids)}) ORDER BY id {locking}"


def take(ids: Sequence[int], now: datetime, *, owner: str, until: datetime) -> set[int]:
    """Watch those of `ids` that nobody else watches; also how a watch goes on."""
    rows = _execute(
        f"""UPDATE seedtest_mailbox SET watch_owner = %(owner)s, watch_until = %(until)s
            WHERE id IN ({_in_order(ids)})
            AND (watch_until IS NULL OR watch_until <= %(now)s OR watch_owner = %(owner)s) RETURNING id""",
        {"now": now, "owner": owner, "until": until},
    )
    return {row[0] for row in rows}


def release(ids: Sequence[int], *, owner: str) -> None:
    _execute(
        f"""UPDATE seedtest_mailbox SET watch_owner = '', watch_until = NULL
            WHERE id IN ({_in_order(ids)}) AND watch_owner = %(owner)s RETURNING id""",
        {"owner": owner},
    )


def wake(ids: Sequence[int], now: datetime) -> set[int]:
    """Make those of `ids` due now that nobody looks into. The others are to be asked for again: the end of a look
    that began before the mail came would overwrite what is said to it now."""
    rows = _execute(
        f"""UPDATE seedtest_mailbox
            SET dispatched_until = CASE WHEN next_poll_at > %(now)s THEN NULL ELSE dispatched_until END,
                next_poll_at = CASE WHEN next_poll_at > %(now)s THEN %(now)s ELSE next_poll_at END
            WHERE id IN (
                SELECT id FROM seedtest_mailbox WHERE id IN ({_id_list(ids)}) AND state IN ({_STATES}) AND {_NOT_HELD}
                {_skip_locked()})
            RETURNING id""",
        {"now": now},
    )
    return {row[0] for row in rows}


def borrow(mailbox_id: int, now: datetime, *, owner: str, lease: timedelta) -> Claim | None:
    """The mailbox's lease although it is not due; None while somebody looks into it."""
    rows = _execute(
        """UPDATE seedtest_mailbox SET lease_epoch = lease_epoch + 1, lease_until = %(until)s, lease_owner = %(owner)s
           WHERE id = %(id)s AND (lease_until IS NULL OR lease_until <= %(now)s) RETURNING id, lease_epoch""",
        {"id": mailbox_id, "now": now, "until": now + lease, "owner": owner},
    )
    return Claim(*rows[0]) if rows else None


def give_back(claim: Claim) -> None:
    """Leaves the plan of the mailbox as it was. A hint that came meanwhile found it leased: it is to be given again.

    A session that a worker keeps all the while holds its slot on.
    """
    _execute(
        """UPDATE seedtest_mailbox
           SET lease_until = NULL, lease_owner = '', dispatched_until = NULL,
               slot_until = CASE WHEN session_until IS NOT NULL THEN slot_until END
           WHERE id = %(id)s AND lease_epoch = %(epoch)s RETURNING id""",
        {"id": claim.mailbox_id, "epoch": claim.epoch},
    )
