"""ARC chains (RFC 8617 5.2): structure, the newest message signature, every seal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from placement.headers.block import Field
from placement.verify import canonical, keys
from placement.verify.dns import Resolver
from placement.verify.model import ArcCheck, ArcSeal, Outcome, Problem
from placement.verify.raw import Raw
from placement.verify.signature import ALGORITHMS, Signature, Unverified, read, signed_bytes, verifies
from placement.verify.tags import TagError, parse_tags

AAR: Final = "arc-authentication-results"
AMS: Final = "arc-message-signature"
SEAL: Final = "arc-seal"
MAX_SETS: Final = 50  # RFC 8617 4.2.1

_AMS_REQUIRED: Final = ("i", "a", "b", "bh", "d", "s")  # and h=, which may be empty
_SEAL_REQUIRED: Final = ("i", "a", "b", "cv", "d", "s")
_AAR_INSTANCE: Final = re.compile(r"\s*i\s*=\s*([0-9]{1,2})\s*;")
_INSTANCE: Final = re.compile(r"[0-9]{1,2}\Z")


class _Broken(Exception):
    """The chain fails; says where."""


@dataclass(frozen=True, slots=True)
class _Set:
    """The three fields of one instance."""

    instance: int
    results: Field
    message_signature: Signature
    seal: Signature

    @property
    def cv(self) -> str:
        return self.seal.tags["cv"].lower()


def check(raw: Raw, resolver: Resolver) -> ArcCheck:
    """Chain validation status as a new sealer would write it, and what each set is worth."""
    if not any(raw.named(name) for name in (AAR, AMS, SEAL)):
        return ArcCheck(Outcome.NONE, "The message carries no ARC sets.")
    try:
        sets = _sets(raw)
        _refuse_statuses(sets)
    except _Broken as error:
        cut = raw.truncated
        return ArcCheck(Outcome.UNKNOWN if cut else Outcome.FAIL, f"The chain is broken: {error}")
    return _judged(raw, sets, resolver)


def _judged(raw: Raw, sets: Sequence[_Set], resolver: Resolver) -> ArcCheck:
    newest = _message_signature(raw, sets[-1], resolver)
    seals = tuple(_sealed(sets[: number + 1], resolver) for number in range(len(sets)))
    looked = tuple(
        _row(one, seal, newest if one is sets[-1] else (Outcome.NONE, ""))
        for one, seal in zip(sets, seals, strict=True)
    )
    for outcome in (Outcome.FAIL, Outcome.UNKNOWN, Outcome.HEADERS_ONLY):
        for verdict, says in (newest, *reversed(seals)):
            if verdict is outcome:
                return ArcCheck(outcome, says, looked)
    return ArcCheck(Outcome.PASS, f"All {len(sets)} seals and the newest message signature verify.", looked)


_Verdict = tuple[Outcome, str]


def _row(one: _Set, seal: _Verdict, message: _Verdict) -> ArcSeal:
    says = " ".join(filter(None, [seal[1], message[1]]))
    return ArcSeal(one.instance, one.seal.domain, one.seal.selector, one.cv, seal[0], message[0], says)


def _message_signature(raw: Raw, newest: _Set, resolver: Resolver) -> _Verdict:
    signature = newest.message_signature
    name = f"ARC-Message-Signature i={newest.instance} ({signature.domain})"
    verdict = _verdict(name, signature, signed_bytes(signature, raw.headers.fields), resolver)
    if verdict[0] is not Outcome.PASS:
        return verdict
    if raw.body is None:
        return Outcome.HEADERS_ONLY, f"{name} verifies over the headers; the body was not kept."
    if raw.body_hash(signature.body_method, signature.body_limit) != signature.body_hash:
        return Outcome.FAIL, f"The body was changed after {name} was made."
    return verdict


def _sealed(sets: Sequence[_Set], resolver: Resolver) -> _Verdict:
    """A seal covers all sets so far, oldest first, each as results, signature, seal (RFC 8617 5.1.1)."""
    last = sets[-1].seal
    covered = [field for one in sets for field in (one.results, one.message_signature.field, one.seal.field)]
    data = b"".join(canonical.header(field, "relaxed") for field in covered[:-1])
    name = f"ARC-Seal i={sets[-1].instance} ({last.domain})"
    return _verdict(name, last, data + canonical.unsigned(last.field, "relaxed"), resolver)


def _verdict(name: str, signature: Signature, data: bytes, resolver: Resolver) -> _Verdict:
    try:
        key = keys.fetch(resolver, signature.domain, signature.selector)
    except Unverified as error:
        outcome = Outcome.UNKNOWN if error.problem is Problem.DNS else Outcome.FAIL
        return outcome, f"{name}: {error.says}"
    if key.kind != ALGORITHMS[signature.algorithm] or key.weak:
        return Outcome.FAIL, f"{name}: the published key is {key.kind} with {key.bits} bits."
    if not verifies(key.public, signature.value, data):
        return Outcome.FAIL, f"{name} does not verify."
    return Outcome.PASS, ""


def _refuse_statuses(sets: Sequence[_Set]) -> None:
    for one in sets:
        expected = "none" if one.instance == 1 else "pass"
        if one.cv != expected:
            raise _Broken(f"ARC-Seal i={one.instance} states cv={one.cv[:20]}, not cv={expected}.")


def _sets(raw: Raw) -> list[_Set]:
    """The sets, oldest first. Raises _Broken unless each is whole and none is missing."""
    results = _by_instance(raw.named(AAR), _results_instance)
    messages = _by_instance(raw.named(AMS), _tagged_instance)
    seals = _by_instance(raw.named(SEAL), _tagged_instance)
    count = max([*results, *messages, *seals], default=0)
    if not results.keys() == messages.keys() == seals.keys() == set(range(1, count + 1)):
        raise _Broken("a set is incomplete or missing.")
    return [_set(number, results, messages, seals) for number in range(1, count + 1)]


def _set(number: int, results: Mapping[int, Field], messages: Mapping[int, Field], seals: Mapping[int, Field]) -> _Set:
    try:
        message = read(messages[number], _AMS_REQUIRED, method="relaxed/relaxed")
        seal = read(seals[number], _SEAL_REQUIRED)
    except Unverified as error:
        raise _Broken(f"set i={number}: {error.says}") from error
    if "h" not in message.tags:
        raise _Broken(f"ARC-Message-Signature i={number} has no h=.")
    if SEAL in message.names:
        raise _Broken(f"ARC-Message-Signature i={number} covers a seal (RFC 8617 4.1.2).")
    if "h" in seal.tags:
        raise _Broken(f"ARC-Seal i={number} has h= (RFC 8617 4.1.3).")
    return _Set(number, results[number], message, seal)


def _by_instance(fields: Sequence[Field], written: Callable[[Field], str]) -> dict[int, Field]:
    found: dict[int, Field] = {}
    for field in fields:
        text = written(field)
        number = int(text) if _INSTANCE.match(text) else 0
        if not 1 <= number <= MAX_SETS:
            raise _Broken(f"{field.name} has no instance between 1 and {MAX_SETS}.")
        if number in found:
            raise _Broken(f"{field.name} i={number} is there twice.")
        found[number] = field
    return found


def _results_instance(field: Field) -> str:
    named = _AAR_INSTANCE.match(field.unfolded)
    return named[1] if named else ""


def _tagged_instance(field: Field) -> str:
    try:
        return parse_tags(field.unfolded).get("i", "")
    except TagError:
        return ""
