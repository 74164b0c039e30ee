"""A LIST answer → folders with a role, and how each role is known. A weak guess never outranks the server.

The ranks: operator > INBOX itself > SPECIAL-USE > the provider's own names > localised names > a guess.
Names-only junk folders give way: where the server flags a junk folder, or the provider's own name is there,
a localised or guessed "Spam" is some user's folder (`other`). The provider's own names stay junk beside the
flag: cPanel flags INBOX.Junk and files into INBOX.spam. Folders that cannot be selected decide nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from placement.folder_names import DRAFTS_NAMES, GUESSES, JUNK_NAMES, NOT_JUNK, SENT_NAMES, TRASH_NAMES
from placement.modified_utf7 import decode_name, encode_name
from placement.vocabulary import Folder, FolderRole, ListedFolder, RoleSource, Tab

__all__ = ["assign", "decode_name", "encode_name", "junk_visible"]

#: RFC 6154, RFC 8457 and the older XLIST; the first that is there counts.
_SPECIAL_USE: Final = {
    "\\junk": FolderRole.JUNK,
    "\\spam": FolderRole.JUNK,
    "\\trash": FolderRole.TRASH,
    "\\sent": FolderRole.SENT,
    "\\drafts": FolderRole.DRAFTS,
    "\\all": FolderRole.ALL,
    "\\allmail": FolderRole.ALL,
    "\\flagged": FolderRole.FLAGGED,
    "\\starred": FolderRole.FLAGGED,
    "\\important": FolderRole.IMPORTANT,
    "\\archive": FolderRole.OTHER,
}
_WEAK: Final = frozenset({RoleSource.LOCALISED, RoleSource.GUESS})
_MAX_GUESSED: Final = 200
_MAX_FOLDED: Final = 512


@dataclass(frozen=True, slots=True)
class _Tables:
    """All names folded: NFC, casefolded, decoded."""

    overrides: Mapping[str, FolderRole]
    categories: Mapping[str, Tab]
    junk: frozenset[str]
    localised: Mapping[str, FolderRole]


def assign(
    listed: Sequence[ListedFolder],
    *,
    junk_names: Iterable[str] = (),
    category_folders: Sequence[tuple[str, Tab]] = (),
    overrides: Mapping[str, FolderRole] | None = None,
) -> list[Folder]:
    """One folder a listed raw name, in the order of the server. `overrides` are the operator's, by full name."""
    tables = _tables(tuple((overrides or {}).items()), tuple(category_folders), tuple(junk_names))
    distinct = {one.raw_name: one for one in reversed(listed)}
    folders = [_folder(one, tables) for one in reversed(distinct.values())]
    return _one_inbox(_without_weak_junk(folders))


@lru_cache(maxsize=256)
def _tables(
    overrides: Iterable[tuple[str, FolderRole]], categories: Iterable[tuple[str, Tab]], junk: Iterable[str]
) -> _Tables:
    """Remembered: a provider's are the same for all its mailboxes, look after look."""
    return _Tables(
        overrides={_folded(name): role for name, role in overrides},
        categories={_table_name(name): tab for name, tab in categories},
        junk=frozenset(map(_table_name, junk)),
        localised=_LOCALISED,
    )


def junk_visible(folders: Iterable[Folder]) -> bool:
    return any(folder.role is FolderRole.JUNK and folder.selectable for folder in folders)


def _folder(one: ListedFolder, tables: _Tables) -> Folder:
    full = _folded(one.name)
    names = (full, _last_element(full, one.delimiter))
    role, source = _role(one, names, tables)
    tab = _tab(names, tables) if role is FolderRole.CATEGORY else None
    return Folder(one.raw_name, one.name, role, source, tab, one.selectable)


def _role(one: ListedFolder, names: tuple[str, str], tables: _Tables) -> tuple[FolderRole, RoleSource]:
    full, last = names
    if full in tables.overrides:
        return tables.overrides[full], RoleSource.OPERATOR
    if full == "inbox":
        return FolderRole.INBOX, RoleSource.STANDARD
    flagged = next((role for flag, role in _SPECIAL_USE.items() if flag in one.attributes), None)
    if flagged is not None:
        return flagged, RoleSource.SPECIAL_USE
    if not tables.categories.keys().isdisjoint(names):
        return FolderRole.CATEGORY, RoleSource.PROVIDER
    if not tables.junk.isdisjoint(names):
        return FolderRole.JUNK, RoleSource.PROVIDER
    if last in tables.localised:
        return tables.localised[last], RoleSource.LOCALISED
    if _looks_like_junk(last):
        return FolderRole.JUNK, RoleSource.GUESS
    return FolderRole.OTHER, RoleSource.NONE


def _tab(names: Iterable[str], tables: _Tables) -> Tab:
    return next((tables.categories[name] for name in names if name in tables.categories), Tab.UNKNOWN)


def _looks_like_junk(last: str) -> bool:
    text = last[:_MAX_GUESSED]
    return any(word in text for word in GUESSES) and not any(word in text for word in NOT_JUNK)


def _without_weak_junk(folders: Sequence[Folder]) -> list[Folder]:
    junk = [folder for folder in folders if folder.role is FolderRole.JUNK and folder.selectable]
    strongest = max((folder.source for folder in junk), default=RoleSource.NONE)
    return [
        replace(folder, role=FolderRole.OTHER, source=RoleSource.NONE) if _yields(folder, strongest) else folder
        for folder in folders
    ]


def _yields(folder: Folder, strongest: RoleSource) -> bool:
    return folder.role is FolderRole.JUNK and folder.source in _WEAK and folder.source < strongest


def _one_inbox(folders: Sequence[Folder]) -> list[Folder]:
    """The best known inbox stays; of equals the first."""
    inboxes = [folder for folder in folders if folder.role is FolderRole.INBOX]
    kept = max(inboxes, key=lambda folder: folder.source, default=None)
    return [
        replace(folder, role=FolderRole.OTHER, source=RoleSource.NONE)
        if folder.role is FolderRole.INBOX and folder is not kept
        else folder
        for folder in folders
    ]


def _folded(name: str) -> str:
    """Cut first: ordering a name's combining marks takes quadratic time."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name[:_MAX_FOLDED]).casefold()).strip()


def _table_name(name: str) -> str:
    """Catalogue names stand as the server lists them, so modified UTF-7 is possible."""
    return _folded(decode_name(name.encode("utf-8", "surrogateescape")))


def _last_element(full: str, delimiter: str) -> str:
    return full.rpartition(delimiter)[2].strip() if delimiter else full


_LOCALISED: Final[Mapping[str, FolderRole]] = {
    _folded(name): role
    for role, names in (
        (FolderRole.DRAFTS, DRAFTS_NAMES),
        (FolderRole.SENT, SENT_NAMES),
        (FolderRole.TRASH, TRASH_NAMES),
        (FolderRole.JUNK, JUNK_NAMES),
    )
    for name in names
}
