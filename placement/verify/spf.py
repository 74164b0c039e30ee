"""SPF (RFC 7208): the only module that knows pyspf, which nobody maintains any more.

pyspf's own hook for DNS is one global of its module, and its evaluator reads the wall clock. Here each
evaluation is an object of its own that asks the given resolver, so threads share nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import spf as pyspf

from placement.errors import LookupFailed
from placement.headers.domains import normal_domain
from placement.verify.dns import Resolver
from placement.verify.model import Outcome, SpfCheck

_OUTCOMES: Final = {
    "pass": Outcome.PASS,
    "fail": Outcome.FAIL,
    "softfail": Outcome.SOFTFAIL,
    "neutral": Outcome.NEUTRAL,
    "none": Outcome.NONE,
    "permerror": Outcome.PERMERROR,
    "temperror": Outcome.UNKNOWN,
}
_SAYS: Final = {
    Outcome.PASS: "{domain} allows {ip} to send for it ({mechanism}).",
    Outcome.FAIL: "{domain} says that {ip} is no server of its own. Add it to the SPF record.",
    Outcome.SOFTFAIL: "{domain} says that {ip} is probably no server of its own (~all). Add it to the SPF record.",
    Outcome.NEUTRAL: "{domain} says nothing about {ip} (?all, or no mechanism matches).",
    Outcome.NONE: "{domain} publishes no SPF record.",
    Outcome.PERMERROR: "The SPF record of {domain} cannot be evaluated: {problem}",
    Outcome.UNKNOWN: "Unknown (temporary): {problem}",
}

#: Longer ones cost pyspf's patterns quadratic time; no real term or record comes near.
_MAX_TERM: Final = 512
_MAX_RECORD: Final = 16384
_MAX_PTR_NAMES: Final = 10  # RFC 7208 4.6.4
_MAX_VOID: Final = 2
_MAX_EXPLANATION: Final = 500

_NO_ADDRESS: Final = "The sending IP address is not known, so SPF could not be evaluated."
_NO_DOMAIN: Final = "Neither the envelope sender nor the HELO name is known, so SPF could not be evaluated."

#: What pyspf raises of itself on records that its parser did not foresee.
_STUMBLES: Final = (AssertionError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def check(sending_ip: str, envelope_from: str, helo: str, resolver: Resolver, now: datetime) -> SpfCheck:
    """SPF of MAIL FROM, or of HELO where the sender is null (RFC 7208 2.4)."""
    sender = envelope_from.strip().strip("<>")
    domain = sender.rpartition("@")[2] if sender else helo
    seen = SpfCheck(
        Outcome.NONE, "", domain=normal_domain(domain), identity="mailfrom" if sender else "helo", sending_ip=sending_ip
    )
    if missing := _missing(sending_ip, domain):
        return replace(seen, outcome=Outcome.UNKNOWN, says=missing)
    try:
        query = _Query(sending_ip, sender, helo, resolver, now)
    except _STUMBLES:
        return replace(seen, outcome=Outcome.UNKNOWN, says=_NO_ADDRESS)
    return _evaluated(seen, query)


def _missing(sending_ip: str, domain: str) -> str:
    try:
        ipaddress.ip_address(sending_ip)
    except ValueError:
        return _NO_ADDRESS
    return "" if domain else _NO_DOMAIN


def _evaluated(seen: SpfCheck, query: _Query) -> SpfCheck:
    try:
        word, _, explanation = query.check()
    except _STUMBLES as error:
        word, explanation = "permerror", ""
        query.prob = f"our evaluator could not read it ({type(error).__name__})"
    outcome = _OUTCOMES[word]
    says = _SAYS[outcome].format(
        domain=seen.domain or "The sender",
        ip=seen.sending_ip,
        mechanism=query.mechanism or "its record",
        problem=_problem(query),
    )
    return replace(
        seen,
        outcome=outcome,
        says=says,
        record=query.record[:_MAX_RECORD],
        mechanism=query.mechanism or "",
        lookups=query.lookups,
        explanation=_senders_words(explanation) if outcome is Outcome.FAIL else "",
    )


def _senders_words(explanation: str) -> str:
    return "" if explanation == pyspf.EXPLANATIONS["fail"] else explanation[:_MAX_EXPLANATION]


def _problem(query: _Query) -> str:
    where = f" ({', '.join(map(str, query.mech))})" if query.mech else ""
    return f"{query.prob}{where}"[:_MAX_EXPLANATION]


class _Query(pyspf.query):  # type: ignore[misc]
    """One evaluation. Only what touches the world is overridden."""

    mech: list[str]
    mechanism: str | None
    lookups: int

    def __init__(self, ip: str, sender: str, helo: str, resolver: Resolver, now: datetime) -> None:
        super().__init__(i=ip, s=sender, h=helo, strict=True)
        self.t = str(int(now.timestamp()))
        self.record = ""
        self.prob = ""
        self.mech = []
        self.mechanism = None
        self._ask: dict[str, Callable[[str], list[Any]]] = {
            "TXT": lambda name: [(text,) for text in resolver.txt(name)],
            "A": lambda name: list(resolver.a(name)),
            "AAAA": lambda name: list(resolver.aaaa(name)),
            "MX": lambda name: list(resolver.mx(name)),
            "PTR": lambda name: list(resolver.ptr(name)),
        }

    def dns(self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[Any]:
        name = str(name).rstrip(".").lower()
        if not all(0 < len(label) < 64 for label in name.split(".")):
            return []
        try:
            found = self._ask[qtype](name)
        except LookupFailed as error:
            raise pyspf.TempError(str(error)) from error
        if not found and not ignore_void:
            self._count_void()
        return found

    def _count_void(self) -> None:
        self.void_lookups += 1
        if self.void_lookups > _MAX_VOID:
            raise pyspf.PermError(f"Void lookup limit of {_MAX_VOID} exceeded")

    def dns_spf(self, domain: str) -> str | None:
        record: str | None = super().dns_spf(domain)
        if record is None:
            return None
        if len(record) > _MAX_RECORD or any(len(term) > _MAX_TERM for term in record.split(" ")):
            raise pyspf.PermError(f"The record of {domain} is longer than an SPF record can be")
        self.record = self.record or record
        return record

    def expand(self, text: str, stripdot: bool = True) -> str:
        """pyspf leaves out an explanation with an error (RFC 7208 6.2), and so one that is too long; no term is."""
        if len(text) > _MAX_TERM:
            raise pyspf.PermError("A text is longer than its macros can be expanded")
        expanded: str = super().expand(text, stripdot)
        return expanded

    def validated_ptrs(self) -> list[str]:
        """An error in DNS means no match here, and never an error of the whole (RFC 7208 5.5)."""
        try:
            names: list[str] = self.dns_ptr(self.i)[:_MAX_PTR_NAMES]
        except pyspf.TempError:
            return []
        return [name for name in names if self._points_back(name)]

    def _points_back(self, name: str) -> bool:
        try:
            return bool(self.cidrmatch(self.dns_a(name, self.A), self.cidrmax))
        except pyspf.TempError:
            return False
