"""Every family of verdict headers, and which of them a provider uses. One line a family."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from placement.headers.spam_verdicts.families import (
    barracuda,
    cisco,
    cloudmark,
    fastmail,
    free_fr,
    google,
    icloud,
    mailru,
    microsoft,
    mimecast,
    naver,
    netease,
    proofpoint,
    proton,
    qq,
    rspamd,
    spamassassin,
    spamexperts,
    t_online,
    trend,
    united_internet,
    vade,
    wp_pl,
    yahoo,
    yandex,
    zoho,
)
from placement.headers.spam_verdicts.model import Family
from placement.headers.spam_verdicts.shapes import Opaque

FAMILIES: Final[tuple[Family, ...]] = (
    microsoft.FAMILY,
    google.FAMILY,
    yahoo.FAMILY,
    icloud.FAMILY,
    proton.FAMILY,
    united_internet.FAMILY,
    mailru.FAMILY,
    yandex.FAMILY,
    fastmail.FAMILY,
    vade.FAMILY,
    cloudmark.FAMILY,
    free_fr.FAMILY,
    wp_pl.FAMILY,
    t_online.FAMILY,
    spamassassin.FAMILY,
    rspamd.FAMILY,
    spamexperts.FAMILY,
    proofpoint.FAMILY,
    mimecast.FAMILY,
    barracuda.FAMILY,
    cisco.FAMILY,
    trend.FAMILY,
    netease.FAMILY,
    qq.FAMILY,
    zoho.FAMILY,
    naver.FAMILY,
)

#: What an own server without an entry in the catalogue may run.
SELF_HOSTED: Final = ("spamassassin", "rspamd", "spamexperts")


def by_id(family_id: str) -> Family:
    return next(family for family in FAMILIES if family.id == family_id)


@lru_cache(maxsize=128)
def families_for(verdict_headers: tuple[str, ...]) -> Mapping[str, Family]:
    """Header name (lower case) → the family that reads it, for a provider with these headers.

    Several families know X-Spam-Flag or X-Spam-Score: the one that shares the most headers with the provider
    is the one it runs.
    """
    wanted = {name.lower() for name in verdict_headers}
    ranked = sorted(FAMILIES, key=lambda family: -len(wanted & _names(family)))
    chosen: dict[str, Family] = {}
    for family in ranked:
        for name in _names(family) & wanted:
            chosen.setdefault(name, family)
    return MappingProxyType(chosen)


def self_hosted_headers() -> tuple[str, ...]:
    """The headers of what own servers run."""
    return tuple(name for family_id in SELF_HOSTED for name in by_id(family_id).headers)


@lru_cache(maxsize=1)
def telling_names() -> Mapping[str, Family]:
    """Every header name (lower case) that says something of spam, sender stamps included; the first family's."""
    known: dict[str, Family] = {}
    for family in FAMILIES:
        readers = {name.lower() for name, reader in family.headers.items() if not isinstance(reader, Opaque)}
        for name in readers | {stamp.lower() for stamp in family.sender_stamps}:
            known.setdefault(name, family)
    return MappingProxyType(known)


@lru_cache(maxsize=1)
def sender_stamps() -> Mapping[str, str]:
    """Header name (lower case) → why it is a stamp of the sending side."""
    return MappingProxyType({name.lower(): why for family in FAMILIES for name, why in family.sender_stamps.items()})


def _names(family: Family) -> set[str]:
    return {name.lower() for name in family.headers}
