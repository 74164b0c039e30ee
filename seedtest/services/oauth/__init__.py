"""OAuth 2 for mailboxes: a provider's endpoints and our client there, tokens, and what goes wrong with them."""

from __future__ import annotations

from placement.providers.registrations import MICROSOFT
from seedtest.services.oauth.clients import OAuthClient, can_sign_in, client_of, sign_in_name
from seedtest.services.oauth.contract import Begun, Issuer, Tokens
from seedtest.services.oauth.errors import SignInLost, TokenServiceDown
from seedtest.services.oauth.microsoft import MicrosoftIssuer
from seedtest.services.oauth.plain import PlainIssuer

__all__ = [
    "Begun", "Issuer", "OAuthClient", "SignInLost", "TokenServiceDown", "Tokens", "can_sign_in", "client_of",
    "issuer_of", "sign_in_name",
]  # fmt: skip

_ISSUERS: dict[str, Issuer] = {MICROSOFT: MicrosoftIssuer()}
_PLAIN: Issuer = PlainIssuer()


def issuer_of(client: OAuthClient) -> Issuer:
    return _ISSUERS.get(client.family, _PLAIN)
