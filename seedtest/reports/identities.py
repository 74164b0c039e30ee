"""Authenticated as whom: the domains that were checked, and whether they are in line with the From domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from placement.vocabulary import FOUND, Authentication, AuthResult
from seedtest.reports.numbers import standing
from seedtest.reports.values import AuthenticatedAs, Identity, SeedIdentity, SeedRow

_SHOWN: Final = 10
#: The words of our own check that `standing` does not know as a receiver's.
_OWN_WORDS: Final = {"headers_only": "pass"}


def identities_of(said: Authentication, checks: Mapping[str, Any]) -> tuple[SeedIdentity, ...]:
    """By the receiver's word; where it says nothing of SPF and DKIM, by our own check."""
    results = [*said.dkim, *((said.spf,) if said.spf else ())]
    told = [_identity(one) for one in results if one.domain]
    return tuple(told) or tuple(_own(checks))


def _identity(one: AuthResult) -> SeedIdentity:
    return SeedIdentity(one.method, one.domain, one.selector, standing((one,)), one.aligned)


def _own(checks: Mapping[str, Any]) -> Iterator[SeedIdentity]:
    signatures = checks.get("dkim", {}).get("signatures", ())
    for method, one in [*(("dkim", each) for each in signatures), ("spf", checks.get("spf", {}))]:
        if one.get("domain") and one["result"] != "none":
            result = AuthResult(method, _OWN_WORDS.get(one["result"], one["result"]))
            selector = one.get("selector", "")
            yield SeedIdentity(method, one["domain"], selector, standing((result,)), one["aligned"], by_us=True)


def authenticated_as(seeds: Iterable[SeedRow]) -> AuthenticatedAs:
    found = [seed for seed in seeds if seed.placement in FOUND]
    counted = Counter(alignment(seed) for seed in found)
    return AuthenticatedAs(
        from_domains=_most(seed.from_domain for seed in found),
        return_paths=_most(seed.return_path_domain for seed in found),
        identities=tuple(_grouped(found)),
        aligned=counted["aligned"],
        not_aligned=counted["not_aligned"],
        unknown=counted["unknown"],
    )


def alignment(seed: SeedRow) -> str:
    """aligned | not_aligned | unknown: does anything that passes belong to the organisation in From?"""
    dmarc = seed.authentication.dmarc
    passing = [one for one in seed.identities if one.standing == "pass"]
    if any(one.aligned for one in passing) or (dmarc and standing((dmarc,)) == "pass"):
        return "aligned"
    told = bool(passing) and all(one.aligned is False for one in passing)
    return "not_aligned" if told else "unknown"


def _most(values: Iterable[str]) -> tuple[str, ...]:
    """The commonest first."""
    return tuple(value for value, _ in Counter(filter(None, values)).most_common(_SHOWN))


def _grouped(seeds: Sequence[SeedRow]) -> Iterator[Identity]:
    """One row a name, the commonest first; DKIM above SPF, since it survives forwarding."""
    by_name: dict[tuple[str, str, str], list[SeedIdentity]] = {}
    for seed in seeds:
        for one in dict.fromkeys(seed.identities):
            by_name.setdefault((one.method, one.domain, one.selector), []).append(one)
    ordered = sorted(by_name.items(), key=lambda item: (item[0][0], -len(item[1]), item[0]))
    for (method, domain, selector), some in ordered[:_SHOWN]:
        standings = Counter(one.standing for one in some)
        yield Identity(
            method, domain, selector, aligned=some[0].aligned, messages=len(some), passed=standings["pass"],
            failed=standings["fail"], by_us=all(one.by_us for one in some),
        )  # fmt: skip
