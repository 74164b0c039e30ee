"""Check connection: sign in to one mailbox now, say what was found in words, and keep its folders and state."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from placement import folders as placement_folders
from placement.diagnosis import REASONS
from placement.errors import PlacementError
from placement.mailbox import ImapMailbox, shared_ssl_context
from placement.vocabulary import Folder, FolderRole, FolderStatus, ListedFolder, Reason, RoleSource
from seedtest.models import FolderCursor, Mailbox, claims
from seedtest.models.mailboxes import FULL, MailboxState
from seedtest.services import backing_off, pacing, signing_in, states, ways_out
from seedtest.services.idle_database import release_connection

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


_PATIENCE = timedelta(seconds=5)
_CROWDED = ConnectionReport(
    ok=False,
    title="Other mailboxes at this provider are being read right now",
    means="We open only so many sessions at a provider at once, so that it does not take us for a break-in.",
    next="Try again in a minute.",
)
_BUSY = ConnectionReport(
    ok=False,
    title="The mailbox is being read right now",
    means="Another look into this mailbox has not finished. Two at once could hit the provider's limits.",
    next="Try again in a minute.",
)


def check_connection(
    mailbox: Mailbox, *, now: datetime, also: Callable[[ImapMailbox], None] | None = None
) -> ConnectionReport:
    """Sign in, list the folders, and save what was learnt. Never raises for anything the server does.

    `also` is called with the open session when the folders are known, and may raise PlacementError.
    """
    epoch = lease(mailbox, now)
    if epoch is None:
        return _BUSY
    if allowed_at := backing_off.login_allowed_at(mailbox, now):
        release(mailbox, epoch)
        return _too_many(mailbox, allowed_at - now)
    started = time.monotonic()
    try:
        outcome = _look_into(mailbox, claims.Claim(mailbox.pk, epoch), also)
    except pacing.NotYet:
        release(mailbox, epoch)
        return _CROWDED
    except BaseException:
        release(mailbox, epoch)
        raise
    report = _failed(mailbox, outcome) if isinstance(outcome, PlacementError) else _success(mailbox, outcome)
    _save(mailbox, epoch, report, outcome, now)
    return replace(report, seconds=round(time.monotonic() - started, 1))


def _too_many(mailbox: Mailbox, wait: timedelta) -> ConnectionReport:
    minutes = int(wait.total_seconds() // 60) + 1
    return ConnectionReport(
        ok=False,
        title="Too many refused logins within an hour",
        means=f"{mailbox.catalog_entry.name} refused us {backing_off.LOGINS_AN_HOUR} times within the hour. Providers "
        "lock accounts that go on trying, so nothing was sent.",
        next=f"Correct the password or connect again now, and check the connection in {minutes} minutes.",
    )


def lease(mailbox: Mailbox, now: datetime) -> int | None:
    """The mailbox's lease is its connection limit: a poll and a person's check never sign in at the same time.

    A session that a worker keeps for the next poll is told to end.
    """
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    taken = Mailbox.objects.filter(free, pk=mailbox.pk).update(
        lease_epoch=F("lease_epoch") + 1,
        lease_until=now + _LEASE,
        lease_owner="check connection",
        session_owner="",
        session_until=None,
    )
    if not taken:
        return None
    mailbox.refresh_from_db()
    return mailbox.lease_epoch


def release(mailbox: Mailbox, epoch: int) -> None:
    Mailbox.objects.filter(pk=mailbox.pk, lease_epoch=epoch).update(lease_until=None, lease_owner="", slot_until=None)


def _look_into(
    mailbox: Mailbox, claim: claims.Claim, also: Callable[[ImapMailbox], None] | None
) -> _Look | PlacementError:
    try:
        login, dial = signing_in.login_of(mailbox, claim), ways_out.dial_of(mailbox)
        context = shared_ssl_context(ca_pem=mailbox.ca_pem or None)
        pacing.take_turn(mailbox, claim, patience=_PATIENCE)
        release_connection()  # no database connection is held while a mail server thinks
        with ImapMailbox.open(login, dial=dial, deadline_seconds=DEADLINE_SECONDS, ssl_context=context) as session:
            look = _look(session)
            if also is not None:
                also(session)
            return look
    except PlacementError as error:
        return error


def _overrides(mailbox: Mailbox) -> dict[str, FolderRole]:
    rows = mailbox.folders.exclude(operator_role="").values_list("name", "operator_role")
    return {name: FolderRole(role) for name, role in rows}


def _look(session: ImapMailbox) -> _Look:
    listed = session.list_folders()[:MAX_FOLDERS]
    silent = [folder.raw_name for folder in listed if folder.selectable and folder.status is None]
    answered = session.status(silent) if silent else {}
    listed = [replace(one, status=one.status or answered.get(one.raw_name)) for one in listed]
    return _Look(session.capabilities, tuple(listed), session.quota())


def _failed(mailbox: Mailbox, error: PlacementError) -> ConnectionReport:
    """A report for a look that did not succeed, in the words of placement.diagnosis."""
    reason = error.reason or Reason.MAILBOX_UNREACHABLE
    words = states.explain(mailbox, reason, backing_off.problem_of(mailbox, error))
    return ConnectionReport(
        ok=False, title=words.title, means=words.what_happened, next=words.what_next, reason=reason, detail=str(error)
    )


def _success(mailbox: Mailbox, look: _Look) -> ConnectionReport:
    assigned = _assign(mailbox, look, _overrides(mailbox))
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
    if not visible:
        return replace(
            report, title="Connected, but the spam folder cannot be seen", reason=Reason.JUNK_NOT_VISIBLE,
            means="We can see the inbox, but a message that is not there may be in spam or missing: it is left out.",
            next=REASONS[Reason.JUNK_NOT_VISIBLE].what_next,
        )  # fmt: skip
    return _full(report, fullness) if (fullness := _fullness(mailbox, report)) >= FULL else report


def _fullness(mailbox: Mailbox, report: ConnectionReport) -> float:
    """0 to 1: of its storage, or of the messages that its provider shows in a folder."""
    window = mailbox.catalog_entry.limits.window_messages
    fullest = max((folder.messages or 0 for folder in report.folders if folder.watched), default=0)
    return max(report.quota or 0.0, fullest / window if window else 0.0)


def _full(report: ConnectionReport, fullness: float) -> ConnectionReport:
    """As a poll judges it: what answers well may still refuse mail, or hide what it has."""
    return replace(
        report, title=f"Connected, but the mailbox is {fullness:.0%} full", reason=Reason.MAILBOX_FULL,
        means="A full mailbox may refuse mail, so a message that is not found proves nothing. The seed is left out of "
        "new tests and exports.",
        next="Delete old messages in this account, then check the connection again.",
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


def _save(
    mailbox: Mailbox, epoch: int, report: ConnectionReport, outcome: _Look | PlacementError, now: datetime
) -> None:
    values = _state(mailbox, report, outcome, now)
    with transaction.atomic():
        ours = Mailbox.objects.filter(pk=mailbox.pk, lease_epoch=epoch)
        if not ours.update(lease_until=None, lease_owner="", slot_until=None, **values):
            return  # somebody else leads this mailbox by now, and knows more
        if isinstance(outcome, _Look):
            _save_folders(mailbox, outcome, now)
    mailbox.refresh_from_db()


def _state(
    mailbox: Mailbox, report: ConnectionReport, outcome: _Look | PlacementError, now: datetime
) -> dict[str, object]:
    if isinstance(outcome, PlacementError):
        signing_in.doubt(mailbox, outcome)
        values = backing_off.after_failure(mailbox, outcome, now)
        healthy = values["state"] in (MailboxState.NEW, MailboxState.HEALTHY)
        return values | ({"state": MailboxState.DEGRADED} if healthy else {})  # a person has just seen that it fails
    state = MailboxState.DEGRADED if report.reason else MailboxState.HEALTHY
    said = {"state": state, "state_reason": report.reason.value, "state_detail": report.detail, "state_problem": ""}
    # The way is free, but only a full poll proves it: the counts of failures stay.
    free = {"backoff_until": None, "auth_backoff_until": None, "attempts": 0, "next_poll_at": now}
    facts = {"junk_visible": report.junk_visible, "quota_used": report.quota, "last_good_poll_at": now}
    return _kept_off(mailbox, said | free | facts)


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
