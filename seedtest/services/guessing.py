"""Whose mailbox a message was received in, where nobody says: from what only a receiver writes at the top."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from placement import providers
from placement.errors import LookupFailed
from placement.headers import Headers
from placement.headers.authres_grammar import parse
from placement.headers.hops import Hop, parse_hop
from placement.headers.identity import first_address
from placement.providers import GENERIC, Kind, Provider
from placement.verify import Resolver

_DELIVERED: Final = frozenset({"delivered-to", "x-delivered-to", "x-original-to", "envelope-to"})
_HOPS: Final = 3


@dataclass(frozen=True, slots=True)
class Guess:
    """A provider, and the words that say what it rests on."""

    provider: Provider
    how: str


def guess(block: bytes, resolver: Resolver | None = None) -> Guess:
    """A sender can write every header but the topmost ones, so a guess is none of a person's own words."""
    headers = Headers.parse(block)
    hops = [parse_hop(text) for text in headers.all("Received")[:_HOPS]]
    looks = (_by_address(headers, hops), _by_mx(headers, hops, resolver), _by_names(headers, hops), _by_to(headers))
    return next(chain.from_iterable(looks), Guess(GENERIC, "Nothing in the message names a provider that we know."))


def _by_address(headers: Headers, hops: list[Hop]) -> Iterator[Guess]:
    for name, address in _recipients(headers, hops):
        if provider := providers.for_address(address):
            yield Guess(provider, f"{name} names an address at {_domain(address)}.")


def _recipients(headers: Headers, hops: list[Hop]) -> Iterator[tuple[str, str]]:
    """Above the topmost Received only the last server writes; anybody may put a Delivered-To further down."""
    for field in headers.fields:
        if field.name.lower() == "received":
            break
        if field.name.lower() in _DELIVERED:
            yield field.name, first_address(field.unfolded[:1000])
    for hop in hops[:1]:
        if "@" in hop.recipient:
            yield "The topmost Received", hop.recipient


def _by_mx(headers: Headers, hops: list[Hop], resolver: Resolver | None) -> Iterator[Guess]:
    """Whose servers take the mail of the recipient's domain."""
    for name, address in _recipients(headers, hops):
        domain = _domain(address)
        provider = _mail_host(domain, resolver) if resolver and domain else None
        if provider:
            yield Guess(provider, f"{name} names {domain}, whose MX belongs to {provider.name}.")


def _mail_host(domain: str, resolver: Resolver) -> Provider | None:
    try:
        provider = providers.for_mx(host for _, host in resolver.mx(domain))
    except LookupFailed:
        return None
    return provider if provider and provider.has_mailboxes else None


def _by_names(headers: Headers, hops: list[Hop]) -> Iterator[Guess]:
    yield from _by_host(hops[:1])
    yield from _by_authserv_id(headers)
    yield from _by_host(hops[1:])


def _by_host(hops: list[Hop]) -> Iterator[Guess]:
    for hop in hops:
        provider = providers.for_mx([hop.by])
        if provider and provider.has_mailboxes:
            yield Guess(provider, f"It was received by {hop.by[:253]}.")


def _by_authserv_id(headers: Headers) -> Iterator[Guess]:
    for text in headers.all("Authentication-Results")[:1]:
        name = parse(text).authserv_id
        writers = [one for one in providers.all_providers() if one.has_mailboxes and one.wrote(name)]
        ids = {one.id for one in writers}
        words = f"bears its name {name[:253]}" if name else "names no server, as it does"
        # Brands share the servers of their platform; of Microsoft's two, mail for people is the commoner.
        for one in sorted(writers, key=lambda one: (one.platform in ids, one.kind is not Kind.CONSUMER)):
            yield Guess(one, f"The topmost Authentication-Results {words}.")


def _by_to(headers: Headers) -> Iterator[Guess]:
    """A message taken out of its mailbox without its trace; where a trace is left, To proves nothing."""
    address = "" if "Received" in headers else first_address(headers.first("To")[:1000])
    if provider := providers.for_address(address):
        yield Guess(provider, f"Only To tells: it names an address at {_domain(address)}.")


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()[:253]
