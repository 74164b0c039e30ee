"""How to log in: password, XOAUTH2, OAUTHBEARER; and what a server complains about a token, in words."""

from __future__ import annotations

import imaplib
import json
from collections.abc import Callable, Mapping
from enum import StrEnum

import imapclient

from placement.errors import LoginRefused, MailboxError
from placement.mailbox.faults import FOREIGN, Moment, said, translate
from placement.mailbox.secrecy import Secrets
from placement.vocabulary import LoginProblem


class Auth(StrEnum):
    PASSWORD = "password"
    XOAUTH2 = "xoauth2"
    OAUTHBEARER = "oauthbearer"


#: `status` of a refused token (RFC 7628 3.2.2; Google and Microsoft put HTTP statuses there).
STATUSES: Mapping[str, LoginProblem] = {
    "400": LoginProblem.TOKEN_REFUSED,
    "401": LoginProblem.TOKEN_REFUSED,
    "403": LoginProblem.WRONG_SCOPE,
    "invalid_token": LoginProblem.TOKEN_REFUSED,
    "invalid_request": LoginProblem.TOKEN_REFUSED,
    "insufficient_scope": LoginProblem.WRONG_SCOPE,
}
#: What of a complaint is shown, in this order.
_SHOWN = ("status", "error", "error_description", "scope")
_MAX_COMPLAINT = 4096


class Bearer:
    """The two sides of an OAuth login: the token first, and to a complaint the line that ends the exchange."""

    def __init__(self, first: str, last: str) -> None:
        self._lines = [first, last]
        self.complaint = b""

    def __call__(self, challenge: bytes) -> bytes | None:
        if len(self._lines) < 2:
            self.complaint = challenge[:_MAX_COMPLAINT]
        return self._lines.pop(0).encode() if self._lines else None


def _password(client: imapclient.IMAPClient, imap: imaplib.IMAP4, user: str, secret: str) -> None:
    """LOGIN takes ASCII; anything else goes by SASL PLAIN, which is UTF-8 (RFC 4616)."""
    if not (user + secret).isascii():
        client.plain_login(user, secret)
        return
    if "LOGINDISABLED" in imap.capabilities:
        raise LoginRefused("The server forbids LOGIN on this connection. Use ssl or starttls, or OAuth.")
    client.login(imap._quote(user), secret)


def _xoauth2(client: imapclient.IMAPClient, imap: imaplib.IMAP4, user: str, secret: str) -> None:
    """The complaint is answered by an empty line, else the server waits for ever for the rest."""
    _bearer(client, "XOAUTH2", Bearer(f"user={user}\1auth=Bearer {secret}\1\1", ""), Secrets(secret))


def _oauthbearer(client: imapclient.IMAPClient, imap: imaplib.IMAP4, user: str, secret: str) -> None:
    """RFC 7628 3.1; a complaint is answered by one ^A (3.2.3)."""
    name = user.replace("=", "=3D").replace(",", "=2C")
    _bearer(client, "OAUTHBEARER", Bearer(f"n,a={name},\1auth=Bearer {secret}\1\1", "\1"), Secrets(secret))


def _bearer(client: imapclient.IMAPClient, mechanism: str, exchange: Bearer, secrets: Secrets) -> None:
    try:
        client.sasl_login(mechanism, exchange)
    except FOREIGN as fault:
        error = translate(fault, Moment.LOGIN, secrets)
        # A server that cannot check tokens now, or a lost line, is not made worse by what was said before it.
        if isinstance(error, LoginRefused) and exchange.complaint:
            raise _refused_token(exchange.complaint, error, secrets) from None
        raise error from None


def _refused_token(complaint: bytes, plain: MailboxError, secrets: Secrets) -> MailboxError:
    told = _told(complaint)
    words = ", ".join(f"{name} {told[name]}" for name in _SHOWN if told.get(name))
    error = said(LoginRefused, secrets.out_of(words)) if words else plain
    error.problem = STATUSES.get(told.get("status", ""), LoginProblem.TOKEN_REFUSED)
    return error


def _told(complaint: bytes) -> dict[str, str]:
    """The JSON of a complaint; whatever else it is has nothing to say."""
    try:
        found = json.loads(complaint)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(name): str(value) for name, value in found.items() if isinstance(value, str | int)}


AUTH_METHODS: Mapping[str, Callable[[imapclient.IMAPClient, imaplib.IMAP4, str, str], None]] = {
    Auth.PASSWORD: _password,
    Auth.XOAUTH2: _xoauth2,
    Auth.OAUTHBEARER: _oauthbearer,
}
