"""Microsoft's sign-in through msal: delegated (consumers, organizations, common or one tenant) and application-only."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import httpx
import msal
from msal.exceptions import MsalError

from placement.vocabulary import LoginProblem
from seedtest import guarded_http
from seedtest.services.oauth.clients import OAuthClient
from seedtest.services.oauth.contract import SECONDS, Begun, Tokens
from seedtest.services.oauth.errors import SignInLost, refused, service_down
from seedtest.services.oauth.plain import tokens_from

#: msal adds these itself and refuses them from others.
RESERVED = frozenset({"openid", "profile", "offline_access"})


class MicrosoftIssuer:
    def begin(self, client: OAuthClient, *, redirect: str, state: str, login_hint: str) -> Begun:
        # msal would rather have the answer as a form posted from its site; no session cookie (SameSite=Lax) comes with
        # that, and the session is what the answer is held against.
        with _Session(client) as session, warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*form_post", category=UserWarning)
            flow = session.app().initiate_auth_code_flow(
                _scopes(client), redirect_uri=redirect, state=state, login_hint=login_hint, prompt="select_account"
            )
            return Begun(str(flow["auth_uri"]), dict(flow))

    def finish(self, client: OAuthClient, kept: Mapping[str, Any], answer: Mapping[str, str]) -> Tokens:
        with _Session(client) as session:
            return session.tokens(session.app().acquire_token_by_auth_code_flow(dict(kept), dict(answer)))

    def refresh(self, client: OAuthClient, refresh_token: str) -> Tokens:
        with _Session(client, refresh_token) as session:
            return session.tokens(session.app().acquire_token_by_refresh_token(refresh_token, _scopes(client)))

    def as_application(self, client: OAuthClient) -> Tokens:
        only = client.endpoints.app_only
        if only is None or not client.client_secret:
            raise SignInLost(
                f"{client.name} gives this application no access of its own. It needs a client secret, and a provider "
                "entry that knows it.",
                LoginProblem.APP_REFUSED,
            )
        with _Session(client) as session:
            return session.tokens(session.app().acquire_token_for_client([only.scope]))


class _Session:
    """One conversation with Microsoft: what msal raises inside becomes an error of ours."""

    def __init__(self, client: OAuthClient, *secrets: str) -> None:
        self._client = client
        self._secrets = (client.client_secret, *secrets)
        self._http = _MsalHttp(client)

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, _kind: object, fault: BaseException | None, _trace: object) -> None:
        self._http.close()
        if isinstance(fault, httpx.HTTPError | httpx.InvalidURL | MsalError):
            raise service_down(self._client.name, str(fault), retry_after=self._http.retry_after) from fault
        if isinstance(fault, ValueError | KeyError | RuntimeError | TypeError):
            # msal says so of a tenant that does not exist, and of an answer that is not to our question.
            raise self._misled(fault) from fault

    def _misled(self, fault: BaseException) -> Exception:
        if self._http.status in (400, 404):
            return SignInLost(
                f"{self._client.name} knows no tenant {self._client.endpoints.tenant!r}. The operator corrects it.",
                LoginProblem.APP_REFUSED,
            )
        return service_down(self._client.name, f"an answer that cannot be used, {type(fault).__name__}")

    def app(self) -> Any:
        """A new one each time: its cache would keep the tokens of one mailbox for the next."""
        secret = self._client.client_secret
        kind = msal.ConfidentialClientApplication if secret else msal.PublicClientApplication
        return kind(
            self._client.client_id,
            client_credential=secret or None,
            authority=self._client.endpoints.authorize.partition("/oauth2/")[0],
            http_client=self._http,
            instance_discovery=False,
        )

    def tokens(self, told: Mapping[str, Any]) -> Tokens:
        if told.get("access_token"):
            return tokens_from(told)
        if self._http.status >= httpx.codes.INTERNAL_SERVER_ERROR or not told.get("error"):
            raise service_down(self._client.name, f"HTTP {self._http.status}", retry_after=self._http.retry_after)
        raise refused(self._client.name, told, retry_after=self._http.retry_after, secrets=self._secrets)


class _MsalHttp:
    """msal's `http_client` over our guarded one; remembers how the last answer was."""

    def __init__(self, client: OAuthClient) -> None:
        self._web = guarded_http.client(seconds=SECONDS, route=client.route)
        self.status = 0
        self.retry_after = ""

    def get(self, url: str, *, params: Any = None, headers: Any = None, **_: object) -> httpx.Response:
        return self._noted(self._web.get(url, params=params, headers=headers))

    def post(
        self, url: str, *, params: Any = None, data: Any = None, headers: Any = None, **_: object
    ) -> httpx.Response:
        return self._noted(self._web.post(url, params=params, data=data, headers=headers))

    def _noted(self, answer: httpx.Response) -> httpx.Response:
        self.status, self.retry_after = answer.status_code, answer.headers.get("retry-after", "")
        return answer

    def close(self) -> None:
        self._web.close()


def _scopes(client: OAuthClient) -> list[str]:
    return [scope for scope in client.endpoints.scopes if scope not in RESERVED]
