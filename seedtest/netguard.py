"""The one door to the outside: resolves once, refuses private addresses, dials exactly the address it vetted."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from django.conf import settings

from seedtest import socks

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Own list: `is_private`/`is_global` miss NAT64, 6to4, CGNAT and mapped addresses (RFC 6890, RFC 6598, RFC 6052).
REFUSED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(cidr)
    for cidr in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "::/8", "::1/128", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23",
        "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip


#: Addresses of one name that are tried.
MAX_ADDRESSES = 8


class Refused(OSError):
    """The address must not be dialled. An OSError, so that callers treat it like any failed connection."""


@dataclass(frozen=True, slots=True)
class AllowedNetwork:
    """One entry of NETGUARD_ALLOW: a network and the ports open in it."""

    network: Network
    first_port: int
    last_port: int

    def covers(self, address: Address, port: int) -> bool:
        return address in self.network and self.first_port <= port <= self.last_port


def parse_allow(entries: Iterable[str]) -> tuple[AllowedNetwork, ...]:
    """`127.0.0.0/8`, `127.0.0.0/8:2525`, `[::1/128]:1024-65535` → exceptions. Raises ValueError."""
    return tuple(_parse_entry(entry.strip()) for entry in entries if entry.strip())


def _parse_entry(entry: str) -> AllowedNetwork:
    if entry.startswith("["):
        cidr, _, ports = entry[1:].partition("]")
        ports = ports.removeprefix(":")
    else:
        cidr, _, ports = entry.partition(":") if entry.count(":") <= 1 else (entry, "", "")
    first, _, last = ports.partition("-")
    return AllowedNetwork(ipaddress.ip_network(cidr), int(first or 0), int(last or first or 65535))


@lru_cache(maxsize=8)
def _allowed(entries: tuple[str, ...]) -> tuple[AllowedNetwork, ...]:
    return parse_allow(entries)


def vet(address: str, port: int) -> None:
    """Raise Refused unless this address may be dialled at this port."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if any(entry.covers(ip, port) for entry in _allowed(tuple(settings.NETGUARD_ALLOW))):
        return
    mapped = getattr(ip, "ipv4_mapped", None)
    if any(ip in network for network in REFUSED) or (mapped is not None):
        raise Refused(
            f"{ip} is not a public internet address, so it is not dialled. Check the host name; "
            "for a server of your own in this network add it to NETGUARD_ALLOW."
        )


def is_loopback(address: str) -> bool:
    """Is this the number of this machine itself? A name never is: it may lead elsewhere the next time."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _resolve(host: str, port: int) -> Iterator[tuple[int, str]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:  # UnicodeError: no name that DNS could hold (RFC 5891)
        raise OSError(
            f"{host} has no address in DNS ({getattr(error, 'strerror', None) or 'no valid name'})."
        ) from error
    for family, _, _, _, address in found:
        yield family, str(address[0])


@dataclass(frozen=True, slots=True)
class Proxy:
    """A SOCKS5 proxy. It is dialled like any host, so it is vetted like any host."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a connection leaves: from an address of this machine, through a proxy, or both."""

    source_address: str = ""
    proxy: Proxy | None = None


DIRECT = Route()


def dial(host: str, port: int, timeout: float, *, route: Route = DIRECT) -> socket.socket:
    """A TCP socket to a vetted address of `host`, TCP_NODELAY set. Raises OSError (Refused included).

    `timeout` (seconds) is for all addresses of the name together: a name with fifty dead ones costs no more than one.
    A route that is down is an error: leaving another way would show the address the route is there to hide.
    """
    end = time.monotonic() + timeout
    last: OSError = OSError(f"{host} has no address in DNS.")
    for family, address in _vetted(host, port):
        remaining = end - time.monotonic()
        if remaining <= 0:
            break
        try:
            return _dial_one(family, address, port, remaining, route)
        except OSError as error:
            last = error
    raise last


def _vetted(host: str, port: int) -> list[tuple[int, str]]:
    addresses = list(_resolve(host, port))
    for _, address in addresses:
        vet(address, port)  # one bad address condemns the name: a rebinding answer mixes both
    return addresses[:MAX_ADDRESSES]


def _dial_one(family: int, address: str, port: int, timeout: float, route: Route) -> socket.socket:
    if route.proxy is None:
        return _connect(family, address, port, timeout, route.source_address)
    proxy = route.proxy
    sock = dial(proxy.host, proxy.port, timeout, route=Route(route.source_address))
    try:
        socks.connect_through(sock, address, port, username=proxy.username, password=proxy.password, timeout=timeout)
        sock.settimeout(timeout)
    except BaseException:
        sock.close()
        raise
    return sock


def _connect(family: int, address: str, port: int, timeout: float, source: str = "") -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        if source:
            sock.bind((source, 0))
        sock.connect((address, port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock
