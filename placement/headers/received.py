"""The route of a message: the chain of Received fields, the boundary of the receiver, and what it saw there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from placement.headers.addresses import bracketed, is_external, is_inner
from placement.headers.block import Headers
from placement.headers.hops import MAX_RECEIVED, Hop, parse_hop, stamp

MAX_HOPS: Final = 100
#: Stamps have whole seconds, so two servers within one second may seem a second apart in either direction.
_GRAIN: Final = 1.5
_BY: Final = re.compile(r"\sby\s", re.IGNORECASE)
_FROM: Final = re.compile(r"^from\s+([^\s;()]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where the receiver took the message from outside."""

    index: int  # of its Received among the fields of the block
    ends_at: int  # index of the first field below it that is certainly not the receiver's
    hop: Hop


@dataclass(frozen=True, slots=True)
class Leg:
    """One hop of a route. `delay_seconds` since the hop before it; None where that cannot be said."""

    hop: Hop
    delay_seconds: float | None = None
    clock_skew: bool = False  # its stamp is earlier than that of the hop before it
    by_receiver: bool = False  # written at or behind the boundary; all others are the sending side's claims


@dataclass(frozen=True, slots=True)
class Route:
    """Oldest hop first."""

    legs: tuple[Leg, ...] = ()
    sending_ip: str = ""  # that the receiver's boundary saw
    helo: str = ""
    reverse_name: str = ""
    total_seconds: float | None = None
    clock_skew: bool = False
    omitted: int = 0  # hops beyond the cap


def boundary(
    headers: Headers,
    *,
    stated: Collection[str] = (),
    own_hosts: Sequence[str] = (),
    looks_up_names: bool = True,
    message_fields: Collection[str] = (),
) -> Boundary | None:
    """The Received that the receiver wrote when the message came in; None where no hop names an outside address.

    It is the topmost one with an external client. A client inside the receiver's own network may have a public
    address too: such a hop is passed over when its address is known to be an inner one, or when the name that the
    server itself looked up is one of `own_hosts` and the receiver states another client address (`stated`).
    What the client called itself is not believed, since everybody may say HELO mail.google.com, unless the
    receiver never looks names up (Microsoft, who states the client's address in every message).
    """
    passed_over: tuple[int, Hop] | None = None
    for index, hop in _hops(headers):
        if not hop.is_external:
            continue
        name = hop.reverse_name if looks_up_names else hop.helo
        if not _inside(hop, name, stated, own_hosts):
            return _at(headers, index, hop, message_fields)
        passed_over = passed_over or (index, hop)
    return _at(headers, *passed_over, message_fields) if passed_over else None


def topmost_received(headers: Headers) -> int:
    """Index of the first Received, 0 where there is none: what stands above it was written after the message came."""
    return next((index for index, field in enumerate(headers.fields) if field.name.lower() == "received"), 0)


def route(headers: Headers, found: Boundary | None = None) -> Route:
    """The chain in the order of travel, with the delays between the stamps."""
    chain = list(_hops(headers))[::-1]
    top = found.index if found else -1
    legs: list[Leg] = []
    for number, (index, hop) in enumerate(chain):
        seconds = _between(chain[number - 1][1], hop) if number else None
        skew = seconds is not None and seconds <= -_GRAIN
        delay = None if skew or seconds is None else max(0.0, seconds)
        legs.append(Leg(hop, delay, skew, by_receiver=index <= top))
    at = found.hop if found else Hop()
    return Route(
        legs=tuple(legs),
        sending_ip=at.address,
        helo=at.helo,
        reverse_name=at.reverse_name,
        total_seconds=_total([hop.at for _, hop in chain if hop.at]),
        clock_skew=any(leg.clock_skew for leg in legs),
        omitted=len(headers.all("Received")) - len(legs),
    )


def sending_ip(headers: Headers, host_suffixes: Sequence[str] = ()) -> str:
    """A first look, without asking who received it: the topmost external address, "" when no hop names one.

    Hops from the receiver's own hosts (`host_suffixes`) are passed over, unless no other is left: a provider
    that mails to itself.
    """
    passed_over = ""
    for received in headers.all("Received"):
        client = _BY.split(received[:MAX_RECEIVED], maxsplit=1)[0]
        address = next(filter(is_external, bracketed(client)), "")
        if address and not _from_host(client, host_suffixes):
            return address
        passed_over = passed_over or address
    return passed_over


def first_hop_at(headers: Headers) -> datetime | None:
    """UTC time of the lowest Received that has a readable one: the sender's first hop."""
    for received in reversed(headers.all("Received")):
        stamped = stamp(received)
        if stamped is not None:
            return stamped
    return None


def _hops(headers: Headers) -> Iterator[tuple[int, Hop]]:
    """(index of the field, hop), the newest first, at most MAX_HOPS; each is read when it is asked for."""
    received = ((i, field.unfolded) for i, field in enumerate(headers.fields) if field.name.lower() == "received")
    return ((index, parse_hop(text)) for index, text in islice(received, MAX_HOPS))


def _inside(hop: Hop, name: str, stated: Collection[str], own_hosts: Sequence[str]) -> bool:
    if hop.address in stated:
        return False
    return is_inner(hop.address) or (bool(stated) and is_below(name, own_hosts))


def is_below(host: str, suffixes: Sequence[str]) -> bool:
    """Is this host one of these names, or below one of them?"""
    name = host.lower().rstrip(".")
    return bool(name) and any(name == suffix or name.endswith("." + suffix) for suffix in suffixes)


def _at(headers: Headers, index: int, hop: Hop, message_fields: Collection[str]) -> Boundary:
    foreign = {"received", *message_fields}
    below = enumerate(headers.fields[index + 1 :], index + 1)
    ends_at = next((i for i, field in below if field.name.lower() in foreign), len(headers.fields))
    return Boundary(index, ends_at, hop)


def _between(older: Hop, newer: Hop) -> float | None:
    return (newer.at - older.at).total_seconds() if newer.at and older.at else None


def _total(times: Sequence[datetime]) -> float | None:
    """From the first to the last stamp; None where that would be negative."""
    if len(times) < 2:
        return None
    seconds = (times[-1] - times[0]).total_seconds()
    return max(0.0, seconds) if seconds > -_GRAIN else None


def _from_host(client: str, suffixes: Sequence[str]) -> bool:
    named = _FROM.match(client)
    return named is not None and is_below(named.group(1), suffixes)
