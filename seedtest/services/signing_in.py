"""What a login needs, fresh: the password, or an access token that is refreshed early under the mailbox's lease.

A refresh token may be worth one refresh only (Microsoft rotates them), so what comes back is committed at once, before
anything else can go wrong, and by comparing and setting the credential's generation: not the lease's epoch alone. A
worker that was frozen during the request must still save what it got if nobody has signed in or refreshed since: the
old token is worthless by then. It must not save over a newer sign-in, whatever lease it holds.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from placement import mailbox as engine
from placement.errors import LoginRefused, PlacementError
from placement.providers import Provider
from placement.vocabulary import LoginProblem, Reason
from seedtest.crypto import Sealed, SecretUnreadable
from seedtest.models import claims
from seedtest.models.clock import db_now
from seedtest.models.mailboxes import AuthKind, Mailbox, MailboxState
from seedtest.models.signing_in import OAuthCredential, OAuthFlow
from seedtest.services import backing_off, oauth, waking, ways_out
from seedtest.services.idle_database import release_connection
from seedtest.services.local_failures import LocalFailure
from seedtest.services.oauth.errors import SignInLost, TokenServiceDown

logger = logging.getLogger(__name__)

#: A token is refreshed when it ends within this time; while the endpoint is down it is used down to the second figure.
EARLY, ENOUGH = timedelta(minutes=5), timedelta(seconds=30)


class WrongHost(PlacementError):
    """The mailbox's host is not the provider's: a token for all of somebody's mail goes nowhere else."""

    reason = Reason.MAILBOX_UNREACHABLE


def login_of(mailbox: Mailbox, claim: claims.Claim) -> engine.Login:
    """What the engine needs to log in. May ask the provider for a token. Raises PlacementError."""
    secret = _opened(mailbox.secret) if mailbox.auth_kind == AuthKind.PASSWORD else _access_token(mailbox, claim)
    return engine.Login(
        host=mailbox.host,
        port=mailbox.port,
        tls=engine.Tls(mailbox.tls),
        user=mailbox.login,
        secret=secret,
        auth=engine.Auth(mailbox.auth_kind),
        send_id=mailbox.catalog_entry.id_before_select,
    )


def _opened(secret: Sealed) -> str:
    try:
        return secret.reveal()
    except SecretUnreadable as error:
        raise LocalFailure(str(error)) from error


def _access_token(mailbox: Mailbox, claim: claims.Claim) -> str:
    _refuse_foreign_host(mailbox)
    credential = OAuthCredential.objects.filter(mailbox=mailbox, provider=mailbox.provider).first()
    if credential is None:
        raise SignInLost("Nobody has signed in for this mailbox yet. Connect it first.", LoginProblem.NOT_SIGNED_IN)
    now = db_now()
    if not lasts(credential, EARLY, now):
        _refresh(mailbox, credential, claim, now)
    return _opened(credential.access_token)


def _refuse_foreign_host(mailbox: Mailbox) -> None:
    known = mailbox.catalog_entry.imap
    if known is None or not known.host:
        return  # a server of one's own
    own = {known.host_for(mailbox.address), *known.alternatives}
    if mailbox.host.lower() not in own:
        raise WrongHost(
            f"A sign-in at {mailbox.catalog_entry.name} is sent to its own mail server only, not to {mailbox.host}. "
            f"Correct the host to {known.host}, or use a password."
        )


def lasts(credential: OAuthCredential, span: timedelta, now: datetime) -> bool:
    return bool(credential.access_token) and credential.expires_at is not None and now + span < credential.expires_at


def _refresh(mailbox: Mailbox, credential: OAuthCredential, claim: claims.Claim, now: datetime) -> None:
    """Puts fresh tokens into the credential, or leaves the present one where that serves until the endpoint is back."""
    route = ways_out.route_of(mailbox)
    client = oauth.client_of(mailbox.catalog_entry, credential.tenant, route=route)
    refresh_token = _opened(credential.refresh_token)
    release_connection()  # no database connection is held while the token endpoint thinks
    try:
        tokens = _ask(client, credential.flow, refresh_token)
    except SignInLost as error:
        raise _lost(credential, client, error) from error
    except TokenServiceDown as error:
        if not lasts(credential, ENOUGH, now):
            raise
        logger.info("mailbox %s: %s The present token still serves.", mailbox.pk, error)
        return
    if not _save(credential, tokens, db_now()) or not claims.holds(claim):
        raise TokenServiceDown("Somebody else has signed in or refreshed meanwhile. The next look uses what they got.")


