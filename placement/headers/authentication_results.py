"""What the seed's own provider says about SPF, DKIM, DMARC, ARC and BIMI (RFC 8601), and only that provider."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from placement.headers.authres_grammar import Statement
from placement.headers.block import Headers
from placement.headers.domains import aligned, normal_domain
from placement.headers.identity import from_domain
from placement.headers.trust import Rule, Trust, claims, judge
from placement.vocabulary import Authentication, AuthResult

_MAX_UNTRUSTED: Final = 50

#: Where each method names the domain it speaks of, the best first; Yandex writes smtp.mail, Gmail only header.i.
_DOMAIN_PROPERTIES: Final = {
    "spf": ("smtp.mailfrom", "smtp.mail", "smtp.from", "smtp.helo"),
    "dkim": ("header.d", "header.i"),
    "dmarc": ("header.from",),
    "arc": ("header.oldest-pass", "header.d"),
    "bimi": ("header.d",),
}
_SELECTOR_PROPERTIES: Final = ("header.s", "header.selector")
_POLICY_PROPERTIES: Final = ("policy.published-domain-policy", "policy.dmarc", "p", "policy")
#: `action` is Microsoft's, `dis` Gmail's and OpenDMARC's, `d` Fastmail's.
_DISPOSITION_PROPERTIES: Final = ("policy.applied-disposition", "action", "dis", "d")


def read(
    headers: Headers,
    *,
    wrote: Callable[[str], bool],
    missing_authserv_id: bool,
    position: str = "above",
    at_most: int | None = None,
) -> Authentication:
    """`wrote` knows the provider's authserv-ids; `at_most` is how many headers it writes, where that is known."""
    rule = Rule(wrote, missing_authserv_id, position, at_most)
    return authentication(headers, judge(headers, claims(headers), rule))


def authentication(headers: Headers, trust: Trust) -> Authentication:
    """The believed claims of a block as one answer a method."""
    sender = from_domain(headers)
    results = [_result(statement, one.text, sender) for one in trust.believed for statement in one.value.statements]
    return Authentication(
        spf=_first(results, "spf"),
        dkim=tuple(result for result in results if result.method == "dkim"),
        dmarc=_first(results, "dmarc"),
        arc=_first(results, "arc"),
        bimi=_first(results, "bimi"),
        authserv_id=trust.believed[0].value.authserv_id if trust.believed else "",
        trusted=tuple(one.text for one in trust.believed),
        untrusted=tuple(one.claim.text for one in trust.doubted)[:_MAX_UNTRUSTED],
    )


def _first(results: Iterable[AuthResult], method: str) -> AuthResult | None:
    return next((result for result in results if result.method == method), None)


def _result(statement: Statement, line: str, sender: str) -> AuthResult:
    domain = _domain(statement.value_of(_DOMAIN_PROPERTIES.get(statement.method, ())))
    is_dmarc = statement.method == "dmarc"
    comparable = statement.method in {"spf", "dkim"} and domain and sender
    return AuthResult(
        method=statement.method,
        result=statement.result,
        domain=domain,
        selector=statement.value_of(_SELECTOR_PROPERTIES),
        aligned=aligned(domain, sender) if comparable else None,
        policy=statement.value_of(_POLICY_PROPERTIES).lower() if is_dmarc else "",
        disposition=statement.value_of(_DISPOSITION_PROPERTIES).lower() if is_dmarc else "",
        line=line,
    )


def _domain(value: str) -> str:
    """Microsoft writes header.d=none where nothing is signed."""
    return "" if value.lower() == "none" else normal_domain(value.strip("<>").rpartition("@")[2])
