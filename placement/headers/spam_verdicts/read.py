"""Tell a provider's own verdict headers from those that came with the message, and read the former.

Most of these headers are also stamped on outgoing mail and travel to the recipient, so a header is believed only
when it belongs to the seed's own provider and stands where that provider writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from placement.headers.block import Field, Headers
from placement.headers.received import Boundary
from placement.headers.spam_verdicts.model import Family, FilterVerdict, Ignored, Place, Reader, Says
from placement.headers.spam_verdicts.registry import families_for, sender_stamps, telling_names

_MAX_IGNORED: Final = 100
_MAX_BELIEVED: Final = 100
_MAX_RAW: Final = 8192

_NOT_ITS_OWN: Final = "The seed's own provider does not write this header: a gateway, a relay or the sending side did."
_BELOW_THE_BOUNDARY: Final = (
    "It stands below the Received line with which the provider took the message in, where the sender writes."
)
_NOT_IN_ITS_PART: Final = (
    "It stands below the Received line with which the provider took the message in, and not in the part that the "
    "provider adds at the end: the sender may have written it."
)
_ANOTHER_COUNTS: Final = "It stands there more than once, and the provider writes its own in another place."
_NO_BOUNDARY: Final = "No Received line shows where the provider took the message in."

#: What a delivery folder decides outranks what a filter thinks; among these, the gravest.
_ORDER: Final = (Says.PHISH, Says.MALWARE, Says.SPAM, Says.BULK, Says.INBOX, Says.CLEAN)


@dataclass(frozen=True, slots=True)
class Verdicts:
    believed: tuple[FilterVerdict, ...] = ()
    ignored: tuple[Ignored, ...] = ()

    @property
    def says(self) -> FilterVerdict | None:
        """The header that tells most: one that names the delivery folder, else the gravest verdict."""
        telling = [one for one in self.believed if one.says is not Says.UNKNOWN or one.reading.delivery_folder]
        return min(telling, key=_rank, default=None)

    @property
    def delivery_folder(self) -> FilterVerdict | None:
        """The header that states where the message was put on arrival; None where none does."""
        stating = [one for one in self.believed if one.reading.delivery_folder]
        return min(stating, key=_rank, default=None)

    @property
    def scores(self) -> Mapping[str, float]:
        """Every named score, the first of each name."""
        found: dict[str, float] = {}
        for one in self.believed:
            for name, score in one.reading.scores.items():
                found.setdefault(name, score)
        return found


def read_verdicts(headers: Headers, *, verdict_headers: Sequence[str], boundary: Boundary | None) -> Verdicts:
    """`verdict_headers` are the names the seed's provider writes (catalogue)."""
    own = families_for(tuple(verdict_headers))
    known = telling_names()
    last = {field.name.lower(): index for index, field in enumerate(headers.fields)}
    taken: set[str] = set()
    believed: list[FilterVerdict] = []
    ignored: list[Ignored] = []
    for index, field in enumerate(headers.fields):
        name = field.name.lower()
        if name not in own and name not in known:
            continue
        why = _not_its_own(name, own, taken) or _misplaced(name, index, own[name], boundary, last)
        if why:
            family = own.get(name) or known[name]
            ignored.append(Ignored(family.id, field.name, field.unfolded[:_MAX_RAW], why))
            continue
        taken.add(name)
        believed.append(_believed(field, own[name], _stands(index, boundary, own[name])))
    return Verdicts(tuple(believed[:_MAX_BELIEVED]), tuple(ignored[:_MAX_IGNORED]))


def _not_its_own(name: str, own: Mapping[str, Family], taken: set[str]) -> str:
    """Why this is no header of the provider's, wherever it stands; "" where it may be one."""
    if name in sender_stamps():
        return sender_stamps()[name]
    if name not in own:
        return _NOT_ITS_OWN
    return _ANOTHER_COUNTS if name in taken else ""


def _misplaced(name: str, index: int, family: Family, boundary: Boundary | None, last: Mapping[str, int]) -> str:
    """Why the provider did not write this header here; "" where it did."""
    if boundary is None:
        return _NO_BOUNDARY
    if index < boundary.index or (family.place is Place.BELOW and index < boundary.ends_at):
        return ""
    if family.place is not Place.END:
        return _BELOW_THE_BOUNDARY
    if not last.get("from", -1) < last.get(family.opened_by.lower(), -1) <= index:
        return _NOT_IN_ITS_PART
    return "" if index == last[name] else _ANOTHER_COUNTS


def _stands(index: int, boundary: Boundary | None, family: Family) -> Place:
    return Place.ABOVE if boundary and index < boundary.index else family.place


def _believed(field: Field, family: Family, place: Place) -> FilterVerdict:
    reader = _reader(family, field.name.lower())
    return FilterVerdict(family.id, field.name, field.unfolded[:_MAX_RAW], place, reader(field.unfolded))


def _reader(family: Family, name: str) -> Reader:
    return next(reader for header, reader in family.headers.items() if header.lower() == name)


def _rank(one: FilterVerdict) -> tuple[bool, int]:
    order = _ORDER.index(one.says) if one.says in _ORDER else len(_ORDER)
    return one.reading.delivery_folder is None, order