def _ask(client: oauth.OAuthClient, flow: str, refresh_token: str) -> oauth.Tokens:
    issuer = oauth.issuer_of(client)
    if flow == OAuthFlow.CLIENT_CREDENTIALS:
        return issuer.as_application(client)
    if not refresh_token:
        raise SignInLost("There is no sign-in to refresh. Connect the mailbox again.", LoginProblem.SIGN_IN_ENDED)
    return issuer.refresh(client, refresh_token)


def _lost(credential: OAuthCredential, client: oauth.OAuthClient, error: SignInLost) -> PlacementError:
    """Refused: for good, unless the token that was refused is not the present one any more."""
    same = OAuthCredential.objects.filter(pk=credential.pk, generation=credential.generation)
    if same.update(last_error=str(error)[:2000]):
        return error
    return TokenServiceDown(f"The sign-in at {client.name} was renewed meanwhile. The next look uses the new one.")


def _save(credential: OAuthCredential, tokens: oauth.Tokens, now: datetime) -> bool:
    """Committed on its own, at once. False when somebody else has written tokens since these were asked for."""
    values = _columns(credential, tokens, now)
    with transaction.atomic():
        same = OAuthCredential.objects.filter(pk=credential.pk, generation=credential.generation)
        return bool(same.update(generation=F("generation") + 1, **values))


def _columns(credential: OAuthCredential, tokens: oauth.Tokens, now: datetime) -> dict[str, object]:
    """The tokens sealed for this row. A provider that sends no new refresh token means: keep the old one."""
    credential.access_token = tokens.access_token
    values: dict[str, object] = {
        "access_token": credential.access_token,
        "expires_at": now + timedelta(seconds=tokens.expires_in),
        "refreshed_at": now,
        "last_error": "",
    }
    if tokens.refresh_token:
        credential.refresh_token = tokens.refresh_token
        values["refresh_token"] = credential.refresh_token
    if tokens.scopes:
        values["scopes"] = " ".join(tokens.scopes)
    return values


def doubt(mailbox: Mailbox, error: PlacementError) -> None:
    """The mail server refused the token although it has not ended: the next look fetches a new one first."""
    refused_there = isinstance(error, LoginRefused) and not isinstance(error, SignInLost)
    if refused_there and mailbox.auth_kind != AuthKind.PASSWORD:
        OAuthCredential.objects.filter(mailbox=mailbox).update(expires_at=None)


def connect(mailbox: Mailbox, tokens: oauth.Tokens, *, now: datetime, tenant: str = "") -> None:
    """A person has signed in: from now on the mailbox is read with these tokens. Raises SignInLost."""
    if not tokens.refresh_token:
        raise SignInLost(
            "The provider gave a sign-in that ends within the hour. Remove this program from the account's list of "
            "connected apps there, then connect again.",
            LoginProblem.CONSENT_MISSING,
        )
    _store(mailbox, OAuthFlow.AUTHORIZATION_CODE, tenant, tokens, now)


def use_application(mailbox: Mailbox, tenant: str, *, now: datetime) -> None:
    """Read this mailbox with what the company's administrator granted to the application (Microsoft 365)."""
    _store(mailbox, OAuthFlow.CLIENT_CREDENTIALS, tenant, None, now)


def _store(mailbox: Mailbox, flow: OAuthFlow, tenant: str, tokens: oauth.Tokens | None, now: datetime) -> None:
    with transaction.atomic():
        OAuthCredential.objects.get_or_create(mailbox=mailbox)
        credential = OAuthCredential.objects.select_for_update().get(mailbox=mailbox)
        credential.access_token = credential.refresh_token = ""
        credential.expires_at, credential.scopes = None, ""
        credential.flow, credential.tenant, credential.connected_at = flow, tenant, now
        credential.provider = mailbox.provider
        credential.generation += 1
        credential.last_error = ""
        for name, value in (_columns(credential, tokens, now) if tokens else {}).items():
            setattr(credential, name, value)
        credential.save()
        _read_with_it(mailbox, now)
    waking.wake([mailbox.pk], now)


def auth_kind_of(provider: Provider) -> str:
    """How this provider takes tokens, best first."""
    methods = provider.oauth.sasl if provider.oauth else ()
    return str(methods[0]) if methods else AuthKind.XOAUTH2.value


def _read_with_it(mailbox: Mailbox, now: datetime) -> None:
    row = Mailbox.objects.select_for_update().get(pk=mailbox.pk)
    row.auth_kind = auth_kind_of(row.catalog_entry)
    row.auth_backoff_until = backing_off.login_allowed_at(row, now)
    if row.state not in (MailboxState.DISABLED, MailboxState.QUARANTINED):
        row.state, row.state_reason, row.state_problem, row.state_detail = MailboxState.NEW, "", "", ""
    row.save(
        update_fields=[
            "auth_kind", "auth_backoff_until", "state", "state_reason", "state_problem", "state_detail",
        ]
    )  # fmt: skip
