"""SpamAssassin, as own servers, cPanel hosts and Rackspace run it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from placement.headers.spam_verdicts.model import Family, Hit, Reading, Sample, Says
from placement.headers.spam_verdicts.shapes import MAX_HITS, MAX_VALUE, Number, Opaque, Word, number

_OPAQUE: Final = Opaque()
_VERDICT: Final = re.compile(r"\s*(yes|no)\b", re.IGNORECASE)
_SCORE: Final = re.compile(r"\b(?:score|hits)=(-?[0-9.]{1,12})", re.IGNORECASE)
_REQUIRED: Final = re.compile(r"\brequired=(-?[0-9.]{1,12})", re.IGNORECASE)
#: tests=A,B · tests=[A=0.1, B=-0.2]; the list ends at the next name= or at the closing bracket.
_TESTS: Final = re.compile(r"\btests=\[?", re.IGNORECASE)
_TEST: Final = re.compile(r"[\s,]*([A-Z][A-Z0-9_]{1,60})(?:=(-?[0-9.]{1,10}))?(?=[\s,\]]|$)")
_FLAG: Final = Word({"yes": Says.SPAM, "no": Says.CLEAN})


def status(value: str) -> Reading:
    """ "Yes, score=5.1 required=5.0 tests=A,B autolearn=no version=…"; amavis and versions before 3 say hits=."""
    text = value[:MAX_VALUE]
    verdict, score, required = _VERDICT.match(text), _SCORE.search(text), _REQUIRED.search(text)
    says = {"yes": Says.SPAM, "no": Says.CLEAN}
    return Reading(
        says=says[verdict.group(1).lower()] if verdict else Says.UNKNOWN,
        score=number(score.group(1)) if score else None,
        threshold=number(required.group(1)) if required else None,
        hits=tuple(_hits(text)),
    )


def _hits(text: str) -> Iterator[Hit]:
    start = _TESTS.search(text)
    position = start.end() if start else len(text)
    for _ in range(MAX_HITS):
        found = _TEST.match(text, position)
        if found is None:
            return
        yield Hit(found.group(1), number(found.group(2) or ""))
        position = found.end()


FAMILY: Final = Family(
    id="spamassassin",
    name="SpamAssassin",
    sources=("decode-spam", "samples"),
    headers={
        "X-Spam-Status": status,
        "X-Spam-Flag": _FLAG,
        # cPanel writes the points times ten, others as they are: a number without its threshold says nothing.
        "X-Spam-Score": Number(),
        "X-Spam-Threshold": Number(),
        "X-Spam-Bar": _OPAQUE,
        "X-Spam-Level": _OPAQUE,
        "X-Ham-Report": _OPAQUE,
        "X-Spam-Checker-Version": _OPAQUE,
        "X-Virus-Scanned": _OPAQUE,
    },
    samples=(
        Sample("X-Spam-Status", "Yes, score=5.1 required=5.0 tests=A_B,C_D autolearn=no version=3.4.6", Says.SPAM),
        Sample("X-Spam-Status", "No, score=-1.51 required=1 tests=[BAYES_00=-1.5, T_RP=-0.01]", Says.CLEAN),
        Sample("X-Spam-Status", "No, hits=0.0 required=5.0", Says.CLEAN),
        Sample("X-Spam-Flag", "YES", Says.SPAM),
        Sample("X-Spam-Flag", "NO", Says.CLEAN),
        Sample("X-Spam-Score", "-11", Says.UNKNOWN),
        Sample("X-Spam-Threshold", "95", Says.UNKNOWN),
        Sample("X-Spam-Bar", "++++", Says.UNKNOWN),
        Sample("X-Spam-Level", "****", Says.UNKNOWN),
        Sample("X-Ham-Report", "Spam detection software has NOT identified this incoming email as spam", Says.UNKNOWN),
        Sample("X-Spam-Checker-Version", "SpamAssassin 3.4.1 (2015-04-28) on h", Says.UNKNOWN),
        Sample("X-Virus-Scanned", "amavisd-new at d", Says.UNKNOWN),
    ),
    unverified=("X-Spam-Score: times ten on cPanel", "X-Spam-Threshold"),
)
