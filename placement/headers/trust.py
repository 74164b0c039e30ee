"""Which Authentication-Results the seed's own provider wrote: by authserv-id and by position (RFC 8601 7.1).

Nobody removes foreign ones (16 of 16 receivers kept a forged header), so a header is believed by the name it
bears and by where it stands: the provider's headers form one group, at the top of the block (`above`), at its
bottom (`bottom`), somewhere between (`mid`), or one at each end (`split`). A group ends at a Received, at a
field of the message itself or at somebody else's header, and where a method is answered a second time: a
provider answers each method once, apart from one DKIM-only header a signature. So a duplicate under the
provider's name further down never overrides the real one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from placement.headers.authres_grammar import ResultsValue, parse
from placement.headers.block import Headers

METHODS: Final = frozenset({"spf", "dkim", "dmarc", "arc", "bimi"})

#: Fields of the message itself: a receiver's header stands above them all, unless the catalogue says otherwise.
MESSAGE_FIELDS: Final = frozenset(
    {"from", "to", "cc", "sender", "reply-to", "subject", "date", "message-id", "in-reply-to", "references"}
    | {"mime-version", "content-type", "dkim-signature", "list-unsubscribe", "list-id"}
)
_BOUNDARIES: Final = MESSAGE_FIELDS | {"received"}
#: A value that belongs to no name: "" is Microsoft's form, "?" what cannot be read.
_NAMELESS, _UNREADABLE = "", "?"

#: Servers known to write at the bottom that have no entry of their own (e.email; seen below From and To).
_BOTTOM_WRITERS: Final = re.compile(r"mail\d{0,3}\.ecloud\.global", re.IGNORECASE)
#: The client's address in a receiver's own words, in comments and properties.
_STATED_ADDRESS: Final = re.compile(
    r"(?:sender IP is|designates|remote-ip=|client-ip=|policy\.iprev=)[ \t]{0,4}([0-9a-fA-F.:]{3,45})"
    r"|([0-9a-fA-F.:]{3,45}) is neither permitted",
    re.IGNORECASE,
)


class Distrust(StrEnum):
    """Why a header is not believed."""

    FOREIGN = "foreign"
    NAMELESS = "nameless"
    UNREADABLE = "unreadable"
    POSITION = "position"
    REPEATED = "repeated"
    SURPLUS = "surplus"


WHY: Final[Mapping[Distrust, str]] = MappingProxyType(
    {
        Distrust.FOREIGN: "Another server's name stands in it, so a relay or the sender wrote it.",
        Distrust.NAMELESS: "It names no server, and this provider always writes its name.",
        Distrust.UNREADABLE: "The name of the server that wrote it cannot be read.",
        Distrust.POSITION: "It bears the provider's name but stands where the provider does not write: "
        "it came with the message, so it may be forged.",
        Distrust.REPEATED: "It bears the provider's name but does not belong to the provider's own group of "
        "headers, or answers a method again: it came with the message, so it may be forged.",
        Distrust.SURPLUS: "It bears the provider's name, but the provider writes fewer headers than stand here.",
    }
)
#: Kinds that use the provider's own name: somebody pretends, or the message passed the provider before.
PRETENDING: Final = frozenset({Distrust.POSITION, Distrust.REPEATED, Distrust.SURPLUS})


@dataclass(frozen=True, slots=True)
class Claim:
    """One Authentication-Results of the block."""

    index: int  # among the fields of the block
    text: str
    value: ResultsValue

    @property
    def methods(self) -> frozenset[str]:
        return frozenset(statement.method for statement in self.value.statements) & METHODS


@dataclass(frozen=True, slots=True)
class Doubted:
    claim: Claim
    why: Distrust


@dataclass(frozen=True, slots=True)
class Trust:
    """Every claim of a block, told apart."""

    believed: tuple[Claim, ...] = ()
    doubted: tuple[Doubted, ...] = ()

    @property
    def stated_addresses(self) -> frozenset[str]:
        """Client addresses that the believed headers name."""
        found = (match for one in self.believed for match in _STATED_ADDRESS.finditer(one.text))
        return frozenset((match.group(1) or match.group(2)).rstrip(".:") for match in found)


@dataclass(frozen=True, slots=True)
class Rule:
    """How one provider writes. `at_most`: how many headers, where that is known."""

    wrote: Callable[[str], bool]
    missing_authserv_id: bool = False
    position: str = "above"
    at_most: int | None = None
    #: Index of the first field that is certainly not the receiver's; None: fields of the message tell alone.
    ends_at: int | None = None


def position_of(position: str, extra_ids: Iterable[str]) -> str:
    """An operator's own server writes above, unless it is known to write at the bottom."""
    return "bottom" if any(_BOTTOM_WRITERS.fullmatch(name) for name in extra_ids) else position


