"""T-Online (Germany): the words behind the number of X-TOI-EXPURGATEID."""

from __future__ import annotations

import re
from typing import Final

from placement.headers.spam_verdicts.model import Family, Reading, Sample, Says
from placement.headers.spam_verdicts.shapes import MAX_VALUE, Opaque

_CLASS: Final = re.compile(r"(?<![\w-])(CLEAN|SUSPECT|SPAM|BULK|DANGEROUS)(?![\w-])")
_CLASSES: Final = {
    "CLEAN": Says.CLEAN,
    "BULK": Says.BULK,
    "SPAM": Says.SPAM,
    "SUSPECT": Says.UNKNOWN,
    "DANGEROUS": Says.MALWARE,
}


def expurgate(value: str) -> Reading:
    """ "150726::1234567890-000012AB/0/0 CLEAN NORMAL"; "CLEAN NORMAL BULK" does not occur: the first word counts."""
    found = _CLASS.search(value[:MAX_VALUE])
    return Reading(says=_CLASSES[found.group(1)]) if found else Reading()


FAMILY: Final = Family(
    id="t_online",
    name="T-Online",
    sources=("hdr-scan", "samples"),
    headers={
        "X-TOI-EXPURGATEID": expurgate,
        "X-TOI-VIRUSSCAN": Opaque(),
        "X-TOI-MSGID": Opaque(),
        "X-ID": Opaque(),
    },
    samples=(
        Sample("X-TOI-EXPURGATEID", "150726::1611230841-0000EAD6-1E5A3C2B/0/0 CLEAN NORMAL", Says.CLEAN),
        Sample("X-TOI-EXPURGATEID", "12345::1234567890 SUSPECT MAIL-COUNT", Says.UNKNOWN),
        Sample("X-TOI-EXPURGATEID", "150726::1611230841/0/0 SPAM", Says.SPAM),
        Sample("X-TOI-VIRUSSCAN", "unchecked", Says.UNKNOWN),
        Sample("X-TOI-MSGID", "1234567890", Says.UNKNOWN),
        Sample("X-ID", "ZxQ-4TZAwhJ", Says.UNKNOWN),
    ),
    unverified=("X-TOI-EXPURGATEID: SPAM, BULK, DANGEROUS",),
)
