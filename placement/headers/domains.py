"""Domain names as DMARC compares them: A-labels, organisational domain, relaxed alignment."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Final

from publicsuffixlist import PublicSuffixList

_MAX_NAME: Final = 253  # RFC 1035 2.3.4, without the final dot


def normal_domain(name: str) -> str:
    """Lower case, no final dot, A-labels where the name allows it; "" for what is no domain name."""
    lowered = name.strip().rstrip(".").lower()
    if not lowered or len(lowered) > _MAX_NAME or lowered.startswith("[") or any(map(str.isspace, lowered)):
        return ""
    if lowered.isascii():
        return lowered
    try:
        return lowered.encode("idna").decode("ascii")
    except UnicodeError:
        return lowered


def organisational_domain(name: str) -> str:
    """The registrable domain. A public suffix itself, or an unlisted single label, stands for itself.

    The private section counts too: two customers under one platform suffix are two organisations.
    """
    domain = normal_domain(name)
    return _registrable(domain) if domain else ""


def aligned(a: str, b: str) -> bool:
    """Relaxed alignment (RFC 7489 3.1, RFC 9989): the same organisational domain."""
    return bool(organisational_domain(a)) and organisational_domain(a) == organisational_domain(b)


@lru_cache(maxsize=2048)
def _registrable(domain: str) -> str:
    return _suffixes().privatesuffix(domain) or domain


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=True, only_icann=False)
