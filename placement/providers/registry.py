"""The catalogue: every provider by id, by the domain of an address and by the names of an MX."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

from placement.errors import CatalogError
from placement.providers.model import (
    Auth,
    AuthMethod,
    ImapEndpoint,
    Kind,
    Limits,
    Provider,
    Requirement,
)
from placement.providers.reader import read

_SHIPPED: Final = Path(__file__).with_name("catalog")

#: Any server nobody wrote an entry for. It trusts no Authentication-Results: its authserv-id is not known.
GENERIC: Final = Provider(
    id="generic",
    name="Other / own server",
    kind=Kind.HOSTING,
    auth=Auth(Requirement.PASSWORD, (AuthMethod.PASSWORD,), "Name the IMAP host of the server."),
    imap=ImapEndpoint(host=""),
    junk_names=("Junk", "Spam", "INBOX.Junk", "INBOX.spam", "INBOX.Spam", "Junk E-mail"),
    limits=Limits(connections=10),
    delivery_allowance_minutes=60,  # such servers often greylist
    unverified=("limits.connections: Dovecot's default, a host may allow less",),
)


@dataclass(frozen=True, slots=True)
class Catalog:
    """Providers with their indexes. `load` makes one."""

    by_id: Mapping[str, Provider]
    by_domain: Mapping[str, Provider]
    by_mx_suffix: Mapping[str, Provider]

    def get(self, provider_id: str) -> Provider:
        if provider_id == GENERIC.id:
            return GENERIC
        try:
            return self.by_id[provider_id]
        except KeyError:
            raise CatalogError(
                f"There is no mailbox provider {provider_id!r} in the catalogue. "
                f"Use one of its ids, or {GENERIC.id!r} for a server of your own."
            ) from None

    def get_or_generic(self, provider_id: str) -> Provider:
        try:
            return self.get(provider_id)
        except CatalogError:
            return replace(GENERIC, id=provider_id, name=provider_id)

    def all_providers(self) -> tuple[Provider, ...]:
        return tuple(self.by_id.values())

    def ids(self) -> tuple[str, ...]:
        return (*self.by_id, GENERIC.id)

    def for_address(self, email: str) -> Provider | None:
        local, at, domain = email.strip().rpartition("@")
        if not (local and at):
            return None
        domain = domain.lower().rstrip(".")
        parents = ("." + parent for parent in _suffixes(domain)[1:])
        return _first(self.by_domain, (domain, *parents))

    def for_mx(self, hostnames: Iterable[str]) -> Provider | None:
        """The longest suffix over all host names and entries; equally long ones: the host named first."""
        suffixes = [suffix for host in hostnames for suffix in _suffixes(host.strip().lower().rstrip("."))]
        return _first(self.by_mx_suffix, sorted(suffixes, key=len, reverse=True))


def load(paths: Iterable[Path | str] = ()) -> Catalog:
    """The shipped catalogue and an operator's own: each path is a TOML file or a folder of them."""
    by_id: dict[str, Provider] = {}
    for file in (file for path in (_SHIPPED, *map(Path, paths)) for file in _toml_files(path)):
        provider = read(file)
        if provider.id in by_id or provider.id == GENERIC.id:
            raise CatalogError(f"{file.name}: id: {provider.id!r} is taken by another entry; choose another id")
        by_id[provider.id] = provider
    providers = tuple(by_id.values())
    return Catalog(by_id, _domains(providers), _mx_suffixes(by_id))


@cache
def shipped() -> Catalog:
    return load()


def _toml_files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.glob("*.toml"))
    if path.is_file():
        return [path]
    raise CatalogError(f"{path.name}: file: there is no such file or folder; the catalogue was asked to read it")


def _domains(providers: tuple[Provider, ...]) -> dict[str, Provider]:
    owners: dict[str, Provider] = {}
    for provider in providers:
        for domain in provider.domains:
            owner = owners.setdefault(domain, provider)
            if owner is not provider:
                raise _clash(provider, "domains", domain, owner.id)
    return owners


def _mx_suffixes(by_id: Mapping[str, Provider]) -> dict[str, Provider]:
    """A suffix that several brands share belongs to the platform that runs it, said by `platform`."""
    claims: dict[str, list[Provider]] = {}
    for provider in by_id.values():
        if provider.platform and provider.platform not in by_id:
            raise CatalogError(f"{provider.id}.toml: platform: {provider.platform!r} is no id of the catalogue")
        for suffix in provider.mx_suffixes:
            claims.setdefault(suffix, []).append(provider)
    return {suffix: _owner(suffix, claimants) for suffix, claimants in claims.items()}


def _owner(suffix: str, claimants: list[Provider]) -> Provider:
    names = {claimant.id for claimant in claimants}
    owner, *rivals = [claimant for claimant in claimants if claimant.platform not in names] or claimants
    if rivals:
        raise _clash(rivals[0], "mx_suffixes", suffix, owner.id)
    return owner


def _clash(provider: Provider, field: str, value: str, owner: str) -> CatalogError:
    remedy = f'; when {owner} runs the servers, say platform = "{owner}"' if field == "mx_suffixes" else ""
    return CatalogError(f"{provider.id}.toml: {field}: {value!r} already belongs to {owner}{remedy}")


def _suffixes(host: str) -> list[str]:
    """mx1.example.com → itself, example.com, com. Names longer than DNS allows have none."""
    if len(host) > 253:
        return []
    labels = host.split(".")
    return [".".join(labels[index:]) for index in range(len(labels))]


def _first(index: Mapping[str, Provider], keys: Iterable[str]) -> Provider | None:
    return next((index[key] for key in keys if key in index), None)
