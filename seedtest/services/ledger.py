"""The ledger of arrivals: what a scan saw, written once, in the transaction that also moves the cursors."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db.models import Q

from placement.vocabulary import Authentication, FolderState, Place, Sighting, Tab
from seedtest.models.mailboxes import Arrival, Evidence, FolderCursor

Ledger = Mapping[Place, Arrival]


def save_folders(mailbox_id: int, states: Iterable[FolderState], now: datetime) -> dict[str, FolderCursor]:
    """Roles, and the cursors of those folders that were read. Returns every folder by name.

    Writes only what changed: most looks find nothing new. The claim keeps others off this mailbox meanwhile.
    """
    saved = {row.name: row for row in FolderCursor.objects.filter(mailbox_id=mailbox_id)}
    new, changed = [], []
    for state in states:
        name = state.folder.name[:512]
        row = saved.get(name)
        if row is None:
            row = saved[name] = FolderCursor(mailbox_id=mailbox_id, name=name, seen_at=now)
            new.append(row)
        if _take_over(row, state) and row.pk:
            row.seen_at = now
            changed.append(row)
    FolderCursor.objects.bulk_create(new, batch_size=200)
    FolderCursor.objects.bulk_update(changed, ["seen_at", *_FOLDER_FIELDS], batch_size=200)
    return saved


_FOLDER_FIELDS = ("role", "source", "selectable", "uidvalidity", "uidnext")


def _take_over(row: FolderCursor, state: FolderState) -> bool:
    """Write the state into the row; True when that changed it."""
    before = [getattr(row, name) for name in _FOLDER_FIELDS]
    row.role, row.source = state.folder.role.value, int(state.folder.source)
    row.selectable = state.folder.selectable
    if state.cursor is not None:
        row.uidvalidity, row.uidnext = state.cursor.uidvalidity, state.cursor.uidnext
    return before != [getattr(row, name) for name in _FOLDER_FIELDS]


def save_arrivals(
    mailbox_id: int, folders: Mapping[str, FolderCursor], sightings: Sequence[Sighting], now: datetime
) -> Ledger:
    """One row a place. A place seen before keeps its row: repeating a scan repeats nothing."""
    if not sightings:
        return {}
    rows = [_arrival(mailbox_id, folders, one, now) for one in sightings if one.place.folder[:512] in folders]
    Arrival.objects.bulk_create(rows, ignore_conflicts=True, batch_size=200)
    return find_places(mailbox_id, [sighting.place for sighting in sightings])


def _arrival(mailbox_id: int, folders: Mapping[str, FolderCursor], one: Sighting, now: datetime) -> Arrival:
    return Arrival(
        mailbox_id=mailbox_id,
        folder=folders[one.place.folder[:512]],
        uidvalidity=one.place.uidvalidity,
        uid=one.place.uid,
        message_key=one.message_key[:80],
        internaldate=one.internaldate,
        size=one.size,
        placement=one.verdict.placement.value,
        tab=one.verdict.tab.value,
        from_domain=one.keys.from_domain[:253],
        subject=_storable(one.keys.subject)[:500],
        token=one.keys.token[:40],
        keys=_keys(one),
        authentication=authentication_json(one.authentication),
        first_seen_at=now,
    )


def _keys(one: Sighting) -> dict[str, Any]:
    keys = one.keys
    campaign = [[_storable(name), _storable(value)] for name, value in keys.campaign]
    return {"campaign": campaign, "feedback_id": _storable(keys.feedback_id), "list_id": _storable(keys.list_id)}


def _storable(text: str) -> str:
    """PostgreSQL stores neither NUL nor lone surrogates; hostile headers hold both."""
    return text.replace("\x00", "�").encode("utf-8", "replace").decode("utf-8")


def authentication_json(read: Authentication) -> dict[str, Any]:
    """The receiver's statements as JSON for the row."""
    return _clean(asdict(read))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, Mapping):
        return {key: _clean(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(one) for one in value]
    return value


def save_evidence(ledger: Ledger, sightings: Iterable[Sighting], now: datetime, *, matched_only: bool) -> None:
    """Header blocks exactly as the server holds them. A mailbox lent to two workspaces keeps only matched ones."""
    rows = [
        Evidence(
            arrival=ledger[one.place],
            header_block=zlib.compress(one.header_block, 6),
            sha256=hashlib.sha256(one.header_block).hexdigest(),
            truncated=one.truncated,
            created_at=now,
        )
        for one in sightings
        if one.place in ledger and (one.match or not matched_only)
    ]
    Evidence.objects.bulk_create(rows, ignore_conflicts=True, batch_size=100)


def stand_elsewhere(mailbox_id: int, sightings: Sequence[Sighting]) -> bool:
    """Whether a message of a test that is known in one place has now been seen in another one."""
    keys = {one.message_key[:80] for one in sightings if one.match}
    if not keys:
        return False
    known = Arrival.objects.filter(mailbox_id=mailbox_id, message_key__in=keys, gone_at=None)
    return known.filter(result__isnull=False).exists()


def header_block(arrival: Arrival) -> bytes:
    """The kept header block, or b"" where retention has deleted it."""
    kept = Evidence.objects.filter(pk=arrival.pk).first()
    return zlib.decompress(bytes(kept.header_block)) if kept else b""


def find_places(mailbox_id: int, places: Sequence[Place]) -> dict[Place, Arrival]:
    """The arrivals that stand (or stood) in these places."""
    if not places:
        return {}
    wanted = set(places)
    by_folder: dict[tuple[str, int], list[int]] = {}
    for place in places:
        by_folder.setdefault((place.folder, place.uidvalidity), []).append(place.uid)
    condition = Q()
    for (folder, uidvalidity), uids in by_folder.items():
        span = {"uid__gte": min(uids), "uid__lte": max(uids)}
        condition |= Q(folder__name=folder[:512], uidvalidity=uidvalidity, **span)
    found = Arrival.objects.filter(condition, mailbox_id=mailbox_id).select_related("folder")
    by_place = {Place(row.folder.name, row.uidvalidity, row.uid): row for row in found}
    return {place: by_place[key] for place in wanted if (key := _stored(place)) in by_place}


def _stored(place: Place) -> Place:
    return Place(place.folder[:512], place.uidvalidity, place.uid)


def mark_gone(mailbox_id: int, places: Sequence[Place], now: datetime) -> list[Arrival]:
    """Known places that hold nothing any more."""
    rows = [row for row in find_places(mailbox_id, places).values() if row.gone_at is None]
    if not rows:
        return []
    Arrival.objects.filter(pk__in=[row.pk for row in rows]).update(gone_at=now)
    return rows


def save_tabs(mailbox_id: int, tabs: Sequence[tuple[Place, Tab]]) -> list[Arrival]:
    """Tabs that were answered on a re-check, where they differ from what was known."""
    ledger = find_places(mailbox_id, [place for place, _ in tabs])
    changed = []
    for place, tab in tabs:
        row = ledger.get(place)
        if row is not None and row.tab != tab.value and tab is not Tab.UNKNOWN:
            row.tab = tab.value
            changed.append(row)
    Arrival.objects.bulk_update(changed, ["tab"])
    return changed
