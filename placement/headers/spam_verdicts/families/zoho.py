"""Zoho Mail: filter codes that only the vendor can read."""

from __future__ import annotations

from typing import Final

from placement.headers.spam_verdicts.model import Family, Sample, Says
from placement.headers.spam_verdicts.shapes import Opaque

_OPAQUE: Final = Opaque()

FAMILY: Final = Family(
    id="zoho",
    name="Zoho Mail",
    sources=("hdr-scan",),
    headers={
        "X-ZohoMail": _OPAQUE,
        "X-Zoho-Virus-Status": _OPAQUE,
        "X-Zoho-AV-Stamp": _OPAQUE,
        "X-ZohoMailClient": _OPAQUE,
        "X-ZohoMail-DKIM": _OPAQUE,
    },
    samples=(
        Sample("X-ZohoMail", "Si CHF_MF_NL SS_10 UW48", Says.UNKNOWN),
        Sample("X-Zoho-Virus-Status", "1", Says.UNKNOWN),
        Sample("X-Zoho-AV-Stamp", "zmail-av-1.0", Says.UNKNOWN),
        Sample("X-ZohoMailClient", "External", Says.UNKNOWN),
        Sample("X-ZohoMail-DKIM", "pass (identity @d)", Says.UNKNOWN),
    ),
)
