"""The ARC sets of a message as they stand (RFC 8617): instances in order, each sealer's results, what is broken.

Nothing is verified here, so a chain says what sealers claim; the receiver's own word about it is `arc=`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from placement.headers.authres_grammar import Statement, parse
from placement.headers.block import Headers
from placement.headers.domains import normal_domain
from placement.headers.tag_lists import read_tags

MAX_INSTANCE: Final = 50  # RFC 8617 4.2.1
_MAX_REPEATED: Final = 3  # of one field in one set: one is allowed, more are shown as a fault
_INSTANCE: Final = re.compile(r"\s*i\s*=\s*([0-9]{1,3})\s*(?:;|$)", re.IGNORECASE)
_SEAL, _SIGNATURE, _RESULTS = "arc-seal", "arc-message-signature", "arc-authentication-results"
_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        _SEAL: "ARC-Seal",
        _SIGNATURE: "ARC-Message-Signature",
        _RESULTS: "ARC-Authentication-Results",
    }
)


@dataclass(frozen=True, slots=True)
class ArcSet:
    """One instance. Fields that are missing from it are ""."""

    instance: int
    sealer: str = ""  # d= of the seal
    selector: str = ""
    cv: str = ""  # none · pass · fail, in lower case: what the sealer found about the chain before it
    sealed_at: str = ""  # t= as written
    authserv_id: str = ""
    statements: tuple[Statement, ...] = ()
    missing: tuple[str, ...] = ()  # names of the fields a set must have and this one has not
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArcChain:
    """Oldest set first. No set and no fault: the message was never sealed."""

    sets: tuple[ArcSet, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def newest(self) -> ArcSet | None:
        return self.sets[-1] if self.sets else None


def read_arc(headers: Headers) -> ArcChain:
    found: dict[int, dict[str, list[str]]] = {}
    faults: list[str] = []
    for name in _NAMES:
        for text in headers.all(name):
            instance = _instance(name, text)
            if instance is None:
                faults.append(f"{_NAMES[name]} has no instance from 1 to {MAX_INSTANCE}.")
            else:
                found.setdefault(instance, {}).setdefault(name, []).append(text)
    sets = tuple(_set(instance, found[instance]) for instance in sorted(found))
    return ArcChain(sets, (*faults[:3], *_faults(sets, found)))


def _instance(name: str, text: str) -> int | None:
    if name == _RESULTS:
        matched = _INSTANCE.match(text)
        number = matched.group(1) if matched else ""
    else:
        number = read_tags(text).get("i", "")
    if not (number.isascii() and number.isdigit() and len(number) <= 3):
        return None
    return int(number) if 1 <= int(number) <= MAX_INSTANCE else None


def _set(instance: int, fields: Mapping[str, Sequence[str]]) -> ArcSet:
    seal = read_tags(fields.get(_SEAL, ("",))[0])
    results = fields.get(_RESULTS, ("",))[0]
    value = parse(_INSTANCE.sub("", results, count=1).strip())
    return ArcSet(
        instance=instance,
        sealer=normal_domain(seal.get("d", "")),
        selector=seal.get("s", ""),
        cv=seal.get("cv", "").lower(),
        sealed_at=seal.get("t", ""),
        authserv_id=value.authserv_id if results else "",
        statements=value.statements,
        missing=tuple(_NAMES[name] for name in _NAMES if name not in fields),
        lines=tuple(f"{_NAMES[name]}: {text}" for name in _NAMES for text in fields.get(name, ())[:_MAX_REPEATED]),
    )


def _faults(sets: Sequence[ArcSet], found: Mapping[int, Mapping[str, Sequence[str]]]) -> Iterator[str]:
    """RFC 8617 4.2.1 and 5.2: every instance once and complete, the first with cv=none, the others with cv=pass."""
    if [one.instance for one in sets] != list(range(1, len(sets) + 1)):
        yield f"The instances are {', '.join(str(one.instance) for one in sets)}, not 1 to {len(sets)}."
    for one in sets:
        if one.missing:
            yield f"Set {one.instance} has no {' and no '.join(one.missing)}."
        if any(len(texts) > 1 for texts in found[one.instance].values()):
            yield f"Set {one.instance} has a field twice."
        expected = "none" if one.instance == 1 else "pass"
        if _NAMES[_SEAL] not in one.missing and one.cv != expected:
            yield f"The seal of set {one.instance} says cv={one.cv or '(nothing)'}, not cv={expected}."
