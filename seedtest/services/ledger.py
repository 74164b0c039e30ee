"""The ledger of arrivals: what a scan saw, written once, in the transaction that also moves the cursors."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

from django.db.models import Q

from placement.vocabulary import Authentication, FolderState, Place, Sighting, Tab
from seedtest.models import rows
from seedtest.models.mailboxes import Arrival, Evidence, FolderCursor

Ledger = Mapping[Place, Arrival]
#: Of a mailbox, twice what one look reads: beyond, those that are not listed any more are forgotten.
MAX_FOLDERS: Final = 4000


def save_folders(seen: Mapping[int, Sequence[FolderState]], now: datetime) -> dict[int, dict[str, FolderCursor]]:
    """Roles, and the cursors of those folders that were read, by mailbox. Returns every folder of each by name.

    Writes only what changed: most looks find nothing new. The claim keeps others off these mailboxes meanwhile.
    """
    saved: dict[int, dict[str, FolderCursor]] = {mailbox_id: {} for mailbox_id in seen}
    for row in FolderCursor.objects.filter(mailbox_id__in=saved):
        saved[row.mailbox_id][row.name] = row
    new, changed = [], []
    for mailbox_id, states in seen.items():
        for state in states:
            name = state.folder.name[:512]
            row = saved[mailbox_id].get(name)
            if row is None:
                row = saved[mailbox_id][name] = FolderCursor(mailbox_id=mailbox_id, name=name, seen_at=now)
                new.append(row)
            if _take_over(row, state) and row.pk:
                row.seen_at = now
                changed.append(row)
    FolderCursor.objects.bulk_create(new, batch_size=200)
    rows.write(changed, ["seen_at", *_FOLDER_FIELDS])
    for mailbox_id, states in seen.items():
        if len(saved[mailbox_id]) > MAX_FOLDERS:
            _forget_folders(mailbox_id, [state.folder.name[:512] for state in states])
    return saved


def _forget_folders(mailbox_id: int, listed: Sequence[str]) -> None:
    """A server that lists other folders at each look would fill the table; those stay that something hangs on."""
    idle = FolderCursor.objects.filter(mailbox_id=mailbox_id, arrivals=None, operator_role="")
    idle.exclude(name__in=listed).delete()


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
    seen: Mapping[int, Sequence[Sighting]], folders: Mapping[int, Mapping[str, FolderCursor]], now: datetime
) -> dict[int, Ledger]:
    """One row a place, by mailbox. A place seen before keeps its row: repeating a scan repeats nothing."""
    new = [
        _arrival(mailbox_id, folders[mailbox_id], one, now)
        for mailbox_id, sightings in seen.items()
        for one in sightings
        if one.place.folder[:512] in folders[mailbox_id]
    ]
    Arrival.objects.bulk_create(new, ignore_conflicts=True, batch_size=200)
    standing = {_where(row): row for start in range(0, len(new), 200) for row in _standing(new[start : start + 200])}
    return {
        mailbox_id: {
            one.place: standing[where]
            for one in sightings
            if (row := folders[mailbox_id].get(one.place.folder[:512])) is not None
            and (where := (mailbox_id, row.pk, one.place.uidvalidity, one.place.uid)) in standing
        }
        for mailbox_id, sightings in seen.items()
    }


def _where(row: Arrival) -> tuple[int, int, int, int]:
    return row.mailbox_id, row.folder_id, row.uidvalidity, row.uid


def _standing(wanted: Sequence[Arrival]) -> Iterable[Arrival]:
    """The saved rows of these places: one look into the index for each, on both databases."""
    places = ", ".join("({}, {}, {}, {})".format(*map(int, _where(row))) for row in wanted)
    return Arrival.objects.raw(
        f"""WITH wanted (mailbox, folder, uidvalidity, uid) AS (VALUES {places})
            SELECT arrival.* FROM wanted CROSS JOIN seedtest_arrival arrival
            WHERE arrival.mailbox_id = wanted.mailbox AND arrival.folder_id = wanted.folder
            AND arrival.uidvalidity = wanted.uidvalidity AND arrival.uid = wanted.uid"""
    )


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


#: Each result repeats the line it stands in: 1,400 results of one header would make 180 MB of JSON. What is cut here
#: stands whole in the evidence.
MAX_LINE: Final = 4000
MAX_SIGNATURES: Final = 20


def authentication_json(read: Authentication) -> dict[str, Any]:
    """The receiver's statements as JSON for the row."""
    return _clean(asdict(replace(read, dkim=read.dkim[:MAX_SIGNATURES])))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _storable(value[:MAX_LINE])
    if isinstance(value, Mapping):
        return {key: _clean(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(one) for one in value]
    return value


def save_evidence(kept: Iterable[tuple[Arrival, Sighting]], now: datetime) -> None:
    """Header blocks exactly as the server holds them."""
    new = [
        Evidence(
            arrival=arrival,
            header_block=zlib.compress(one.header_block, 6),
            sha256=hashlib.sha256(one.header_block).hexdigest(),
            truncated=one.truncated,
            created_at=now,
        )
        for arrival, one in kept
    ]
    Evidence.objects.bulk_create(new, ignore_conflicts=True, batch_size=100)


def stand_elsewhere(seen: Mapping[int, Sequence[Sighting]]) -> set[int]:
    """The mailboxes where a message of a test that is known in one place has now been seen in another one."""
    keys = {(mailbox_id, one.message_key[:80]) for mailbox_id, some in seen.items() for one in some if one.match}
    if not keys:
        return set()
    known = Arrival.objects.filter(
        mailbox_id__in={mailbox_id for mailbox_id, _ in keys}, message_key__in={key for _, key in keys},
        gone_at=None, result__isnull=False,
    )  # fmt: skip
    return {mailbox_id for mailbox_id, _ in keys & set(known.values_list("mailbox_id", "message_key").order_by())}


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
    gone = [row for row in find_places(mailbox_id, places).values() if row.gone_at is None]
    if not gone:
        return []
    Arrival.objects.filter(pk__in=[row.pk for row in gone]).update(gone_at=now)
    return gone


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
