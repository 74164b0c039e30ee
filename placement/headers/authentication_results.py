"""What the seed's own provider says about SPF, DKIM, DMARC, ARC and BIMI (RFC 8601), and only that provider.

Nobody removes foreign Authentication-Results, so a header is believed by its authserv-id and its position:
the provider's headers form one group, at the top of the block (`above`), at its bottom (`bottom`), somewhere
between (`mid`), or one at each end (`split`). A group ends at a Received or at a field of the message itself,
and where a method is answered a second time: a provider answers each method once, apart from one DKIM-only
header a signature. So a duplicate under the provider's name further down never overrides the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from placement.headers.authres_grammar import Statement, parse_value
from placement.headers.block import Headers
from placement.headers.domains import aligned, normal_domain
from placement.headers.identity import from_domain
from placement.vocabulary import Authentication, AuthResult

_METHODS: Final = frozenset({"spf", "dkim", "dmarc", "arc", "bimi"})
_MAX_UNTRUSTED: Final = 50

#: Fields of the message itself: a receiver's header stands above them all, unless the catalogue says otherwise.
_MESSAGE_FIELDS: Final = frozenset(
    {"from", "to", "cc", "sender", "reply-to", "subject", "date", "message-id", "in-reply-to", "references"}
    | {"mime-version", "content-type", "dkim-signature", "list-unsubscribe", "list-id"}
)
_BOUNDARIES: Final = _MESSAGE_FIELDS | {"received"}

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


@dataclass(frozen=True, slots=True)
class _Header:
    index: int  # among the fields of the block
    text: str
    authserv_id: str
    statements: tuple[Statement, ...]

    @property
    def methods(self) -> frozenset[str]:
        return frozenset(statement.method for statement in self.statements) & _METHODS


def read(
    headers: Headers,
    *,
    wrote: Callable[[str], bool],
    missing_authserv_id: bool,
    position: str = "above",
    at_most: int | None = None,
) -> Authentication:
    """`wrote` knows the provider's authserv-ids; `at_most` is how many headers it writes, where that is known."""
    found = _found(headers)
    own = [one for one in found if _is_own(one, wrote, missing_authserv_id=missing_authserv_id)]
    believed = _believed(headers, own, position)[:at_most]
    statements = [(one, statement) for one in believed for statement in one.statements]
    sender = from_domain(headers)
    results = [_result(statement, one.text, sender) for one, statement in statements]
    kept = {one.index for one in believed}
    return Authentication(
        spf=_first(results, "spf"),
        dkim=tuple(result for result in results if result.method == "dkim"),
        dmarc=_first(results, "dmarc"),
        arc=_first(results, "arc"),
        bimi=_first(results, "bimi"),
        authserv_id=believed[0].authserv_id if believed else "",
        trusted=tuple(one.text for one in believed),
        untrusted=tuple(one.text for one in found if one.index not in kept)[:_MAX_UNTRUSTED],
    )


def _found(headers: Headers) -> list[_Header]:
    found = []
    for index, field in enumerate(headers.fields):
        if field.name.lower() == "authentication-results":
            authserv_id, statements = parse_value(field.unfolded)
            found.append(_Header(index, field.unfolded, authserv_id, statements))
    return found


def _is_own(one: _Header, wrote: Callable[[str], bool], *, missing_authserv_id: bool) -> bool:
    return wrote(one.authserv_id) if one.authserv_id else missing_authserv_id


def _believed(headers: Headers, own: Sequence[_Header], position: str) -> list[_Header]:
    start = _message_start(headers)
    if position == "bottom":
        return _group(headers, own[::-1])[::-1]
    if position == "mid":
        return _group(headers, own)
    top = _group(headers, [one for one in own if one.index < start])
    if position != "split":
        return top
    answered = frozenset().union(*(one.methods for one in top))
    lowest = _group(headers, [one for one in own[::-1] if one.index > start])[::-1]
    return top + [one for one in lowest if not one.methods & answered]


def _message_start(headers: Headers) -> int:
    """Index of the first field that is certainly the sender's, or past the end."""
    for index, field in enumerate(headers.fields):
        if field.name.lower() in _MESSAGE_FIELDS:
            return index
    return len(headers.fields)


def _group(headers: Headers, ordered: Iterable[_Header]) -> list[_Header]:
    """The first headers of `ordered` that belong together."""
    group: list[_Header] = []
    answered: frozenset[str] = frozenset()
    for one in ordered:
        if group and not _continues(headers, group[-1], one, answered):
            break
        group.append(one)
        answered |= one.methods
    return group


def _continues(headers: Headers, last: _Header, one: _Header, answered: frozenset[str]) -> bool:
    if not one.authserv_id:
        return False  # Microsoft's form names nobody, anyone can write one lower down
    low, high = sorted((last.index, one.index))
    if any(field.name.lower() in _BOUNDARIES for field in headers.fields[low + 1 : high]):
        return False
    one_a_signature = last.methods == one.methods == {"dkim"}
    return one_a_signature or not one.methods & answered


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
    return normal_domain(value.strip("<>").rpartition("@")[2])
