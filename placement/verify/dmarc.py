"""DMARC (RFC 9989): does an authenticated domain match the From domain, and which policy applies if not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from placement.errors import LookupFailed
from placement.headers.domains import organisational_domain
from placement.verify.dmarc_record import POLICIES, Record
from placement.verify.dns import Resolver
from placement.verify.model import DkimCheck, DmarcCheck, Finding, Outcome, Severity, SpfCheck
from placement.verify.tree_walk import Walk, Walks

#: What t=y turns each policy into (RFC 9989 4.7).
_MILDER: Final = {"none": "none", "quarantine": "none", "reject": "quarantine"}


@dataclass(frozen=True, slots=True)
class _Support:
    """What one way of authenticating does for DMARC: passes, fails, or cannot be said."""

    outcome: Outcome
    aligned: bool | None


def check(
    from_domains: Sequence[str], spf: SpfCheck, dkim: Sequence[DkimCheck], walks: Walks, resolver: Resolver
) -> tuple[DmarcCheck, tuple[Finding, ...]]:
    """The result, and what is odd about the records met."""
    if len(set(from_domains)) != 1 or not from_domains[0]:
        says = "The message has no From address." if not any(from_domains) else "The From field names several domains."
        return DmarcCheck(Outcome.PERMERROR, f"{says} DMARC needs exactly one."), ()
    domain = from_domains[0]
    seen = DmarcCheck(Outcome.NONE, "", from_domain=domain, psl_domain=organisational_domain(domain))
    try:
        walk = walks.of(domain)
        seen = replace(seen, asked=walk.asked, organisational_domain=walk.organisational_domain)
        record = _applicable(walk)
        if record is None:
            return replace(seen, says=f"Neither {domain} nor a domain above it publishes a DMARC policy."), ()
        seen = _with_policy(seen, record, resolver)
    except LookupFailed as error:
        return replace(seen, outcome=Outcome.UNKNOWN, says=f"Unknown (temporary): {error}"), ()
    findings = [finding for one in walk.records for finding in one.findings] + _list_disagrees(seen)
    return _judged(seen, record, spf, dkim, walks), tuple(findings)


def _applicable(walk: Walk) -> Record | None:
    """RFC 9989 4.10.1: the author's own record, else the organisational domain's, else the public suffix's."""
    wanted = (walk.start, walk.organisational_domain)
    usable = [record for record in walk.records if record.usable]
    for name in wanted:
        for record in usable:
            if record.domain == name:
                return record
    return next((record for record in usable if record.psd == "y"), None)


def _with_policy(seen: DmarcCheck, record: Record, resolver: Resolver) -> DmarcCheck:
    tag, policy = _policy(seen.from_domain, record, resolver)
    return replace(
        seen,
        record_domain=record.domain,
        record=record.text,
        policy=policy,
        policy_tag=tag,
        testing=record.t == "y",
        psd=record.psd,
    )


def _policy(domain: str, record: Record, resolver: Resolver) -> tuple[str, str]:
    """np= for names that do not exist, else sp=, else p=; without a valid p= it is none."""
    own = ("p", record.p or POLICIES[0])
    if record.domain == domain:
        return own
    below = ("sp", record.sp) if record.sp else own
    if record.np and not _exists(domain, resolver):
        return "np", record.np
    return below


def _exists(domain: str, resolver: Resolver) -> bool:
    """RFC 9989 3.2.12: a name without A, AAAA and MX does not exist."""
    return any(bool(ask(domain)) for ask in (resolver.a, resolver.aaaa, resolver.mx))


def _judged(seen: DmarcCheck, record: Record, spf: SpfCheck, dkim: Sequence[DkimCheck], walks: Walks) -> DmarcCheck:
    by_spf = _by_spf(seen.from_domain, record, spf, walks)
    by_dkim = [_by_dkim(seen.from_domain, record, one, walks) for one in dkim]
    seen = replace(seen, spf_aligned=by_spf.aligned, dkim_aligned=_any(one.aligned for one in by_dkim))
    outcomes = {one.outcome for one in (by_spf, *by_dkim)}
    if Outcome.PASS in outcomes:
        ways = " and ".join(
            way for way, passed in (("SPF", by_spf.outcome), ("DKIM", _best(by_dkim))) if passed is Outcome.PASS
        )
        return replace(seen, outcome=Outcome.PASS, says=f"{ways} passed for a domain aligned with {seen.from_domain}.")
    if Outcome.HEADERS_ONLY in outcomes:
        says = "An aligned signature verifies over the headers; the body was not kept, so its hash was not checked."
        return replace(seen, outcome=Outcome.HEADERS_ONLY, says=says)
    if Outcome.UNKNOWN in outcomes:
        says = "Unknown (temporary): nothing aligned passed, and not everything could be looked up."
        return replace(seen, outcome=Outcome.UNKNOWN, says=says)
    return replace(seen, outcome=Outcome.FAIL, says=_failure(seen))


def _best(supports: Sequence[_Support]) -> Outcome:
    return Outcome.PASS if any(one.outcome is Outcome.PASS for one in supports) else Outcome.FAIL


def _by_spf(domain: str, record: Record, spf: SpfCheck, walks: Walks) -> _Support:
    aligned = walks.aligned(domain, spf.domain, strict=record.aspf == "s")
    return _Support(_support(spf.outcome, aligned), aligned)


def _by_dkim(domain: str, record: Record, dkim: DkimCheck, walks: Walks) -> _Support:
    aligned = walks.aligned(domain, dkim.domain, strict=record.adkim == "s")
    return _Support(_support(dkim.outcome, aligned), aligned)


def _support(outcome: Outcome, aligned: bool | None) -> Outcome:
    if aligned is False or outcome not in {Outcome.PASS, Outcome.HEADERS_ONLY, Outcome.UNKNOWN}:
        return Outcome.FAIL
    return outcome if aligned else Outcome.UNKNOWN


def _any(aligned: Iterable[bool | None]) -> bool | None:
    known = list(aligned)
    if True in known:
        return True
    return None if None in known or not known else False


def _failure(seen: DmarcCheck) -> str:
    applied = _MILDER[seen.policy] if seen.testing else seen.policy
    test = f" (t=y: treated as {applied})" if seen.testing else ""
    return (
        f"Neither SPF nor DKIM passed for a domain aligned with {seen.from_domain}. "
        f"The policy {seen.policy_tag}={seen.policy} of {seen.record_domain} applies{test}."
    )


def _list_disagrees(seen: DmarcCheck) -> list[Finding]:
    if seen.organisational_domain == seen.psl_domain:
        return []
    return [
        Finding(
            "dmarc_organisational_domain",
            Severity.INFO,
            f"The tree walk of RFC 9989 finds the organisational domain {seen.organisational_domain}; receivers that "
            f"still use the Public Suffix List find {seen.psl_domain}.",
            evidence=", ".join(seen.asked),
            fix="Use domains for From, DKIM and the envelope that align either way.",
        )
    ]
