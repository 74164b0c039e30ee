"""Counts → rates that do not promise more than they know: Wilson intervals, weighting by the sender's own domains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Final

#: Printed with every export. Raise it when the meaning of a number changes.
DEFINITIONS_VERSION: Final = "1"

#: Two-sided 95 % quantile of the normal distribution.
_Z: Final = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` of `n`; all of rate and bounds are in 0..1, None where there is nothing to divide by."""

    count: int
    n: int
    rate: float | None
    ci_low: float | None
    ci_high: float | None
    method: str


@dataclass(frozen=True, slots=True)
class WeightedRate:
    """One number over several providers.

    It carries no interval: seeds at one provider mostly fall together, so an interval that takes them as
    independent would promise too much. The width must come from the stream's own repeats.
    """

    rate: float | None
    method: str  # domain_mix | seed_count
    weights: tuple[tuple[str, float], ...]  # provider → share used, sums to 1
    without_seeds: tuple[str, ...]  # in the domain mix, but nothing was counted there
    covered: float | None  # share of the domain mix that had seeds; None for seed_count
    ci_low: None = None
    ci_high: None = None
    note: str = "not enough history"


def wilson(count: int, n: int) -> Rate:
    """95 % score interval (Wilson 1927), without continuity correction."""
    if not 0 <= count <= n:
        raise ValueError(f"{count} of {n} is no count")
    if n == 0:
        return Rate(0, 0, None, None, None, "wilson95")
    share = count / n
    centre = share + _Z * _Z / (2 * n)
    spread = _Z * sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n))
    scale = 1 + _Z * _Z / n
    low = 0.0 if count == 0 else max(0.0, (centre - spread) / scale)
    high = 1.0 if count == n else min(1.0, (centre + spread) / scale)
    return Rate(count, n, share, low, high, "wilson95")


def weighted(rates: Mapping[str, Rate], weights: Mapping[str, float] | None = None) -> WeightedRate:
    """Per-provider rates weighted by the sender's domain mix, else by the number of seeds counted.

    `weights` is a histogram provider → addresses (or share); it is normalised over the providers that have n.
    """
    mix = _scaled({name: weight for name, weight in (weights or {}).items() if weight > 0 and isfinite(weight)})
    measured = {name: rate for name, rate in rates.items() if rate.rate is not None}
    without = tuple(sorted(name for name in mix if name not in measured))
    if not mix:
        return _combine(measured, {name: float(rate.n) for name, rate in measured.items()}, "seed_count")
    return _combine(
        measured,
        {name: weight for name, weight in mix.items() if name in measured},
        "domain_mix",
        without_seeds=without,
        total=sum(mix.values()),
    )


def _scaled(mix: Mapping[str, float]) -> dict[str, float]:
    """By the largest, so that no sum overflows."""
    largest = max(mix.values(), default=1.0)
    return {name: weight / largest for name, weight in mix.items()}


def _combine(
    measured: Mapping[str, Rate],
    weights: Mapping[str, float],
    method: str,
    *,
    without_seeds: tuple[str, ...] = (),
    total: float | None = None,
) -> WeightedRate:
    used = sum(weights.values())
    covered = None if total is None else used / total
    if not used:
        return WeightedRate(None, method, (), without_seeds, covered)
    shares = tuple(sorted((name, weight / used) for name, weight in weights.items()))
    combined = sum(share * (measured[name].rate or 0.0) for name, share in shares)
    return WeightedRate(min(1.0, combined), method, shares, without_seeds, covered)
