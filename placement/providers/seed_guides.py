"""docs/seeds/<id>.md out of the catalogue: how a mailbox there becomes a seed that works.

`python -m placement.providers.seed_guides docs/seeds` writes all of them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from placement.providers.model import AppOnly, AuthMethod, Kind, OAuth, Provider, Requirement, Step, Tabs
from placement.providers.registry import shipped

UNVERIFIED: Final = "*(unverified)*"
_LEGEND: Final = (
    "*(unverified)* marks what nobody has done on a live account for us yet; a link beside it leads to the provider's "
    "own help. Steps with a source instead were told by one we checked ([what the names mean]"
    "(../../placement/providers/sources.toml)). Menus move: tell us what you saw."
)
_BEFORE: Final[dict[Kind, str]] = {
    Kind.CONSUMER: (
        "Use a name and a recovery address of your own, and make two or three mailboxes in one sitting at most: many "
        f"from one internet address get locked {UNVERIFIED}. Write down password, recovery phone and date."
    ),
    Kind.BUSINESS: (
        "Take a domain of your own that sends nothing and is only there for seeds; one paid user is one seed."
    ),
    Kind.ISP: (
        f"The mailbox comes with somebody's contract {UNVERIFIED}. It has to be one that nobody uses and that no mail "
        "program cleans; write down whose it is. Such a seed is for later, not for a first set."
    ),
    Kind.HOSTING: "Take a domain that sends nothing; one mailbox with its own password is one seed.",
}
_SIGN_IN: Final[dict[Requirement, str]] = {
    Requirement.PASSWORD: "The password of the mailbox is enough.",
    Requirement.PASSWORD_AFTER_ENABLING: "The password of the mailbox works once IMAP is switched on.",
    Requirement.APP_PASSWORD: "An app password is needed; the password of the account is refused.",
    Requirement.PASSWORD_OR_APP_PASSWORD: "The password works; with two-factor sign-in an app password is needed.",
    Requirement.APP_PASSWORD_OR_OAUTH2: "An app password, or an OAuth app of yours.",
    Requirement.OAUTH2_OR_APP_PASSWORD: "An OAuth app of yours, or an app password where the account still offers it.",
    Requirement.OAUTH2_OR_PASSWORD: "A password where access by third parties is switched on; else only an OAuth app.",
    Requirement.OAUTH2: "An OAuth app of yours: the account's password is not taken over IMAP.",
    Requirement.BRIDGE: "The password that the provider's bridge program shows.",
}
#: For an entry of somebody's own that says no steps.
_LOOK: Final = (
    Step("Look in the web mail's settings for «POP/IMAP» or «mail programs», and switch IMAP on where it can be."),
    Step("Look under security for an app password where the account's own is refused."),
)
#: Host of the authorisation address → where the app's id and secret go; every other provider is named in OAUTH_CLIENTS.
_SETTINGS: Final[dict[str, str]] = {
    "accounts.google.com": "`OAUTH_GOOGLE_CLIENT_ID` and `OAUTH_GOOGLE_CLIENT_SECRET`",
    "login.microsoftonline.com": "`OAUTH_MICROSOFT_CLIENT_ID` and `OAUTH_MICROSOFT_CLIENT_SECRET`",
}
#: Tenant that is used where the operator names none → what to do about that setting.
_TENANTS: Final[dict[str, str]] = {
    "consumers": (
        "Set no tenant: `consumers` is used here. A company's ID in `OAUTH_MICROSOFT_TENANT` counts for [Microsoft 365]"
        "(microsoft_365.md) alone."
    ),
    "organizations": (
        "Put the «Directory (tenant) ID» into `OAUTH_MICROSOFT_TENANT` when the app is for one tenant alone; leave it "
        "empty when it is for several: `organizations` is then used here."
    ),
}
_NO_APP: Final = "None can be registered by just anybody, as far as known: use the password above."
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
_TABS_CHECK: Final[dict[Tabs, str]] = {
    Tabs.GMAIL: "The line «Tabs» must not say «switched off in this account»: set the inbox type as said above.",
    Tabs.FOLDERS: "The folders that stand for inbox tabs must be listed as «Inbox tab».",
}
_FOUR: Final = "After four refusals within an hour we wait."
_IF_REFUSED: Final = (
    "If the login is refused, sign in on the web with the same password, look for a warning there, and look again "
    f"whether IMAP is switched on. {_FOUR}"
)
_IF_APP_PASSWORD_REFUSED: Final = (
    "If the login is refused, it is nearly always the account's password in place of the app password, or an app "
    f"password that ended: make a new one. {_FOUR}"
)
_IF_TOKEN_REFUSED: Final = (
    "If the login is refused although «Connect» worked, IMAP is switched off for the mailbox, or somebody else than "
    "the seed signed in."
)
_IF_BRIDGE_REFUSED: Final = (
    "If nothing answers, the bridge is not running or its address is missing in `NETGUARD_ALLOW`; if the login is "
    f"refused, it is the account's password in place of the bridge's. {_FOUR}"
)
_OWN_DOMAINS: Final = frozenset({Kind.BUSINESS, Kind.HOSTING})
#: A domain of the reader's own.
_OWN: Final = "your-domain.example"
_HOST_FIRST: Final = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+ \(")
_GENERATED: Final = (
    "Generated from `placement/providers/catalog/` by `python -m placement.providers.seed_guides docs/seeds`; do not "
    "edit. What all seeds have in common: [README](README.md)."
)


def guide(provider: Provider) -> str:
    """The page of one provider that has mailboxes."""
    parts = [f"# A seed at {provider.name}", _GENERATED, _facts(provider), _LEGEND]
    ways_in = enumerate(_ways_in(provider), 1)
    parts += [_section(f"{number}. {title}", text) for number, (title, text) in ways_in]
    parts += [
        _section("Leave empty", _bullets([*_EMPTY, *(f"Where: {_told(step)}" for step in provider.auth.leave_empty)])),
        _section("Add it", _added(provider)),
        _section("Check it", _checked(provider)),
        _section("Keep it alive", _alive(provider)),
    ]
    parts += [_section("For technicians", _bullets(_technical(provider)))]
    return "\n\n".join(parts) + "\n"


def _technical(provider: Provider) -> Iterable[str]:
    yield from map(_sentence, provider.notes)
    if provider.unverified:
        yield f"Nobody verified: {', '.join(f'`{one}`' for one in provider.unverified)}."


def guides(providers: Iterable[Provider]) -> dict[str, str]:
    """File name → text, for every provider that can hold a seed."""
    return {f"{one.id}.md": guide(one) for one in providers if one.has_mailboxes}


def _facts(provider: Provider) -> str:
    imap = provider.imap
    assert imap is not None
    login = "the whole address" if imap.username == "email" else "the part before the @"
    lines = [
        f"IMAP at `{imap.host.replace('{domain}', _OWN)}:{imap.port}` ({imap.tls.value}), login: "
        f"{login}{_mark(provider, 'imap')}.",
        f"Addresses: {', '.join(map(_domain, provider.domains[:8])) or 'of your own domain'}.",
        f"Spam folder: {', '.join(f'`{name}`' for name in provider.junk_names[:3])}{_mark(provider, 'junk_names')}. "
        f"{_TABS[provider.tabs]}",
    ]
    return _bullets([*lines, *([_stop(_remark(imap.note))] if imap.note else [])])


def _remark(note: str) -> str:
    return f"Other server: {note}" if _HOST_FIRST.match(note) else f"Note: {note}"


def _domain(domain: str) -> str:
    """`.example` stands for every subdomain of example."""
    return f"`@your-name{domain}`" if domain.startswith(".") else f"`@{domain}`"


def _ways_in(provider: Provider) -> Iterable[tuple[str, str]]:
    """The numbered sections: what a person does at the provider, in this order."""
    auth = provider.auth
    yield "Create the mailbox", _created(provider)
    yield (
        "Let IMAP in",
        f"{_sign_in(provider)}{_mark(provider, 'auth.required')}\n\n{_numbered(map(_told, auth.steps or _LOOK))}",
    )
    if auth.app_password:
        yield "App password", _numbered(map(_told, auth.app_password))
    if provider.oauth is None or not any(method in provider.oauth.sasl for method in auth.methods):
        return
    yield "OAuth app", _app(provider, provider.oauth)
    if provider.oauth.app_only:
        yield "Instead: as the application, for a whole company", _app_only(provider.oauth.app_only)


def _created(provider: Provider) -> str:
    page = f"Sign-up page: <{provider.auth.sign_up}> {UNVERIFIED}\n\n" if provider.auth.sign_up else ""
    return f"{page}{_BEFORE[provider.kind]}\n\n{_numbered(map(_told, provider.auth.create))}"


def _sign_in(provider: Provider) -> str:
    auth, closed = provider.auth, provider.oauth is not None and not provider.oauth.steps
    if auth.required is Requirement.APP_PASSWORD and AuthMethod.PASSWORD in auth.methods:
        return "An app password; some accounts still take the password of the account."
    if auth.required is Requirement.APP_PASSWORD_OR_OAUTH2 and closed:
        return _SIGN_IN[Requirement.APP_PASSWORD]
    return _SIGN_IN[auth.required]


def _app(provider: Provider, oauth: OAuth) -> str:
    if not oauth.steps:
        return "\n\n".join([f"{_NO_APP} {UNVERIFIED}", _bullets(map(_sentence, oauth.notes))]).strip()
    own = f'`OAUTH_CLIENTS={{"{provider.id}": {{"client_id": "…", "client_secret": "…"}}}}`'
    shared = _SETTINGS.get(urlsplit(oauth.authorize).hostname or "")
    settings = f"{shared}, or an app for {provider.name} alone into {own}" if shared else own
    steps = [
        *map(_told, oauth.steps),
        *([_TENANTS[oauth.tenant]] if oauth.tenant in _TENANTS else []),
        f"Put client ID and secret into {settings} (the `.env` file, see [settings](../settings.md)), and restart.",
        "Add each seed as said below, press «Connect» on the page of its mailbox, sign in as the seed, and agree.",
    ]
    return (
        f"Once for the whole installation, by its operator; every seed then signs in through it.\n\n{_numbered(steps)}"
    )


def _app_only(app_only: AppOnly) -> str:
    steps = [
        *map(_told, app_only.steps),
        "Put client ID and secret into the settings as above.",
        "Add each seed as said below, open «Connect» on the page of its mailbox as an operator, enter the «Directory "
        "(tenant) ID» under «As the application, for a whole company», and press «Use the application's access».",
    ]
    head = f"Nobody signs in as the seed: an administrator grants `{app_only.permission}` once, for named mailboxes."
    return f"{head}\n\n{_numbered(steps)}"


def _added(provider: Provider) -> str:
    found = "the server is recognised"
    if provider.kind in _OWN_DOMAINS:
        found = f"choose «{provider.name}» under «Mail server», since an address of your own domain says nothing"
    if provider.auth.required is Requirement.OAUTH2:
        instead = " or the application's access is used" if provider.oauth and provider.oauth.app_only else ""
        return (
            f"Admin > Seed accounts > Add: only the address; {found}. Then «Connect» on the page of its mailbox, where "
            f"a person signs in once as the seed{instead}."
        )
    secret = "app password" if _wants_app_password(provider) else "password"
    line = f"address,password,provider\nyou@{_example_domain(provider)},the {secret},{provider.id}"
    return (
        f"{_local_server(provider)}Admin > Seed accounts > Add: address and {secret}; {found}. Many at once as CSV:\n\n"
        f"```\n{line}\n```"
    )


def _local_server(provider: Provider) -> str:
    """A bridge program is dialled on the poller's own machine, under a certificate of its own."""
    if provider.auth.required is not Requirement.BRIDGE or provider.imap is None:
        return ""
    where = f"{provider.imap.host}:{provider.imap.port}"
    steps = (
        f"Set `NETGUARD_ALLOW={where}` for web and workers and restart: without it no private address is dialled. A "
        "check (W001) then warns that such an address is open; that is meant.",
        "Add the seed as below, with the password the bridge shows. The first check says that the certificate is not "
        "trusted.",
        "Open «Password and server» of its mailbox and paste the exported certificate, the whole block from "
        "`-----BEGIN CERTIFICATE-----`, into «own CA certificate»; it is trusted for this mailbox alone.",
    )
    return _numbered(steps) + "\n\n"


