"""A survey of one mailbox: what its provider really does, beside what the catalogue says, with nobody's name in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from placement import folders as placement_folders
from placement.headers import Headers
from placement.headers.trust import claims as stated_results
from placement.mailbox import ImapMailbox
from placement.providers import Provider
from placement.providers.gmail import ANY_TAB_QUERY, TAB_QUERIES, inbox_has_tabs
from placement.vocabulary import Folder, FolderRole, FolderStatus, RoleSource
from seedtest.models.mailboxes import Mailbox
from seedtest.services import checking

#: Messages of a folder that are looked at, and the span of UIDs they are looked for in.
NEWEST, SPAN = 20, 60
#: Names that the server or a table gave a folder; one that a person gave may say who they are.
_NAMED_BY_OTHERS = (RoleSource.STANDARD, RoleSource.SPECIAL_USE, RoleSource.PROVIDER, RoleSource.LOCALISED)
#: RFC 6154, and what Gmail adds (RFC 8457).
_SPECIAL_USES = frozenset(("\\all", "\\archive", "\\drafts", "\\flagged", "\\important", "\\junk", "\\sent", "\\trash"))
_CAPABILITY = re.compile(r"[A-Z0-9][A-Z0-9=+:._/-]{0,60}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class SeenFolder:
    role: str
    source: str
    name: str  # "" where a person may have chosen it
    flags: tuple[str, ...]  # special uses only


@dataclass(frozen=True, slots=True)
class SeenResults:
    """One writer of Authentication-Results."""

    authserv_id: str  # "" = written without one
    methods: tuple[str, ...]
    messages: int
    in_catalogue: bool


@dataclass(frozen=True, slots=True)
class Findings:
    """What goes into the file: no address, no subject, no secret, no folder or host that is somebody's own."""

    provider: str
    checked_on: str
    sign_in: str
    capabilities: tuple[str, ...] = ()
    folders: tuple[SeenFolder, ...] = ()
    other_folders: int = 0
    quota_told: bool = False
    tabs: Mapping[str, int] = field(default_factory=dict)  # tab → messages among the newest of INBOX
    tabs_switched_on: bool | None = None
    messages_read: int = 0
    results: tuple[SeenResults, ...] = ()
    results_of_others: int = 0

    def as_document(self) -> dict[str, Any]:
        return {"format": "seedtest checkmailbox 1", **asdict(self)}


@dataclass(frozen=True, slots=True)
class Survey:
    report: checking.ConnectionReport
    findings: Findings | None  # None where we did not get in
    differences: tuple[str, ...] = ()  # from the catalogue, in words


def survey(mailbox: Mailbox, *, now: datetime) -> Survey:
    """Signs in once, under the mailbox's lease and its account's budget of logins. Changes nothing in the mailbox."""
    provider, found = mailbox.catalog_entry, list[Findings]()

    def gather(session: ImapMailbox) -> None:
        found.append(_gather(session, provider, str(mailbox.auth_kind), now.date()))

    report = checking.check_connection(mailbox, now=now, also=gather)
    if not found or not report.capabilities:
        return Survey(report, None)
    return Survey(report, found[0], tuple(_differences(found[0], provider)))


def _gather(session: ImapMailbox, provider: Provider, sign_in: str, today: date) -> Findings:
    listed = session.list_folders()[: checking.MAX_FOLDERS]
    tabs = [(one.name, one.tab) for one in provider.category_folders]
    folders = placement_folders.assign(listed, junk_names=provider.junk_names, category_folders=tabs)
    flags = {one.raw_name: one.attributes for one in listed}
    known = [folder for folder in folders if folder.role is not FolderRole.OTHER]
    statuses = _statuses(session, folders, {one.raw_name: one.status for one in listed})
    blocks = [block for some in _newest(session, folders, statuses).values() for block in some.values()]
    results, others = _results(blocks, provider)
    counted, switched_on = _tabs(session, folders, statuses)
    return Findings(
        provider=provider.id,
        checked_on=today.isoformat(),
        sign_in=sign_in,
        capabilities=tuple(sorted(word for word in session.capabilities if _CAPABILITY.fullmatch(word)))[:200],
        folders=tuple(_seen(folder, flags[folder.raw_name]) for folder in known),
        other_folders=len(folders) - len(known),
        quota_told=session.quota() is not None,
        tabs=counted,
        tabs_switched_on=switched_on,
        messages_read=len(blocks),
        results=results,
        results_of_others=others,
    )


