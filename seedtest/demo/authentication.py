"""What the world's receivers conclude about SPF, DKIM and DMARC, from tables short enough to print.

Nothing here asks a DNS server and no signature is computed: the demo has neither. SPF compares the sending
address with SENDERS; DKIM passes when the signing domain is in SENDERS and publishes the selector; DMARC
wants one of the two to pass in the organisation of the From domain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from seedtest.demo.letters import Letter, domain_of

#: Loopback has no public addresses, so each client gets one of the documentation networks (RFC 5737).
ADDRESSES = {"127.0.0.1": "203.0.113.10", "::1": "203.0.113.10"}
STRANGER = "198.51.100.66"


@dataclass(frozen=True)
class Sender:
    """What a sending organisation would publish in DNS."""

    network: str
    selectors: frozenset[str]
    dmarc: str


SENDERS = {
    "bluebird-coffee.example": Sender("203.0.113.0/24", frozenset({"bb1"}), "reject"),
    "postwing.example": Sender("203.0.113.0/24", frozenset({"pw1"}), "quarantine"),
    "lantern-books.example": Sender("203.0.113.0/24", frozenset(), "none"),
    "northern-lamps.example": Sender("192.0.2.0/24", frozenset({"nl1"}), "reject"),
}


@dataclass(frozen=True)
class Signature:
    domain: str
    selector: str
    passes: bool


@dataclass(frozen=True)
class Checks:
    """The receiver's conclusions. `dmarc` is none where the From domain has no record."""

    spf: str
    spf_domain: str
    signatures: tuple[Signature, ...]
    dmarc: str
    policy: str
    from_domain: str

    @property
    def dkim(self) -> str:
        if not self.signatures:
            return "none"
        return "pass" if any(signature.passes for signature in self.signatures) else "fail"

    @property
    def vouched(self) -> bool:
        """Somebody stands behind the message: SPF or DKIM passes."""
        return "pass" in (self.spf, self.dkim)


def public_address(client_ip: str) -> str:
    return ADDRESSES.get(client_ip, STRANGER)


def organisation(domain: str) -> str:
    """The entry of SENDERS a domain belongs to, else the domain itself."""
    parents = (name for name in SENDERS if domain == name or domain.endswith("." + name))
    return next(parents, domain)


def check(letter: Letter) -> Checks:
    spf_domain = domain_of(letter.mail_from) or letter.helo
    spf = _spf(letter.client_ip, spf_domain)
    signatures = tuple(_signature(str(value)) for value in letter.parsed.get_all("DKIM-Signature", []))
    sender = SENDERS.get(organisation(letter.from_domain))
    return Checks(
        spf=spf,
        spf_domain=spf_domain,
        signatures=signatures,
        dmarc=_dmarc(letter.from_domain, spf, spf_domain, signatures),
        policy=sender.dmarc if sender else "",
        from_domain=letter.from_domain,
    )


def _spf(client_ip: str, domain: str) -> str:
    sender = SENDERS.get(organisation(domain))
    if sender is None:
        return "none"
    return "pass" if ip_address(client_ip) in ip_network(sender.network) else "fail"


def _signature(value: str) -> Signature:
    tags = dict(re.findall(r"\b([a-z]+)\s*=\s*([^;\s]+)", value))
    domain, selector = tags.get("d", "").lower(), tags.get("s", "")
    sender = SENDERS.get(organisation(domain))
    return Signature(domain, selector, bool(sender and selector in sender.selectors))


def _dmarc(from_domain: str, spf: str, spf_domain: str, signatures: tuple[Signature, ...]) -> str:
    if organisation(from_domain) not in SENDERS:
        return "none"
    identities = [spf_domain] if spf == "pass" else []
    identities += [signature.domain for signature in signatures if signature.passes]
    aligned = any(organisation(name) == organisation(from_domain) for name in identities)
    return "pass" if aligned else "fail"
