"""What a filter's header says, brought to one form, and how a family of such headers is described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Says(StrEnum):
    """`inbox` is a statement about the folder, `clean` one about the message; `unknown`: kept, not understood."""

    INBOX = "inbox"
    SPAM = "spam"
    BULK = "bulk"
    PHISH = "phish"
    MALWARE = "malware"
    CLEAN = "clean"
    UNKNOWN = "unknown"


class DeliveryFolder(StrEnum):
    """Where the provider put the message when it arrived, in its own words."""

    INBOX = "inbox"
    JUNK = "junk"
    CUSTOM = "custom"  # a folder some rule of the account chose


class Place(StrEnum):
    """Where a family's headers stand. Above the boundary Received they are believed for every family."""

    ABOVE = "above"
    BELOW = "below"  # right below the boundary, before the sender's fields: the topmost counts
    END = "end"  # appended behind the sender's fields: the last of its name counts, below the family's `opened_by`


class Hit(NamedTuple):
    """A rule of the filter and its points; None where none are given."""

    name: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One value understood as far as possible."""

    says: Says = Says.UNKNOWN
    score: float | None = None
    threshold: float | None = None
    hits: tuple[Hit, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)  # "scl", "bcl", …
    delivery_folder: DeliveryFolder | None = None
    meanings: tuple[str, ...] = ()  # words of the value explained, for people


Reader = Callable[[str], Reading]


@dataclass(frozen=True, slots=True)
class Sample:
    """A value as it is met, and what it must be read as."""

    header: str
    value: str
    says: Says
    delivery_folder: DeliveryFolder | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """The headers of one filter or provider. `sources`: keys of providers/sources.toml, or https:// addresses."""

    id: str
    name: str
    sources: tuple[str, ...]
    headers: Mapping[str, Reader]  # header name → how its value is read
    samples: tuple[Sample, ...]
    place: Place = Place.ABOVE
    #: END: a field that the provider appends to every message, above its verdict. The sender can write one too, but
    #: not below the provider's: where the provider wrote no verdict, nothing stands there that could be taken for it.
    opened_by: str = ""
    sender_stamps: Mapping[str, str] = field(default_factory=dict)  # header name → why it is never believed
    unverified: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FilterVerdict:
    """A believed header of the seed's own provider."""

    family: str
    header: str  # as written
    raw: str
    place: Place
    reading: Reading

    @property
    def says(self) -> Says:
        return self.reading.says


@dataclass(frozen=True, slots=True)
class Ignored:
    """A filter's header that is kept, shown and not believed."""

    family: str
    header: str
    raw: str
    why: str
