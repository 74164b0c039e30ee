"""What our own check shows of a message that a sender should know, even where everything passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from placement.headers import Headers
from placement.verify.dkim import FIELD, MAX_SIGNATURES
from placement.verify.model import GOOD, DkimCheck, Finding, Outcome, Severity, Verification

_GOOD_RSA_BITS: Final = 2048
_CLOCK_SLACK: Final = timedelta(hours=1)

_Look: TypeAlias = Callable[[Verification, Headers, datetime], Iterator[Finding]]


def find(verification: Verification, headers: Headers, now: datetime) -> tuple[Finding, ...]:
    return tuple(finding for look in _LOOKS for finding in look(verification, headers, now))


def _broken_signatures(verification: Verification, headers: Headers, now: datetime) -> Iterator[Finding]:
    for one in verification.dkim:
        if one.outcome not in GOOD and one.outcome is not Outcome.UNKNOWN:
            yield Finding(f"dkim_{one.problem}", Severity.ERROR, one.says, evidence=one.line, fix=_fix(one))


def _fix(one: DkimCheck) -> str:
    return f"Check the key at {one.selector}._domainkey.{one.domain}, and what changes the message after it is signed."


def _nothing_aligned(verification: Verification, headers: Headers, now: datetime) -> Iterator[Finding]:
    """The commonest fault: everything passes, but for the ESP's own domain."""
    passing = [one for one in verification.dkim if one.outcome in GOOD]
    if passing and all(one.aligned is False for one in passing):
        domains = ", ".join(sorted({one.domain for one in passing}))
        yield Finding(
            "dkim_not_aligned",
            Severity.ERROR,
            f"The message is signed by {domains}, and not for the From domain {verification.dmarc.from_domain}.",
            evidence=passing[0].line,
            fix="Set up a DKIM key of your own domain at your e-mail service.",
        )


def _too_many(verification: Verification, headers: Headers, now: datetime) -> Iterator[Finding]:
    count = len(headers.all(FIELD))
    if count > MAX_SIGNATURES:
        yield Finding(
            "dkim_too_many",
            Severity.WARNING,
            f"The message carries {count} DKIM signatures; the first {MAX_SIGNATURES} were checked.",
            fix="Sign once for the From domain, and once for your e-mail service.",
        )


def _partly_signed(verification: Verification, headers: Headers, now: datetime) -> Iterator[Finding]:
    for one in verification.dkim:
        if one.body_limit is not None:
            rest = f", and {one.unsigned_bytes} bytes follow unsigned" if one.unsigned_bytes else ""
            yield Finding(
                "dkim_body_limit",
                Severity.WARNING,
                f"The signature of {one.domain} covers {one.body_limit} bytes of the body only (l=){rest}.",
                evidence=one.line,
                fix="Sign without l=: anybody can add to such a message, and Gmail distrusts it.",
            )


def _testing_keys(verification: Verification, headers: Headers, now: datetime) -> Iterator[Finding]:
    for one in verification.dkim:
        if one.testing:
            yield Finding(
                "dkim_testing",
                Severity.WARNING,
                f"The key {one.selector} of {one.domain} says t=y: receivers may treat the message as unsigned.",
                evidence=one.line,
                fix="Remove t=y from the key record once signing works.",
            )


def _short_keys(verification: Verification, headers: Headers, now: datetime) -> Iterator[Finding]:
    for one in verification.dkim:
        if one.outcome in GOOD and one.algorithm.startswith("rsa") and (one.key_bits or 0) < _GOOD_RSA_BITS:
            yield Finding(
                "dkim_short_key",
                Severity.INFO,
                f"The RSA key {one.selector} of {one.domain} has {one.key_bits} bits.",
                evidence=one.line,
                fix="Use a key of 2048 bits (RFC 8301).",
            )


def _signed_later(verification: Verification, headers: Headers, now: datetime) -> Iterator[Finding]:
    for one in verification.dkim:
        if one.signed_at is not None and one.signed_at > now + _CLOCK_SLACK:
            yield Finding(
                "dkim_clock",
                Severity.WARNING,
                f"The signature of {one.domain} says that it was made at {one.signed_at:%Y-%m-%d %H:%M} UTC, "
                "after the message was received.",
                evidence=one.line,
                fix="Set the clock of the signing server.",
            )


def _logo_without_policy(verification: Verification, headers: Headers, now: datetime) -> Iterator[Finding]:
    dmarc = verification.dmarc
    if verification.bimi.outcome is Outcome.PASS and dmarc.policy == "none":
        yield Finding(
            "bimi_without_policy",
            Severity.WARNING,
            f"A BIMI logo is published, but the DMARC policy of {dmarc.record_domain} is none: receivers show no logo.",
            evidence=dmarc.record,
            fix="Move the DMARC policy to quarantine or reject.",
        )


_LOOKS: Final[tuple[_Look, ...]] = (
    _broken_signatures,
    _nothing_aligned,
    _too_many,
    _partly_signed,
    _testing_keys,
    _short_keys,
    _signed_later,
    _logo_without_policy,
)
