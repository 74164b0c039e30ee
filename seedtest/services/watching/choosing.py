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
    found = [one for one in candidates if allowed(providers.get(one.provider))]
    others = [one for one in found if one.owner not in ("", me)]
    taken: Counter[Host] = Counter((one.provider, one.host) for one in others)
    chosen: list[Candidate] = []
    free = [one for one in found if one.owner in ("", me)]
    for one in sorted(free, key=lambda one: (one.owner != me, one.mailbox_id)):
        here = (one.provider, one.host)
        if len(chosen) < most and taken[here] < _most_at(one):
            taken[here] += 1
            chosen.append(one)
    return chosen


def _most_at(one: Candidate) -> float:
    sessions = pacing.sessions_of(providers.get(one.provider), one.max_sessions)
    return float("inf") if sessions is None else sessions // SHARE // WATCH_SESSIONS
