"""From one header block to one Reading: parse, tell friend from stranger, find the boundary, read what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from placement.headers import Headers
from placement.headers.arc import read_arc
from placement.headers.authentication_results import authentication
from placement.headers.block import MAX_BLOCK, MAX_FIELDS
from placement.headers.domains import organisational_domain
from placement.headers.list_unsubscribe import read_list_unsubscribe
from placement.headers.received import Boundary, boundary, is_below, route, topmost_received
from placement.headers.received_spf import ReceivedSpf, of_receiver, read_received_spf
from placement.headers.sender_fields import read_sender_fields
from placement.headers.spam_verdicts import read_verdicts
from placement.headers.spam_verdicts.registry import self_hosted_headers
from placement.headers.trust import MESSAGE_FIELDS, WHY, Claim, Rule, Trust, bears_the_name, claims, judge, position_of
from placement.providers import GENERIC, Position, Provider
from placement.reading.findings import findings, truncated
from placement.reading.model import Reading, Reported, Untrusted
from placement.vocabulary import Authentication

#: Positions for which the boundary says nothing: the provider writes among or below the sender's fields.
_ANYWHERE = frozenset({Position.BOTTOM.value, Position.MID.value})


def read(block: bytes, provider: Provider, *, extra_authserv_ids: Iterable[str] = ()) -> Reading:
    """Everything `block` says, as received at `provider`.

    `extra_authserv_ids` are whole names under which an operator's own server writes Authentication-Results.
    """
    headers, extra = Headers.parse(block), _plain(extra_authserv_ids)
    found, rule, hosts = claims(headers), _rule(provider, extra), _own_hosts(provider, extra)
    trust, edge = _trust(headers, found, rule, hosts)
    reading = _reading(headers, provider, trust, edge, hosts)
    told = [truncated(MAX_BLOCK, MAX_FIELDS)] if _is_cut(headers) else []
    return replace(reading, findings=(*told, *findings(reading, trust, provider)))


def read_authentication(
    headers: Headers, provider: Provider, *, extra_authserv_ids: Iterable[str] = ()
) -> Authentication:
    """`read(…).authentication` alone, at a tenth of its cost: what is kept of every message, matched or not."""
    found = claims(headers)
    if not found:
        return Authentication()
    extra = _plain(extra_authserv_ids)
    rule = _rule(provider, extra)
    if not any(bears_the_name(one, rule) for one in found):
        return authentication(headers, judge(headers, found, rule))  # wherever the boundary is
    trust, _ = _trust(headers, found, rule, _own_hosts(provider, extra))
    return authentication(headers, trust)


def _plain(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in names if name.strip())


def _is_cut(headers: Headers) -> bool:
    """A cap of the parser was met: a whole header block ends before it, with its empty line."""
    size = sum(len(field.raw) for field in headers.fields)
    return size > MAX_BLOCK - 2 or len(headers.fields) >= MAX_FIELDS


def _rule(provider: Provider, extra: tuple[str, ...]) -> Rule:
    style = provider.ar_style
    most = style.headers_per_message[1] if style.headers_per_message else None
    return Rule(
        wrote=_writer(provider, extra),
        missing_authserv_id=style.missing_authserv_id,
        position=position_of((style.position or Position.ABOVE).value, extra),
        at_most=None if extra else most,
    )


def _writer(provider: Provider, extra: tuple[str, ...]) -> Callable[[str], bool]:
    return lambda name: name.lower() in extra or provider.wrote(name)


def _trust(
    headers: Headers, found: tuple[Claim, ...], rule: Rule, hosts: tuple[str, ...]
) -> tuple[Trust, Boundary | None]:
    """Believed headers name the client's address, which shows the boundary; below that nothing is believed."""
    trust = judge(headers, found, rule)
    edge = boundary(
        headers,
        stated=trust.stated_addresses or _stated_by_spf(headers, hosts),
        own_hosts=hosts,
        looks_up_names=not rule.missing_authserv_id,
        message_fields=MESSAGE_FIELDS,
    )
    if edge is None or rule.position in _ANYWHERE:
        return trust, edge
    return judge(headers, found, replace(rule, ends_at=edge.ends_at)), edge


def _stated_by_spf(headers: Headers, hosts: tuple[str, ...]) -> frozenset[str]:
    """The client address of the topmost Received-SPF, where it bears the provider's name."""
    for one in read_received_spf(headers)[:1]:
        if one.client_ip and is_below(one.receiver, hosts):
            return frozenset({one.client_ip})
    return frozenset()


def _reading(
    headers: Headers, provider: Provider, trust: Trust, edge: Boundary | None, hosts: tuple[str, ...]
) -> Reading:
    all_spf = read_received_spf(headers)
    own_spf = _received_spf(all_spf, headers, edge, hosts)
    return Reading(
        provider=provider.id,
        authentication=authentication(headers, trust),
        reported=tuple(
            Reported(one.value.authserv_id, statement, one.text)
            for one in trust.believed
            for statement in one.value.statements
        ),
        says_none=any(one.value.says_none for one in trust.believed),
        untrusted=tuple(
            Untrusted(one.claim.text, one.claim.value.authserv_id, one.why, WHY[one.why]) for one in trust.doubted
        ),
        received_spf=own_spf,
        doubted_spf=tuple(one for one in all_spf if one is not own_spf),
        arc=read_arc(headers),
        verdicts=read_verdicts(headers, verdict_headers=_verdict_headers(provider), boundary=edge),
        route=route(headers, edge),
        sender=read_sender_fields(headers),
        list_unsubscribe=read_list_unsubscribe(headers),
    )


def _received_spf(
    found: Sequence[ReceivedSpf], headers: Headers, edge: Boundary | None, hosts: tuple[str, ...]
) -> ReceivedSpf | None:
    """It feeds our own SPF check, so without a boundary a name is not enough: anybody can write one.

    What stands above every Received was written after the message had come in.
    """
    ends_at = edge.ends_at if edge else topmost_received(headers)
    return of_receiver(found, ends_at=ends_at, own_hosts=hosts, must_name=edge is None)


def _verdict_headers(provider: Provider) -> tuple[str, ...]:
    """A server without an entry may run one of the filters that people host themselves."""
    return self_hosted_headers() if provider.id == GENERIC.id else provider.verdict_headers


def _own_hosts(provider: Provider, extra: tuple[str, ...]) -> tuple[str, ...]:
    return _organisations((*provider.mx_suffixes, *provider.domains, *extra))


@lru_cache(maxsize=256)
def _organisations(names: tuple[str, ...]) -> tuple[str, ...]:
    """The organisations that run these hosts: mxs.mail.ru → mail.ru."""
    found = (organisational_domain(name.lstrip(".")) for name in names)
    return tuple(dict.fromkeys(domain for domain in found if "." in domain))