def _checked(provider: Provider) -> str:
    """What a person sees when all is well, and where to look when it is not."""
    junk = provider.junk_names[0] if provider.junk_names else "the spam folder"
    command = f"manage.py checkmailbox you@{_example_domain(provider)}"
    lines = [
        "«Check connection» must say «Connected: inbox and spam folder can be read».",
        f"`{command}` shows the same in a terminal, and more: it must list `INBOX: Inbox` and one folder as Spam "
        f"(`{junk}: Spam`, or its name in the mailbox's language).",
        *([_TABS_CHECK[provider.tabs]] if provider.tabs in _TABS_CHECK else []),
        "Send one message to the seed from elsewhere and run it again: the provider is then named under "
        "«Authentication-Results».",
        f"Lines that begin with `!` say where our catalogue is wrong: `{command} --write FILE` writes down what was "
        "seen, without naming anybody; send it to us.",
        _if_refused(provider),
    ]
    return _bullets(lines)


def _if_refused(provider: Provider) -> str:
    match provider.auth.required:
        case Requirement.OAUTH2:
            return _IF_TOKEN_REFUSED
        case Requirement.BRIDGE:
            return _IF_BRIDGE_REFUSED
    return _IF_APP_PASSWORD_REFUSED if _wants_app_password(provider) else _IF_REFUSED


