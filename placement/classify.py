"""A folder and its tab → a verdict that names its evidence and its rank. The folder decides, headers only explain."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from placement.vocabulary import Folder, FolderRole, Placement, Reason, RoleSource, Tab, Verdict

_MAX_SHOWN: Final = 80

_PLACEMENTS: Final = {
    FolderRole.INBOX: (Placement.INBOX, Reason.FOLDER),
    FolderRole.CATEGORY: (Placement.INBOX, Reason.FOLDER),
    FolderRole.JUNK: (Placement.SPAM, Reason.FOLDER),
    FolderRole.ALL: (Placement.OTHER, Reason.ARCHIVED),
    FolderRole.TRASH: (Placement.OTHER, Reason.IN_TRASH),
}

#: What a missing tab means for a message in the inbox itself, by how the provider exposes tabs.
_TAB_WITHOUT_ANSWER: Final = {
    "gmail": Tab.UNKNOWN,
    "folders": Tab.PRIMARY,
    "not_exposed": Tab.NOT_EXPOSED,
    "none": Tab.OFF,
}

#: The flag a server would have given; the names RFC 6154 and RFC 8457 use.
_FLAGS: Final = {
    FolderRole.JUNK: "\\Junk",
    FolderRole.TRASH: "\\Trash",
    FolderRole.ALL: "\\All",
    FolderRole.SENT: "\\Sent",
    FolderRole.DRAFTS: "\\Drafts",
    FolderRole.FLAGGED: "\\Flagged",
    FolderRole.IMPORTANT: "\\Important",
    FolderRole.OTHER: "\\Archive",
}

_SAID_BY: Final = {
    RoleSource.OPERATOR: 'The operator set the folder "{name}" as {role}.',
    RoleSource.STANDARD: 'It stands in "{name}", which every IMAP server uses as the inbox.',
    RoleSource.SPECIAL_USE: 'The server flags the folder "{name}" as {flag}.',
    RoleSource.PROVIDER: 'This provider is known to use the folder "{name}" as {role}.',
    RoleSource.LOCALISED: 'The folder is called "{name}", a usual name of {role}.',
    RoleSource.GUESS: 'The name of the folder "{name}" looks like {role}; nothing else says so.',
    RoleSource.NONE: 'It stands in the folder "{name}", which is neither the inbox nor a junk folder.',
}

_ROLE_WORDS: Final = {
    FolderRole.INBOX: "the inbox",
    FolderRole.JUNK: "its junk folder",
    FolderRole.CATEGORY: "an inbox category",
    FolderRole.OTHER: "an ordinary folder",
    FolderRole.TRASH: "the trash",
    FolderRole.ALL: "the archive of all mail",
    FolderRole.SENT: "the folder of sent mail",
    FolderRole.DRAFTS: "the folder of drafts",
    FolderRole.FLAGGED: "the folder of flagged mail",
    FolderRole.IMPORTANT: "the folder of important mail",
}

#: Current placement (HOUSE.md, "Polling" 10): a label copy further down is no move.
_ORDER: Final = (Placement.INBOX, Placement.OTHER, Placement.SPAM)


def classify(folder: Folder, *, tab: Tab | None, tabs: str) -> Verdict:
    """`tab` is what the provider answered for this message; `tabs` how it exposes tabs: gmail, folders, …"""
    placement, reason = _PLACEMENTS.get(folder.role, (Placement.OTHER, Reason.FOLDER))
    return Verdict(
        placement=placement,
        tab=_tab(folder, tab, tabs),
        folder=folder.name,
        role=folder.role,
        source=folder.source,
        reason=reason,
        evidence=_evidence(folder),
    )


def best(verdicts: Iterable[Verdict]) -> Verdict | None:
    """The current placement among several places: inbox > category > other > spam > trash."""
    return min(verdicts, key=height, default=None)


def _tab(folder: Folder, tab: Tab | None, tabs: str) -> Tab:
    if folder.role is FolderRole.CATEGORY:
        return tab or folder.tab or Tab.UNKNOWN
    if folder.role is FolderRole.INBOX:
        return tab or _TAB_WITHOUT_ANSWER.get(tabs, Tab.UNKNOWN)
    return Tab.OFF if tabs == "none" else Tab.NOT_EXPOSED


def _evidence(folder: Folder) -> str:
    return _SAID_BY[folder.source].format(
        name=_shown(folder.name), role=_ROLE_WORDS[folder.role], flag=_FLAGS.get(folder.role, "its own")
    )


def _shown(name: str) -> str:
    """Hostile names end on a screen: no control or bidirectional characters, one short line."""
    printable = "".join(char if char.isprintable() else "\ufffd" for char in name[: _MAX_SHOWN + 1])
    return printable if len(printable) <= _MAX_SHOWN else printable[:_MAX_SHOWN] + "…"


def height(verdict: Verdict) -> tuple[int, bool]:
    """Sort key of current placement: the smallest is the highest place."""
    if verdict.role is FolderRole.TRASH:
        return len(_ORDER), False
    known = verdict.placement in _ORDER
    place = _ORDER.index(verdict.placement) if known else len(_ORDER)
    return place, verdict.role is FolderRole.CATEGORY
