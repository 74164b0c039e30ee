"""Public keys in DNS (RFC 6376 3.6.1): missing, revoked, malformed, weak and unfit ones told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from placement.errors import LookupFailed
from placement.verify.dns import Resolver
from placement.verify.model import Outcome, Problem
from placement.verify.signature import PublicKey, Unverified, base64_decoded
from placement.verify.tags import TagError, parse_tags, without_space

WEAKEST_RSA: Final = 1024  # RFC 8301 3.2
ED25519_BITS: Final = 256
_LARGEST_RSA: Final = 8192
_LARGEST_EXPONENT: Final = 64  # bits; a long one makes each verification cost seconds
_MAX_RECORD: Final = 8192


@dataclass(frozen=True, slots=True)
class Key:
    """A key record, read."""

    kind: str  # rsa | ed25519
    public: PublicKey
    bits: int
    flags: frozenset[str] = frozenset()
    hashes: frozenset[str] = frozenset()  # h=; empty: any
    services: frozenset[str] = frozenset({"*"})

    @property
    def testing(self) -> bool:
        return "y" in self.flags

    @property
    def exact(self) -> bool:
        """t=s: the domain of i= must be d= itself."""
        return "s" in self.flags

    @property
    def weak(self) -> bool:
        return self.kind == "rsa" and self.bits < WEAKEST_RSA


def fetch(resolver: Resolver, domain: str, selector: str) -> Key:
    """The key at `<selector>._domainkey.<domain>`. Raises Unverified."""
    name = f"{selector}._domainkey.{domain}"
    try:
        records = [text for text in map(_text, resolver.txt(name)) if "p=" in without_space(text)]
    except LookupFailed as error:
        raise Unverified(Problem.DNS, f"The key could not be looked up: {error}", outcome=Outcome.UNKNOWN) from error
    if not records:
        raise Unverified(
            Problem.KEY_MISSING, f"There is no key at {name}. Publish the key of this selector, or sign with another."
        )
    return read(records[0], name)


def _text(record: bytes) -> str:
    return record[:_MAX_RECORD].decode("latin-1")


def read(record: str, name: str) -> Key:
    try:
        tags = parse_tags(record)
    except TagError as error:
        raise _malformed(name, str(error)) from error
    if tags.get("v", "DKIM1") != "DKIM1" or ("v" in tags and next(iter(tags)) != "v"):
        raise _malformed(name, "v= is not DKIM1, or not the first tag")
    if not tags.get("p"):
        raise Unverified(Problem.KEY_REVOKED, f"The key at {name} is revoked: its p= is empty.")
    kind = tags.get("k", "rsa").lower()
    public = _public(kind, tags["p"], name)
    return Key(
        kind,
        public,
        public.key_size if isinstance(public, RSAPublicKey) else ED25519_BITS,
        _listed(tags.get("t", "")),
        _listed(tags.get("h", "")),
        _listed(tags.get("s", "*")),
    )


def _listed(value: str) -> frozenset[str]:
    return frozenset(item.strip().lower() for item in value.split(":") if item.strip())


def _public(kind: str, value: str, name: str) -> PublicKey:
    if kind not in {"rsa", "ed25519"}:
        raise Unverified(Problem.UNSUPPORTED, f"The key at {name} is of the unknown kind k={kind[:20]}.")
    try:
        key = _loaded(kind, base64_decoded(value))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _malformed(name, "p= holds no public key") from error
    if isinstance(key, RSAPublicKey):
        _refuse_costly(key, name)
    return key


def _loaded(kind: str, der: bytes) -> PublicKey:
    """RFC 8463 publishes the 32 bytes themselves; RSA keys come as SubjectPublicKeyInfo or bare PKCS #1."""
    if kind == "ed25519":
        return Ed25519PublicKey.from_public_bytes(der)
    key = load_der_public_key(der)
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")
    return key


def _refuse_costly(key: RSAPublicKey, name: str) -> None:
    if key.key_size > _LARGEST_RSA or key.public_numbers().e.bit_length() > _LARGEST_EXPONENT:
        raise Unverified(Problem.UNSUPPORTED, f"The key at {name} is larger than verifiers accept.")


def _malformed(name: str, says: str) -> Unverified:
    return Unverified(Problem.KEY_MALFORMED, f"The key record at {name} cannot be read: {says}.")
