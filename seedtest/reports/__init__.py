"""One test → one frozen Report: admin, API, terminal and every export render this and compute nothing of their own."""

from seedtest.reports.building import build
from seedtest.reports.values import (
    DEFINITIONS,
    LIMITS_TEXT,
    About,
    Authenticated,
    Carry,
    Counts,
    Delivery,
    Finding,
    LeftOut,
    Outcome,
    PolicyReason,
    ProviderRow,
    Rates,
    Report,
    SeedRow,
    Totals,
    Verdict,
)

__all__ = [
    "DEFINITIONS",
    "LIMITS_TEXT",
    "About",
    "Authenticated",
    "Carry",
    "Counts",
    "Delivery",
    "Finding",
    "LeftOut",
    "Outcome",
    "PolicyReason",
    "ProviderRow",
    "Rates",
    "Report",
    "SeedRow",
    "Totals",
    "Verdict",
    "build",
]