def _seen(folder: Folder, flags: Iterable[str]) -> SeenFolder:
    named = folder.source in _NAMED_BY_OTHERS and "@" not in folder.name
    special = tuple(sorted(flag for flag in flags if flag in _SPECIAL_USES))
    return SeenFolder(folder.role.value, folder.source.name.lower(), folder.name if named else "", special)


def _statuses(
    session: ImapMailbox, folders: Sequence[Folder], told: Mapping[bytes, FolderStatus | None]
) -> dict[bytes, FolderStatus]:
    watched = [folder.raw_name for folder in folders if folder.watched]
    silent = [name for name in watched if told.get(name) is None]
    asked = session.status(silent) if silent else {}
    both = {name: told.get(name) or asked.get(name) for name in watched}
    return {name: status for name, status in both.items() if status is not None}


def _newest(
    session: ImapMailbox, folders: Sequence[Folder], statuses: Mapping[bytes, FolderStatus]
) -> dict[bytes, dict[int, bytes]]:
    """Folder → UID → header block, of the newest messages of the watched folders."""
    ranges = [
        (name, max(1, status.uidnext - SPAN), status.uidnext - 1)
        for name, status in statuses.items()
        if status.uidnext > 1 and status.messages != 0
    ]
    answers = session.fetch_ranges(ranges)
    return {one.raw_name: {message.uid: message.header_block for message in one.found[-NEWEST:]} for one in answers}


def _results(blocks: Sequence[bytes], provider: Provider) -> tuple[tuple[SeenResults, ...], int]:
    """Who wrote Authentication-Results, and how many were written by others: their names are senders' names."""
    messages: Counter[str] = Counter()
    methods: dict[str, set[str]] = {}
    others = 0
    for block in blocks:
        stated = stated_results(Headers.parse(block))
        own = [one for one in stated if _is_the_providers(one.value.authserv_id.lower(), provider)]
        others += len(stated) - len(own)
        messages.update({one.value.authserv_id.lower() for one in own})
        for one in own:
            methods.setdefault(one.value.authserv_id.lower(), set()).update(one.methods)
    seen = (
        SeenResults(name, tuple(sorted(methods[name])), count, provider.wrote(name))
        for name, count in messages.most_common(50)
    )
    return tuple(seen), others


def _is_the_providers(authserv_id: str, provider: Provider) -> bool:
    if provider.wrote(authserv_id):
        return True
    own = [domain.strip(".") for domain in (*provider.domains, *provider.mx_suffixes)]
    named = bool(_HOST.fullmatch(authserv_id))
    return named and any(authserv_id == domain or authserv_id.endswith(f".{domain}") for domain in own)


def _tabs(
    session: ImapMailbox, folders: Sequence[Folder], statuses: Mapping[bytes, FolderStatus]
) -> tuple[dict[str, int], bool | None]:
    """Gmail is asked; elsewhere a tab is a folder or cannot be seen."""
    inbox = next((one for one in folders if one.role is FolderRole.INBOX and one.raw_name in statuses), None)
    if inbox is None or "X-GM-EXT-1" not in session.capabilities:
        return dict(Counter(folder.tab.value for folder in folders if folder.tab)), None
    last = statuses[inbox.raw_name].uidnext - 1
    uids = range(max(1, last - SPAN + 1), last + 1)
    if not uids:
        return {}, None
    answers, opened = session.gmail_search(inbox.raw_name, uids, [query for _, query in TAB_QUERIES], ANY_TAB_QUERY)
    if opened.error is not None:
        return {}, None
    counted = {tab.value: len(answers[query]) for tab, query in TAB_QUERIES if answers[query]}
    return counted, inbox_has_tabs(len(opened.found), opened.exists)


def _differences(found: Findings, provider: Provider) -> Iterator[str]:
    """What the catalogue should be told."""
    junk = [folder for folder in found.folders if folder.role == FolderRole.JUNK]
    marked = any("\\junk" in folder.flags for folder in junk)
    if not junk:
        yield "No spam folder was found. The catalogue's junk_names may lack its name, or IMAP does not show it."
    if provider.special_use is not None and junk and provider.special_use != marked:
        yield f"special_use: the catalogue says {provider.special_use}, this server {marked}."
    for folder in junk:
        if folder.name and folder.name not in provider.junk_names:
            yield f"junk_names: the catalogue lacks {folder.name!r}."
    for one in found.results:
        if not one.in_catalogue:
            yield f"authserv_ids: the catalogue lacks {one.authserv_id!r}."
    if provider.limits.idle is not None and provider.limits.idle != ("IDLE" in found.capabilities):
        yield f"limits.idle: the catalogue says {provider.limits.idle}, this server the opposite."
