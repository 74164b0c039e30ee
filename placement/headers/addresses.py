"""Addresses in Received fields: which are there, and which belong to the outside world."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

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
#: Public addresses that providers use between their own hosts: 2603:1000::/24 and parts of 2a01:111::/32 stand in
#: every inner hop of Microsoft 365 (its outbound servers have others, 40.92.0.0/15 and 2a01:111:f403::/48).
_BETWEEN_OWN_HOSTS: Final = tuple(
    ipaddress.ip_network(text) for text in ("2603:1000::/24", "2a01:111:e400::/38", "2a01:111:f400:7e00::/56")
)


#: Longer text is no address: [IPv6:…] around 45 characters.
_LONGEST: Final = 60
#: The same relays stand in message after message, and asking twenty networks costs more than the rest of a hop.
_REMEMBERED: Final = 4096


def normal_address(text: str) -> str:
    """The short form, "" for what is no address, or only one within a host's own network (fe80::1%eth0)."""
    return _normal(text) if len(text) <= _LONGEST and "%" not in text else ""


@lru_cache(maxsize=_REMEMBERED)
def _normal(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip("[]").removeprefix("IPv6:")))
    except ValueError:
        return ""


def bracketed(text: str) -> Iterator[str]:
    """Every address in round or square brackets, in its short form."""
    for found in _BRACKETED.findall(text):
        if address := normal_address(found):
            yield address


@lru_cache(maxsize=_REMEMBERED)
def is_external(address: str) -> bool:
    """Could a host of the outside world have this address?"""
    return bool(address) and not any(ipaddress.ip_address(address) in network for network in _INTERNAL)


@lru_cache(maxsize=_REMEMBERED)
def is_inner(address: str) -> bool:
    """Is this a public address that only ever stands between a provider's own hosts?"""
    return bool(address) and any(ipaddress.ip_address(address) in network for network in _BETWEEN_OWN_HOSTS)
