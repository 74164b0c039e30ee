"""The catalogue of mailbox providers: one TOML a provider in catalog/, recognised by address or by MX."""

from __future__ import annotations

from collections.abc import Iterable

from placement.providers.model import (
    ArStyle,
    Auth,
    AuthMethod,
    CategoryFolder,
    Flow,
    ImapEndpoint,
    Kind,
    Limits,
    OAuth,
    Position,
    Provider,
    Requirement,
    Step,
    Subaddress,
    SubaddressStatus,
    Tabs,
    Tls,
    Username,
)
from placement.providers.registry import GENERIC, Catalog, load, shipped

__all__ = [
    "GENERIC",
    "ArStyle",
    "Auth",
    "AuthMethod",
    "Catalog",
    "CategoryFolder",
    "Flow",
    "ImapEndpoint",
    "Kind",
    "Limits",
    "OAuth",
    "Position",
    "Provider",
    "Requirement",
    "Step",
    "Subaddress",
    "SubaddressStatus",
    "Tabs",
    "Tls",
    "Username",
    "all_providers",
    "for_address",
    "for_mx",
    "get",
    "get_or_generic",
    "ids",
    "load",
]


def get(provider_id: str) -> Provider:
    """The entry of this id, GENERIC for "generic"; CatalogError for any other."""
    return shipped().get(provider_id)


def get_or_generic(provider_id: str) -> Provider:
    """For names and times, where an entry that is gone must not hide the rest: GENERIC under that id."""
    return shipped().get_or_generic(provider_id)


def all_providers() -> tuple[Provider, ...]:
    """Every entry of the shipped catalogue by id, gateways included, GENERIC not."""
    return shipped().all_providers()


def ids() -> tuple[str, ...]:
    """Every id that `get` answers."""
    return shipped().ids()


def for_address(email: str) -> Provider | None:
    """Who runs the mailbox of this address, by its domain alone."""
    return shipped().for_address(email)


def for_mx(hostnames: Iterable[str]) -> Provider | None:
    """Who takes the mail of a domain whose MX has these names: a platform or a gateway, not a brand."""
    return shipped().for_mx(hostnames)
