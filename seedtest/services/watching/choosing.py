"""Which mailboxes to watch: pure, from what the database knows of them and the catalogue of their providers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from placement import providers
from placement.providers.model import Kind, Provider
from seedtest.models.claims import WATCH_SESSIONS
from seedtest.models.watches import Candidate
from seedtest.services import pacing

#: Connections an account must bear: ours, a poll's, one that is kept for the next poll, and a person's own.
ENOUGH_CONNECTIONS = WATCH_SESSIONS + 3
#: Of the sessions a provider's host bears, watches take at most one in so many: workers may keep half for their polls,
#: and the rest is for logins.
SHARE = 3

Host = tuple[str, str]


def allowed(entry: Provider) -> bool:
    """Does the provider offer IDLE, and bear two more connections an account? Where nothing is known: no."""
    limits = entry.limits
    own = entry.id == providers.GENERIC.id or entry.kind is Kind.HOSTING
    enough = limits.connections is None or limits.connections >= ENOUGH_CONNECTIONS
    return enough and (limits.idle is True or (own and limits.idle is None))


def choose(candidates: Iterable[Candidate], *, me: str, most: int) -> list[Candidate]:
    """At most `most`, and at one provider's host at most a third of the sessions it bears; those we hold first."""
    rooms: dict[Host, float] = {}
    taken: Counter[Host] = Counter()
    free: list[Candidate] = []
    for one in candidates:
        here = (one.provider, one.host)
        rooms[here] = rooms[here] if here in rooms else _room(one)
        if one.owner in ("", me):
            free.append(one)
        else:
            taken[here] += 1
    chosen: list[Candidate] = []
    for one in sorted(free, key=lambda one: (one.owner != me, one.mailbox_id)):
        here = (one.provider, one.host)
        if len(chosen) < most and taken[here] < rooms[here]:
            taken[here] += 1
            chosen.append(one)
    return chosen


def _room(one: Candidate) -> float:
    """Mailboxes that may be watched at this provider's host."""
    entry = providers.get(one.provider)
    sessions = pacing.sessions_of(entry, one.max_sessions) if allowed(entry) else 0
    return float("inf") if sessions is None else sessions // SHARE // WATCH_SESSIONS
