"""Naver Mail: a result that only the vendor can read."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import Family, Sample, Says
from placement.headers.spam_verdicts.shapes import Opaque

_OPAQUE: Final = Opaque()

FAMILY: Final = Family(
    id="naver",
    name="Naver Mail",
    sources=("hdr-scan",),
    headers={
        "X-Naver-ESV": _OPAQUE,
    },
    samples=(Sample("X-Naver-ESV", "wkrG0kJYW4KYKqtmWEbd", Says.UNKNOWN),),
    unverified=("the header",),
)
