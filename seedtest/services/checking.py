"""Check connection: sign in to one mailbox now, say what was found in words, and keep its folders and state."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from placement import folders as placement_folders
from placement.diagnosis import REASONS
from placement.errors import PlacementError
from placement.mailbox import ImapMailbox, shared_ssl_context
from placement.vocabulary import Folder, FolderRole, FolderStatus, ListedFolder, Reason, RoleSource
from seedtest import netguard
from seedtest.models import FolderCursor, Mailbox
from seedtest.models.mailboxes import MailboxState
from seedtest.services import polling

#: A person is waiting for the page.
DEADLINE_SECONDS = 20.0
_LEASE = timedelta(seconds=DEADLINE_SECONDS + 20)
#: Folder names a hostile server may send; the page shows no more.
MAX_FOLDERS = 1000

ROLE_WORDS: Mapping[FolderRole, str] = {
    FolderRole.INBOX: "Inbox",
    FolderRole.JUNK: "Spam",
    FolderRole.CATEGORY: "Inbox tab",
    FolderRole.OTHER: "Other folder",
    FolderRole.TRASH: "Trash",
    FolderRole.ALL: "All mail (not read: it repeats the others)",
    FolderRole.SENT: "Sent (not read)",
    FolderRole.DRAFTS: "Drafts (not read)",
    FolderRole.FLAGGED: "Starred (not read: it repeats the others)",
    FolderRole.IMPORTANT: "Important (not read: it repeats the others)",
}
SOURCE_WORDS: Mapping[RoleSource, str] = {
    RoleSource.NONE: "nothing says more",
    RoleSource.GUESS: "guessed from its name; please confirm",
    RoleSource.LOCALISED: "its name is a usual one in some language",
    RoleSource.PROVIDER: "this provider always calls it so",
    RoleSource.SPECIAL_USE: "the server says so",
    RoleSource.STANDARD: "the standard says so",
    RoleSource.OPERATOR: "you said so",
}
#: Capabilities that change how well we can look, in words.
_CAPABILITY_WORDS = {
    "SPECIAL-USE": "tells which folder is spam",
    "LIST-STATUS": "answers for all folders at once",
    "X-GM-EXT-1": "shows Gmail's inbox tabs",
    "OBJECTID": "follows a message when it is moved",
    "QUOTA": "tells how full the mailbox is",
    "CONDSTORE": "tells what has changed",
}


@dataclass(frozen=True, slots=True)
class CheckedFolder:
    name: str
    role: str
    source: str
    messages: int | None
    selectable: bool
    watched: bool


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """What one look into a mailbox found, ready to be shown. Holds no secret."""

    ok: bool
    title: str
    means: str
    next: str
    reason: Reason = Reason.NONE
    detail: str = ""  # the server's own words
    capabilities: tuple[str, ...] = ()
    abilities: tuple[str, ...] = ()
    folders: tuple[CheckedFolder, ...] = ()
    junk_visible: bool | None = None
    quota: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Look:
    capabilities: frozenset[str]
    listed: tuple[ListedFolder, ...]
    quota: float | None


_BAD_CA = "The mailbox's own CA certificate cannot be read. Paste the whole PEM block, or leave the field empty."
_BUSY = ConnectionReport(
    ok=False,
    title="The mailbox is being read right now",
    means="Another look into this mailbox has not finished. Two at once could hit the provider's limits.",
    next="Try again in a minute.",
)


def check_connection(mailbox: Mailbox, *, now: datetime) -> ConnectionReport:
    """Sign in, list the folders, and save what was learnt. Never raises for anything the server does."""
    epoch = _lease(mailbox, now)
    if epoch is None:
        return _BUSY
    started = time.monotonic()
    try:
        report, look = _report(mailbox)
    except BaseException:
        _release(mailbox, epoch)
        raise
    report = replace(report, seconds=round(time.monotonic() - started, 1))
    _save(mailbox, epoch, report, look, now)
    return report


def _lease(mailbox: Mailbox, now: datetime) -> int | None:
    """The mailbox's lease is its connection limit: a poll and a person's check never sign in at the same time."""
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    taken = Mailbox.objects.filter(free, pk=mailbox.pk).update(
        lease_epoch=F("lease_epoch") + 1, lease_until=now + _LEASE, lease_owner="check connection"
    )
    if not taken:
        return None
    mailbox.refresh_from_db()
    return mailbox.lease_epoch


def _release(mailbox: Mailbox, epoch: int) -> None:
    Mailbox.objects.filter(pk=mailbox.pk, lease_epoch=epoch).update(lease_until=None, lease_owner="")


def _report(mailbox: Mailbox) -> tuple[ConnectionReport, _Look | None]:
    overrides = _overrides(mailbox)
    try:
        login = polling.login_of(mailbox)
        context = shared_ssl_context(ca_pem=mailbox.ca_pem or None)
        polling.release_connection()  # no database connection is held while a mail server thinks
        with ImapMailbox.open(
            login, dial=netguard.dial, deadline_seconds=DEADLINE_SECONDS, ssl_context=context
        ) as session:
            look = _look(session)
    except ssl.SSLError:
        return failure(Reason.MAILBOX_UNREACHABLE, _BAD_CA), None
    except PlacementError as error:
        return failure(error.reason or Reason.MAILBOX_UNREACHABLE, str(error)), None
    return _success(mailbox, look, overrides), look


def _overrides(mailbox: Mailbox) -> dict[str, FolderRole]:
    rows = mailbox.folders.exclude(operator_role="").values_list("name", "operator_role")
    return {name: FolderRole(role) for name, role in rows}


def _look(session: ImapMailbox) -> _Look:
    listed = session.list_folders()[:MAX_FOLDERS]
    silent = [folder.raw_name for folder in listed if folder.selectable and folder.status is None]
    answered = session.status(silent) if silent else {}
    listed = [replace(one, status=one.status or answered.get(one.raw_name)) for one in listed]
    return _Look(session.capabilities, tuple(listed), session.quota())


def failure(reason: Reason, detail: str = "") -> ConnectionReport:
    """A report for a look that did not succeed, in the words of placement.diagnosis."""
    words = REASONS[reason]
    return ConnectionReport(
        ok=False, title=words.title, means=words.what_happened, next=words.what_next, reason=reason, detail=detail
    )


def _success(mailbox: Mailbox, look: _Look, overrides: Mapping[str, FolderRole]) -> ConnectionReport:
    assigned = _assign(mailbox, look, overrides)
    visible = placement_folders.junk_visible(assigned)
    statuses = {one.raw_name: one.status for one in look.listed}
    report = ConnectionReport(
        ok=True,
        title="Connected: inbox and spam folder can be read",
        means="New messages in these folders are found and counted.",
        next="Nothing to do.",
        capabilities=tuple(sorted(look.capabilities)),
        abilities=tuple(words for name, words in _CAPABILITY_WORDS.items() if name in look.capabilities),
        folders=tuple(_checked(folder, statuses.get(folder.raw_name)) for folder in assigned),
        junk_visible=visible,
        quota=look.quota,
    )
    if visible:
        return report
    words = REASONS[Reason.JUNK_NOT_VISIBLE]
    return replace(
        report, title="Connected, but the spam folder cannot be seen", reason=Reason.JUNK_NOT_VISIBLE,
        means="We can see the inbox, but a message that is not there may be in spam or missing: it is left out.",
        next=words.what_next,
    )  # fmt: skip


def _assign(mailbox: Mailbox, look: _Look, overrides: Mapping[str, FolderRole]) -> list[Folder]:
    provider = mailbox.catalog_entry
    return placement_folders.assign(
        look.listed,
        junk_names=provider.junk_names,
        category_folders=[(one.name, one.tab) for one in provider.category_folders],
        overrides=overrides,
    )


def _checked(folder: Folder, status: FolderStatus | None) -> CheckedFolder:
    return CheckedFolder(
        name=folder.name,
        role=ROLE_WORDS[folder.role] if folder.selectable else "Only holds other folders",
        source=SOURCE_WORDS[folder.source],
        messages=status.messages if status else None,
        selectable=folder.selectable,
        watched=folder.watched,
    )


def _save(mailbox: Mailbox, epoch: int, report: ConnectionReport, look: _Look | None, now: datetime) -> None:
    with transaction.atomic():
        ours = Mailbox.objects.filter(pk=mailbox.pk, lease_epoch=epoch)
        if not ours.update(lease_until=None, lease_owner="", **_state(mailbox, report, now)):
            return  # somebody else leads this mailbox by now, and knows more
        if look is not None:
            _save_folders(mailbox, look, now)
    mailbox.refresh_from_db()


def _state(mailbox: Mailbox, report: ConnectionReport, now: datetime) -> dict[str, object]:
    reason, detail = report.reason.value, report.detail[:2000]
    if report.ok:
        state = MailboxState.HEALTHY if report.junk_visible else MailboxState.DEGRADED
        facts = {"junk_visible": report.junk_visible, "quota_used": report.quota, "backoff_until": None}
        found = {"last_good_poll_at": now, "fail_count": 0, "attempts": 0, "next_poll_at": now}
        return _kept_off(mailbox, {"state": state, "state_reason": reason, "state_detail": detail, **facts, **found})
    lost = report.reason in (Reason.AUTH_FAILED, Reason.SECRET_UNREADABLE)
    # That the server is down today does not make a refused password good.
    lost = lost or mailbox.state == MailboxState.NEEDS_SIGN_IN
    state = MailboxState.NEEDS_SIGN_IN if lost else MailboxState.DEGRADED
    values = {"state": state, "state_reason": reason, "state_detail": detail, "last_failed_poll_at": now}
    return _kept_off(mailbox, values)


def _kept_off(mailbox: Mailbox, values: dict[str, object]) -> dict[str, object]:
    # A check reads folder names only: it puts nothing back to work that was switched off or set aside.
    off = mailbox.state in (MailboxState.DISABLED, MailboxState.QUARANTINED)
    return {**values, "state": mailbox.state, "state_reason": mailbox.state_reason} if off else values


def _save_folders(mailbox: Mailbox, look: _Look, now: datetime) -> None:
    """Roles are brought up to date; a cursor is set only where there is none: it may never jump over unread mail."""
    statuses = {one.raw_name: one.status for one in look.listed}
    known = {row.name: row for row in mailbox.folders.all()}
    for folder in _assign(mailbox, look, _overrides(mailbox)):
        name = folder.name.replace("\x00", "�")[:512]
        row = known.get(name) or FolderCursor(mailbox=mailbox, name=name)
        row.role, row.source, row.selectable, row.seen_at = (
            folder.role.value,
            int(folder.source),
            folder.selectable,
            now,
        )
        status = statuses.get(folder.raw_name)
        if status and folder.watched and row.uidvalidity is None:
            row.uidvalidity, row.uidnext = status.uidvalidity, status.uidnext
        row.save()
        known[name] = row
