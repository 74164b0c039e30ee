"""DKIM (RFC 6376, 8301, 8463) on the raw bytes: what each signature is, and why it stands or falls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from placement.headers.block import Field
from placement.verify import keys
from placement.verify.dns import Resolver
from placement.verify.keys import Key
from placement.verify.model import DkimCheck, Outcome, Problem
from placement.verify.raw import Raw
from placement.verify.signature import ALGORITHMS, Signature, Unverified, header_names, read, signed_bytes, verifies
from placement.verify.tags import TagError, parse_tags

FIELD: Final = "dkim-signature"
MAX_SIGNATURES: Final = 10
_REQUIRED: Final = ("v", "a", "b", "bh", "d", "h", "s")


def check(raw: Raw, resolver: Resolver, now: datetime) -> tuple[DkimCheck, ...]:
    """Every signature, topmost first, ten at most. `now`: when it was received, against x=."""
    return tuple(_checked(field, raw, resolver, now) for field in raw.named(FIELD)[:MAX_SIGNATURES])


def _checked(field: Field, raw: Raw, resolver: Resolver, now: datetime) -> DkimCheck:
    seen = _as_written(field)
    try:
        signature = read(field, _REQUIRED)
        seen = _described(seen, signature, raw)
        _refuse_unfit(signature)
        key = keys.fetch(resolver, signature.domain, signature.selector)
        seen = replace(seen, key_bits=key.bits, testing=key.testing)
        _refuse_key(signature, key)
        return _judged(seen, signature, key, raw, now)
    except Unverified as error:
        return replace(seen, outcome=error.outcome, problem=error.problem, says=error.says)


def _judged(seen: DkimCheck, signature: Signature, key: Key, raw: Raw, now: datetime) -> DkimCheck:
    _refuse_broken(signature, key, raw)
    _refuse_late(signature, now)
    if key.weak:
        raise Unverified(
            Problem.KEY_WEAK,
            f"The signature verifies, but its key has {key.bits} bits. Receivers refuse less than 1024; use 2048.",
            outcome=Outcome.POLICY,
        )
    if raw.body is None:
        says = "The signature verifies over the headers; the body was not kept, so its hash was not checked."
        return replace(seen, outcome=Outcome.HEADERS_ONLY, says=says)
    return replace(seen, outcome=Outcome.PASS, says="The signature verifies.")


def _refuse_unfit(signature: Signature) -> None:
    if signature.tags["v"] != "1":
        raise Unverified(Problem.MALFORMED, "The signature's v= is not 1.", outcome=Outcome.NEUTRAL)
    if "from" not in signature.names:
        raise Unverified(Problem.FROM_NOT_SIGNED, "The signature does not cover the From field (RFC 6376 5.4).")
    if "dns/txt" not in signature.tags.get("q", "dns/txt").lower():
        raise Unverified(Problem.UNSUPPORTED, "The signature names no way to fetch its key that exists (q=).")
    domain = _identity_domain(signature)
    if domain != signature.domain and not domain.endswith("." + signature.domain):
        raise Unverified(
            Problem.MALFORMED,
            f"The domain of i= ({domain}) is not within d= ({signature.domain}).",
            outcome=Outcome.NEUTRAL,
        )


def _identity_domain(signature: Signature) -> str:
    identity = signature.tags.get("i", "")
    return identity.rpartition("@")[2].rstrip(".").lower() if identity else signature.domain


def _refuse_key(signature: Signature, key: Key) -> None:
    if ALGORITHMS[signature.algorithm] != key.kind:
        raise Unverified(
            Problem.KEY_MISMATCH, f"The signature is {signature.algorithm}, but the published key is {key.kind}."
        )
    if key.hashes and "sha256" not in key.hashes:
        raise Unverified(Problem.KEY_SCOPE, "The key's h= does not allow sha256.")
    if not key.services & {"*", "email"}:
        raise Unverified(Problem.KEY_SCOPE, "The key's s= does not allow e-mail.")
    if key.exact and _identity_domain(signature) != signature.domain:
        raise Unverified(Problem.KEY_SCOPE, "The key's flag t=s forbids an i= below d=.")


def _refuse_broken(signature: Signature, key: Key, raw: Raw) -> None:
    if not verifies(key.public, signature.value, signed_bytes(signature, raw.headers.fields)):
        raise _broken_signature(raw)
    if raw.body is None:
        return
    if raw.body_hash(signature.body_method, signature.body_limit) != signature.body_hash:
        says = "The headers are as they were signed; the body was changed after signing."
        raise Unverified(Problem.BODY_HASH, says, outcome=Outcome.FAIL)
    limit = signature.body_limit
    if limit is not None and limit > len(raw.canonical_body(signature.body_method)):
        raise Unverified(Problem.BODY_HASH, "The body is shorter than l= says.", outcome=Outcome.FAIL)


def _broken_signature(raw: Raw) -> Unverified:
    if raw.truncated:
        says = "The kept headers are cut, so it cannot be said whether the signature verifies."
        return Unverified(Problem.TRUNCATED, says, outcome=Outcome.UNKNOWN)
    says = (
        "The signature does not verify: signed headers were changed, or the published key is not the one that signed."
    )
    return Unverified(Problem.SIGNATURE, says, outcome=Outcome.FAIL)


def _refuse_late(signature: Signature, now: datetime) -> None:
    if signature.expires_at is not None and signature.expires_at < now.timestamp():
        says = f"The signature verifies, but it expired at {_moment(signature.expires_at):%Y-%m-%d %H:%M} UTC."
        raise Unverified(Problem.EXPIRED, says, outcome=Outcome.FAIL)


def _as_written(field: Field) -> DkimCheck:
    """What can be shown of a signature however badly it is written."""
    tags: dict[str, str] = {}
    for part in field.unfolded.split(";")[:50]:
        try:
            tags = {**parse_tags(part), **tags}
        except TagError:
            continue
    return DkimCheck(
        Outcome.NONE,
        Problem.NONE,
        "",
        domain=tags.get("d", "").lower()[:253],
        selector=tags.get("s", "")[:253],
        identity=tags.get("i", "")[:320],
        algorithm=tags.get("a", "").lower()[:40],
        canonicalisation=tags.get("c", "simple/simple").lower()[:40],
        covered=header_names(tags.get("h", "")),
        line=f"{field.name}: {field.unfolded}",
    )


def _described(seen: DkimCheck, signature: Signature, raw: Raw) -> DkimCheck:
    return replace(
        seen,
        domain=signature.domain,
        selector=signature.selector,
        covered=signature.names,
        canonicalisation=f"{signature.header_method}/{signature.body_method}",
        body_limit=signature.body_limit,
        unsigned_bytes=_unsigned_bytes(signature, raw),
        signed_at=_moment(signature.signed_at),
        expires_at=_moment(signature.expires_at),
    )


def _unsigned_bytes(signature: Signature, raw: Raw) -> int | None:
    if signature.body_limit is None or raw.body is None:
        return None
    return max(len(raw.canonical_body(signature.body_method)) - signature.body_limit, 0)


_LAST_SECOND: Final = 253402300799  # 9999-12-31T23:59:59Z; t= may hold twelve digits


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(min(seconds, _LAST_SECOND), UTC)


def passing(checks: tuple[DkimCheck, ...]) -> Iterator[DkimCheck]:
    return (one for one in checks if one.outcome in {Outcome.PASS, Outcome.HEADERS_ONLY})
