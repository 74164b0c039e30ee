"""docs/seeds/<id>.md out of the catalogue: how a mailbox there becomes a seed that works.

`python -m placement.providers.seed_guides docs/seeds` writes all of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from placement.providers.model import AuthMethod, Kind, Provider, Requirement, Tabs
from placement.providers.registry import shipped

Steps = tuple[str, ...]

UNVERIFIED: Final = "*(not verified on a live account)*"

_CREATE: Final[dict[Kind, Steps]] = {
    Kind.CONSUMER: (
        "Register the mailbox in a browser, with a name and a recovery address of your own. One person, one sitting, "
        "two or three mailboxes at most: many registrations from one address get locked.",
        "Write down the password, the recovery phone and the date.",
    ),
    Kind.BUSINESS: (
        "Use a domain of your own that sends nothing and is only there for seeds. Point its MX at the provider.",
        "Make one licensed user for each seed; a shared mailbox or an alias is no seed.",
    ),
    Kind.ISP: (
        "The mailbox comes with a contract for a line, so it has to belong to somebody: a colleague or a customer who "
        "lends one that nobody uses.",
        "Check that the address is the primary one of the contract, and that nobody's mail program cleans it.",
    ),
    Kind.HOSTING: (
        "Order the smallest mail package with a domain of your own, and point the domain's MX at it.",
        "Make one mailbox for each seed, with its own password.",
    ),
}
_SIGN_IN: Final[dict[Requirement, str]] = {
    Requirement.PASSWORD: "The password of the mailbox is enough.",
    Requirement.PASSWORD_AFTER_ENABLING: "The password of the mailbox works once IMAP is switched on.",
    Requirement.APP_PASSWORD: "An app password is needed; the password of the account is refused.",
    Requirement.PASSWORD_OR_APP_PASSWORD: "The password works; with two-factor sign-in an app password is needed.",
    Requirement.APP_PASSWORD_OR_OAUTH2: "An app password, or an OAuth app of yours.",
    Requirement.OAUTH2_OR_APP_PASSWORD: "An OAuth app of yours, or an app password where the account still offers it.",
    Requirement.OAUTH2_OR_PASSWORD: "An OAuth app of yours; a password only where third-party access is allowed.",
    Requirement.OAUTH2: "Only an OAuth app: no password of any kind is taken over IMAP.",
    Requirement.BRIDGE: "The password that the provider's bridge program shows.",
}
_APP_PASSWORD: Final = (
    "Sign in to the account's web pages and look under security, or sign-in, for app passwords.",
    "Make one for this service alone, copy it at once: it is shown a single time.",
)
_TESTING: Final = (
    "Set the app to «Internal» (Workspace) or publish it. In «Testing» its refresh tokens end after 7 days, and every "
    "seed asks for a new sign-in each week."
)
_CLOSED: Final = "There is no open registration: the mail scope needs an agreement with Yahoo. Plan for app passwords."
#: Host of the authorisation address → how an app is registered there.
_APPS: Final[dict[str, Steps]] = {
    "accounts.google.com": (
        "console.cloud.google.com: make a project and enable the Gmail API.",
        "OAuth consent screen: add the scope `https://mail.google.com/` (restricted).",
        _TESTING,
        "Credentials > Create OAuth client ID > Web application; the redirect address is the one this service shows.",
        "Put client id and secret into the settings of this service, then «Connect» each mailbox.",
    ),
    "login.microsoftonline.com": (
        "entra.microsoft.com > App registrations > New; for Outlook.com choose personal Microsoft accounts.",
        "API permissions: Office 365 Exchange Online > `IMAP.AccessAsUser.All` and `offline_access`; without the "
        "latter there is no refresh token.",
        "Certificates & secrets: make a client secret and note the day it ends.",
        "Authentication: add the redirect address that this service shows.",
        "Put client id and secret into the settings of this service, then «Connect» each mailbox.",
    ),
    "api.login.yahoo.com": (_CLOSED,),
    "api.login.aol.com": (_CLOSED,),
}
_ANY_APP: Final = (
    "Register an app in the provider's developer pages, with the scopes {scopes} and the redirect address that this "
    "service shows.",
    "Put client id and secret into the settings of this service, then «Connect» each mailbox.",
)
_EMPTY: Final = (
    "Filters and rules: none, forwarding: none. A rule files the message before the provider's own judgement shows.",
    "Contacts, safe senders, blocked senders: none, and nobody writes from the mailbox: a sender that is known skips "
    "the spam filter.",
    "Spam settings: as the provider gives them, unless a step above says otherwise.",
    "No mail program and no phone on the account: what reads, moves or deletes mail trains the filter.",
    "No newsletters beyond the campaigns you test.",
)
_TABS: Final[dict[Tabs, str]] = {
    Tabs.GMAIL: "Inbox tabs are measured, by search.",
    Tabs.FOLDERS: "Inbox tabs are real folders here, and are measured.",
    Tabs.NOT_EXPOSED: "The web pages sort the inbox; IMAP does not show it, so no tab is measured.",
    Tabs.NONE: "There are no inbox tabs.",
}
_GENERATED: Final = (
    "Generated from `placement/providers/catalog/` by `python -m placement.providers.seed_guides docs/seeds`; do not "
    "edit. What all seeds have in common: [README](README.md)."
)


def guide(provider: Provider) -> str:
    """The page of one provider that has mailboxes."""
    parts = [f"# A seed at {provider.name}", _GENERATED, _facts(provider)]
    parts += [_section(f"1. Create the mailbox {UNVERIFIED}", _numbered(_CREATE[provider.kind]))]
    parts += [_section(f"2. Let IMAP in{_mark(provider, 'auth')}", _access(provider))]
    parts += [_section(f"3. {title}", text) for title, text in _credentials(provider)]
    parts += [_section("Leave empty", _bullets(_EMPTY))]
    parts += [_section("Add it", _added(provider))]
    parts += [_section("Keep it alive", _alive(provider))]
    parts += [_section("Known about it", _bullets(provider.notes))] if provider.notes else []
    parts += [_section("Not verified on a live account", _bullets(f"`{one}`" for one in provider.unverified))]
    return "\n\n".join(parts) + "\n"


def guides(providers: Iterable[Provider]) -> dict[str, str]:
    """File name → text, for every provider that can hold a seed."""
    return {f"{one.id}.md": guide(one) for one in providers if one.has_mailboxes}


def _facts(provider: Provider) -> str:
    imap = provider.imap
    assert imap is not None
    login = "the whole address" if imap.username == "email" else "the part before the @"
    lines = [
        f"IMAP at `{imap.host}:{imap.port}` ({imap.tls.value}), login: {login}.",
        f"Addresses: {', '.join(f'`@{domain}`' for domain in provider.domains[:8]) or 'of your own domain'}.",
        f"Spam folder: {', '.join(f'`{name}`' for name in provider.junk_names[:3])}. {_TABS[provider.tabs]}",
    ]
    return _bullets([*lines, *([imap.note] if imap.note else [])])


def _access(provider: Provider) -> str:
    auth = provider.auth
    steps = auth.steps or ((auth.setup,) if auth.setup else ("Nothing is known that has to be switched on first.",))
    return _SIGN_IN[auth.required] + "\n\n" + _numbered(_sentence(step) for step in steps)


def _credentials(provider: Provider) -> Iterable[tuple[str, str]]:
    if AuthMethod.APP_PASSWORD in provider.auth.methods and not provider.auth.steps:
        yield f"App password {UNVERIFIED}", _numbered(_APP_PASSWORD)
    if provider.oauth is None or not any(method in provider.oauth.sasl for method in provider.auth.methods):
        return
    host = urlsplit(provider.oauth.authorize).hostname or ""
    scopes = ", ".join(f"`{scope}`" for scope in provider.oauth.scopes)
    steps = [step.format(scopes=scopes) for step in _APPS.get(host, _ANY_APP)]
    remarks = [f"Remark: {note}" for note in provider.oauth.notes]
    app_only = provider.oauth.app_only
    if app_only:
        remarks.append(f"One consent for all: permission `{app_only.permission}`; {app_only.setup}")
    yield f"OAuth app {UNVERIFIED}", _numbered(steps) + ("\n\n" + _bullets(remarks) if remarks else "")


def _added(provider: Provider) -> str:
    if provider.auth.required is Requirement.OAUTH2:
        how = "Admin > Seed accounts > Add, then «Connect» on the page of its mailbox: a person signs in once."
    else:
        secret = "app password" if AuthMethod.APP_PASSWORD in provider.auth.methods else "password"
        line = f"address,password,provider\nyou@{_example_domain(provider)},the {secret},{provider.id}"
        how = (
            f"Admin > Seed accounts > Add: address and {secret}; the server is recognised. Many at once as CSV:\n\n"
            f"```\n{line}\n```"
        )
    return f"{how}\n\nThen «Check connection»: it must say that inbox and spam folder are visible."


def _example_domain(provider: Provider) -> str:
    return next((domain for domain in provider.domains if not domain.startswith(".")), "your-domain.example")


def _alive(provider: Provider) -> str:
    limits = provider.limits
    lines = ["Sign in to its web pages every few months: a poll over IMAP may not count as use."]
    if limits.inactive_days:
        mark = _mark(provider, "limits.inactive_days")
        lines.append(f"It is closed after about {limits.inactive_days} days without a web login{mark}.")
    if limits.window_messages:
        lines.append(
            f"IMAP shows only the newest {limits.window_messages} messages of a folder: empty it before "
            "(`manage.py purgeseeds`)."
        )
    if limits.window_days:
        lines.append(f"IMAP shows only the last {limits.window_days} days, a setting of the account: choose «all».")
    if limits.connections:
        mark = _mark(provider, "limits.connections")
        lines.append(f"About {limits.connections} connections at once for an account{mark}.")
    return _bullets(lines)


def _mark(provider: Provider, name: str) -> str:
    """Says so where the catalogue lists this field, or a part of it, as unverified."""
    fields = [remark.partition(":")[0] for remark in provider.unverified]
    told = any(field == name or field.startswith(f"{name}.") for field in fields)
    return f" {UNVERIFIED}" if told else ""


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?")) else f"{text}."


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}"


def _numbered(steps: Iterable[str]) -> str:
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, text in guides(shipped().all_providers()).items():
        (folder / name).write_text(text, encoding="utf-8")
