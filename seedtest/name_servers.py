"""The DNS servers that our own checks ask: those of the settings, none by default."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any, Final

from django.conf import settings
from dns.nameserver import Do53Nameserver

from placement.verify import DnsResolver

_PORT: Final = 53


def resolver() -> DnsResolver | None:
    """None where DNS_NAMESERVERS is empty: checks that need DNS are switched off."""
    return resolver_of(settings.DNS_NAMESERVERS)


def resolver_of(entries: Iterable[str]) -> DnsResolver | None:
    """Entries are IP addresses, alone or with a port: 192.0.2.53, 127.0.0.1:5353, [2001:db8::1]:53; else ValueError."""
    servers: list[Any] = [_server(entry) for entry in entries if entry.strip()]
    return DnsResolver(servers) if servers else None


def _server(entry: str) -> Do53Nameserver:
    host, port = _split(entry.strip())
    return Do53Nameserver(str(ipaddress.ip_address(host)), port)


def _split(entry: str) -> tuple[str, int]:
    if entry.startswith("["):
        host, _, port = entry[1:].partition("]")
        return host, _port(port.removeprefix(":"))
    if entry.count(":") == 1:
        host, _, port = entry.partition(":")
        return host, _port(port)
    return entry, _PORT


def _port(text: str) -> int:
    if not text:
        return _PORT
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise ValueError(f"{text!r} is no port")
    return int(text)
