"""The verdict on a test by its own policy: pass, fail, inconclusive, or none where no policy was given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from placement.vocabulary import FOUND, Authentication, AuthResult
from seedtest.models.seedtests import Status
from seedtest.reports.numbers import standing
from seedtest.reports.values import About, Outcome, PolicyReason, ProviderRow, SeedRow, Totals, Verdict

_UNMEASURED: Final = {
    Status.INCONCLUSIVE.value: "Nothing arrived anywhere, so nothing was measured.",
    Status.CANCELLED.value: "The test was cancelled before every seed was decided.",
}


def judge(about: About, totals: Totals, rows: Sequence[ProviderRow], seeds: Sequence[SeedRow]) -> Verdict:
    """Final only when the test has ended; before that every verdict is inconclusive, since placements may change."""
    if about.is_open:
        detail = f"{totals.counts.waiting} of {totals.counts.total} seeds are still waited for."
        return _verdict(Outcome.INCONCLUSIVE, PolicyReason("status", Outcome.INCONCLUSIVE, detail), final=False)
    if about.status in _UNMEASURED:
        reason = PolicyReason("status", Outcome.INCONCLUSIVE, _UNMEASURED[about.status])
        return _verdict(Outcome.INCONCLUSIVE, reason)
    reasons = tuple(_apply(about.policy, totals, rows, seeds))
    if not reasons:
        return _verdict(Outcome.NONE, PolicyReason("policy", Outcome.NONE, "The test has no policy to pass or fail."))
    outcomes = {reason.outcome for reason in reasons}
    worst = next(one for one in (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS) if one in outcomes)
    return _verdict(worst, *reasons)


def _verdict(outcome: Outcome, *reasons: PolicyReason, final: bool = True) -> Verdict:
    return Verdict(outcome, final, reasons)


def _apply(
    policy: Mapping[str, Any], totals: Totals, rows: Sequence[ProviderRow], seeds: Sequence[SeedRow]
) -> Iterator[PolicyReason]:
    if "min_inbox_rate" in policy:
        yield _inbox_rate(float(policy["min_inbox_rate"]), totals)
    for provider in policy.get("no_spam_at", ()):
        yield _no_spam(provider, rows)
    if policy.get("auth_must_pass"):
        yield _authentication(seeds)


def _inbox_rate(wanted: float, totals: Totals) -> PolicyReason:
    weighted = totals.weighted
    rate = weighted.rate if weighted.method == "domain_mix" else totals.rates.inbox.rate
    if rate is None:
        detail = f"No seed was measured, so an inbox rate of {wanted:.1%} can be neither met nor missed."
        return PolicyReason("min_inbox_rate", Outcome.INCONCLUSIVE, detail)
    kind = "weighted by your domain mix" if weighted.method == "domain_mix" else f"{totals.counts.n} seeds"
    detail = f"Inbox rate {rate:.1%} ({kind}), wanted at least {wanted:.1%}."
    return PolicyReason("min_inbox_rate", Outcome.PASS if rate >= wanted else Outcome.FAIL, detail)


def _no_spam(provider: str, rows: Sequence[ProviderRow]) -> PolicyReason:
    row = next((one for one in rows if one.provider == provider), None)
    if row is None or not row.counts.n:
        return PolicyReason("no_spam_at", Outcome.INCONCLUSIVE, f"No seed at {provider} was measured.")
    detail = f"{row.name}: {row.counts.spam} of {row.counts.n} in spam, wanted none."
    return PolicyReason("no_spam_at", Outcome.FAIL if row.counts.spam else Outcome.PASS, detail)


def _authentication(seeds: Sequence[SeedRow]) -> PolicyReason:
    judged = [(seed, authentication_of(seed.authentication)) for seed in seeds if seed.placement in FOUND]
    failed = [seed for seed, outcome in judged if outcome == "fail"]
    if failed:
        first = failed[0]
        detail = f"Authentication failed at {len(failed)} of {len(judged)} seeds, first at {first.masked_address}."
        return PolicyReason("auth_must_pass", Outcome.FAIL, detail)
    passed = sum(outcome == "pass" for _, outcome in judged)
    if not passed:
        return PolicyReason("auth_must_pass", Outcome.INCONCLUSIVE, "No receiver said how the message authenticated.")
    detail = f"Authentication passed at {passed} seeds; {len(judged) - passed} receivers did not say."
    return PolicyReason("auth_must_pass", Outcome.PASS, detail)


def authentication_of(said: Authentication) -> str:
    """DMARC where the receiver states it, else SPF or DKIM in line with the From domain: pass | fail | unknown."""
    dmarc = standing((said.dmarc,) if said.dmarc else ())
    if dmarc in ("pass", "fail"):
        return dmarc
    results = [*said.dkim, *((said.spf,) if said.spf else ())]
    if _any(results, lambda one: standing((one,)) == "pass" and one.aligned is not False):
        return "pass"
    return "fail" if _any(results, lambda one: standing((one,)) in ("fail", "none", "pass")) else "unknown"


def _any(results: Sequence[AuthResult], test: Callable[[AuthResult], bool]) -> bool:
    return any(test(one) for one in results)
