"""What signing in somewhere means: begin in a browser, finish with its answer, refresh, or ask as the application."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from seedtest.services.oauth.clients import OAuthClient

#: Wall-clock seconds of one request to a token endpoint: a worker waits for it.
SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Tokens:
    access_token: str = field(repr=False)
    expires_in: float  # seconds
    refresh_token: str = field(default="", repr=False)  # "" where the old one stays
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser is sent, and what must be remembered until it comes back. `kept` is JSON."""

    address: str
    kept: dict[str, Any] = field(repr=False)


class Issuer(Protocol):
    """Gives out tokens. Every method raises SignInLost or TokenServiceDown."""

    def begin(self, client: OAuthClient, *, redirect: str, state: str, login_hint: str) -> Begun: ...
    def finish(self, client: OAuthClient, kept: Mapping[str, Any], answer: Mapping[str, str]) -> Tokens: ...
    def refresh(self, client: OAuthClient, refresh_token: str) -> Tokens: ...
    def as_application(self, client: OAuthClient) -> Tokens: ...
