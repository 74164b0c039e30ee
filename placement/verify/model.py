"""The frozen values of our own check: what was found, in RFC 8601's words, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    """RFC 8601 2.7 results. Its `temperror` is `unknown` here: we could not look."""

    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    POLICY = "policy"  # it verifies, and yet no verifier may accept it
    PERMERROR = "permerror"
    HEADERS_ONLY = "headers_only"  # a signature verifies over the headers; the body was not kept
    UNKNOWN = "unknown"


#: Nothing is wrong as far as could be seen.
GOOD = frozenset({Outcome.PASS, Outcome.HEADERS_ONLY})


class Problem(StrEnum):
    """Why a signature is no pass; `""` where it is one."""

    NONE = ""
    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"
    FROM_NOT_SIGNED = "from_not_signed"
    BODY_HASH = "body_hash"
    SIGNATURE = "signature"
    EXPIRED = "expired"
    KEY_MISSING = "key_missing"
    KEY_REVOKED = "key_revoked"
    KEY_MALFORMED = "key_malformed"
    KEY_MISMATCH = "key_mismatch"
    KEY_WEAK = "key_weak"
    KEY_SCOPE = "key_scope"  # s=, h= or the s flag of the key forbid this use
    DNS = "dns"
    TRUNCATED = "truncated"
    TOO_MANY = "too_many"


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """A statement about a problem with its evidence and its fix."""

    code: str
    severity: Severity
    says: str
    evidence: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class DkimCheck:
    """One signature. `aligned` is with the From domain, relaxed; None where that cannot be said."""

    outcome: Outcome
    problem: Problem
    says: str
    domain: str = ""
    selector: str = ""
    identity: str = ""
    algorithm: str = ""
    canonicalisation: str = ""
    key_bits: int | None = None
    covered: tuple[str, ...] = ()  # h=, lower case
    body_limit: int | None = None  # l=: bytes of the body that are signed
    unsigned_bytes: int | None = None  # of the body, behind l=
    signed_at: datetime | None = None
    expires_at: datetime | None = None
    testing: bool = False  # the key's t=y
    aligned: bool | None = None
    line: str = ""  # the header field it was read from, unfolded


@dataclass(frozen=True, slots=True)
class SpfCheck:
    """SPF of one envelope. `identity` says whose domain was asked: mailfrom, or helo for a null sender."""

    outcome: Outcome
    says: str
    domain: str = ""
    identity: str = "mailfrom"
    sending_ip: str = ""
    record: str = ""
    mechanism: str = ""  # that matched
    lookups: int = 0  # of the ten that RFC 7208 4.6.4 allows
    explanation: str = ""  # the sender's own words (exp=): never to be believed
    aligned: bool | None = None


@dataclass(frozen=True, slots=True)
class DmarcCheck:
    """DMARC by RFC 9989. `policy` is the one that applies to this From domain, before and after t=y."""

    outcome: Outcome
    says: str
    from_domain: str = ""
    record_domain: str = ""  # where the record stands
    record: str = ""
    organisational_domain: str = ""  # by the tree walk
    psl_domain: str = ""  # by the Public Suffix List, which receivers of the older standard use
    policy: str = ""  # none | quarantine | reject
    policy_tag: str = ""  # p | sp | np
    testing: bool = False  # t=y: one step milder
    psd: str = ""
    spf_aligned: bool | None = None
    dkim_aligned: bool | None = None
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArcSeal:
    """One set of a chain as far as it was looked at."""

    instance: int
    domain: str
    selector: str
    cv: str
    seal: Outcome
    message_signature: Outcome
    says: str = ""


@dataclass(frozen=True, slots=True)
class ArcCheck:
    outcome: Outcome
    says: str
    sets: tuple[ArcSeal, ...] = ()  # oldest first


@dataclass(frozen=True, slots=True)
class BimiCheck:
    """The record in DNS only: neither the logo nor the certificate is fetched."""

    outcome: Outcome
    says: str
    domain: str = ""
    selector: str = ""
    record: str = ""
    logo: str = ""  # l=
    authority: str = ""  # a=


@dataclass(frozen=True, slots=True)
class OneClickCheck:
    """One-click unsubscription (RFC 8058)."""

    outcome: Outcome
    says: str
    uri: str = ""
    signed_by: str = ""  # d= of the signature that covers both fields


@dataclass(frozen=True, slots=True)
class Verification:
    """Everything we found out ourselves about one message."""

    spf: SpfCheck
    dkim: tuple[DkimCheck, ...]
    dmarc: DmarcCheck
    arc: ArcCheck
    bimi: BimiCheck
    one_click: OneClickCheck
    findings: tuple[Finding, ...] = ()
