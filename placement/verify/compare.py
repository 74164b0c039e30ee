"""Where the receiver's word and our own check differ, with both sides quoted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from placement.verify.model import DkimCheck, Finding, Outcome, Severity, Verification
from placement.vocabulary import Authentication, AuthResult

_GOOD: Final = "good"
_BAD: Final = "bad"
_NOTHING: Final = "nothing"

#: Results that say something definite; the others (temperror, neutral of SPF, bestguesspass …) agree with all.
_MEANS: Final = {
    "pass": _GOOD,
    "headers_only": _GOOD,
    "fail": _BAD,
    "hardfail": _BAD,
    "softfail": _BAD,
    "permerror": _BAD,
    "policy": _BAD,
    "none": _NOTHING,
}
#: Gmail writes `dkim=neutral (body hash did not verify)`.
_DKIM_MEANS: Final = {**_MEANS, "neutral": _BAD}

_WHY: Final = {
    "spf": "The record may have changed since, or the receiver saw another server than the one we took.",
    "dkim": "The key may have changed since, or the message was changed between the receiver's check and the mailbox.",
    "dmarc": "The record may have changed since, or the receiver finds the organisational domain by the Public Suffix "
    "List instead of RFC 9989's tree walk.",
    "arc": "The message was changed between the receiver's check and the mailbox, or a sealer's key is gone.",
}


def compare(ours: Verification, theirs: Authentication) -> tuple[Finding, ...]:
    """Findings for SPF, each DKIM signature, DMARC and ARC. What either side could not say is no difference."""
    return (
        *_one("spf", ours.spf.outcome, ours.spf.says, theirs.spf),
        *_signatures(ours.dkim, theirs.dkim),
        *_one("dmarc", ours.dmarc.outcome, ours.dmarc.says, theirs.dmarc),
        *_one("arc", ours.arc.outcome, ours.arc.says, theirs.arc),
    )


def _one(method: str, outcome: Outcome, says: str, theirs: AuthResult | None) -> Iterator[Finding]:
    if theirs is not None and _differ(_MEANS.get(outcome), _MEANS.get(theirs.result)):
        yield _finding(method, theirs, f"{method}={outcome}: {says}")


def _signatures(ours: tuple[DkimCheck, ...], theirs: tuple[AuthResult, ...]) -> Iterator[Finding]:
    """Receivers name a signature by its domain, and only sometimes by its selector too."""
    for result in theirs:
        candidates = [one for one in ours if _same(one, result)]
        meanings = [_DKIM_MEANS.get(one.outcome) for one in candidates]
        if candidates and all(_differ(meaning, _DKIM_MEANS.get(result.result)) for meaning in meanings):
            yield _finding("dkim", result, " · ".join(map(_quoted, candidates)))
        elif not candidates and result.domain and _DKIM_MEANS.get(result.result) == _GOOD:
            yield _finding("dkim", result, f"The message carries no signature of {result.domain}.")


def _same(ours: DkimCheck, theirs: AuthResult) -> bool:
    if theirs.selector and theirs.selector.lower() != ours.selector.lower():
        return False
    return not theirs.domain or theirs.domain == ours.domain


def _quoted(one: DkimCheck) -> str:
    return f"dkim={one.outcome} d={one.domain} s={one.selector}: {one.says}"


def _differ(ours: str | None, theirs: str | None) -> bool:
    return ours is not None and theirs is not None and ours != theirs


def _finding(method: str, theirs: AuthResult, ours: str) -> Finding:
    return Finding(
        f"{method}_differs",
        Severity.WARNING,
        f"The receiver says {method}={theirs.result}; our own check says otherwise. {_WHY[method]}",
        evidence=f"The receiver: {theirs.line or f'{method}={theirs.result}'}\nOur check: {ours}",
        fix="Send again: a difference that stays needs a look at both lines.",
    )
