"""OAuth 2 as the RFCs say (6749, PKCE 7636): one POST to the token endpoint of the provider's catalogue entry."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from placement.providers.registrations import GOOGLE
from placement.vocabulary import LoginProblem
from seedtest import guarded_http
from seedtest.services.oauth.clients import OAuthClient
from seedtest.services.oauth.contract import SECONDS, Begun, Tokens
from seedtest.services.oauth.errors import SignInLost, refused, service_down

#: What a family wants to be asked beside the standard: Google gives a refresh token only so.
EXTRA: Mapping[str, Mapping[str, str]] = {GOOGLE: {"access_type": "offline", "prompt": "consent"}}
#: A token of unknown age is believed for this long.
USUAL_SECONDS = 3600.0


class PlainIssuer:
    def begin(self, client: OAuthClient, *, redirect: str, state: str, login_hint: str) -> Begun:
        verifier = secrets.token_urlsafe(64)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": redirect,
            "scope": " ".join(client.endpoints.scopes),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "login_hint": login_hint,
            **EXTRA.get(client.family, {}),
        }
        address = f"{client.endpoints.authorize}?{urlencode(asked)}"
        return Begun(address, {"code_verifier": verifier, "redirect_uri": redirect})

    def finish(self, client: OAuthClient, kept: Mapping[str, Any], answer: Mapping[str, str]) -> Tokens:
        if "code" not in answer:
            raise refused(client.name, answer)
        wanted = {"grant_type": "authorization_code", "code": answer["code"]}
        return _tokens(client, wanted | {key: str(kept[key]) for key in ("code_verifier", "redirect_uri")})

    def refresh(self, client: OAuthClient, refresh_token: str) -> Tokens:
        return _tokens(client, {"grant_type": "refresh_token", "refresh_token": refresh_token})

    def as_application(self, client: OAuthClient) -> Tokens:
        raise SignInLost(f"{client.name} gives applications no access to mailboxes.", LoginProblem.APP_REFUSED)


def _tokens(client: OAuthClient, wanted: dict[str, str]) -> Tokens:
    form = wanted | {"client_id": client.client_id}
    if client.client_secret:
        form["client_secret"] = client.client_secret
    try:
        with guarded_http.client(seconds=SECONDS, route=client.route) as web:
            answer = web.post(client.endpoints.token, data=form, headers={"accept": "application/json"})
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        raise service_down(client.name, str(fault)) from fault
    return _read(client, answer, secret_words=(client.client_secret, *wanted.values()))


def _read(client: OAuthClient, answer: httpx.Response, *, secret_words: tuple[str, ...]) -> Tokens:
    told = _json(answer)
    if answer.status_code == httpx.codes.OK and isinstance(told.get("access_token"), str) and told["access_token"]:
        return tokens_from(told)
    retry_after = answer.headers.get("retry-after", "")
    if told.get("error") and answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
        raise refused(client.name, told, retry_after=retry_after, secrets=secret_words)
    raise service_down(client.name, f"HTTP {answer.status_code}", retry_after=retry_after)


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def tokens_from(told: Mapping[str, Any]) -> Tokens:
    """RFC 6749 5.1. Some providers write the seconds as text, and some leave them out."""
    return Tokens(
        access_token=str(told["access_token"]),
        expires_in=_seconds(told.get("expires_in")),
        refresh_token=str(told.get("refresh_token") or ""),
        scopes=tuple(str(told.get("scope") or "").split()),
    )


def _seconds(told: object) -> float:
    try:
        seconds = float(told)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return USUAL_SECONDS
    return seconds if 0 < seconds < 10 * 365 * 86400 else USUAL_SECONDS
