"""Barracuda gateways: points with three levels (tag, quarantine, block)."""

from __future__ import annotations

import re
from typing import Final

from placement.headers.spam_verdicts.model import Family, Hit, Reading, Sample, Says
from placement.headers.spam_verdicts.shapes import MAX_HITS, MAX_VALUE, Number, Opaque, number

_OPAQUE: Final = Opaque()
#: The default level from which a message is tagged as suspected spam.
_TAG_LEVEL: Final = 3.0
_VERDICT: Final = re.compile(r"\s*(yes|no)\b", re.IGNORECASE)
_SCORE: Final = re.compile(r"\bSCORE=(-?[0-9.]{1,10})", re.IGNORECASE)
_LEVEL: Final = re.compile(r"\bTAG_LEVEL=(-?[0-9.]{1,10})", re.IGNORECASE)
_TESTS: Final = re.compile(r"\btests=([A-Z0-9_, ]{1,4000})")


def status(value: str) -> Reading:
    """ "No, SCORE=0.00 using per-user scores of TAG_LEVEL=3.5 … tests=A, B"."""
    text = value[:MAX_VALUE]
    verdict, score, level, tests = (
        _VERDICT.match(text),
        _SCORE.search(text),
        _LEVEL.search(text),
        _TESTS.search(text),
    )
    names = (name.strip() for name in (tests.group(1) if tests else "").split(","))
    return Reading(
        says={"yes": Says.SPAM, "no": Says.CLEAN}[verdict.group(1).lower()] if verdict else Says.UNKNOWN,
        score=number(score.group(1)) if score else None,
        threshold=number(level.group(1)) if level else None,
        hits=tuple(Hit(name) for name in names if name)[:MAX_HITS],
    )


FAMILY: Final = Family(
    id="barracuda",
    name="Barracuda",
    sources=("decode-spam",),
    headers={
        "X-Barracuda-Spam-Score": Number(spam_from=_TAG_LEVEL),
        "X-Barracuda-Spam-Status": status,
        "X-Barracuda-Spam-Report": _OPAQUE,
        "X-Barracuda-Bayes": _OPAQUE,
        "X-BESS-ID": _OPAQUE,
        "X-BESS-Spam-Score": Number(spam_from=_TAG_LEVEL),
        "X-BESS-Spam-Status": status,
    },
    samples=(
        Sample("X-Barracuda-Spam-Score", "0.00", Says.CLEAN),
        Sample("X-Barracuda-Spam-Score", "4.5", Says.SPAM),
        Sample("X-Barracuda-Spam-Status", "No, SCORE=0.00 using global scores of TAG_LEVEL=3.5 tests=A, B", Says.CLEAN),
        Sample("X-Barracuda-Spam-Status", "Yes, SCORE=6.1 using global scores of TAG_LEVEL=3.5", Says.SPAM),
        Sample("X-Barracuda-Spam-Report", "Code version 3.2, rules version 3.2.3.82345", Says.UNKNOWN),
        Sample("X-Barracuda-Bayes", "INNOCENT GLOBAL 0.0000 1.0000 -2.0210", Says.UNKNOWN),
        Sample("X-BESS-ID", "1611230841-105384-5412-1-1", Says.UNKNOWN),
        Sample("X-BESS-Spam-Score", "0.00", Says.CLEAN),
        Sample("X-BESS-Spam-Status", "SCORE=0.00 using account:ESS scores of KILL_LEVEL=7.0", Says.UNKNOWN),
    ),
    unverified=("X-BESS-*",),
)
