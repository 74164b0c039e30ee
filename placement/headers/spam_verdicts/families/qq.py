"""QQ Mail: what stands on its mail was written when QQ sent it."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import Family, Sample, Says
from placement.headers.spam_verdicts.shapes import Opaque

_OPAQUE: Final = Opaque()

FAMILY: Final = Family(
    id="qq",
    name="QQ Mail",
    sources=("hdr-scan",),
    headers={
        "X-QQ-XMAILINFO": _OPAQUE,
        "X-QQ-XMRINFO": _OPAQUE,
        "X-QQ-mid": _OPAQUE,
        "X-QQ-SSF": _OPAQUE,
    },
    sender_stamps={
        "X-QQ-SPAM": "Written on mail that customers of QQ send, not on what they get.",
        "X-QQ-RECHKSPAM": "Written on mail that customers of QQ send, not on what they get.",
    },
    samples=(
        Sample("X-QQ-XMAILINFO", "MZ1tVW", Says.UNKNOWN),
        Sample("X-QQ-XMRINFO", "MPJ6Tf5t", Says.UNKNOWN),
        Sample("X-QQ-mid", "mmgz", Says.UNKNOWN),
        Sample("X-QQ-SSF", "000100000000", Says.UNKNOWN),
    ),
)
