"""Connect: a person signs in at the provider in their browser, and the mailbox is read with what that grants.

The state that travels through the browser is signed and names the mailbox; what proves that the answer belongs to this
browser (nonce, PKCE verifier) stays in its session, is good for ten minutes, and is taken out before it is used.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core import signing

from placement.errors import PlacementError
from seedtest.models.mailboxes import Mailbox
from seedtest.services import oauth, signing_in, ways_out

_SALT, _KEY = "seedtest.connect", "connecting"
_SECONDS = 600
_AT_ONCE = 5  # sign-ins one browser may have begun
#: What an answer may hold; longer ones are nobody's.
_MAX_VALUE = 8192

Session = MutableMapping[str, Any]


class ConnectError(Exception):
    """The sign-in did not come to an end; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that came back from the provider and belongs to this browser."""

    mailbox_id: str  # public
    kept: Mapping[str, Any] = field(repr=False)
    answer: Mapping[str, str] = field(repr=False)


def can_connect(mailbox: Mailbox) -> bool:
    return oauth.can_sign_in(mailbox.catalog_entry)


def name_of(mailbox: Mailbox) -> str:
    """Whom the person signs in with: "Google", "Microsoft", or the provider's own name."""
    return oauth.client_of(mailbox.catalog_entry).name


def begin(session: Session, mailbox: Mailbox, *, redirect: str) -> str:
    """The address to send the browser to. Raises ConnectError."""
    nonce = secrets.token_urlsafe(24)
    state = signing.dumps({"nonce": nonce, "mailbox": mailbox.public_id}, salt=_SALT)
    try:
        client = oauth.client_of(mailbox.catalog_entry, route=ways_out.route_of(mailbox))
        begun = oauth.issuer_of(client).begin(client, redirect=redirect, state=state, login_hint=mailbox.address)
    except PlacementError as error:
        raise ConnectError(str(error)) from error
    newest = sorted(session.get(_KEY, {}).items(), key=lambda item: item[1]["at"])[1 - _AT_ONCE :]
    session[_KEY] = dict(newest) | {nonce: {"at": time.time(), "kept": begun.kept}}
    return begun.address


def came_back(session: Session, answer: Mapping[str, str]) -> Pending:
    """The sign-in this answer ends, which ends it for good. Raises ConnectError."""
    try:
        told = signing.loads(answer.get("state", "")[:_MAX_VALUE], salt=_SALT, max_age=_SECONDS)
    except signing.SignatureExpired as error:
        raise ConnectError("Signing in took longer than ten minutes. Press “Connect” once more.") from error
    except signing.BadSignature as error:
        raise ConnectError("This answer is to no sign-in of ours. Press “Connect” on the mailbox's page.") from error
    begun = dict(session.get(_KEY, {}))
    mine = begun.pop(told["nonce"], None)
    session[_KEY] = begun
    if mine is None:
        raise ConnectError(
            "This sign-in was begun in another browser, or has ended already. Press “Connect” on the mailbox's page."
        )
    short = {name: value for name, value in answer.items() if len(value) <= _MAX_VALUE}
    return Pending(told["mailbox"], mine["kept"], short)


def finish(mailbox: Mailbox, pending: Pending, *, now: datetime) -> None:
    """Trade the answer for tokens and keep them. Raises ConnectError."""
    if mailbox.public_id != pending.mailbox_id:
        raise ConnectError("This sign-in was begun for another mailbox. Press “Connect” on this one's page.")
    try:
        client = oauth.client_of(mailbox.catalog_entry, route=ways_out.route_of(mailbox))
        tokens = oauth.issuer_of(client).finish(client, pending.kept, pending.answer)
        signing_in.connect(mailbox, tokens, now=now)
    except PlacementError as error:
        raise ConnectError(str(error)) from error
