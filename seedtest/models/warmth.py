"""Who keeps a session with which mailbox, in literal SQL for both databases.

`session_owner` is a worker's own queue. Until `session_until`, which is `claims.TURN` after the mailbox falls due, and
only while that worker's heartbeat is fresh, hints go to that queue and nobody else claims it. All of it ends by itself:
nothing has to be cleaned up after a worker that died. A claim ends it too, whoever makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import connection

from seedtest.models.claims import TURN, Claim, _execute, _id_list, _moment, _skip_locked
from seedtest.models.mailboxes import POLLED_STATES

#: The row and the queue of a worker that has not said for so long that it lives go.
BURIED = timedelta(seconds=60)
#: A session is kept where the next look is due within this time.
HORIZON = timedelta(seconds=75)
#: One part in so many of the sessions that a provider bears may be kept: the others are for logins.
SHARE = 2
#: A look that comes after its turn finds the session all the same, unless somebody else was first. So long it holds its
#: slot of the provider.
LINGER = timedelta(seconds=10)

_STATES = ", ".join(f"'{state.value}'" for state in POLLED_STATES)
#: Sessions a provider bears, by its id and what its pace says (None: the catalogue's); None: nobody counts them.
Bears = Callable[[str, int | None], int | None]
Place = tuple[str, str]  # provider and host, which share a limit


def keep(
    claims: Sequence[Claim], now: datetime, *, owner: str, bears: Bears = lambda _, known: known
) -> dict[int, datetime]:
    """In the transaction that frees these mailboxes, their rows locked: until when their sessions stay open.

    Those that sleep longer, or for which their provider has no room, are not in the answer.
    """
    wanted = _soon_due(claims, now)
    room = _room([mailbox_id for mailbox_id, _, _ in wanted], now, bears)
    until: dict[int, datetime] = {}
    for mailbox_id, place, due in wanted:
        if room.get(place, 1) > 0:
            until[mailbox_id] = due + TURN + LINGER
            room[place] = room.get(place, len(wanted) + 1) - 1
    _write(until, owner)
    return until


def _soon_due(claims: Sequence[Claim], now: datetime) -> list[tuple[int, Place, datetime]]:
    rows = _execute(
        f"""SELECT id, lease_epoch, provider, host, next_poll_at FROM seedtest_mailbox
            WHERE id IN ({_id_list([claim.mailbox_id for claim in claims])}) AND lease_until IS NULL
              AND next_poll_at <= %(horizon)s AND state IN ({_STATES}) ORDER BY next_poll_at""",
        {"horizon": now + HORIZON},
    )
    mine = set(claims)
    return [(row[0], (row[2], row[3]), max(_moment(row[4]), now)) for row in rows if Claim(row[0], row[1]) in mine]


def _room(ids: Sequence[int], now: datetime, bears: Bears) -> dict[Place, int]:
    """How many more sessions all workers together may keep beside these, at the providers that are paced."""
    rows = _execute(
        f"""SELECT p.provider, p.host, p.max_sessions, (
                SELECT count(*) FROM seedtest_mailbox k WHERE k.provider = p.provider AND k.host = p.host
                AND k.session_until > %(now)s AND k.id NOT IN ({_id_list(ids) if ids else "0"}))
            FROM seedtest_providerpace p
            WHERE EXISTS (SELECT 1 FROM seedtest_mailbox m
                          WHERE m.id IN ({_id_list(ids)}) AND m.provider = p.provider AND m.host = p.host)""",
        {"now": now},
    )
    bearable = [((provider, host), bears(provider, known), kept) for provider, host, known, kept in rows]
    return {place: most // SHARE - kept for place, most, kept in bearable if most is not None}


def _write(until: dict[int, datetime], owner: str) -> None:
    if not until:
        return
    cast = "::timestamptz" if connection.vendor == "postgresql" else ""
    lines = ", ".join(f"({int(one)}, %(turn{one})s{cast}, %(until{one})s{cast})" for one in until)
    moments = {f"until{one}": moment for one, moment in until.items()}
    moments |= {f"turn{one}": moment - LINGER for one, moment in until.items()}
    _execute(
        f"""WITH kept (mailbox, turn, moment) AS (VALUES {lines})
            UPDATE seedtest_mailbox
            SET session_owner = %(owner)s, session_until = kept.turn, slot_until = kept.moment
            FROM kept WHERE seedtest_mailbox.id = kept.mailbox RETURNING id""",
        moments | {"owner": owner},
    )


def meant(queue: str) -> set[int]:
    """The mailboxes whose sessions this worker shall keep: none that is switched off, gone, or somebody else's now."""
    rows = _execute(
        f"SELECT id FROM seedtest_mailbox WHERE session_owner = %(queue)s AND state IN ({_STATES})", {"queue": queue}
    )
    return {row[0] for row in rows}


def beat(queue: str, now: datetime, *, sessions: int) -> None:
    _execute(
        """INSERT INTO seedtest_workerheartbeat (queue, beat_at, started_at, sessions)
           VALUES (%(queue)s, %(now)s, %(now)s, %(sessions)s)
           ON CONFLICT (queue) DO UPDATE SET beat_at = excluded.beat_at, sessions = excluded.sessions
           RETURNING queue""",
        {"queue": queue, "now": now, "sessions": sessions},
    )


def sign_off(queue: str) -> None:
    """The worker ends and has closed its sessions: nobody waits for it, and their slots are free."""
    _forget(queue)
    _execute(
        f"""UPDATE seedtest_mailbox SET session_owner = '', session_until = NULL, slot_until = NULL
            WHERE id IN (SELECT id FROM seedtest_mailbox
                         WHERE session_owner = %(queue)s AND lease_until IS NULL {_skip_locked()})
            RETURNING id""",
        {"queue": queue},
    )


def dead(now: datetime) -> list[str]:
    """The queues of workers that are dead for long: nobody will consume them again."""
    rows = _execute("SELECT queue FROM seedtest_workerheartbeat WHERE beat_at <= %(dead)s", {"dead": now - BURIED})
    return [row[0] for row in rows]


def bury(queue: str, now: datetime) -> None:
    """Forget a dead worker, unless it has come back meanwhile."""
    _forget(queue, "AND beat_at <= %(dead)s", dead=now - BURIED)


def _forget(queue: str, and_only: str = "", **values: datetime) -> None:
    _execute(
        f"DELETE FROM seedtest_workerheartbeat WHERE queue = %(queue)s {and_only} RETURNING queue",
        {"queue": queue} | values,
    )
