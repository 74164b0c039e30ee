"""What DNS says: an answer, nothing (an empty tuple), or LookupFailed when it cannot be said for now."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import dns.exception
import dns.name
import dns.resolver

from placement.errors import LookupFailed

MAX_RECORDS: Final = 100
#: Records are quoted in what we keep, and no PostgreSQL text holds a NUL.
_NO_NUL: Final = "\ufffd".encode()


class Resolver(Protocol):
    """The one door to DNS. NXDOMAIN and NoAnswer are both `()`; a timeout or SERVFAIL raises LookupFailed."""

    def txt(self, name: str) -> tuple[bytes, ...]:
        """Each record with its strings joined (RFC 7208 3.3)."""

    def a(self, name: str) -> tuple[str, ...]: ...

    def aaaa(self, name: str) -> tuple[str, ...]: ...

    def mx(self, name: str) -> tuple[tuple[int, str], ...]:
        """(preference, host without its final dot); RFC 7505's null MX has the host ""."""

    def ptr(self, name: str) -> tuple[str, ...]:
        """Of a reverse name: `3.2.0.192.in-addr.arpa`."""


class DnsResolver:
    """The resolvers of the settings, asked directly: /etc/resolv.conf and its search list are never read."""

    def __init__(self, nameservers: Sequence[str], *, lifetime: float = 5.0, port: int = 53) -> None:
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers = list(nameservers)
        self._resolver.port = port
        self._resolver.lifetime = lifetime
        self._resolver.timeout = lifetime / 2

    def txt(self, name: str) -> tuple[bytes, ...]:
        return tuple(b"".join(record.strings) for record in self._ask(name, "TXT"))

    def a(self, name: str) -> tuple[str, ...]:
        return tuple(record.address for record in self._ask(name, "A"))

    def aaaa(self, name: str) -> tuple[str, ...]:
        return tuple(record.address for record in self._ask(name, "AAAA"))

    def mx(self, name: str) -> tuple[tuple[int, str], ...]:
        records = self._ask(name, "MX")
        return tuple(
            (record.preference, record.exchange.to_text(omit_final_dot=True).rstrip(".")) for record in records
        )

    def ptr(self, name: str) -> tuple[str, ...]:
        return tuple(record.target.to_text(omit_final_dot=True) for record in self._ask(name, "PTR"))

    def _ask(self, name: str, kind: str) -> list[Any]:
        try:
            asked = dns.name.from_text(name)
        except dns.exception.DNSException:
            return []  # too long, an empty label: no such name can exist
        try:
            answer = self._resolver.resolve(asked, kind)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.Timeout as error:
            raise LookupFailed(f"No name server answered for {kind} of {name!r} in time.") from error
        except (dns.exception.DNSException, OSError) as error:
            raise LookupFailed(
                f"The name servers could not answer for {kind} of {name!r} ({type(error).__name__})."
            ) from error
        return list(answer)[:MAX_RECORDS]


@dataclass
class Lookups:
    """One message's questions: each asked once, and never more than a hostile sender is worth.

    A name that timed out is not asked again, and after `failures` of them nothing is: with a dead name server
    one message would else hold its worker for minutes.
    """

    resolver: Resolver
    budget: int = 300
    failures: int = 5
    seconds: float = 60.0
    clock: Callable[[], float] = time.monotonic
    asked: int = 0
    _known: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)
    _since: float | None = field(default=None, repr=False)

    def txt(self, name: str) -> tuple[bytes, ...]:
        answer: tuple[bytes, ...] = self._once("txt", name, self.resolver.txt)
        return tuple(record.replace(b"\0", _NO_NUL) for record in answer)

    def a(self, name: str) -> tuple[str, ...]:
        answer: tuple[str, ...] = self._once("a", name, self.resolver.a)
        return answer

    def aaaa(self, name: str) -> tuple[str, ...]:
        answer: tuple[str, ...] = self._once("aaaa", name, self.resolver.aaaa)
        return answer

    def mx(self, name: str) -> tuple[tuple[int, str], ...]:
        answer: tuple[tuple[int, str], ...] = self._once("mx", name, self.resolver.mx)
        return answer

    def ptr(self, name: str) -> tuple[str, ...]:
        answer: tuple[str, ...] = self._once("ptr", name, self.resolver.ptr)
        return answer

    def _once(self, kind: str, name: str, ask: Callable[[str], Any]) -> Any:
        key = (kind, name.rstrip(".").lower())
        if key not in self._known:
            self._known[key] = self._ask(key[1], ask)
        known = self._known[key]
        if isinstance(known, LookupFailed):
            raise known
        return known

    def _ask(self, name: str, ask: Callable[[str], Any]) -> Any:
        if self._spent():
            return LookupFailed(f"{name!r} was not asked for: this message used up its share of DNS lookups.")
        self.asked += 1
        try:
            return ask(name)
        except LookupFailed as error:
            self.failures -= 1
            return error

    def _spent(self) -> bool:
        if self._since is None:
            self._since = self.clock()
        return self.asked >= self.budget or self.failures <= 0 or self.clock() - self._since > self.seconds
