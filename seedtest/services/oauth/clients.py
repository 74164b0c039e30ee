"""Our OAuth client at a provider: id and secret from the settings, endpoints from the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings

from placement.providers import Provider
from placement.providers.model import AuthMethod, OAuth
from placement.providers.registrations import FAMILIES, FAMILY_NAMES, serves
from placement.vocabulary import LoginProblem
from seedtest import netguard
from seedtest.services.oauth.errors import SignInLost


@dataclass(frozen=True, slots=True)
class OAuthClient:
    family: str
    name: str  # for the screen: "Google"
    client_id: str
    client_secret: str = field(repr=False)
    endpoints: OAuth
    route: netguard.Route = netguard.DIRECT  # what is asked for a mailbox leaves as its IMAP does


def client_of(provider: Provider, tenant: str = "", *, route: netguard.Route = netguard.DIRECT) -> OAuthClient:
    """Raises SignInLost where the operator has set no client, or no endpoints are known."""
    family = FAMILIES.get(provider.id, provider.id)
    name = FAMILY_NAMES.get(family, provider.name)
    given = _settings_of(provider, family)
    endpoints = _endpoints(provider, given)
    if not given.get("client_id") or endpoints is None:
        raise SignInLost(
            f"No OAuth client is set for {name}, so nobody can sign in there. The operator sets it as "
            "docs/settings.md says.",
            LoginProblem.APP_REFUSED,
        )
    tenant = tenant or str(given.get("tenant") or "")
    secret = str(given.get("client_secret", ""))
    return OAuthClient(family, name, str(given["client_id"]), secret, endpoints.for_tenant(tenant), route)


def sign_in_name(provider: Provider) -> str:
    """What people call the sign-in of this provider; "" where it has none."""
    return FAMILY_NAMES.get(FAMILIES.get(provider.id, ""), provider.name) if provider.oauth else ""


def can_sign_in(provider: Provider) -> bool:
    """Is there a client, so that "Connect" is worth showing?"""
    try:
        return bool(client_of(provider).endpoints.authorize)
    except SignInLost:
        return False


def _settings_of(provider: Provider, family: str) -> dict[str, Any]:
    """What is set for this very provider; else, and as far as it names no client of its own, for its family."""
    own = _named(provider.id) if provider.id != family else {}
    return own if own.get("client_id") else _of_family(provider, family) | own


def _of_family(provider: Provider, family: str) -> dict[str, Any]:
    given = _named(family)
    for key in ("client_id", "client_secret", "tenant"):
        if value := getattr(settings, f"OAUTH_{family.upper()}_{key.upper()}", ""):
            given[key] = value
    default = provider.oauth.tenant if provider.oauth else ""
    if not serves(str(given.get("tenant") or ""), default):
        given.pop("tenant", None)
    return given


def _named(key: str) -> dict[str, Any]:
    found = settings.OAUTH_CLIENTS.get(key)
    return dict(found) if isinstance(found, dict) else {}


def _endpoints(provider: Provider, given: Mapping[str, Any]) -> OAuth | None:
    """The catalogue's endpoints, with those of the settings over them; a server of one's own has only the latter."""
    known = provider.oauth
    if known is None:
        if "token" not in given:
            return None
        known = OAuth(authorize="", token="", scopes=(), sasl=(AuthMethod.XOAUTH2,), pkce=True)
    changed: dict[str, Any] = {key: str(given[key]) for key in ("authorize", "token") if key in given}
    if isinstance(given.get("scopes"), list):
        changed["scopes"] = tuple(str(scope) for scope in given["scopes"])
    return replace(known, **changed)
