"""Seed accounts and seed lists: add one, import many, say who is in a list, export it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models.functions import Lower

from placement import providers
from placement.errors import CatalogError
from placement.vocabulary import LoginProblem, Reason
from seedtest.models import EgressRoute, Mailbox, SeedAccount, SeedList, SeedListMember, Workspace
from seedtest.models.mailboxes import MailboxState, Tls
from seedtest.services import exporting, oauth, signing_in

# A complaint never repeats what was given: in a table with shifted columns that may be the password.
_UNKNOWN_PROVIDER = (
    "There is no such provider. Leave it empty to recognise it from the address, or use an id like gmail, outlook_com, "
    "yahoo, gmx, icloud, or generic for a server of your own."
)
_COMPLAINTS = {
    "mailbox_type": "The kind of mailbox is consumer or business.",
    "region": "The country has two letters, like DE or US.",
}
_TLS_WORDS = "Encryption is ssl, starttls or none."


class SeedingError(Exception):
    """A seed that cannot be added. `field` names what to change; the text says how."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Server:
    """Where a mailbox is: what the catalogue knows, or what a person typed over it."""

    provider: str
    host: str
    port: int
    tls: str
    login: str


@dataclass(frozen=True, slots=True)
class Added:
    account: SeedAccount
    created: bool


def recognise(address: str) -> Server:
    """What the catalogue knows about the mailbox of this address; the host is empty where it knows nothing."""
    return _known_server(providers.for_address(address) or providers.GENERIC, address)


def setup_hint(provider_id: str) -> str:
    """What a person has to do at the provider before we can sign in; "" for an unknown provider."""
    try:
        setup = providers.get(provider_id).auth.setup
    except CatalogError:
        return ""
    return setup[:1].upper() + setup[1:]


def add_seed(
    workspace: Workspace,
    address: str,
    password: str,
    *,
    provider: str | None = None,
    overrides: Mapping[str, object] | None = None,
    mailbox_type: str = "",
    region: str = "",
    egress: str = "",
) -> Added:
    """A seed account with its mailbox. `overrides`: host, port, tls, login; `egress`: a route's name. SeedingError."""
    address = _clean_address(address)
    server = _server(address, provider, overrides or {})
    if not password and not _signs_in(server.provider):
        raise SeedingError("password", "The password is missing. Many providers want an app password here.")
    with transaction.atomic():
        mailbox = _existing(server) or _new_mailbox(workspace, address, password, server, _route(workspace, egress))
        _refuse_foreign(mailbox, workspace)
        return _account(workspace, mailbox, mailbox_type, region)


def is_address(text: str) -> bool:
    try:
        validate_email(text.strip())
    except ValidationError:
        return False
    return True


def _clean_address(address: str) -> str:
    address = address.strip()
    if not is_address(address):
        raise SeedingError("address", "This is not an e-mail address. Write it like name@example.com.")
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


def _known_server(provider: providers.Provider, address: str) -> Server:
    imap = provider.imap
    if imap is None:
        raise SeedingError(
            "provider", f"{provider.name} filters mail but has no mailboxes. Choose who runs the mailbox."
        )
    return Server(provider.id, imap.host_for(address), imap.port, imap.tls.value, imap.login_for(address))


def _server(address: str, provider_id: str | None, overrides: Mapping[str, object]) -> Server:
    if provider_id:
        try:
            known = _known_server(providers.get(provider_id.strip().lower()), address)
        except CatalogError:
            raise SeedingError("provider", _UNKNOWN_PROVIDER) from None
    else:
        known = recognise(address)
    server = Server(
        provider=known.provider,
        host=str(overrides.get("host") or known.host).strip(),
        port=_port(overrides.get("port") or known.port),
        tls=str(overrides.get("tls") or known.tls).strip().lower(),
        login=str(overrides.get("login") or known.login).strip(),
    )
    if server.tls not in Tls.values:
        raise SeedingError("tls", _TLS_WORDS)
    if not server.host:
        domain = address.rpartition("@")[2]
        raise SeedingError("host", f"We do not know the mail server of {domain}. Enter its IMAP host.")
    return server


def _port(value: object) -> int:
    try:
        port = int(str(value))
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:
        raise SeedingError("port", "The port is a number from 1 to 65535, usually 993.")
    return port


