"""Counts → the rates of a report. Definitions are versioned in `placement.rates`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import ceil
from typing import Final

from placement.rates import Rate, wilson
from placement.vocabulary import AuthResult
from seedtest.reports.values import Authenticated, Counts, Delivery, Rates, SeedRow

#: RFC 8601 2.7: what each word of a receiver means here. What is not named is unknown.
_PASSED: Final = frozenset({"pass", "bestguesspass"})
_FAILED: Final = frozenset({"fail", "softfail", "hardfail", "permerror", "policy"})
_NONE: Final = frozenset({"none", "neutral"})


def arrival_spread(seeds: Iterable[SeedRow]) -> float | None:
    """Seconds from the first to the last arrival, by INTERNALDATE; None where fewer than two seeds got it."""
    arrivals = [seed.received_at for seed in seeds if seed.received_at is not None]
    return (max(arrivals) - min(arrivals)).total_seconds() if len(arrivals) > 1 else None


def provider_rates(counts: Counts, primary: Rate | None) -> Rates:
    return _rates(counts, wilson, primary)


def total_rates(counts: Counts) -> Rates:
    """Over several providers: no interval and no primary rate."""
    return _rates(counts, _without_interval, None)


def _without_interval(count: int, n: int) -> Rate:
    # Seeds at one provider mostly fall together: an interval that takes them as independent promises too much.
    return Rate(count, n, count / n if n else None, None, None, "not_enough_history")


def _rates(counts: Counts, rate: Callable[[int, int], Rate], primary: Rate | None) -> Rates:
    n = counts.n
    return Rates(
        inbox=rate(counts.inbox, n),
        spam=rate(counts.spam, n),
        other=rate(counts.other, n),
        missing=rate(counts.missing, n),
        rejected=rate(counts.rejected, n),
        inbox_of_delivered=rate(counts.inbox, counts.inbox + counts.spam),
        primary=primary,
    )


def standing(results: Sequence[AuthResult]) -> str:
    """pass | fail | none | unknown of one method on one message. One DKIM signature that passes is a pass."""
    words = {one.result for one in results}
    for name, known in (("pass", _PASSED), ("fail", _FAILED), ("none", _NONE)):
        if words & known:
            return name
    return "unknown"


def authenticated(messages: Iterable[Sequence[AuthResult]]) -> Authenticated:
    standings = [standing(results) for results in messages]
    return Authenticated(
        passed=standings.count("pass"),
        failed=standings.count("fail"),
        none=standings.count("none"),
        unknown=standings.count("unknown"),
    )


def delivery(seconds: Iterable[float | None]) -> Delivery | None:
    known = sorted(one for one in seconds if one is not None)
    return Delivery(len(known), _nearest_rank(known, 0.5), _nearest_rank(known, 0.9)) if known else None


def _nearest_rank(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, ceil(share * len(ordered)) - 1)]