def _wants_app_password(provider: Provider) -> bool:
    auth = provider.auth
    return auth.required is Requirement.APP_PASSWORD or AuthMethod.PASSWORD not in auth.methods


def _example_domain(provider: Provider) -> str:
    return _OWN if provider.kind in _OWN_DOMAINS or not provider.domains else provider.domains[0]


def _alive(provider: Provider) -> str:
    limits = provider.limits
    lines = [f"Sign in to its web pages every few months: a poll over IMAP may not count as use {UNVERIFIED}."]
    if limits.inactive_days:
        mark = _mark(provider, "limits.inactive_days")
        lines.append(f"It is closed after about {limits.inactive_days} days without a web login{mark}.")
    if limits.window_messages:
        mark = _mark(provider, "limits.window_messages")
        lines.append(
            f"IMAP shows only the newest {limits.window_messages} messages of a folder{mark}: empty it long before "
            "(`manage.py purgeseeds`)."
        )
    if limits.window_days:
        mark = _mark(provider, "limits.window_days")
        lines.append(
            f"IMAP shows only the last {limits.window_days} days, a setting of the account{mark}: choose «all»."
        )
    if limits.connections:
        mark = _mark(provider, "limits.connections")
        lines.append(f"About {limits.connections} connections at once for an account{mark}.")
    return _bullets(lines)


def _told(step: Step) -> str:
    """A step with what it rests on."""
    text = _stop(step.text)
    if step.verified:
        return f"{text} (source: {step.source})"
    if step.source.startswith("https://"):
        return f"{text} {UNVERIFIED[:-2]}; [{urlsplit(step.source).hostname}]({step.source}))*"
    return f"{text} {UNVERIFIED}"


def _mark(provider: Provider, name: str) -> str:
    """Says so where the catalogue lists this field, or the table it stands in, as unverified."""
    fields = {remark.partition(":")[0] for remark in provider.unverified}
    return f" {UNVERIFIED}" if fields & {name, name.partition(".")[0]} else ""


def _sentence(text: str) -> str:
    return _stop(text[:1].upper() + text[1:])


def _stop(text: str) -> str:
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
