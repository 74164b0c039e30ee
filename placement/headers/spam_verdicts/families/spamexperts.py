"""SpamExperts: a class in words and the action it recommends."""

from __future__ import annotations

import re
from typing import Final

from placement.headers.spam_verdicts.model import Family, Reading, Sample, Says
from placement.headers.spam_verdicts.shapes import MAX_VALUE, Opaque, Word, number

_EVIDENCE: Final = re.compile(r"\(\s{0,4}([0-9.]{1,10})\s{0,4}\)")


def evidence(value: str) -> Reading:
    """ "Combined (0.15)": from 0 to 1."""
    found = _EVIDENCE.search(value[:MAX_VALUE])
    return Reading(score=number(found.group(1)) if found else None)


FAMILY: Final = Family(
    id="spamexperts",
    name="SpamExperts",
    sources=("decode-spam", "samples"),
    headers={
        "X-SpamExperts-Class": Word({"ham": Says.CLEAN, "spam": Says.SPAM, "unsure": Says.UNKNOWN}),
        "X-SpamExperts-Evidence": evidence,
        "X-Recommended-Action": Word({"accept": Says.CLEAN, "drop": Says.SPAM}),
        "X-SpamExperts-Domain": Opaque(),
    },
    samples=(
        Sample("X-SpamExperts-Class", "ham", Says.CLEAN),
        Sample("X-SpamExperts-Class", "unsure", Says.UNKNOWN),
        Sample("X-SpamExperts-Class", "spam", Says.SPAM),
        Sample("X-SpamExperts-Evidence", "Combined (0.15)", Says.UNKNOWN),
        Sample("X-Recommended-Action", "accept", Says.CLEAN),
        Sample("X-Recommended-Action", "drop", Says.SPAM),
        Sample("X-SpamExperts-Domain", "d", Says.UNKNOWN),
    ),
)
