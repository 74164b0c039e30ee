"""NetEase, on Coremail: results that only the vendor can read."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import Family, Sample, Says
from placement.headers.spam_verdicts.shapes import Opaque

_OPAQUE: Final = Opaque()

FAMILY: Final = Family(
    id="netease",
    name="NetEase (163, 126, yeah)",
    sources=("netease-imap", "hdr-scan"),
    headers={
        "X-CM-TRANSID": _OPAQUE,
        "X-Coremail-Antispam": _OPAQUE,
        "X-CM-SenderInfo": _OPAQUE,
    },
    samples=(
        Sample("X-CM-TRANSID", "C8mowAC3", Says.UNKNOWN),
        Sample("X-Coremail-Antispam", "1Uf129KBjvJXoW7", Says.UNKNOWN),
        Sample("X-CM-SenderInfo", "5dqsqiywtou", Says.UNKNOWN),
    ),
)