def claims(headers: Headers) -> tuple[Claim, ...]:
    return tuple(
        Claim(index, field.unfolded, parse(field.unfolded))
        for index, field in enumerate(headers.fields)
        if field.name.lower() == "authentication-results"
    )


def judge(headers: Headers, found: Sequence[Claim], rule: Rule) -> Trust:
    """Tell the provider's own claims from all others."""
    own = [one for one in found if bears_the_name(one, rule)]
    start = _message_start(headers, rule)
    group = _believed(headers, own, rule.position, start)
    believed = tuple(group[: rule.at_most])
    kept = {one.index for one in believed}
    surplus = {one.index for one in group} - kept
    misplaced = {one.index for one in own} - kept
    doubted = []
    for one in found:
        if one.index in surplus:
            doubted.append(Doubted(one, Distrust.SURPLUS))
        elif one.index in misplaced:
            doubted.append(Doubted(one, _misplaced(one, rule.position, start)))
        elif one.index not in kept:
            doubted.append(Doubted(one, _stranger(one)))
    return Trust(believed, tuple(doubted))


def bears_the_name(one: Claim, rule: Rule) -> bool:
    """Without that nothing else about a claim matters."""
    name = one.value.authserv_id
    return rule.wrote(name) if name else rule.missing_authserv_id


def _stranger(one: Claim) -> Distrust:
    kinds = {_NAMELESS: Distrust.NAMELESS, _UNREADABLE: Distrust.UNREADABLE}
    return kinds.get(one.value.authserv_id, Distrust.FOREIGN)


def _misplaced(one: Claim, position: str, start: int) -> Distrust:
    too_low = position in {"above", "split"} and one.index >= start
    return Distrust.POSITION if too_low else Distrust.REPEATED


def _message_start(headers: Headers, rule: Rule) -> int:
    """Index of the first field that is certainly the sender's, or past the end."""
    length = len(headers.fields)
    last = length if rule.ends_at is None else rule.ends_at
    found = (i for i, field in enumerate(headers.fields) if field.name.lower() in MESSAGE_FIELDS)
    return min(next(found, length), last)


def _believed(headers: Headers, own: Sequence[Claim], position: str, start: int) -> list[Claim]:
    if position == "bottom":
        return _group(headers, own[::-1])[::-1]
    if position == "mid":
        return _group(headers, own)
    top = _group(headers, [one for one in own if one.index < start])
    if position != "split":
        return top
    answered = frozenset().union(*(one.methods for one in top))
    lowest = _group(headers, [one for one in own[::-1] if one.index > start])[::-1]
    return top + [one for one in lowest if not one.methods & answered]


def _group(headers: Headers, ordered: Iterable[Claim]) -> list[Claim]:
    """The first claims of `ordered` that belong together."""
    group: list[Claim] = []
    answered: frozenset[str] = frozenset()
    for one in ordered:
        if group and not _continues(headers, group[-1], one, answered):
            break
        group.append(one)
        answered |= one.methods
    return group


def _continues(headers: Headers, last: Claim, one: Claim, answered: frozenset[str]) -> bool:
    if not one.value.authserv_id:
        return False  # Microsoft's form names nobody, anyone can write one lower down
    low, high = sorted((last.index, one.index))
    between = {field.name.lower() for field in headers.fields[low + 1 : high]}
    if between & _BOUNDARIES or "authentication-results" in between:
        return False
    one_a_signature = last.methods == one.methods == {"dkim"}
    return one_a_signature or not one.methods & answered
