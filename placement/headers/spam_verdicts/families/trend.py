"""Trend Micro gateways: results that only the vendor can read."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import Family, Sample, Says
from placement.headers.spam_verdicts.shapes import Opaque

_OPAQUE: Final = Opaque()

FAMILY: Final = Family(
    id="trend",
    name="Trend Micro",
    sources=("decode-spam",),
    headers={
        "X-TM-AS-Result": _OPAQUE,
        "X-TMASE-Result": _OPAQUE,
        "X-TM-Authentication-Results": _OPAQUE,
    },
    samples=(
        Sample("X-TM-AS-Result", "No-0.6-8-5-1", Says.UNKNOWN),
        Sample("X-TMASE-Result", "10-0.6-5.0", Says.UNKNOWN),
        Sample("X-TM-Authentication-Results", "spf=pass", Says.UNKNOWN),
    ),
    unverified=("the meaning of every number",),
)
