"""docs/providers.md out of the catalogue: `python -m placement.providers.document > docs/providers.md`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

from placement.providers.model import ImapEndpoint, Provider, SubaddressStatus, Tabs
from placement.providers.registry import shipped

_TABS: Final = {
    Tabs.GMAIL: "by search",
    Tabs.FOLDERS: "folders",
    Tabs.NOT_EXPOSED: "not over IMAP",
    Tabs.NONE: "–",
}
_SUBADDRESS: Final = {
    SubaddressStatus.VERIFIED: "verified",
    SubaddressStatus.UNVERIFIED: "unverified",
    SubaddressStatus.NO: "no",
}
_COLUMNS: Final[tuple[tuple[str, Callable[[Provider], str]], ...]] = (
    ("id", lambda provider: f"`{provider.id}`"),
    ("name", lambda provider: provider.name),
    ("kind", lambda provider: provider.kind.value),
    ("IMAP", lambda provider: _endpoint(provider.imap)),
    ("log in with", lambda provider: ", ".join(provider.auth.methods) or "–"),
    ("junk folder", lambda provider: ", ".join(provider.junk_names) or "–"),
    ("tabs", lambda provider: _TABS[provider.tabs]),
    ("Authentication-Results by", lambda provider: _authserv(provider)),
    ("subaddress", lambda provider: _SUBADDRESS[provider.subaddress.status] if provider.imap else "–"),
    ("unverified", lambda provider: ", ".join(_unverified_fields(provider)) or "–"),
)
_HEAD: Final = """\
# Mailbox providers

Generated from `placement/providers/catalog/` by `python -m placement.providers.document`; do not edit.
{mailboxes} mailbox providers and {gateways} gateways (filters in front of somebody else's mailbox: recognised by MX,
never a seed). Any other server is the entry `generic`. How to add one: [add-a-provider.md](add-a-provider.md).

*Unverified* fields come from documents or hearsay and were not seen on a live account. No subaddress was tried on a
live account yet, so plus-addresses are not used to recognise a test anywhere.

"""


def providers_page(providers: tuple[Provider, ...]) -> str:
    mailboxes = sum(provider.has_mailboxes for provider in providers)
    head = _HEAD.format(mailboxes=mailboxes, gateways=len(providers) - mailboxes)
    titles = [title for title, _ in _COLUMNS]
    rows = [[column(provider) for _, column in _COLUMNS] for provider in providers]
    return head + "\n".join(map(_row, (titles, ["---"] * len(titles), *rows))) + "\n"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _endpoint(imap: ImapEndpoint | None) -> str:
    return f"{imap.host}:{imap.port} {imap.tls.value}" if imap else "–"


def _authserv(provider: Provider) -> str:
    names = [f"`{pattern.pattern}`" for pattern in provider.authserv_ids]
    nameless = ["no name"] if provider.ar_style.missing_authserv_id else []
    return ", ".join((*nameless, *names)) or "none known"


def _unverified_fields(provider: Provider) -> list[str]:
    return list(dict.fromkeys(remark.partition(":")[0] for remark in provider.unverified))


if __name__ == "__main__":
    sys.stdout.write(providers_page(shipped().all_providers()))
