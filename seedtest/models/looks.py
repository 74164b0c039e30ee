"""What looks ask and write, many at once: literal SQL for both databases, each row guarded by its epoch.

Every look passes here, so it must not cost what the ORM costs: one that found nothing new ends with three statements
for up to fifty mailboxes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from seedtest.models.claims import Claim, _bind, _execute, _id_list, _moment
from seedtest.models.seedtests import OPEN_STATUSES, Status

_OPEN = ", ".join(f"'{status.value}'" for status in OPEN_STATUSES)
_ENDED = ", ".join(f"'{status.value}'" for status in (Status.COMPLETE, Status.INCONCLUSIVE))


#: When a result that waits is due for a full check, and when the window of its test began.
Deadline = tuple[datetime | None, datetime | None]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one result of a mailbox waits for, as the cadence asks."""

    mailbox_id: int
    provider: str
    placement: str
    test_is_open: bool
    dispatched_at: datetime | None
    sent_at: datetime | None
    first_arrival_at: datetime | None
    deadline_at: datetime | None
    full_check_started_at: datetime | None
    completed_at: datetime | None
    watch_until: datetime | None


def waits_of(ids: Sequence[int], now: datetime) -> Iterator[Waiting]:
    """Every result of these mailboxes that is still open or watched."""
    rows = _execute(
        f"""SELECT r.mailbox_id, r.provider, r.placement, t.status IN ({_OPEN}), r.dispatched_at, t.sent_at,
                   t.first_arrival_at, r.deadline_at, r.full_check_started_at, t.completed_at, t.watch_until
            FROM seedtest_seedresult r JOIN seedtest_seedtest t ON t.id = r.test_id
            WHERE r.mailbox_id IN ({_id_list(ids)}) AND (t.status IN ({_OPEN}) OR t.watch_until > %(now)s)""",
        {"now": now},
    )
    for mailbox_id, provider, placement, is_open, *moments in rows:
        yield Waiting(mailbox_id, provider, placement, bool(is_open), *(one and _moment(one) for one in moments))


def deadlines_of(ids: Sequence[int]) -> dict[int, list[Deadline]]:
    """What these mailboxes still wait for, as far as a full check is concerned."""
    rows = _execute(
        f"""SELECT r.mailbox_id, r.deadline_at, t.window_starts_at
            FROM seedtest_seedresult r JOIN seedtest_seedtest t ON t.id = r.test_id
            WHERE r.mailbox_id IN ({_id_list(ids)}) AND r.placement = 'waiting' AND t.status IN ({_OPEN})""",
        {},
    )
    found: dict[int, list[Deadline]] = {}
    for mailbox_id, deadline, starts in rows:
        found.setdefault(mailbox_id, []).append((deadline and _moment(deadline), starts and _moment(starts)))
    return found


def shared(ids: Sequence[int]) -> set[int]:
    """Those of these mailboxes that several workspaces use."""
    rows = _execute(
        f"""SELECT mailbox_id FROM seedtest_seedaccount WHERE mailbox_id IN ({_id_list(ids)})
            GROUP BY 1 HAVING count(DISTINCT workspace_id) > 1""",
        {},
    )
    return {row[0] for row in rows}


@dataclass(frozen=True, slots=True)
class Asked:
    """A marker that mail in a mailbox may carry."""

    test_id: int
    kind: str
    value: str
    header: str
    from_domain: str
    in_body: bool
    valid_from: datetime
    valid_until: datetime


def markers_of(ids: Iterable[int], now: datetime) -> dict[int, list[Asked]]:
    """By mailbox, the markers of every test over it that was not cancelled, open or ended, while they are valid."""
    rows = _execute(
        f"""SELECT DISTINCT r.mailbox_id, m.id, m.test_id, m.kind, m.value, m.header, m.from_domain, m.in_body,
                   m.valid_from, m.valid_until
            FROM seedtest_seedresult r JOIN seedtest_seedtest t ON t.id = r.test_id
            JOIN seedtest_marker m ON m.test_id = t.id
            WHERE r.mailbox_id IN ({_id_list(sorted(ids))}) AND t.status IN ({_OPEN}, {_ENDED})
              AND m.valid_until > %(now)s""",
        {"now": now},
    )
    known: dict[int, Asked] = {}
    found: dict[int, list[Asked]] = {}
    for mailbox_id, marker_id, test_id, kind, value, header, domain, in_body, begins, ends in rows:
        if marker_id not in known:
            window = (_moment(begins), _moment(ends))
            known[marker_id] = Asked(test_id, kind, value, header, domain, bool(in_body), *window)
        found.setdefault(mailbox_id, []).append(known[marker_id])
    return found


def lock(claims: Sequence[Claim]) -> list[Claim]:
    """Those of `claims` that are still ours, their rows locked in id order (the order everywhere)."""
    # Not FOR UPDATE: that waits for whoever writes rows that merely refer to the mailbox, as opening a test does.
    locking = "FOR NO KEY UPDATE" if connection.vendor == "postgresql" else ""
    ids = _id_list([claim.mailbox_id for claim in claims])
    rows = _execute(f"SELECT id, lease_epoch FROM seedtest_mailbox WHERE id IN ({ids}) ORDER BY id {locking}", {})
    held = {Claim(*row) for row in rows}
    return [claim for claim in claims if claim in held]


def finish_good(claims: Sequence[Claim], now: datetime, next_poll_at: Mapping[int, datetime]) -> list[int]:
    """Free these mailboxes after a look that succeeded. Returns the ids that were still ours."""
    rows, values = _rows([(claim, next_poll_at[claim.mailbox_id]) for claim in claims])
    done = _execute(
        f"""WITH looked (mailbox, epoch, moment) AS (VALUES {rows})
            UPDATE seedtest_mailbox
            SET lease_until = NULL, lease_owner = '', slot_until = NULL, attempts = 0, dispatched_until = NULL,
                last_good_poll_at = %(now)s, next_poll_at = looked.moment
            FROM looked WHERE seedtest_mailbox.id = looked.mailbox AND seedtest_mailbox.lease_epoch = looked.epoch
            RETURNING id""",
        values | {"now": now},
    )
    return [row[0] for row in done]


def _rows(looked: Sequence[tuple[Claim, datetime]]) -> tuple[str, dict[str, Any]]:
    # PostgreSQL takes a bare literal in VALUES for text; SQLite keeps moments as text and must not cast them.
    cast = "::timestamptz" if connection.vendor == "postgresql" else ""
    lines = [
        f"({int(claim.mailbox_id)}, {int(claim.epoch)}, %(moment{number})s{cast})"
        for number, (claim, _) in enumerate(looked)
    ]
    return ", ".join(lines), {f"moment{number}": _bind(moment) for number, (_, moment) in enumerate(looked)}
