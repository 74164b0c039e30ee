"""What DKIM and ARC signatures share: reading the tags, and the cryptography (RFC 6376 3.5, RFC 8463)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from placement.headers.block import Field
from placement.headers.domains import normal_domain
from placement.verify import canonical
from placement.verify.model import Outcome, Problem
from placement.verify.tags import TagError, parse_tags, without_space

PublicKey = RSAPublicKey | Ed25519PublicKey
METHODS: Final = frozenset({"simple", "relaxed"})
ALGORITHMS: Final = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}
MAX_NAMES: Final = 200

_NUMBER: Final = re.compile(r"[0-9]{1,12}\Z")  # RFC 6376 3.5: t= and x= have up to 12 digits
_LENGTH: Final = re.compile(r"[0-9]{1,76}\Z")
_LABELS: Final = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\Z"
)


class Unverified(Exception):
    """A signature that does not stand; carries what to report."""

    def __init__(self, problem: Problem, says: str, *, outcome: Outcome = Outcome.PERMERROR) -> None:
        super().__init__(says)
        self.problem = problem
        self.says = says
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Signature:
    """The tags of one DKIM-Signature, ARC-Message-Signature or ARC-Seal, read."""

    field: Field
    tags: Mapping[str, str]
    domain: str
    selector: str
    algorithm: str
    value: bytes
    body_hash: bytes = b""
    header_method: str = "simple"
    body_method: str = "simple"
    names: tuple[str, ...] = ()
    body_limit: int | None = None
    signed_at: int | None = None
    expires_at: int | None = None


def read(field: Field, required: Sequence[str], *, method: str = "simple/simple") -> Signature:
    """Raises Unverified for what RFC 6376 6.1.1 tells verifiers to ignore."""
    tags = _tags(field)
    for name in required:
        if not tags.get(name):
            raise _malformed(f"{name}= is missing" if name not in tags else f"{name}= is empty")
    header_method, body_method = _methods(tags.get("c", method))
    signed_at, expires_at = _seconds(tags, "t"), _seconds(tags, "x")
    if signed_at is not None and expires_at is not None and expires_at < signed_at:
        raise _malformed("x= lies before t=")
    return Signature(
        field,
        tags,
        domain=_domain(tags["d"], "d"),
        selector=_domain(tags["s"], "s"),
        algorithm=_algorithm(tags["a"]),
        value=_decoded(tags["b"], "b"),
        body_hash=_decoded(tags["bh"], "bh") if "bh" in required else b"",
        header_method=header_method,
        body_method=body_method,
        names=header_names(tags.get("h", "")),
        body_limit=_number(tags, "l", _LENGTH),
        signed_at=signed_at,
        expires_at=expires_at,
    )


def header_names(value: str) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in value.split(":")[:MAX_NAMES]) if value else ()


def signed_bytes(signature: Signature, fields: Sequence[Field]) -> bytes:
    """What was signed: the chosen fields, then the signature's own with b= empty."""
    chosen = canonical.selected([one for one in fields if one is not signature.field], signature.names)
    method = signature.header_method
    return b"".join(canonical.header(one, method) for one in chosen) + canonical.unsigned(signature.field, method)


def verifies(key: PublicKey, value: bytes, data: bytes) -> bool:
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(value, hashlib.sha256(data).digest())  # RFC 8463 3: PureEdDSA over the SHA-256
        else:
            key.verify(value, data, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def base64_decoded(value: str) -> bytes:
    """Strict, folding white space apart. Raises ValueError."""
    try:
        return base64.b64decode(without_space(value), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _tags(field: Field) -> dict[str, str]:
    try:
        return parse_tags(field.unfolded)
    except TagError as error:
        raise _malformed(str(error)) from error


def _malformed(says: str) -> Unverified:
    return Unverified(Problem.MALFORMED, f"The signature cannot be read: {says}.", outcome=Outcome.NEUTRAL)


def _decoded(value: str, name: str) -> bytes:
    try:
        return base64_decoded(value)
    except ValueError as error:
        raise _malformed(f"{name}= is not base64") from error


def _algorithm(value: str) -> str:
    algorithm = value.lower()
    if algorithm in ALGORITHMS:
        return algorithm
    known = algorithm == "rsa-sha1"
    says = "rsa-sha1, which RFC 8301 forbids" if known else f"{value[:40]!r}, which is unknown"
    raise Unverified(Problem.UNSUPPORTED, f"The signature uses {says}. Sign with rsa-sha256.")


def _methods(value: str) -> tuple[str, str]:
    """`relaxed` alone means relaxed/simple (RFC 6376 3.5)."""
    head, slash, body = value.lower().partition("/")
    methods = (head.strip(), body.strip() if slash else "simple")
    if not METHODS.issuperset(methods):
        raise Unverified(Problem.UNSUPPORTED, f"The signature uses the unknown canonical form {value[:40]!r}.")
    return methods


def _domain(value: str, name: str) -> str:
    domain = normal_domain(value)
    if not _LABELS.match(domain):
        raise _malformed(f"{name}= is no domain name")
    return domain


def _seconds(tags: Mapping[str, str], name: str) -> int | None:
    return _number(tags, name, _NUMBER)


def _number(tags: Mapping[str, str], name: str, shape: re.Pattern[str]) -> int | None:
    if name not in tags:
        return None
    if not shape.match(tags[name]):
        raise _malformed(f"{name}= is no number")
    return int(tags[name])
