"""The conductor: one message through DKIM, SPF, DMARC, ARC, BIMI and one-click, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from placement.headers import Headers
from placement.headers.domains import normal_domain
from placement.headers.identity import first_address
from placement.verify import arc, bimi, dkim, dmarc, one_click, spf
from placement.verify.dns import Lookups, Resolver
from placement.verify.findings import find
from placement.verify.model import DkimCheck, SpfCheck, Verification
from placement.verify.raw import HeaderBlock, Raw
from placement.verify.tree_walk import Walks

#: More than RFC 7208 4.6.4 lets any record ask (ten mechanisms of ten hosts each), less than a message's whole share:
#: a costly record must not silence the other checks.
SPF_LOOKUPS: Final = 120


def verify(
    message: bytes | HeaderBlock,
    *,
    sending_ip: str,
    envelope_from: str,
    helo: str,
    resolver: Resolver,
    now: datetime,
) -> Verification:
    """Check one message ourselves. Raises nothing of its own: what DNS cannot say becomes `unknown`.

    `message` is the whole message byte for byte, or a HeaderBlock where only that was kept. `now` is when it was
    received (aware): signatures expire against it. An unknown sending IP or envelope is "".
    """
    raw = Raw.read(message)
    lookups = Lookups(resolver)
    walks = Walks(lookups)
    authors = _from_domains(raw.headers)
    author = authors[0] if authors else ""

    signatures = _aligned_dkim(dkim.check(raw, lookups, now), author, walks)
    spf_lookups = Lookups(lookups, budget=SPF_LOOKUPS, failures=3)
    envelope = _aligned_spf(spf.check(sending_ip, envelope_from, helo, spf_lookups, now), author, walks)
    policy, odd = dmarc.check(authors, envelope, signatures, walks, lookups)
    found = Verification(
        spf=envelope,
        dkim=signatures,
        dmarc=policy,
        arc=arc.check(raw, lookups),
        bimi=bimi.check(raw.headers, author, policy.organisational_domain, lookups),
        one_click=one_click.check(raw.headers, signatures),
    )
    return replace(found, findings=(*find(found, raw.headers, now), *odd))


def _from_domains(headers: Headers) -> list[str]:
    """The domain of each From field; a message should have one."""
    return [normal_domain(first_address(field).rpartition("@")[2]) for field in headers.all("From")]


def _aligned_dkim(checks: Sequence[DkimCheck], author: str, walks: Walks) -> tuple[DkimCheck, ...]:
    return tuple(replace(one, aligned=walks.aligned(author, one.domain)) for one in checks)


def _aligned_spf(check: SpfCheck, author: str, walks: Walks) -> SpfCheck:
    return replace(check, aligned=walks.aligned(author, check.domain))
