"""A first look at the route: which IP the receiver saw, and when the first hop was stamped."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from placement.headers.block import Headers

_MAX_RECEIVED: Final = 4096
_MAX_DATE: Final = 120
_BY: Final = re.compile(r"\sby\s", re.IGNORECASE)
_FROM: Final = re.compile(r"^from\s+([^\s;()]+)", re.IGNORECASE)
_BRACKETED: Final = re.compile(r"[\[(](?:IPv6:)?([0-9a-fA-F.:]{3,45})[\])]", re.IGNORECASE)

#: `ipaddress.is_global` misses CGNAT, NAT64, 6to4 and mapped addresses, so the list is our own.
_INTERNAL: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "::/127",
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
    )
)


def sending_ip(headers: Headers, host_suffixes: Sequence[str] = ()) -> str:
    """The address from which the message came to the receiver; "" when no hop names an external one.

    Hops from the receiver's own hosts (`host_suffixes`) are passed over, unless no other is left: a provider
    that mails to itself.
    """
    passed_over = ""
    for received in headers.all("Received"):
        client = _BY.split(received[:_MAX_RECEIVED], maxsplit=1)[0]
        address = next(_external(client), "")
        if address and not _from_host(client, host_suffixes):
            return address
        passed_over = passed_over or address
    return passed_over


def first_hop_at(headers: Headers) -> datetime | None:
    """UTC time of the lowest Received that has a readable one: the sender's first hop."""
    for received in reversed(headers.all("Received")):
        stamped = _stamp(received)
        if stamped is not None:
            return stamped
    return None


def _external(client: str) -> Iterator[str]:
    for text in _BRACKETED.findall(client):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        if not any(address in network for network in _INTERNAL):
            yield str(address)


def _from_host(client: str, suffixes: Sequence[str]) -> bool:
    named = _FROM.match(client)
    host = named.group(1).lower().rstrip(".") if named else ""
    return any(host == suffix or host.endswith("." + suffix) for suffix in suffixes)


def _stamp(received: str) -> datetime | None:
    text = received.rpartition(";")[2].strip()
    if not text or len(text) > _MAX_DATE:
        return None
    try:
        stamped = parsedate_to_datetime(text)
        return stamped.replace(tzinfo=stamped.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