def _existing(server: Server) -> Mailbox | None:
    return (
        Mailbox.objects.annotate(login_lower=Lower("login"))
        .filter(host=server.host, login_lower=server.login.lower())
        .first()
    )


def _route(workspace: Workspace, name: str) -> EgressRoute | None:
    route = EgressRoute.objects.filter(workspace=workspace, name=name.strip()).first()
    if route is None and name.strip():
        raise SeedingError(
            "egress", "There is no egress route of this name here. Add it first, or leave the column empty."
        )
    return route


def _new_mailbox(
    workspace: Workspace, address: str, password: str, server: Server, route: EgressRoute | None
) -> Mailbox:
    mailbox = Mailbox(
        workspace=workspace, address=address, provider=server.provider, host=server.host, port=server.port,
        tls=server.tls, login=server.login, secret=password, egress=route,
    )  # fmt: skip
    if not password:
        _awaits_sign_in(mailbox)
    try:
        mailbox.full_clean(exclude=["workspace"])
        mailbox.save()
    except ValidationError as error:
        raise _first_complaint(error) from None
    except IntegrityError:  # two people added the same login at the same moment
        raise SeedingError("address", "This mailbox was added by somebody else just now. Reload the page.") from None
    return mailbox


def _signs_in(provider_id: str) -> bool:
    """No password is needed where a person can sign in at the provider afterwards."""
    return oauth.can_sign_in(providers.get(provider_id))


def _awaits_sign_in(mailbox: Mailbox) -> None:
    mailbox.auth_kind = signing_in.auth_kind_of(mailbox.catalog_entry)
    mailbox.state = MailboxState.NEEDS_SIGN_IN
    mailbox.state_reason, mailbox.state_problem = Reason.AUTH_FAILED.value, LoginProblem.NOT_SIGNED_IN.value


def _refuse_foreign(mailbox: Mailbox, workspace: Workspace) -> None:
    # Knowing an address is no right to it: a mailbox of the pool is lent by the operator, one of another tenant never.
    lent = mailbox.seed_accounts.filter(workspace=workspace).exists()
    if mailbox.workspace_id != workspace.pk and not lent:
        raise SeedingError(
            "address",
            "This mailbox is already in use on this installation, outside your workspace. "
            "Ask the operator to lend it to you, or use another mailbox.",
        )


def _first_complaint(error: ValidationError) -> SeedingError:
    field, messages = next(iter(error.message_dict.items()))
    return SeedingError(field, _COMPLAINTS.get(field) or " ".join(messages))


def _account(workspace: Workspace, mailbox: Mailbox, mailbox_type: str, region: str) -> Added:
    kind = mailbox_type.strip().lower() or _usual_type(mailbox.provider)
    account = SeedAccount(workspace=workspace, mailbox=mailbox, mailbox_type=kind, region=region.strip().upper())
    try:
        account.clean_fields()
    except ValidationError as error:
        raise _first_complaint(error) from None
    account, created = SeedAccount.objects.get_or_create(
        workspace=workspace, mailbox=mailbox, defaults={"mailbox_type": kind, "region": account.region}
    )
    return Added(account, created)


def _usual_type(provider_id: str) -> str:
    kind = providers.get(provider_id).kind
    return "business" if kind in (providers.Kind.BUSINESS, providers.Kind.HOSTING) else "consumer"


def set_members(seed_list: SeedList, accounts: Iterable[SeedAccount]) -> bool:
    """Make these accounts the list's members. The version rises only when something changed; says whether it did."""
    wanted = {account.pk for account in accounts if account.workspace_id == seed_list.workspace_id}
    with transaction.atomic():
        SeedList.objects.select_for_update().get(pk=seed_list.pk)
        present = set(seed_list.members.values_list("seed_account_id", flat=True))
        if wanted == present:
            return False
        seed_list.members.filter(seed_account_id__in=present - wanted).delete()
        SeedListMember.objects.bulk_create(
            SeedListMember(seed_list=seed_list, seed_account_id=pk) for pk in sorted(wanted - present)
        )
        seed_list.raise_version()
        exporting.settle(seed_list)
    return True
